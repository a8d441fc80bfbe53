import inspect
import socket
import ssl

import httpx
import pytest

from sectigo_vault_pki.scm.failures import TROUBLES, trouble_from

ORIGIN = "https://scm.example.test"

# Raised for our own mistakes with httpx, or only where one asks for it.
MISUSE = {httpx.InvalidURL, httpx.CookieConflict, httpx.HTTPStatusError, *httpx.StreamError.__subclasses__()}


def exceptions_of_httpx() -> set[type[Exception]]:
    members = (getattr(httpx, name) for name in httpx.__all__)
    return {member for member in members if inspect.isclass(member) and issubclass(member, Exception)}


def test_every_exception_of_httpx_has_an_entry_of_its_own() -> None:
    leaves = {found for found in exceptions_of_httpx() if not found.__subclasses__()}
    assert leaves - MISUSE == {
        found for found in TROUBLES if found.__module__ == "httpx" and not found.__subclasses__()
    }


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol]
)
def test_what_fails_before_sending_took_nothing(error: type[httpx.TransportError]) -> None:
    assert not trouble_from(error("password"), ORIGIN).was_sent


@pytest.mark.parametrize("error", [found for found in TROUBLES if TROUBLES[found].was_sent])
def test_everything_else_may_have_been_taken(error: type[Exception]) -> None:
    trouble = trouble_from(error("password"), ORIGIN)
    assert trouble.was_sent
    assert "password" not in trouble.reason


def test_an_exception_that_a_later_httpx_may_bring_may_have_been_taken() -> None:
    class NewError(httpx.TransportError):
        pass

    assert trouble_from(NewError("new"), ORIGIN).was_sent


def test_an_exception_of_another_kind_is_no_trouble() -> None:
    with pytest.raises(LookupError):
        trouble_from(ZeroDivisionError(), ORIGIN)


def failed_because_of(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError("text of the library")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(111, "refused"), "connection refused"),
        (socket.gaierror(-2, "unknown"), "the host's name cannot be resolved"),
        (ssl.SSLError(1, "x"), "the TLS handshake failed: no reason given"),
        (ZeroDivisionError(), "the connection failed"),
        (OSError(113, "no route"), "the connection failed"),
        (ExceptionGroup("all", [OSError(113, "no route"), ConnectionRefusedError()]), "connection refused"),
    ],
)
def test_a_failed_connection_says_why(cause: Exception, words: str) -> None:
    assert trouble_from(failed_because_of(cause), ORIGIN).reason == f"{words} ({ORIGIN})"
