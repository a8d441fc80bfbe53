"""An account's calls behind its circuit breaker."""

import math
from dataclasses import dataclass

from sectigo_vault_pki.scm.breaker import Breaker, State
from sectigo_vault_pki.scm.codes import Verdict, verdict
from sectigo_vault_pki.scm.exchange import Answer, Call, Exchange
from sectigo_vault_pki.scm.refusal import error_in
from sectigo_vault_pki.scm.trouble import Trouble


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
        wait = self._breaker.refuses()
        if wait is not None:
            words = (
                f"it has not answered for a while and is left alone for {math.ceil(wait)} s more ({self._last_words})"
            )
            return Trouble(was_sent=False, words=words)
        try:
            result = await self._exchange.send(call)
        except BaseException:
            self._breaker.abandoned()
            raise
        if isinstance(result, Answer) and _says_something(result):
            self._breaker.answered()
        else:
            self._last_words = result.words if isinstance(result, Trouble) else f"HTTP {result.status}"
            self._breaker.failed()
            self._breaker.hold(result.retry_after or 0.0)
        return result


def _says_something(answer: Answer) -> bool:
    """Whether it is SCM that answers, and not what stands in for it: a yes, a no, or a code, whatever the status."""
    if verdict(answer.status) in {Verdict.ACCEPTED, Verdict.REFUSED}:
        return True
    error = error_in(answer)
    return error is not None and error.code is not None
