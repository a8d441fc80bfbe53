"""What goes wrong with a call, and what of it may be shown: failed exchanges, refusals, answers that are not SCM's.

Whether SCM may have taken an order is decided here. A yes or a no counts only in SCM's own shape (scm-api.md 2): what a
proxy answers in its place, or a page, says nothing of what SCM did. An error of SCM's in an answer whose status says
success is a no, too, but not to an order: there it is as good as no answer, since one of the two is wrong and an order
costs money.

This is the one place where foreign text becomes text of ours: it is printable, bounded, and free of the account's
password.
"""

import re
import socket
import ssl
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from types import MappingProxyType
from typing import Any

import httpx

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmAnswerTooLongError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm.call import Answer, Call, LoginRefusal, Trouble
from sectigo_vault_pki.scm.codes import (
    CHANGE_PASSWORD,
    NOT_SCM,
    Verdict,
    hint_for,
    is_login_refused,
    phrase_of,
    verdict,
)

MAX_DESCRIPTION_LENGTH = 512
LONGEST_READ = 2048
"""Characters of one foreign text that are looked at."""

_LARGEST_CODE = 10**9
_NO_ERRORS = frozenset({0, *range(200, 300)})  # the second are HTTP's own
_CODE = re.compile(r"-?[0-9]{1,9}")
# Where newer builds of SCM say more (scm-api.md 2), and where what stands in front of it puts its words.
_FURTHER_WORDS = ("message", "error", "errors", "items", "details")
_MOST_WORDS = 20
_DEEPEST_WORDS = 4

Redact = Callable[[str], str]
"""Takes the account's password out of foreign text."""


def _not_sent(reason: str) -> Trouble:
    return Trouble(was_sent=False, reason=reason)


def _sent(reason: str) -> Trouble:
    return Trouble(was_sent=True, reason=reason)


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
            reason = (_reason_of_failed_connect(error) if family is httpx.ConnectError else None) or found.reason
            return Trouble(was_sent=found.was_sent, reason=f"{reason} ({origin})")
    raise LookupError(f"{type(error).__name__} is no trouble of an HTTP call")


def judged(call: Call, result: Answer | Trouble, redact: Redact) -> Answer | Trouble:
    """Return SCM's yes as it is, and an answer that says neither yes nor no as trouble.

    Raises:
        ScmRefusedError: SCM said no, or what decides about its logins did.
    """
    if isinstance(result, Trouble):
        if result.refusal is not None:
            raise _refused_login(call, result.refusal)
        return result
    kind, is_scms_error = verdict(result.status), is_in_scms_shape(result)
    if kind is Verdict.ACCEPTED and not is_scms_error:
        return result
    said = said_in(result, redact)
    if said is not None and is_scms_error:
        if kind is Verdict.ACCEPTED and not said.code:
            return result
        if kind is Verdict.REFUSED or (kind is Verdict.ACCEPTED and not call.is_order):
            raise refusal_from(call.operation, result, said)
    return _trouble_with(call, result, said)


def failure_from(call: Call, trouble: Trouble) -> ScmUnavailableError | ScmAnswerLostError:
    """Return the error for a call without a usable answer: what was sent once only may have been taken."""
    flag = trouble.login_refused
    if call.is_order and trouble.was_sent:
        what = "the new password" if call.operation == CHANGE_PASSWORD else "the order"
        text = f"SCM's answer to {call.operation} was lost, and it may have taken {what}: {trouble.reason}"
        return ScmAnswerLostError(call.operation, text, login_refused=flag)
    text = f"SCM is not available for {call.operation}: {trouble.reason}"
    kind = ScmAnswerTooLongError if trouble.is_too_long else ScmUnavailableError
    return kind(call.operation, text, login_refused=flag, answered=trouble.answered)


def unusable(call: Call, answer: Answer, redact: Redact) -> ScmUnavailableError | ScmAnswerLostError:
    """Return the error for a success that is none of SCM's, or of no use."""
    body = "no body" if is_bare(answer) else "a body that cannot be read"
    reason = f"HTTP {answer.status} with {body}{f', {NOT_SCM}' if is_page(answer) else ''}"
    return failure_from(call, Trouble(was_sent=True, reason=_with_said(reason, said_in(answer, redact)), answered=True))


@dataclass(frozen=True, slots=True)
class Said:
    """Words of a JSON object.

    Attributes:
        code: SCM's, or None where there is none that can be one.
        description: every word found.
        is_scms: it has SCM's shape (scm-api.md 2): a description, with a code or, as newer builds may have it, without
            one in an answer whose status says that it is an error.
    """

    code: int | None
    description: str
    is_scms: bool

    @property
    def is_error(self) -> bool:
        """Whether they are an error whatever the HTTP status says; code 0 is none of itself."""
        return bool(self.code) or (self.code is None and bool(self.description))

    def __str__(self) -> str:
        return self.description if self.code is None else f"{self.description} (code {self.code})".lstrip()


