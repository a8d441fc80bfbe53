"""Keeps an account's password out of foreign text: what answers may echo the request's headers."""

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

MASK = "***"

_SHORT = 4  # characters; anything shorter is part of many words
_LEAST_PREFIX = 4  # characters of a password, at the end of a text that was cut there
_BASE64 = "[A-Za-z0-9+/_=-]"


class Redactor:
    """Puts a mask where a text shows the password, in any of the spellings in which servers print a header.

    A password of fewer than four characters is masked only where it stands as a word of its own, as in `'ab'`: else it
    would tear every text to pieces, and so tell what it is.
    """

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret

    def __call__(self, text: str) -> str:
        """Return the text without the password; the beginning of one, cut off by the text's end, goes too."""
        folded = text.casefold()
        if not any(beginning in folded for beginning in self._beginnings):  # as in nearly every text
            return text
        masked = self._pattern.sub(MASK, text)
        cuts = [
            start for form in (*self._forms, *self._base64_forms) if (start := _cut_off_in(masked, form)) is not None
        ]
        return masked[: min(cuts)] + MASK if cuts else masked

    @cached_property
    def _forms(self) -> tuple[str, ...]:
        """Every spelling but base64, the longest first, so that none leaves a rest of another one."""
        spelled = set(_as_read(self._secret.get_secret_value()))
        for _ in range(2):  # such as text in JSON in a text in JSON
            spelled |= {encode(form) for form in spelled for encode in _ENCODINGS}
        spelled |= {" ".join(form.split()) for form in spelled}
        return tuple(sorted(filter(None, spelled), key=lambda form: (-len(form), form)))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        around = (f"{_BASE64}?{re.escape(form)}{_BASE64}{{0,3}}" for form in self._base64_forms)
        return re.compile("|".join([*map(_literal, self._forms), *around]), re.IGNORECASE)

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(form.casefold()[:_LEAST_PREFIX] for form in (*self._forms, *self._base64_forms))

    @cached_property
    def _base64_forms(self) -> tuple[str, ...]:
        return tuple(_in_base64(self._secret.get_secret_value().encode()))


def _as_read(secret: str) -> Iterator[str]:
    """Yield the password as servers decode a header: UTF-8, Latin-1, Windows' kind of it, or ASCII with gaps."""
    raw = secret.encode()
    yield secret
    yield raw.decode("latin-1")
    for codec, errors in (("cp1252", "ignore"), ("cp1252", "replace"), ("ascii", "replace")):
        yield raw.decode(codec, errors=errors)
    for codec in ("ascii", "latin-1"):
        yield secret.encode(codec, errors="replace").decode(codec)
    yield repr(raw)[2:-1]
    yield raw.hex()


_ENCODINGS: Iterable[Callable[[str], str]] = (
    lambda text: quote(text, safe=""),
    quote,
    quote_plus,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    html.escape,
    lambda text: repr(text)[1:-1],
    lambda text: ascii(text)[1:-1],
)


def _literal(form: str) -> str:
    return re.escape(form) if len(form) >= _SHORT else rf"(?<!\w){re.escape(form)}(?!\w)"


def _cut_off_in(text: str, form: str) -> int | None:
    """Return where a text's end is the beginning of a form, or None."""
    if len(form) < _LEAST_PREFIX:
        return None
    beginning = form[:_LEAST_PREFIX]
    start = text.find(beginning, max(0, len(text) - len(form)))
    while start >= 0:
        if form.startswith(text[start:]):
            return start
        start = text.find(beginning, start + 1)
    return None


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what base64 makes of the password alone, and in the middle of something longer."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        # Characters that also carry bits of what stands before or behind are the same in no two texts.
        core = encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
        if len(core) >= _SHORT:
            yield from {core, core.replace("+", "-").replace("/", "_")}
