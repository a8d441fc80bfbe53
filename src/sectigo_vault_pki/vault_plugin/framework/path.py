"""Paths: what an engine declares, and which undeclared names are typing errors."""

import difflib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sectigo_vault_pki.vault_plugin.framework.fields import MAX_PROBLEMS, Field, FieldData
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

MAX_NAMES_SHOWN = 50
MAX_NAMES_JUDGED = 1000
_MAX_SHOWN_LENGTH = 64
_LEAST_CERTAIN_LENGTH = 6
"""Characters that a declared name needs without its prefix, so that one typing error in it is still recognizable."""
_LIKENESS = 0.75
"""Least similarity, as `difflib` measures it, of a name that is suggested for one that is refused anyway."""


@dataclass(frozen=True, slots=True)
class StrictNames:
    """How a path judges undeclared names if a misspelt one must not pass unnoticed.

    Attributes:
        prefix: the beginning of the path's own names; an undeclared name that begins so is refused, and so is one that
            is a typing error away from a declared name. Others are ignored with a warning.
        ignored: names of other paths that have no effect here: each with the reason that the warning gives.
        beginnings: of further names that are refused, where the path's own do not all begin with the prefix.
    """

    prefix: str
    ignored: Mapping[str, str] = field(default_factory=dict)
    beginnings: tuple[str, ...] = ()

    def complaints(self, names: Sequence[str], declared: Sequence[str]) -> list[str]:
        """Return what is wrong with the undeclared names of a request; nothing if they may be ignored."""
        if len(names) > MAX_NAMES_JUDGED:
            return [f"the request has {len(names)} unknown fields"]
        judged = ((name, _one_slip_away(name, declared, self.prefix)) for name in names if name not in self.ignored)
        own = (self.prefix, *self.beginnings)
        refused = [(name, near) for name, near in judged if near or _plain(name).startswith(own)]
        advised = [(name, near or _alike(name, declared, self.prefix)) for name, near in refused[:MAX_PROBLEMS]]
        return [_complaint(name, near) for name, near in (*advised, *refused[MAX_PROBLEMS:])]


def _complaint(name: str, near: str | None) -> str:
    advice = f"did you mean {near}?" if near else "the help of this path lists its fields"
    return f"{printable(name)} is unknown on this path: {advice}"


def warnings_about(unrecognised: Iterable[str], replaced: Sequence[str], strict: StrictNames | None) -> list[str]:
    """Return the warnings about names that had no effect.

    Args:
        unrecognised: undeclared names of the request.
        replaced: names whose value the path itself carries.
        strict: how the path judges undeclared names; None if they all just cause a warning.
    """
    elsewhere = strict.ignored if strict else {}
    reasons: dict[str, list[str]] = {}
    unknown: list[str] = []
    for name in sorted(unrecognised):
        if name in elsewhere:
            reasons.setdefault(elsewhere[name], []).append(name)
        else:
            unknown.append(name)
    warnings = [f"{', '.join(names)} had no effect: {why}" for why, names in reasons.items()]
    if unknown:
        names = " ".join(sorted(printable(name) for name in unknown[:MAX_NAMES_SHOWN]))
        warnings.append(f"Endpoint ignored these unrecognized parameters: [{names}]")
    if replaced:
        warnings.append(
            "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: "
            f"[{' '.join(replaced)}]"
        )
    return warnings


def printable(name: str) -> str:
    """Return a foreign name in a form that is short and safe to show."""
    return re.sub(r"[^\x21-\x7e]", "?", name[:_MAX_SHOWN_LENGTH])


def _one_slip_away(name: str, declared: Sequence[str], prefix: str) -> str | None:
    """Return the declared name that differs by one typing error, by its prefix, or by both."""
    written = _plain(name)
    bare = written.removeprefix(prefix)
    for known in declared:
        bare_known = known.removeprefix(prefix)
        if bare == bare_known or _is_one_edit(written, known):
            return known
        if len(bare_known) >= _LEAST_CERTAIN_LENGTH and _is_one_edit(bare, bare_known):
            return known
    return None


def _alike(name: str, declared: Sequence[str], prefix: str) -> str | None:
    """Return the declared name that is most similar, prefixes aside, or None if none is similar enough."""
    known = {one.removeprefix(prefix): one for one in declared}
    bare = _plain(name)[:_MAX_SHOWN_LENGTH].removeprefix(prefix)
    return next((known[found] for found in difflib.get_close_matches(bare, known, n=1, cutoff=_LIKENESS)), None)


def _plain(name: str) -> str:
    return name.strip().lower().lstrip("-").replace("-", "_")


def _is_one_edit(one: str, other: str) -> bool:
    """Whether two texts differ by one character (added, missing, wrong) or by two neighbours that are swapped."""
    if abs(len(one) - len(other)) > 1:
        return False
    begin = _common_length(one, other)
    one, other = one[begin:], other[begin:]
    end = _common_length(one[::-1], other[::-1])
    one, other = one[: len(one) - end], other[: len(other) - end]
    swapped = len(one) == len(other) == len("ab") and one == other[::-1]
    return swapped or max(len(one), len(other)) <= 1


