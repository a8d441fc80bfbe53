"""Whose certificates are ordered, and where."""

import ipaddress
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.scm.login import Login, check_header_value

MAX_BASE_URL_LENGTH = 1024
MAX_CA_BUNDLE_LENGTH = 256 * 1024

_VISIBLE_ASCII = re.compile(r"[!-~]+")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_PRIVATE = "private"  # where SCM's certificate login lives (scm-api.md 1.1)
_APIS = tuple(("api", kind, version) for kind in ("ssl", "smime") for version in ("v1", "v2"))
_API_PATHS = ((), ("api",), *_APIS)
DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"https": 443, "http": 80})


@dataclass(frozen=True, slots=True)
class ScmAccount:
    """Whose certificates are ordered at SCM, and by which login.

    Attributes:
        base_url: what `parse_base_url` returned.
        login: what proves who asks; its secrets go into requests, and nowhere else.
        customer_uri: the last part of the portal's address.
        org_id: the organization or department that orders.
        ca_bundle_pem: the only certificates to trust for the URL; None: those the system trusts.
        request_timeout: seconds for one HTTP call.
        api_version: `v1` or `v2` (scm-api.md 9); None: v1, and with OAuth2 what SCM turns out to have.

    Raises:
        InvalidInputError: the customer URI cannot travel in an HTTP header.
    """

    base_url: str
    login: Login
    customer_uri: str
    org_id: int
    ca_bundle_pem: str | None = None
    request_timeout: float = 60.0
    api_version: str | None = None

    @property
    def login_at_scm(self) -> tuple[str, ...]:
        """What SCM knows the account by, whatever organization orders."""
        return (self.base_url, self.customer_uri, *self.login.name)

    @property
    def root_url(self) -> str:
        """What stands in front of the path of each call."""
        is_told = self.base_url.endswith(f"/{_PRIVATE}")
        return f"{self.base_url}/{_PRIVATE}" if self.login.is_private and not is_told else self.base_url

    def __post_init__(self) -> None:
        check_header_value("customer URI", self.customer_uri)


def parse_base_url(text: str) -> str:
    """Reduce the address of an SCM to its root, such as `https://cert-manager.com`, without a slash at the end.

    The ends under which vendors' tools want it are taken: `/`, `/api`, `/api/ssl/v1`, `/api/smime/v1`, and those of v2.
    A `/private` in front of them stays, as it is another login. Reducing twice changes nothing more.

    Raises:
        InvalidInputError: it is none; the text does not show it, as it may carry a password.
    """
    parts = _split(text.strip())
    return f"{_origin(parts)}{_root_path(parts.path)}"


def parse_token_url(text: str) -> str:
    """Check the URL of an OAuth2 server's token endpoint.

    Raises:
        InvalidInputError: it is none; the text does not show it, as it may carry a password.
    """
    parts = _split(text.strip())
    return f"{_origin(parts)}{parts.path}"


def parse_ca_bundle(pem: str) -> str:
    """Check that text is a list of PEM certificates that TLS can trust.

    Raises:
        InvalidInputError: it is not.
    """
    trust_only(pem)
    return pem


def trust_only(pem: str) -> ssl.SSLContext:
    """Return a TLS context that verifies servers against exactly these certificates.

    Raises:
        InvalidInputError: they cannot be read.
    """
    if len(pem) > MAX_CA_BUNDLE_LENGTH:
        raise InvalidInputError(f"the CA bundle is longer than {MAX_CA_BUNDLE_LENGTH} characters")
    if not pem:  # `ssl` would take the system's certificates instead
        raise InvalidInputError("the CA bundle is empty")
    try:
        context = ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError):
        raise InvalidInputError("the CA bundle cannot be read: PEM certificates are needed") from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # Python 3.13's default: an intermediate may be the anchor
    return context


def is_plain_http(base_url: str) -> bool:
    """Tell whether a parsed base URL has no TLS, which only a loopback host may."""
    return base_url.startswith("http://")


def _split(text: str) -> SplitResult:
    if len(text) > MAX_BASE_URL_LENGTH:
        raise InvalidInputError(f"the URL is longer than {MAX_BASE_URL_LENGTH} characters")
    if not _VISIBLE_ASCII.fullmatch(text) or "\\" in text:
        raise InvalidInputError("the URL is empty, or has characters that no URL has")
    try:
        parts = urlsplit(text)
        _ = parts.port  # parsed on access
    except ValueError:
        raise InvalidInputError("the URL has a malformed host or port") from None
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError("the URL contains a user name or a password")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise InvalidInputError("the URL contains a query or a fragment")
    return parts


def _origin(parts: SplitResult) -> str:
    host, port = parts.hostname or "", parts.port
    address = _ip_address(host)
    if address is None and not _HOST_NAME.fullmatch(host):
        raise InvalidInputError("the URL has no valid host name; write international names as xn--…")
    is_loopback = host == "localhost" or (address is not None and address.is_loopback)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback):
        raise InvalidInputError("the URL has to begin with https:// (http:// only for a loopback host)")
    shown_host = f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else host.removesuffix(".")
    return f"{parts.scheme}://{shown_host}" + ("" if port in {None, DEFAULT_PORTS[parts.scheme]} else f":{port}")


def _root_path(path: str) -> str:
    segments = tuple(segment for segment in path.split("/") if segment)
    is_private = segments[:1] == (_PRIVATE,)
    if segments[is_private:] not in _API_PATHS:
        raise InvalidInputError("the URL's path is none of /, /api, /api/ssl/v1, /api/smime/v1 (or v2), /private/api")
    return f"/{_PRIVATE}" if is_private else ""


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None
