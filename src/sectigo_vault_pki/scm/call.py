"""A call to SCM and what becomes of it, as values: an answer, or trouble."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        operation: SCM's word for it.
        method: HTTP's word for it.
        path: below the base URL.
        query: parameters of the URL.
        body: sent as JSON where there is one.
        is_order: made twice, it costs twice; SCM may take minutes to answer it.
        secrets: what the body contains besides the login, and no text from SCM may show.
    """

    operation: str
    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    is_order: bool = False
    secrets: tuple[SecretStr, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status.

    Attributes:
        status: the HTTP status.
        body: the whole body.
        retry_after: seconds the server asks to wait, or None.
        total: how long the whole list is of which this is a page (scm-api.md 2), or None.
        date: the server's time as it answered, in UTC, or None.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None
    total: int | None = None
    date: datetime | None = None

    def json(self) -> Any:
        """Read a body that should be JSON: a byte order mark and bytes that are no UTF-8 do not spoil it.

        `NaN` and the infinities, which are no JSON, are read as null; of equal names the last one counts.

        Raises:
            ValueError: it is none, or none that anybody would send: too deep, a number too long.
        """
        try:
            return json.loads(self.body.decode("utf-8-sig", errors="replace"), parse_constant=lambda _word: None)
        except RecursionError:
            raise ValueError("nested too deep") from None


@dataclass(frozen=True, slots=True)
class LoginRefusal:
    """Words in which a login was refused before the call was made: they are for the user, and carry no secret.

    Attributes:
        description: what was said.
        status: the HTTP status that it came with.
        hint: what to do about it, or None.
    """

    description: str
    status: int
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A call without a usable answer.

    Attributes:
        was_sent: False where SCM certainly took nothing; True where it may have.
        reason: what happened, for the user.
        retry_after: seconds the server asks to wait, or None.
        answered: something answered that cannot be used, and would answer the same at once again.
        login_refused: the answer said that the login is wrong.
        refusal: its words, where they are certainly those of what decides about logins.
        is_too_long: an answer came that is longer than any that is read.
    """

    was_sent: bool
    reason: str
    retry_after: float | None = None
    answered: bool = False
    login_refused: bool = False
    refusal: LoginRefusal | None = None
    is_too_long: bool = False