def _common_length(one: str, other: str) -> int:
    """Return how many letters two texts have in common at their beginning."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


Call = Callable[[Request, FieldData], Awaitable[Response | None]]
ExistenceCheck = Callable[[Request, FieldData], Awaitable[bool]]
Canonical = Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
Review = Callable[[Request, FieldData], Awaitable[Sequence[str]]]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Handler:
    """What one operation of a path does.

    Attributes:
        call: answers the request; None where there is no answer.
        summary: one line, for OpenAPI; empty: the path's synopsis.
        forwarded: a standby must not do this; it refuses before the call, and the host sends the request to the
            active node.
        query: the fields that this operation, which has no body, takes from the URL; none of them is secret.
        body: the fields that OpenAPI names in this operation's body; empty: all that the path does not capture.
        answer: the fields of the answer's data, for OpenAPI: name to JSON schema. The null value is in none of them.
        content_type: of an answer that is no JSON; empty: it is.
        warns: whether an operation without an answer succeeds with warnings at times, which the host sends as 200.
        failures: HTTP statuses of its errors, beside 400 for wrong fields and 404 for a read of what is not there: 502
            if it calls something that may not answer.
        operation_id: what OpenAPI calls it, without the prefix; empty: its verb and the words of the path.
    """

    call: Call
    summary: str = ""
    forwarded: bool = False
    query: Sequence[Field[object]] = ()
    body: Sequence[Field[object]] = ()
    answer: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    content_type: str = ""
    warns: bool = False
    failures: Sequence[int] = ()
    operation_id: str = ""


@dataclass(frozen=True)
class Path:
    """One path of an engine.

    Attributes:
        template: segments, with `{field}` where the path captures one; with a trailing `/` for lists, where the
            slash may be left out.
        fields: every field that the path takes, those it captures included.
        operations: what can be done here.
        synopsis: the help's first line.
        description: the help's text.
        existence_check: returns whether a write updates; without it every write is an update.
        review: returns the problems of a write's fields in combination. They are reported together with the problems of
            single fields, before the handler is called. The fields that the path captures are there; any other may be
            missing or unusable.
        strict: how undeclared names are judged if a misspelt one must not pass; without it they cause a warning.
        operation_words: what operation ids call it, where the template's words stand in another path's, too.
        is_unauthenticated: whether the host lets everybody in who can reach it; nothing here may be secret or cost.
        canonical: returns those of the captured values that have another, canonical spelling, where more than a field's
            kind has to be asked for it; it is asked before each request, so it has to be quick, and does nothing.
    """

    template: str
    fields: Sequence[Field[object]]
    operations: Mapping[Operation, Handler]
    synopsis: str
    description: str
    existence_check: ExistenceCheck | None = None
    review: Review | None = None
    strict: StrictNames | None = None
    operation_words: str = ""
    canonical: Canonical | None = None
    is_unauthenticated: bool = False

    @cached_property
    def captured(self) -> tuple[str, ...]:
        """Names of the fields that the path itself carries."""
        return tuple(_PLACEHOLDER.findall(self.template))

    @cached_property
    def log_keys(self) -> Mapping[str, str]:
        """Names of captured fields that log lines tell, with what they call them."""
        return {name: key for name in self.captured if (key := self.by_name[name].log_key)}

    @cached_property
    def by_name(self) -> Mapping[str, Field[object]]:
        return {declared.name: declared for declared in self.fields}

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression, in the form that the host's help shows."""

        def group(match: re.Match[str]) -> str:
            return f"(?P<{match[1]}>{self.by_name[match[1]].kind.pattern})"

        body = "".join(
            _PLACEHOLDER.sub(group, part) if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{\w+\})", self.template.removesuffix("/"))
        ).replace(r"\-", "-")
        return re.compile(f"^{body}{'/?' if self.template.endswith('/') else ''}$", re.ASCII)

    def missing(self, operation: Operation, data: FieldData) -> Sequence[Field[object]]:
        """Return the required fields that a request should have, and has not.

        A write that creates or acts needs them all; a change of what exists may leave them out, and not empty them.
        """
        if operation is Operation.CREATE or (operation is Operation.UPDATE and self.existence_check is None):
            return [declared for declared in self._required if data.lacks(declared)]
        if operation in {Operation.UPDATE, Operation.PATCH}:
            return [declared for declared in self._required if declared.name in data.emptied]
        return ()

    def always_requires(self, declared: Field[object]) -> bool:
        """Whether every write needs a field; a path that tells create from update needs it to create only."""
        return declared.required and self.existence_check is None

    @cached_property
    def host_pattern(self) -> str:
        """The path as the host's own lists of paths write it: `+` for one segment."""
        return _PLACEHOLDER.sub("+", self.template)

    @cached_property
    def _required(self) -> Sequence[Field[object]]:
        return [declared for declared in self.fields if declared.required]
