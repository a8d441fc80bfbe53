"""Where the server is and who asks: the options and variables that `bao` and `vault` take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sectigo_vault_pki.console.failures import SettingsError

DEFAULT_ADDRESS = "https://127.0.0.1:8200"
DEFAULT_SECONDS = 60.0
_PREFIXES = ("BAO", "VAULT")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"", "0", "f", "F", "FALSE", "false", "False"})
_HEADER = re.compile(r"[!-~]+")
"""What a token and a namespace consist of; nothing else travels in a header."""
_LAST_PORT = 65_535
_MOST_SECONDS = 31 * 86_400.0
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|s|m|h))")


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach the server.

    Attributes:
        address: such as `https://vault.example.com:8200`, or `unix:///path/to/socket`.
        token: empty if there is none.
        token_source: where it comes from, in words.
        namespace: without slashes at its ends; empty for the root namespace.
        ca_cert: a file of CA certificates to trust; `ca_path` is a folder of such files.
        client_cert, client_key: files of the certificate and key to log in with.
        server_name: what the server's certificate must be for, if not the address's host.
        skip_verify: whether any certificate is accepted.
        seconds: how long one request may take.
    """

    address: str = DEFAULT_ADDRESS
    token: str = field(default="", repr=False)
    token_source: str = ""
    namespace: str = ""
    ca_cert: Path | None = None
    ca_path: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    server_name: str = ""
    skip_verify: bool = False
    seconds: float = DEFAULT_SECONDS


def connection_from(options: Mapping[str, str | bool | None], environ: Mapping[str, str], home: Path) -> Connection:
    """Return the connection that options, then variables, then the token file describe.

    Args:
        options: by the name of the variable that each stands before, such as `ADDR`; None if it is not given.
        environ: the process's; of two variables, `BAO_…` comes before `VAULT_…`.
        home: the folder with the token file.

    Raises:
        SettingsError: a value cannot be used.
    """
    settings = _Settings(options, environ)
    token, source = _token(environ, home)
    client_cert, client_key = settings.file("CLIENT_CERT"), settings.file("CLIENT_KEY")
    if (client_cert is None) != (client_key is None):
        raise SettingsError("a client certificate needs both CLIENT_CERT and CLIENT_KEY")
    return Connection(
        address=_address(settings.text("AGENT_ADDR") or settings.text("ADDR") or DEFAULT_ADDRESS),
        token=token,
        token_source=source,
        namespace=_namespace(settings.text("NAMESPACE").strip("/")),
        ca_cert=settings.file("CACERT"),
        ca_path=settings.file("CAPATH"),
        client_cert=client_cert,
        client_key=client_key,
        server_name=_server_name(settings.text("TLS_SERVER_NAME")),
        skip_verify=settings.flag("SKIP_VERIFY"),
        seconds=_seconds(settings.text("CLIENT_TIMEOUT")),
    )


@dataclass(frozen=True, slots=True)
class _Settings:
    options: Mapping[str, str | bool | None]
    environ: Mapping[str, str]

    def text(self, name: str) -> str:
        return str(self._value(name) or "").strip()

    def file(self, name: str) -> Path | None:
        path = self.text(name)
        if not path:
            return None
        if (found := _expanded(path)) is None:
            raise SettingsError(f"{name}: there is no file {path}")
        return found

    def flag(self, name: str) -> bool:
        value = self._value(name)
        if isinstance(value, bool):
            return value
        if (value or "") not in _TRUE | _FALSE:
            raise SettingsError(f"{name} must be true or false")
        return value in _TRUE

    def _value(self, name: str) -> str | bool | None:
        option = self.options.get(name)
        return option if option not in (None, "", False) else _variable(self.environ, name)[0]


def _expanded(path: str) -> Path | None:
    """Return what is there, `~` resolved; None if nothing is."""
    try:
        found = Path(path).expanduser()
        return found if found.exists() else None
    except (OSError, RuntimeError):  # a name that is too long; a ~user whom nobody knows
        return None


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the value and the name of the variable that holds; empty texts count as absent."""
    for variable in (f"{prefix}_{name}" for prefix in _PREFIXES):
        if value := environ.get(variable):
            return value, variable
    return "", ""


def _token(environ: Mapping[str, str], home: Path) -> tuple[str, str]:
    """Return the token, and where it comes from.

    Raises:
        SettingsError: it is no token, or the file cannot be read.
    """
    token, source = _variable(environ, "TOKEN")
    if not token:
        path = _variable(environ, "TOKEN_PATH")[0]
        file = Path(path).expanduser() if path else home / ".vault-token"
        source = str(file)
        try:
            token = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return "", ""
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"the token file {file} cannot be read") from None
    token = token.strip()
    if token and _HEADER.fullmatch(token) is None:
        raise SettingsError(f"the token of {source} contains characters that no token has")
    return token, source if token else ""


def _address(address: str) -> str:
    """Return the address without slashes at its end; reports show it, and no refusal does: it may hold a password."""
    scheme, _, rest = address.partition("://")
    if scheme != "unix" and "@" in address:
        raise SettingsError("the address must not contain a user or a password: the token is the login")
    if scheme not in ("https", "http", "unix") or not rest:
        raise SettingsError("the address must begin with https://, http:// or unix://")
    if not address.isprintable() or (scheme != "unix" and not _is_url(address)):
        raise SettingsError("the address has no usable host and port, such as https://vault.example.com:8200")
    return address.rstrip("/")


def _is_url(address: str) -> bool:
    if any(character in address for character in " ?#"):
        return False
    try:
        url = httpx.URL(address)
        return _is_host(url.host) and (url.port is None or 0 < url.port <= _LAST_PORT)
    except (httpx.InvalidURL, UnicodeError):
        return False


def _is_host(host: str) -> bool:
    """Return whether a name can be looked up, and verified."""
    try:
        return bool(host) and bool(host.encode("idna"))
    except UnicodeError:
        return False


def _server_name(name: str) -> str:
    if name and not (name.isprintable() and _is_host(name)):
        raise SettingsError("TLS_SERVER_NAME must be the name of a host")
    return name


def _namespace(namespace: str) -> str:
    if namespace and _HEADER.fullmatch(namespace) is None:
        raise SettingsError("the namespace contains characters that no namespace has")
    return namespace


def _seconds(text: str) -> float:
    """Return a duration as Go writes it, `90s` or `1m30s`; a bare number is seconds."""
    if not text:
        return DEFAULT_SECONDS
    parts = _DURATION.findall(text)
    if "".join(number + unit for number, unit in parts) == text:
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    elif text.isdecimal():
        seconds = float(text)
    else:
        raise SettingsError(f'CLIENT_TIMEOUT must be a duration such as 60s, unlike "{text}"')
    if not 0 < seconds <= _MOST_SECONDS:
        raise SettingsError("CLIENT_TIMEOUT must be longer than 0, and at most 31 days")
    return seconds
