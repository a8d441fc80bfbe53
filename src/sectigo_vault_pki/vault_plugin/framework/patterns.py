"""Field names that a path does not declare: which ones are typing errors, and the errors and warnings about them."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sectigo_vault_pki.vault_plugin.framework.fields import MAX_PROBLEMS

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
    """

    prefix: str
    ignored: Mapping[str, str] = field(default_factory=dict)

    def complaints(self, names: Sequence[str], declared: Sequence[str]) -> list[str]:
        """Return what is wrong with the undeclared names of a request; nothing if they may be ignored."""
        if len(names) > MAX_NAMES_JUDGED:
            return [f"the request has {len(names)} unknown fields"]
        judged = ((name, _one_slip_away(name, declared, self.prefix)) for name in names if name not in self.ignored)
        refused = [(name, near) for name, near in judged if near or _plain(name).startswith(self.prefix)]
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
