"""Makes calls at SCM, again where that is harmless, and judges what comes back."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import json_text
from sectigo_vault_pki.scm.codes import (
    NOT_SCM,
    Verdict,
    acknowledges,
    is_already_revoked,
    is_in_work,
    is_pending,
    phrase_of,
    says_done,
    verdict,
)
from sectigo_vault_pki.scm.exchange import Answer, Call
from sectigo_vault_pki.scm.guarded import GuardedExchange
from sectigo_vault_pki.scm.models import ROWS
from sectigo_vault_pki.scm.outcomes import Collected, Page, Revoked, StillProcessing
from sectigo_vault_pki.scm.refusal import (
    Redact,
    Said,
    is_bare,
    is_in_scms_shape,
    is_page,
    refusal_from,
    said_in,
    says_login_refused,
)
from sectigo_vault_pki.scm.retry import ATTEMPTS, pause_before
from sectigo_vault_pki.scm.trouble import Trouble

_Model = TypeVar("_Model")
_Row = TypeVar("_Row")


class Driver:
    """The one loop around all calls of an account.

    What every method may raise: `ScmRefusedError` (SCM said no), `ScmUnavailableError` (no useful answer; SCM took no
    order) and, for a call that is an order, `ScmAnswerLostError` (SCM may have taken it).

    A yes or a no counts only in SCM's own shape (scm-api.md 2): what a proxy answers in its place, or a page, says
    nothing of what SCM did. An error of SCM's in an answer whose status says success is a no, too, but not to an order:
    there it is as good as no answer, since one of the two is wrong and an order costs money.

    Args:
        exchange: makes the calls.
        sleep: lets seconds pass between two attempts.
        redact: takes the account's password out of foreign text.
    """

    def __init__(self, exchange: GuardedExchange, sleep: Callable[[float], Awaitable[None]], redact: Redact) -> None:
        self._exchange = exchange
        self._sleep = sleep
        self._redact = redact

    async def settled(self, call: Call) -> Answer:
        """Make a call until SCM accepts or refuses it, as often as that is harmless."""
        result = self._judged(call, await self._exchange.send(call))
        for attempt in range(2, ATTEMPTS + 1):
            if not isinstance(result, Trouble) or result.answered or (call.is_order and result.was_sent):
                break
            pause = pause_before(attempt, result.retry_after)
            if pause is None:
                break
            await self._sleep(pause)
            result = self._judged(call, await self._exchange.send(call))
        return _accepted(call, result)

    async def parsed(self, call: Call, model: TypeAdapter[_Model]) -> _Model:
        """Settle a call whose answer has to be of a certain shape."""
        return self._parsed(call, await self.settled(call), model)

    async def parsed_if_named(
        self, call: Call, model: TypeAdapter[_Model], is_named: Callable[[_Model], bool]
    ) -> _Model | None:
        """Settle a call that SCM may also accept without naming what came of it; then there is None."""
        answer = await self.settled(call)
        if not is_bare(answer):
            parsed = self._parsed(call, answer, model)
            if is_named(parsed):
                return parsed
        self._check_acknowledged(call, answer)
        return None

    async def listed(self, call: Call, model: TypeAdapter[_Model], row_from: Callable[[_Model], _Row]) -> Page[_Row]:
        """Settle a call that is answered by a list, whose rows are read one by one.

        Only a list is one: no body, `null`, or an object around the rows says nothing of what SCM has.
        """
        answer = await self.settled(call)
        rows: list[_Row] = []
        unreadable = 0
        for value in self._parsed(call, answer, ROWS):
            try:
                rows.append(row_from(model.validate_python(value)))
            except ValidationError:
                unreadable += 1
        return Page(tuple(rows), unreadable, answer.total)

    async def done(self, call: Call) -> None:
        """Settle a call that changes something and answers nothing: only the one status without a body says so."""
        answer = await self.settled(call)
        if not says_done(answer.status):
            raise self._unusable(call, answer)

    async def collected(self, call: Call) -> Collected | StillProcessing:
        """Ask once for a certificate: whoever waits for it asks again anyway."""
        result = await self._exchange.send(call)
        pending = self._pending_in(result) if isinstance(result, Answer) else None
        if pending is not None:
            return pending
        answer = _accepted(call, self._judged(call, result))
        said = said_in(answer, self._redact)
        if is_page(answer) or (said is not None and said.description):
            raise self._unusable(call, answer)
        return Collected(answer.body)

    async def revoked(self, call: Call) -> Revoked:
        """Settle a revocation; one that was made before is as good.

        After a success that is not SCM's own the question is put once more: what took it says that it is done already.
        """
        try:
            if not says_done((await self.settled(call)).status):
                await self.done(call)
        except ScmRefusedError as error:
            if not is_already_revoked(error.operation, error.code):
                raise
            return Revoked(already=True)
        return Revoked(already=False)

    def _judged(self, call: Call, result: Answer | Trouble) -> Answer | Trouble | ScmRefusedError:
        """Make an answer that says neither yes nor no trouble, and SCM's no an error."""
        if isinstance(result, Trouble):
            return result
        kind = verdict(result.status)
        is_scms_error = is_in_scms_shape(result)
        if kind is Verdict.ACCEPTED and not is_scms_error:
            return result
        said = said_in(result, self._redact)
        if said is not None and is_scms_error:
            if kind is Verdict.ACCEPTED and not said.code:
                return result
            if kind is Verdict.REFUSED or (kind is Verdict.ACCEPTED and not call.is_order):
                return refusal_from(call.operation, result, said)
        return _trouble_from(call, result, said)

    def _pending_in(self, answer: Answer) -> StillProcessing | None:
        """Read "not yet", which comes as an error of any status, or as an empty success (scm-api.md 3.4)."""
        if verdict(answer.status) is Verdict.ACCEPTED and not answer.body.strip():
            return StillProcessing(code=None, description="", says_so=False)
        said = said_in(answer, self._redact) if is_in_scms_shape(answer) else None
        if said is None or said.code is None or not is_pending(said.code):
            return None
        return StillProcessing(code=said.code, description=said.description, says_so=is_in_work(said.code))

    def _parsed(self, call: Call, answer: Answer, model: TypeAdapter[_Model]) -> _Model:
        try:
            return model.validate_python(json_text.parse(answer.body))
        except ValueError:  # also what pydantic raises
            raise self._unusable(call, answer) from None

    def _check_acknowledged(self, call: Call, answer: Answer) -> None:
        """Take as a yes without words: the status for it, with no body, `null`, or an object that names no error."""
        said = None if is_bare(answer) else said_in(answer, self._redact)
        is_yes = is_bare(answer) or (said is not None and not said.is_error)
        if not (acknowledges(answer.status) and is_yes):
            raise self._unusable(call, answer)

    def _unusable(self, call: Call, answer: Answer) -> ScmUnavailableError | ScmAnswerLostError:
        """Return the error for a success that is none of SCM's, or of no use."""
        said = said_in(answer, self._redact)
        body = "no body" if is_bare(answer) else "a body that cannot be read"
        words = f"HTTP {answer.status} with {body}{f', {NOT_SCM}' if is_page(answer) else ''}"
        return _error_from(call, Trouble(was_sent=True, words=_with_words(words, said), answered=True))


