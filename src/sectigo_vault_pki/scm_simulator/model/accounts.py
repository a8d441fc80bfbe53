"""Who may call: administrators with passwords and privileges, API clients with tokens, client certificates.

A client of OAuth2 and a client certificate each belong to one administrator, whose rights are theirs (scm-api.md 13.1).
"""

import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sectigo_vault_pki.scm_simulator.model.tenant import Credentials
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

# The privileges of scm-api.md 9 and 13.1 that a call of the simulator needs, and those of its neighbours.
PRIVILEGES = (
    "allowDCV",
    "autoApproveCertificates",
    "clientCertManage",
    "clientCertRequest",
    "clientCertRevoke",
    "sslApprove",
    "sslManage",
    "sslRenew",
    "sslReplace",
    "sslRequest",
    "sslRevoke",
)
DEMO_CLIENT_ID = "demo-client-id"
DEMO_CLIENT_SECRET = "demo-client-secret"  # noqa: S105 - guards nothing
_REMEMBERED_PASSWORDS = 4

PasswordState = Literal["ALIVE", "EXPIRED", "NEVER_EXPIRE"]


@dataclass(eq=False)
class Administrator:
    """One login.

    Attributes:
        login: Its name.
        password: Now.
        privileges: What it may do beyond reading.
        password_ends: When the password expires; None is never.
        earlier_passwords: The newest last.
    """

    login: str
    password: str = field(repr=False)
    privileges: frozenset[str] = frozenset(PRIVILEGES)
    password_ends: datetime | None = None
    earlier_passwords: list[str] = field(default_factory=list, repr=False)

    def password_state(self, now: datetime) -> PasswordState:
        if self.password_ends is None:
            return "NEVER_EXPIRE"
        return "ALIVE" if now < self.password_ends else "EXPIRED"


@dataclass(eq=False)
class ApiClient:
    """What the portal calls an API key: it gets tokens that act as its administrator."""

    client_id: str
    secret: str = field(repr=False)
    login: str
    revoked: bool = False


@dataclass(frozen=True)
class Token:
    """An access token, of no meaning to its owner."""

    value: str = field(repr=False)
    client_id: str
    ends_at: datetime


class Accounts:
    """Every way to log in.

    Args:
        first: The administrator that is there from the start, and again after `clear`; so is a client of its.
        settings: The life of tokens and of passwords.
        now: The time of day, in UTC.
    """

    def __init__(self, first: Credentials, *, settings: Settings, now: Callable[[], datetime]) -> None:
        self._first = first
        self._settings = settings
        self.now = now
        self.customer_uri = first.customer_uri
        self._administrators: dict[str, Administrator] = {}
        self._clients: dict[str, ApiClient] = {}
        self._tokens: dict[str, Token] = {}
        self._certificates: dict[bytes, str] = {}
        self.clear()

    def clear(self) -> None:
        user = self._first.user
        self._administrators = {user: Administrator(user, self._first.password)}
        self._clients = {DEMO_CLIENT_ID: ApiClient(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, user)}
        self._tokens.clear()
        self._certificates.clear()

    def administrators(self) -> Iterator[Administrator]:
        return iter(tuple(self._administrators.values()))

    def administrator(self, login: str) -> Administrator | None:
        return self._administrators.get(login)

    def add_administrator(self, login: str, password: str, *, privileges: Iterable[str] = PRIVILEGES) -> Administrator:
        administrator = Administrator(login, password, frozenset(privileges))
        self._administrators[login] = administrator
        return administrator

    def remove_administrator(self, login: str) -> bool:
        """Remove a login; its clients and certificates log nobody in any more."""
        return self._administrators.pop(login, None) is not None

    def by_password(self, login: bytes, password: bytes) -> Administrator | None:
        """Find who has that login and password, whether expired or not."""
        known = self._administrators.get(login.decode(errors="replace"))
        return known if known and hmac.compare_digest(password, known.password.encode()) else None

    def change_password(self, administrator: Administrator, password: str) -> bool:
        """Change it if the policy allows; what the policy is, beyond its existence, is inferred."""
        used = [*administrator.earlier_passwords[-_REMEMBERED_PASSWORDS:], administrator.password]
        plain = password.isalpha() or password.isdigit()
        if len(password) < self._settings.shortest_password or plain or password in used:
            return False
        administrator.earlier_passwords.append(administrator.password)
        administrator.password = password
        days = self._settings.password_days
        administrator.password_ends = None if days is None else self.now() + timedelta(days=days)
        return True

    def clients(self) -> Iterator[ApiClient]:
        return iter(tuple(self._clients.values()))

    def add_client(self, client_id: str, secret: str, *, login: str) -> ApiClient:
        """Add a client, or give the one with that id another secret and administrator."""
        client = ApiClient(client_id, secret, login)
        self._clients[client_id] = client
        return client

    def revoke_client(self, client_id: str, *, keep_tokens: bool = False) -> ApiClient | None:
        """Give a client no more tokens; those it has end, unless they are kept."""
        client = self._clients.get(client_id)
        if client is not None:
            client.revoked = True
            if not keep_tokens:
                self.end_tokens(client_id)
        return client

    def token(self, client_id: str, secret: str) -> Token | None:
        """Return a new token, or None if there is no such client, or not with that secret."""
        client = self._clients.get(client_id)
        if client is None or client.revoked or not hmac.compare_digest(secret.encode(), client.secret.encode()):
            return None
        ends_at = self.now() + timedelta(seconds=self._settings.token_seconds)
        token = Token(secrets.token_urlsafe(48), client_id, ends_at)
        self._tokens[token.value] = token
        return token

    def end_tokens(self, client_id: str | None = None) -> None:
        """End the tokens of one client or of all, before their time."""
        self._tokens = {
            value: token
            for value, token in self._tokens.items()
            if client_id is not None and token.client_id != client_id
        }

    def by_token(self, value: str) -> Administrator | None:
        token = self._tokens.get(value)
        if token is None or token.ends_at <= self.now():
            self._tokens.pop(value, None)
            return None
        client = self._clients.get(token.client_id)
        return None if client is None else self._administrators.get(client.login)

    def trust(self, login: str, certificate: x509.Certificate) -> str:
        """Let a client certificate log an administrator in; return its SHA-256 fingerprint in hex."""
        digest = certificate.fingerprint(hashes.SHA256())
        self._certificates[digest] = login
        return digest.hex()

    def distrust(self, fingerprint: str) -> bool:
        try:
            return self._certificates.pop(bytes.fromhex(fingerprint), None) is not None
        except ValueError:
            return False

    def by_certificate(self, login: bytes, der: bytes) -> Administrator | None:
        """Find the administrator of that login if the certificate is trusted for it and valid now."""
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            return None
        owner = self._certificates.get(certificate.fingerprint(hashes.SHA256()))
        valid = certificate.not_valid_before_utc <= self.now() < certificate.not_valid_after_utc
        if owner is None or not valid or not hmac.compare_digest(owner.encode(), login):
            return None
        return self._administrators.get(owner)
