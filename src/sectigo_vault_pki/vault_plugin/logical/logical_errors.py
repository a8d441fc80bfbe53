"""What a request may end in, in the host's kinds.

    LogicalError
    ├── BadRequestError            400
    ├── NotFoundError              404
    ├── UnsupportedPathError       404, the host's own text
    ├── UnsupportedOperationError  405, the host's own text
    ├── UnavailableError           502
    └── StorageError               500, or what the host makes of its own text
        └── ReadOnlyError          the host forwards the request to the active node

`process.translate` gives each its place on the wire.
"""

READ_ONLY_TEXT = "cannot write to readonly storage"
"""What the host looks for before it forwards a request to the active node (plugin-protocol.md 5.7)."""


class LogicalError(Exception):
    """A request could not be answered; the text is for the user and carries no secret.

    Attributes:
        safe_text: marks an exception whose text may be logged; any other class may have it, too.
    """

    safe_text = True


class BadRequestError(LogicalError):
    """The request cannot be carried out as it was asked."""


class NotFoundError(LogicalError):
    """The path is right, and nothing is there."""


class UnsupportedPathError(LogicalError):
    """No pattern of the engine matches the path."""

    def __init__(self) -> None:
        super().__init__("unsupported path")


class UnsupportedOperationError(LogicalError):
    """The path exists and does not take this operation."""

    def __init__(self) -> None:
        super().__init__("unsupported operation")


class UnavailableError(LogicalError):
    """Something behind the engine gave no useful answer, and nothing was changed by asking."""


class StorageError(LogicalError):
    """The host's storage failed; the text is the host's, verbatim."""


class ReadOnlyError(StorageError):
    """This node may not write; the host then sends the whole request to the active one."""

    def __init__(self, text: str = READ_ONLY_TEXT) -> None:
        super().__init__(text)
