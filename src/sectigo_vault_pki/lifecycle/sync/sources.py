"""What SCM has, in parts: windows of a report, or pages of lists.

Every part has a position. A run that begins again reads all parts again, and compares those behind its position.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date

from sectigo_vault_pki.errors import ScmAnswerTooLongError, ScmRefusedError
from sectigo_vault_pki.lifecycle.rules.comparison import Window
from sectigo_vault_pki.scm import LISTED_STATUSES, ByDate, Reported, ScmClient, has_more, listed_entries, report
from sectigo_vault_pki.scm.results import Page

STAGE = 10**9
"""Positions from the begin of one stage to that of the next."""
FIRST_PLACE = 1000
"""Positions before that are of what comes before SCM is asked for its entries."""
MAX_LISTED = 1_000_000
"""Rows that are read of one list."""

Ask = Callable[[Callable[[ScmClient], Awaitable[Page[Reported]]]], Awaitable[Page[Reported]]]
"""Makes one call, when it may be made."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of SCM's entries.

    Attributes:
        end: the position behind it.
        problem: why it is not whole; empty: it is.
    """

    rows: Sequence[Reported]
    end: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Days that are reported, by one date of the certificates."""

    by: ByDate
    first: date
    last: date
    pending: bool = False


async def reported(ask: Ask, certificate_type: str, spans: Sequence[Span], position: int) -> AsyncIterator[Part]:
    """Yield the parts of reports, in windows whose answers are short enough; none contains a run's position.

    Raises:
        ScmRefusedError: SCM refuses the first report, or the login; any other refusal is a part's problem.
        ScmUnavailableError: SCM does not answer.
    """
    is_first = True
    for stage, span in enumerate(spans):
        window: Window | None = Window(span.first, span.last)
        while window is not None:
            shown = _cut(window, position - stage * STAGE)
            try:
                page = await ask(
                    lambda client, span=span, shown=shown: report(  # type: ignore[misc]  # mypy: defaults of a lambda
                        client, certificate_type, span.by, shown.first, shown.last, pending=span.pending
                    )
                )
            except ScmRefusedError as error:
                if is_first or error.login_refused:
                    raise
                page, problem = Page(()), f"{shown.first.isoformat()} to {shown.last.isoformat()}: {error}"
            except ScmAnswerTooLongError:
                if not shown.is_one_day:
                    window = shown.halved()
                    continue
                page, problem = Page(()), f"SCM's report of {shown.last.isoformat()} is too long to be read"
            else:
                problem = _of_unreadable(page)
            is_first = False
            yield Part(page.rows, stage * STAGE + shown.last.toordinal() + 1, problem)
            window = shown.following(page.length)


def _cut(window: Window, place: int) -> Window:
    """Return a window that ends before a day, if that lies within it."""
    if window.first.toordinal() < place <= window.last.toordinal():
        return Window(window.first, window.until, place - window.first.toordinal())
    return window


async def listed(ask: Ask, certificate_type: str) -> AsyncIterator[Part]:
    """Yield the pages of SCM's lists."""
    for stage, status in enumerate(LISTED_STATUSES[certificate_type]):
        place, before = 0, frozenset[int]()
        while place < MAX_LISTED:
            page = await ask(
                lambda client, status=status, place=place: listed_entries(  # type: ignore[misc]  # as above
                    client, certificate_type, status, place
                )
            )
            place += page.length
            ids = frozenset(row.scm_id for row in page.rows)
            repeats = bool(ids) and ids <= before
            problem = f"SCM lists the same rows again at position {place}" if repeats else ""
            yield Part(page.rows, stage * STAGE + FIRST_PLACE + place, problem)
            if repeats or not page.length or not has_more(page, place):
                break
            before = ids


def _of_unreadable(page: Page[Reported]) -> str:
    return f"{page.unreadable} of SCM's rows cannot be read" if page.unreadable else ""
