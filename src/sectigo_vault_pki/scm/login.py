"""How an account logs in at SCM (scm-api.md 1.1, 13.1): by password or by a client certificate; `oauth2` is the third.

A login is a value, and makes a flow of requests around each call, as httpx's `Auth` describes it. A flow may send
requests of its own, such as one for a token, and the call's request once more after a 401; until the call's request is
answered otherwise, SCM has taken nothing.
"""

import re
import ssl
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

import httpx
from pydantic import SecretStr

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.scm.call import LoginRefusal
from sectigo_vault_pki.scm.tokens import Tokens

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class LoginFailedError(Exception):
    """No call can be made, and SCM has taken nothing; the text is for the user and carries no secret.

    Attributes:
        is_refused: whether the login itself is wrong, as far as the answer tells.
        refusal: the words that say so, if they cannot be those of a proxy.
    """

    def __init__(self, text: str, *, is_refused: bool, refusal: LoginRefusal | None = None) -> None:
        super().__init__(text)
        self.is_refused = is_refused
        self.refusal = refusal


class Login(Protocol):
    """One of the ways; equal ones are one login."""

    @property
    def name(self) -> tuple[str, ...]:
        """What SCM knows it by, without secrets."""

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What may appear nowhere but in requests."""

    @property
    def is_private(self) -> bool:
        """Whether its calls go to the paths below `/private`."""

    def flow(self, base_url: str, customer_uri: str, tokens: Tokens) -> "LoginFlow":
        """Return the requests around each call of an account."""

    def present(self, context: ssl.SSLContext) -> None:
        """Give a TLS connection what it has to show."""


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """User and password in the headers of each request.

    Raises:
        InvalidInputError: one of them cannot travel in an HTTP header.
    """

    user: str
    password: SecretStr

    def __post_init__(self) -> None:
        check_header_value("user", self.user)
        check_header_value("password", self.password.get_secret_value())

    @property
    def name(self) -> tuple[str, ...]:
        return (self.user,)

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        return (self.password,)

    @property
    def is_private(self) -> bool:
        return False

    def flow(self, base_url: str, customer_uri: str, tokens: Tokens) -> "LoginFlow":
        del base_url, tokens
        return _Headers(login=SecretStr(self.user), password=self.password, customerUri=SecretStr(customer_uri))

    def present(self, context: ssl.SSLContext) -> None:
        """Nothing is shown."""


@dataclass(frozen=True, slots=True)
class CertificateLogin:
    """A client certificate in the TLS handshake, and the user in the headers of each request.

    Attributes:
        certificate_pem: the certificate, and those of its issuers that SCM needs.
        key_pem: unencrypted.

    Raises:
        InvalidInputError: the user cannot travel in an HTTP header.
    """

    user: str
    certificate_pem: str
    key_pem: SecretStr

    def __post_init__(self) -> None:
        check_header_value("user", self.user)

    @property
    def name(self) -> tuple[str, ...]:
        return (self.user, self.certificate_pem)

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        return (self.key_pem,)

    @property
    def is_private(self) -> bool:
        return True

    def flow(self, base_url: str, customer_uri: str, tokens: Tokens) -> "LoginFlow":
        del base_url, tokens
        return _Headers(login=SecretStr(self.user), customerUri=SecretStr(customer_uri))

    def present(self, context: ssl.SSLContext) -> None:
        """Give the certificate with its key.

        Raises:
            InvalidInputError: they cannot be used.
        """
        # The ssl module reads a key from a file only: it lies in a folder of our own, and is gone with the block.
        with tempfile.TemporaryDirectory(prefix="sectigo-vault-pki-") as folder:
            file = Path(folder, "login.pem")
            file.touch(mode=0o600)
            file.write_text(f"{self.certificate_pem.strip()}\n{self.key_pem.get_secret_value().strip()}\n")
            try:
                context.load_cert_chain(file, password="")
            except (ssl.SSLError, ValueError):
                raise InvalidInputError("the client certificate and its key cannot be used together") from None


class LoginFlow(httpx.Auth):
    """The requests around each call of an account.

    Attributes:
        waiting: calls' requests that wait for their login: SCM has taken nothing of what they are for.
    """

    def __init__(self) -> None:
        self.waiting: WeakSet[httpx.Request] = WeakSet()


class _Headers(LoginFlow):
    """The same headers around each request, as UTF-8."""

    def __init__(self, **values: SecretStr) -> None:
        super().__init__()
        self._values = values

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        add_headers(request, {name: value.get_secret_value() for name, value in self._values.items()})
        yield request


def add_headers(request: httpx.Request, headers: dict[str, str]) -> None:
    """Give a request headers, as UTF-8, in place of those of the same names."""
    added = [(name.encode(), value.encode()) for name, value in headers.items()]
    names = {name.lower() for name, _ in added}
    # Headers that have been read as ASCII once would not be read in any other way afterwards: these are new ones.
    kept = [(name, value) for name, value in request.headers.raw if name.lower() not in names]
    request.headers = httpx.Headers([*kept, *added])


# What can travel in a header.


def header_value_problem(text: str) -> str | None:
    """Say why text cannot travel in an HTTP header, behind a name for it; None where it can."""
    if not text:
        return "is empty"
    if _CONTROL.search(text):
        return "contains control characters"
    return "begins or ends with a blank" if text.strip(" \t") != text else None


def check_header_value(what: str, text: str) -> None:
    """Make sure that text can travel in an HTTP header.

    Raises:
        InvalidInputError: it cannot.
    """
    if (problem := header_value_problem(text)) is not None:
        raise InvalidInputError(f"{what} {problem}")