def _accepted(call: Call, result: Answer | Trouble | ScmRefusedError) -> Answer:
    if isinstance(result, Trouble):
        raise _error_from(call, result)
    if isinstance(result, ScmRefusedError):
        raise result
    return result


def _trouble_from(call: Call, answer: Answer, said: Said | None) -> Trouble:
    words = f"HTTP {answer.status} {phrase_of(answer.status)}"
    login_refused = says_login_refused(answer, said)
    match verdict(answer.status):
        case Verdict.BUSY:
            words = _with_words(words, said)
            return Trouble(was_sent=False, words=words, retry_after=answer.retry_after, login_refused=login_refused)
        case Verdict.UNCLEAR:
            words = _with_words(words, said)
            return Trouble(was_sent=True, words=words, retry_after=answer.retry_after, login_refused=login_refused)
        case Verdict.ACCEPTED:
            words = f"{words}, yet with an error"
        case Verdict.REFUSED | Verdict.REDIRECTED if call.method != "HEAD":  # an answer to that has no words
            words = f"{words}, {NOT_SCM}"
    return Trouble(was_sent=True, words=_with_words(words, said), answered=True, login_refused=login_refused)


def _with_words(words: str, said: Said | None) -> str:
    return f"{words}: {said}" if said is not None and str(said) else words


def _error_from(call: Call, trouble: Trouble) -> ScmUnavailableError | ScmAnswerLostError:
    flag = trouble.login_refused
    if call.is_order and trouble.was_sent:
        text = f"SCM's answer to {call.operation} was lost, and it may have taken the order: {trouble.words}"
        return ScmAnswerLostError(call.operation, text, login_refused=flag)
    text = f"SCM is not available for {call.operation}: {trouble.words}"
    return ScmUnavailableError(call.operation, text, login_refused=flag, answered=trouble.answered)
