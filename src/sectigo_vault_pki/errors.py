"""Everything that can go wrong in the engine's own domain.

    SectigoVaultPkiError
    ├── InvalidInputError            a value of the user's that cannot be used
    │   ├── InvalidPrivateKeyError
    │   ├── InvalidCsrError
    │   └── KeyMismatchError         the private key and the CSR do not belong together
    ├── ChainError                   what was collected is not the certificate of this key
    │   └── OtherKeyError            it has certificates, and they have other keys
    ├── NotFoundError                nothing is stored under that name
    │   ├── UnknownConfigError
    │   ├── UnknownCertificateError
    │   ├── UnknownRoleError
    │   └── UnknownSerialError
    ├── ConflictError                what is stored does not allow it
    │   ├── OrderLimitError          the orders of the last 24 hours are used up
    │   ├── StorageMovedError        the mount's storage is not where it was
    │   └── RenewalHeldError         nothing is renewed automatically now
    ├── PendingError                 the certificate is ordered, and not there yet
    ├── RecordError                  a stored record cannot be read
    ├── StandbyError                 this node must leave it to the active one
    └── ScmError                     SCM
        ├── ScmRefusedError          said no, in its own words
        ├── ScmUnavailableError      gave no useful answer, and took no order
        └── ScmAnswerLostError       may have taken an order, and no clear answer came

Every text is one sentence for the user and carries no secret. `paths._errors` maps each to one of the host's kinds.
"""


class SectigoVaultPkiError(Exception):
    """The base of the tree."""

    safe_text = True  # for the log (`vault_plugin.process.logs`)


class InvalidInputError(SectigoVaultPkiError):
    """A value of the user's that cannot be used; the text names the field or the thing and what is allowed."""


class InvalidPrivateKeyError(InvalidInputError):
    """The text given as a private key is none that the engine takes."""


class InvalidCsrError(InvalidInputError):
    """The text given as a CSR is none, or its signature is wrong."""


class KeyMismatchError(InvalidInputError):
    """The private key and the CSR do not belong together."""


class ChainError(SectigoVaultPkiError):
    """What was collected is no certificate chain for the key at hand."""


class OtherKeyError(ChainError):
    """What was collected are certificates, and none of them has the key at hand."""


class NotFoundError(SectigoVaultPkiError):
    """Nothing is stored under that name."""


class UnknownConfigError(NotFoundError):
    """No config entry has that name."""

    def __init__(self, config_name: str) -> None:
        super().__init__(f'no config entry named "{config_name}"')
        self.config_name = config_name


class UnknownCertificateError(NotFoundError):
    """No certificate has that unique id under that config entry."""

    def __init__(self, config_name: str, unique_id: str | None) -> None:
        """Take an id of the right form, or None for something that could be none."""
        named = "with that id" if unique_id is None else f'"{unique_id}"'
        super().__init__(f'no certificate {named} under config entry "{config_name}"')
        self.config_name = config_name
        self.unique_id = unique_id


class UnknownRoleError(NotFoundError):
    """No role has that name."""

    def __init__(self, role_name: str) -> None:
        super().__init__(f"unknown role: {role_name}")


class UnknownSerialError(NotFoundError):
    """No certificate has that serial number."""

    def __init__(self, serial_number: str) -> None:
        super().__init__(f"certificate with serial {serial_number} not found")


class PendingError(SectigoVaultPkiError):
    """The certificate is ordered and saved, and cannot be answered yet."""

    def __init__(self, unique_id: str, config_name: str, reason: str, *, next_order_from: str | None = None) -> None:
        """Say why there is nothing to answer, and what an equal request does: it may order another one some time."""
        reading = f"reading certs/{config_name}/{unique_id} shows how it stands"
        if next_order_from is None:
            text = f"pending: {reason}; an equal request takes up this order and buys no other, and {reading}"
        else:
            text = f"pending: {reason}; an equal request orders another one from {next_order_from} on, and {reading}"
        super().__init__(text)


class ConflictError(SectigoVaultPkiError):
    """What is stored does not allow what was asked."""


class OrderLimitError(ConflictError):
    """As many orders were placed as are allowed; nothing was ordered."""


class StorageMovedError(ConflictError):
    """The mount's storage is not where it was, and what is bought would be lost; nothing was ordered."""

    def __init__(self) -> None:
        super().__init__(
            "this mount's storage has moved, and what is written now would be lost: nothing was ordered or stored; "
            "reload the plugin (plugin reload -mounts=<path>) and try again"
        )


class RenewalHeldError(ConflictError):
    """A certificate is not renewed automatically now; a `renew` write is another matter."""


class RecordError(SectigoVaultPkiError):
    """A stored record is damaged, or was written by a newer version of the engine."""


class StandbyError(SectigoVaultPkiError):
    """This node must neither write nor call SCM, and has done neither."""

    def __init__(self) -> None:
        super().__init__("this node may not write")


class ScmError(SectigoVaultPkiError):
    """The base of what SCM can do to a call.

    Attributes:
        operation: SCM's word for the call, such as `enroll`.
        login_refused: whether the answer said that the login is wrong (HTTP 401, or SCM's code for it).
    """

    def __init__(self, operation: str, text: str, *, login_refused: bool = False) -> None:
        super().__init__(text)
        self.operation = operation
        self.login_refused = login_refused


class ScmRefusedError(ScmError):
    """SCM said no, in SCM's own shape: nothing was taken.

    Attributes:
        code: SCM's code, or None where the answer had none.
        description: SCM's text.
        status: the HTTP status of the answer.
        hint: what to do about it, or None; ends the error's text.
    """

    def __init__(
        self,
        operation: str,
        *,
        code: int | None,
        description: str,
        status: int,
        hint: str | None = None,
        login_refused: bool = False,
    ) -> None:
        shown = f"code {code}" if code is not None else f"HTTP {status}"
        advice = f"; {hint}" if hint is not None else ""
        super().__init__(
            operation, f"SCM refused {operation}: {description} ({shown}){advice}", login_refused=login_refused
        )
        self.hint = hint
        self.code = code
        self.description = description
        self.status = status


class ScmUnavailableError(ScmError):
    """SCM certainly took no order: not reached, too busy, or no clear answer to a call that orders nothing.

    Attributes:
        answered: whether something answered that cannot be used, such as a proxy's page; False where nothing did.
    """

    def __init__(self, operation: str, text: str, *, login_refused: bool = False, answered: bool = False) -> None:
        super().__init__(operation, text, login_refused=login_refused)
        self.answered = answered


class ScmAnswerLostError(ScmError):
    """The call was sent and no clear answer of SCM's came: SCM may have taken the order."""
