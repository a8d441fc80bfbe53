"""An account's calls behind its circuit breaker."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sectigo_vault_pki.scm.breaker import Breaker, State
from sectigo_vault_pki.scm.budget import budget_in_force
from sectigo_vault_pki.scm.codes import Verdict, verdict
from sectigo_vault_pki.scm.exchange import Answer, Call, Exchange
from sectigo_vault_pki.scm.refusal import is_in_scms_shape, is_page
from sectigo_vault_pki.scm.trouble import Trouble

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Availability:
    """How SCM answers an account.

    Attributes:
        breaker: what is let through.
        trouble: what became of the last call that got no answer; empty while SCM answers.
    """

    breaker: State
    trouble: str


class GuardedExchange:
    """Makes calls while SCM answers; else most of them fail at once, with the reason of the last one that was made."""

    def __init__(self, exchange: Exchange, breaker: Breaker) -> None:
        self._exchange = exchange
        self._breaker = breaker
        self._last_words = ""
        self._on_date: Callable[[datetime], None] | None = None

    def observe_dates(self, callback: Callable[[datetime], None] | None) -> None:
        """Tell of SCM's time whenever an answer of SCM's brings it; None: no more."""
        self._on_date = callback

    @property
    def availability(self) -> Availability:
        """How SCM answers, as far as the calls of this account tell."""
        state = self._breaker.state
        return Availability(state, "" if state is State.CLOSED else self._last_words)

    async def send(self, call: Call) -> Answer | Trouble:
        """Make one call, once, unless the breaker holds it back: then SCM has certainly taken nothing."""
        if held := self._breaker.held():
            words = f"it asks to be left alone for {math.ceil(held)} s more ({self._last_words})"
            return Trouble(was_sent=False, words=words, retry_after=held)
        budget = budget_in_force()
        if budget is not None and not budget.left:
            words = "the background work has made its calls of this minute"
            return Trouble(was_sent=False, words=words, retry_after=_MINUTE)
        wait = self._breaker.refuses()
        if wait is not None:
            words = (
                f"it has not answered for a while and is left alone for {math.ceil(wait)} s more ({self._last_words})"
            )
            return Trouble(was_sent=False, words=words)
        if budget is not None:
            budget.count()
        try:
            result = await self._exchange.send(call)
        except BaseException:
            self._breaker.abandoned()
            raise
        self._learn_from(call, result)
        return result

    def _learn_from(self, call: Call, result: Answer | Trouble) -> None:
        is_scms = isinstance(result, Answer) and _is_scms(result)
        if isinstance(result, Answer) and is_scms and result.date is not None and self._on_date is not None:
            self._on_date(result.date)
        if is_scms or (isinstance(result, Answer) and _is_refused_without_a_body(call, result)):
            self._breaker.answered()
        else:
            self._last_words = result.words if isinstance(result, Trouble) else f"HTTP {result.status}"
            self._breaker.failed()
            self._breaker.hold(result.retry_after or 0.0)


def _is_scms(answer: Answer) -> bool:
    """Whether it is SCM that answers, not what stands in for it: a yes that is no page, or an error in its shape."""
    if verdict(answer.status) is Verdict.ACCEPTED:
        return not is_page(answer)
    return is_in_scms_shape(answer)


def _is_refused_without_a_body(call: Call, answer: Answer) -> bool:
    return call.method == "HEAD" and verdict(answer.status) is Verdict.REFUSED
