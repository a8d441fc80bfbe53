"""Everything that ends a command early.

    ConsoleError
    ├── SettingsError         an option, a variable of the environment or a file cannot be used
    ├── UnreachableError      no answer from the server
    │   └── UntrustedError    its TLS certificate is not accepted
    └── RefusedError          the server answered with an error

Every text is for the person at the terminal and carries no token.
"""

from collections.abc import Sequence


class ConsoleError(Exception):
    """The base of the tree.

    Attributes:
        exit_status: what the command ends with, as `bao` has it: 1 for wrong use, 2 for the server.
    """

    exit_status = 2


class SettingsError(ConsoleError):
    """An option, a variable of the environment or a file cannot be used."""

    exit_status = 1


class UnreachableError(ConsoleError):
    """The server gave no answer."""


class UntrustedError(UnreachableError):
    """The server's TLS certificate is not accepted."""


class RefusedError(ConsoleError):
    """The server answered with an error.

    Attributes:
        status: of HTTP.
        errors: the server's texts.
    """

    def __init__(self, request: str, status: int, errors: Sequence[str]) -> None:
        """Take the request, such as `GET sys/mounts`, and what came back."""
        said = "; ".join(" ".join(error.split()) for error in errors) or "no text"
        super().__init__(f"{request}: HTTP {status}: {said}")
        self.status = status
        self.errors = errors