def is_in_scms_shape(answer: Answer) -> bool:
    """Whether an answer's body is an error of SCM's."""
    if b'"description"' not in answer.body:  # most answers are no errors, and this is quickly seen
        return False
    body = _object_in(answer)
    return body is not None and _has_scms_shape(answer.status, body)


def is_page(answer: Answer) -> bool:
    """Whether an answer is HTML or XML, in which SCM says nothing: a proxy's page, or that of a login."""
    return answer.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def is_bare(answer: Answer) -> bool:
    """Whether an answer says nothing: no body, or JSON's word for that."""
    return answer.body.strip() in {b"", b"null"}


def said_in(answer: Answer, redact: Redact) -> Said | None:
    """Read the words of an answer, or None where its body is no JSON object."""
    body = _object_in(answer)
    if body is None:
        return None
    return Said(_code(body.get("code")), _description(body, redact), _has_scms_shape(answer.status, body))


def refusal_from(operation: str, answer: Answer, said: Said) -> ScmRefusedError:
    """Put a refusal into words: SCM's own, and what to do where that is known."""
    return ScmRefusedError(
        operation,
        code=said.code,
        description=said.description or phrase_of(answer.status),
        status=answer.status,
        hint=None if said.code is None else hint_for(operation, said.code),
        login_refused=says_login_refused(answer, said),
    )


def refusal_within(call: Call, answer: Answer, redact: Redact) -> ScmRefusedError | None:
    """Return the error that a report says it is about, in a success of HTTP's (scm-api.md 13.2); it has other names."""
    body = _object_in(answer)
    code = None if body is None else _code(body.get("statusCode"))
    if body is None or code is None or code in _NO_ERRORS:
        return None
    description = _description({"message": body.get("message")}, redact)
    return refusal_from(call.operation, answer, Said(code, description, is_scms=False))


def _refused_login(call: Call, said: LoginRefusal) -> ScmRefusedError:
    return ScmRefusedError(
        call.operation,
        code=None,
        description=said.description,
        status=said.status,
        hint=said.hint,
        login_refused=True,
    )


def says_login_refused(answer: Answer, said: Said | None) -> bool:
    """Whether an answer says that the login is wrong."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return True
    return said is not None and said.is_scms and is_login_refused(said.code)


def presentable(text: str, redact: Redact = str) -> str:
    """Bound foreign text, and take control characters, line ends and the account's password out of it."""
    read = redact(text[:LONGEST_READ])  # before anything is cut to what is shown, or a part of the password could stay
    printable = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in read)
    line = " ".join(printable.split())
    return _cut(line if line == read else redact(line))


def _trouble_with(call: Call, answer: Answer, said: Said | None) -> Trouble:
    reason = f"HTTP {answer.status} {phrase_of(answer.status)}"
    login_refused = says_login_refused(answer, said)
    kind = verdict(answer.status)
    if kind in {Verdict.BUSY, Verdict.UNCLEAR}:
        was_sent, reason = kind is Verdict.UNCLEAR, _with_said(reason, said)
        return Trouble(was_sent, reason, retry_after=answer.retry_after, login_refused=login_refused)
    if kind is Verdict.ACCEPTED:
        reason = f"{reason}, yet with an error"
    elif call.method != "HEAD":  # an answer to that has no words
        reason = f"{reason}, {NOT_SCM}"
    return Trouble(was_sent=True, reason=_with_said(reason, said), answered=True, login_refused=login_refused)


def _with_said(reason: str, said: Said | None) -> str:
    return f"{reason}: {said}" if said is not None and str(said) else reason


def _cut(text: str) -> str:
    return text if len(text) <= MAX_DESCRIPTION_LENGTH else text[: MAX_DESCRIPTION_LENGTH - 1] + "…"


def _object_in(answer: Answer) -> Mapping[str, Any] | None:
    if not answer.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):  # such as a certificate
        return None
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _has_scms_shape(status: int, body: Mapping[str, Any]) -> bool:
    if "description" not in body:
        return False
    if _code(body.get("code")) is not None:
        return True
    description = body["description"]
    return status >= HTTPStatus.BAD_REQUEST and isinstance(description, str) and bool(description.strip())


def _code(value: Any) -> int | None:
    """Read a code, which may also come as text; one that no SCM would send is none."""
    if isinstance(value, str):
        return int(value) if value.isascii() and _CODE.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST_CODE < value < _LARGEST_CODE:
        return None
    return int(value) if value == int(value) else None


def _description(body: Mapping[str, Any], redact: Redact) -> str:
    texts = (text for name in ("description", *_FURTHER_WORDS) for text in _texts(body.get(name), _DEEPEST_WORDS))
    shown: dict[str, None] = {}
    for text in islice(texts, _MOST_WORDS):
        if sum(map(len, shown)) > MAX_DESCRIPTION_LENGTH:
            break
        shown[presentable(text, redact)] = None
    return _cut("; ".join(filter(None, shown)))


def _texts(value: Any, depth: int) -> Iterator[str]:
    """Yield every text within a value."""
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner, depth - 1)


def _reason_of_failed_connect(error: BaseException) -> str | None:
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
