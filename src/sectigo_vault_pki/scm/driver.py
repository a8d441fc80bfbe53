"""Makes calls at SCM, again where that is harmless, and judges what comes back."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm.codes import Verdict, is_already_revoked, is_in_work, is_pending, phrase_of, verdict
from sectigo_vault_pki.scm.exchange import Answer, Call
from sectigo_vault_pki.scm.guarded import GuardedExchange
from sectigo_vault_pki.scm.outcomes import Collected, Revoked, StillProcessing
from sectigo_vault_pki.scm.refusal import error_in, refusal_from
from sectigo_vault_pki.scm.retry import ATTEMPTS, pause_before
from sectigo_vault_pki.scm.trouble import Trouble

_Model = TypeVar("_Model")


class Driver:
    """The one loop around all calls of an account.

    What every method may raise: `ScmRefusedError` (SCM said no), `ScmUnavailableError` (no useful answer; SCM took no
    order) and, for a call that is an order, `ScmAnswerLostError` (SCM may have taken it).
    """

    def __init__(self, exchange: GuardedExchange, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._exchange = exchange
        self._sleep = sleep

    async def settled(self, call: Call) -> Answer:
        """Make a call until SCM accepts or refuses it, as often as that is harmless."""
        result = _judged(await self._exchange.send(call))
        for attempt in range(2, ATTEMPTS + 1):
            if not isinstance(result, Trouble) or (call.is_order and result.was_sent):
                break
            pause = pause_before(attempt, result.retry_after)
            if pause is None:
                break
            await self._sleep(pause)
            result = _judged(await self._exchange.send(call))
        return _accepted(call, result)

    async def parsed(self, call: Call, model: TypeAdapter[_Model]) -> _Model:
        """Settle a call whose answer has to be of a certain shape."""
        return _parsed(call, await self.settled(call), model)

    async def parsed_if_any(self, call: Call, model: TypeAdapter[_Model]) -> _Model | None:
        """Settle a call that SCM may also accept without a word."""
        answer = await self.settled(call)
        return _parsed(call, answer, model) if answer.body.strip() else None

    async def collected(self, call: Call) -> Collected | StillProcessing:
        """Ask once for a certificate: whoever waits for it asks again anyway."""
        result = await self._exchange.send(call)
        pending = _pending_in(result) if isinstance(result, Answer) else None
        return pending or Collected(_accepted(call, _judged(result)).body)

    async def revoked(self, call: Call) -> Revoked:
        """Settle a revocation; one that was made before is as good."""
        try:
            await self.settled(call)
        except ScmRefusedError as error:
            if not is_already_revoked(error.operation, error.code):
                raise
            return Revoked(already=True)
        return Revoked(already=False)


def _judged(result: Answer | Trouble) -> Answer | Trouble:
    """Turn an answer that says neither yes nor no into trouble."""
    if isinstance(result, Trouble):
        return result
    words = f"HTTP {result.status} {phrase_of(result.status)}"
    match verdict(result.status):
        case Verdict.BUSY:
            return Trouble(was_sent=False, words=words, retry_after=result.retry_after)
        case Verdict.UNCLEAR:
            return Trouble(was_sent=True, words=words, retry_after=result.retry_after)
        case Verdict.ACCEPTED | Verdict.REFUSED:
            return result


def _accepted(call: Call, result: Answer | Trouble) -> Answer:
    if isinstance(result, Trouble):
        raise _error_from(call, result)
    if verdict(result.status) is Verdict.REFUSED:
        raise refusal_from(call.operation, result)
    return result


def _pending_in(answer: Answer) -> StillProcessing | None:
    """Read "not yet", which comes as an error of any status, or as an empty success (scm-api.md 3.4)."""
    if verdict(answer.status) is Verdict.ACCEPTED:
        return None if answer.body.strip() else StillProcessing(code=None, description="", says_so=False)
    error = error_in(answer)
    if error is None or error.code is None or not is_pending(error.code):
        return None
    return StillProcessing(code=error.code, description=error.description, says_so=is_in_work(error.code))


def _parsed(call: Call, answer: Answer, model: TypeAdapter[_Model]) -> _Model:
    try:
        return model.validate_json(answer.body)
    except ValidationError:
        words = f"HTTP {answer.status} with a body that cannot be read"
        raise _error_from(call, Trouble(was_sent=True, words=words)) from None


def _error_from(call: Call, trouble: Trouble) -> ScmUnavailableError | ScmAnswerLostError:
    if call.is_order and trouble.was_sent:
        text = f"SCM's answer to {call.operation} was lost, and it may have taken the order: {trouble.words}"
        return ScmAnswerLostError(call.operation, text)
    return ScmUnavailableError(call.operation, f"SCM is not available for {call.operation}: {trouble.words}")
