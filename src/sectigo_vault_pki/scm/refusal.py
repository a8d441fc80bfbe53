"""What SCM says in an answer, as text that may be shown.

This is the one place where foreign text becomes text of ours: it is printable, bounded, and free of the account's
password.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any

from sectigo_vault_pki.errors import ScmRefusedError
from sectigo_vault_pki.scm import json_text
from sectigo_vault_pki.scm.codes import hint_for, is_login_refused, phrase_of
from sectigo_vault_pki.scm.exchange import Answer

MAX_DESCRIPTION_LENGTH = 512
LONGEST_READ = 2048
"""Characters of one foreign text that are looked at."""

_LARGEST_CODE = 10**9
_CODE = re.compile(r"-?[0-9]{1,9}")
# Where newer builds of SCM say more (scm-api.md 2), and where what stands in front of it puts its words.
_FURTHER_WORDS = ("message", "error", "errors", "items", "details")
_MOST_WORDS = 20
_DEEPEST_WORDS = 4


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


Redact = Callable[[str], str]


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


def says_login_refused(answer: Answer, said: Said | None) -> bool:
    """Whether an answer says that the login is wrong."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return True
    return said is not None and said.is_scms and is_login_refused(said.code)


def presentable(text: str, redact: Redact = str) -> str:
    """Bound foreign text, and take control characters, line ends and the account's password out of it."""
    read = redact(text[:LONGEST_READ])  # before anything is cut to what is shown, or a part of the password could stay
    printable = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in read)
    words = " ".join(printable.split())
    return _cut(words if words == read else redact(words))


def _cut(words: str) -> str:
    return words if len(words) <= MAX_DESCRIPTION_LENGTH else words[: MAX_DESCRIPTION_LENGTH - 1] + "…"


def _object_in(answer: Answer) -> Mapping[str, Any] | None:
    if not answer.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):  # such as a certificate
        return None
    try:
        body = json_text.parse(answer.body)
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
