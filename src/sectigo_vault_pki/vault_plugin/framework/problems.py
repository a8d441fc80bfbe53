"""All problems of a request in one text."""

from collections.abc import Sequence

MAX_PROBLEMS = 10


def problem_text(problems: Sequence[str]) -> str:
    """Return the problems one a line, without repeats; from the eleventh on, only how many more there are."""
    lines = list(dict.fromkeys(problems))
    more = len(lines) - MAX_PROBLEMS
    return "\n".join([*lines[:MAX_PROBLEMS], *([f"… and {more} more"] if more > 0 else [])])
