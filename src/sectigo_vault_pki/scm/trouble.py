"""What can happen to an HTTP call instead of an answer, and whether SCM may have taken it."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import httpx


@dataclass(frozen=True, slots=True)
class Trouble:
    """A call without a usable answer.

    Attributes:
        was_sent: False where SCM certainly took nothing; True where it may have.
        words: what happened, for the user.
        retry_after: seconds the server asks to wait, or None.
        answered: something answered that cannot be used, and would answer the same at once again.
        login_refused: the answer said that the login is wrong.
    """

    was_sent: bool
    words: str
    retry_after: float | None = None
    answered: bool = False
    login_refused: bool = False


def _not_sent(words: str) -> Trouble:
    return Trouble(was_sent=False, words=words)


def _sent(words: str) -> Trouble:
    return Trouble(was_sent=True, words=words)


# The most specific class wins. What names only a family catches what a later httpx may add: it may have been sent.
TROUBLES: Mapping[type[Exception], Trouble] = MappingProxyType(
    {
        httpx.ConnectError: _not_sent("the connection failed"),
        httpx.ConnectTimeout: _not_sent("no connection came about within the time limit"),
        httpx.PoolTimeout: _not_sent("too many calls are under way"),
        httpx.ProxyError: _not_sent("the proxy refused the connection"),
        httpx.UnsupportedProtocol: _not_sent("the URL is neither http nor https"),
        httpx.ReadTimeout: _sent("no answer came within the time limit"),
        httpx.WriteTimeout: _sent("the request was not read within the time limit"),
        httpx.ReadError: _sent("the connection was cut before the answer"),
        httpx.WriteError: _sent("the connection was cut while sending"),
        httpx.CloseError: _sent("the connection could not be closed"),
        httpx.RemoteProtocolError: _sent("the answer was cut short or is no HTTP"),
        httpx.LocalProtocolError: _sent("the request broke the rules of HTTP"),
        httpx.DecodingError: _sent("the answer could not be decoded"),
        httpx.TooManyRedirects: _sent("the answer was a redirect"),
        httpx.HTTPError: _sent("the exchange failed"),
        TimeoutError: _sent("the whole answer did not come within the time limit"),
        OSError: _sent("the connection broke"),
    }
)


def trouble_from(error: Exception, origin: str) -> Trouble:
    """Read an exception of the table; no text of the exception itself is shown, as it may quote the request.

    Raises:
        LookupError: the table does not know it.
    """
    for family in type(error).__mro__:
        found = TROUBLES.get(family)
        if found is not None:
            words = (_connect_words(error) if family is httpx.ConnectError else None) or found.words
            return Trouble(was_sent=found.was_sent, words=f"{words} ({origin})")
    raise LookupError(f"{type(error).__name__} is no trouble of an HTTP call")


def _connect_words(error: BaseException) -> str | None:
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return f"the server's certificate is not trusted: {cause.verify_message}"
            case ssl.SSLError():
                return f"the TLS handshake failed: {getattr(cause, 'reason', None) or 'no reason given'}"
            case socket.gaierror():
                return "the host's name cannot be resolved"
            case ConnectionRefusedError():
                return "connection refused"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an exception to what raised it, through groups too."""
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _causes(member)
    yield error
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield from _causes(cause)
