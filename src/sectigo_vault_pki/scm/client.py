"""Sends calls to SCM, repeats those that are safe to repeat, and classifies the answers."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import reduce
from http import HTTPStatus
from random import SystemRandom
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from sectigo_vault_pki.errors import ScmRefusedError
from sectigo_vault_pki.scm.account import ScmAccount
from sectigo_vault_pki.scm.breaker import Availability, Breaker, State, budget_in_force
from sectigo_vault_pki.scm.call import Answer, Call, Trouble
from sectigo_vault_pki.scm.codes import (
    ORGANIZATION,
    REVOKE,
    TYPES,
    Verdict,
    acknowledges,
    is_already_revoked,
    is_in_work,
    is_pending,
    says_done,
    verdict,
)
from sectigo_vault_pki.scm.exchange import Exchange, call_slots
from sectigo_vault_pki.scm.failures import (
    failure_from,
    is_bare,
    is_in_scms_shape,
    is_page,
    judged,
    refusal_within,
    said_in,
    unusable,
)
from sectigo_vault_pki.scm.login import CertificateLogin
from sectigo_vault_pki.scm.oauth2 import OAuth2Login
from sectigo_vault_pki.scm.redaction import Redactor
from sectigo_vault_pki.scm.results import Collected, Page, StillProcessing
from sectigo_vault_pki.scm.tokens import Tokens

V1, V2 = "v1", "v2"
"""SCM's words for its API's versions."""
ATTEMPTS = 3
LONGEST_PAUSE = 30.0
"""Seconds between two attempts."""

_FIRST_PAUSE = 0.5
_MINUTE = 60.0

_Model = TypeVar("_Model", bound=BaseModel)
_Read = TypeVar("_Read")


class ScmClient:
    """One account at SCM. Building it opens no connection; `aclose` ends the calls that wait for an answer.

    What every call may raise: `ScmRefusedError` (SCM said no), `ScmUnavailableError` (no useful answer; SCM took no
    order) and, if the call is an order, `ScmAnswerLostError` (SCM may have taken it).

    Attributes:
        org_id: the organization or department that orders.
        smime_version: of the API for client certificates; the API behind OAuth2 has the second only (scm-api.md 1).
    """

    def __init__(
        self,
        account: ScmAccount,
        slots: asyncio.Semaphore | None = None,
        tokens: Tokens | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] | None = None,
    ) -> None:
        """Prepare.

        Args:
            account: whose certificates are ordered.
            slots: what limits the calls at a time, shared by the clients of one login.
            tokens: of OAuth2 logins, shared by the clients of a mount.
            transport: what carries the calls; None: connections of its own.
            sleep: lets seconds pass between two attempts.
            now: the time in seconds, from any moment on; None: the running loop's.
        """
        self.org_id = account.org_id
        self.smime_version = V2 if isinstance(account.login, OAuth2Login) else V1
        self._tokens = Tokens() if tokens is None else tokens
        self._exchange = Exchange(account, slots or call_slots(), tokens=self._tokens, transport=transport)
        self._breaker = Breaker(now or _loop_time)
        self._sleep = sleep
        self._login = account.login
        self._base_url = account.base_url
        self._has_answered = False
        self._redactors: dict[SecretStr, Redactor] = {}
        self._api_version = account.api_version or (None if isinstance(account.login, OAuth2Login) else V1)
        self._probing = asyncio.Lock()
        self._last_failure = ""
        self._on_date: Callable[[datetime], None] | None = None

    @property
    def availability(self) -> Availability:
        """How SCM answers this account, as far as its calls tell."""
        state = self._breaker.state
        return Availability(state, "" if state is State.CLOSED else self._last_failure)

    def observe_dates(self, callback: Callable[[datetime], None] | None) -> None:
        """Have a function called with SCM's time, aware and in UTC, at once for each answer that brings it.

        What a proxy answers in SCM's place does not count. None: no more calls.
        """
        self._on_date = callback

    async def aclose(self) -> None:
        """Close the connections. Later calls raise `ScmUnavailableError`."""
        await self._exchange.aclose()

    def _redact(self, text: str) -> str:
        secrets = (*self._login.secrets, *self._tokens.secrets(self._base_url, self._login))
        self._redactors = {secret: self._redactors.get(secret) or Redactor(secret) for secret in secrets}
        for redact in self._redactors.values():
            text = redact(text)
        return text

    def _redactor_of(self, call: Call) -> Callable[[str], str]:
        own = [Redactor(secret) for secret in call.secrets]
        return lambda text: reduce(lambda shown, redact: redact(shown), own, self._redact(text))

    async def api_version(self) -> str:
        """Return the version of the API for SSL; where the account does not say it, what SCM has, asked once."""
        if self._api_version is None:
            async with self._probing:
                if self._api_version is None:
                    self._api_version = await self._asked_for_version()
        return self._api_version

    async def _asked_for_version(self) -> str:
        """Ask for what both versions have, in the newer one: only there may it be missing.

        Whether the login may read it does not matter: a refusal with another status comes from something that is there.
        """
        call = Call(TYPES, "GET", f"/api/ssl/{V2}/types", query={"organizationId": self.org_id})
        result = await self._sent(call)
        if isinstance(result, Answer) and result.status == HTTPStatus.NOT_FOUND:
            return V1
        try:
            answer = judged(call, result, self._redact)
        except ScmRefusedError as error:
            if error.login_refused:
                raise
            return V2
        if isinstance(answer, Trouble):
            raise failure_from(call, answer)
        return V2

    async def settled(self, call: Call) -> Answer:
        """Make a call until SCM accepts or refuses it, as often as that is harmless."""
        if call.is_order and isinstance(self._login, CertificateLogin) and not self._has_answered:
            await self._prove_certificate(call)
        attempt = 0
        while True:
            attempt += 1
            result = judged(call, await self._sent(call), self._redactor_of(call))
            if isinstance(result, Answer):
                return result
            is_harmless = not result.answered and not result.is_too_long and not (call.is_order and result.was_sent)
            pause = _pause_after(attempt, result.retry_after) if is_harmless else None
            if pause is None:
                raise failure_from(call, result)
            await self._sleep(pause)

    async def _prove_certificate(self, order: Call) -> None:
        """Make sure that SCM takes the client certificate before an order is sent.

        Where it does not, TLS 1.3 lets the order leave before the connection is cut, and it would count as lost.

        Raises:
            ScmUnavailableError: no order was sent.
        """
        result = await self._sent(Call(ORGANIZATION, "GET", "/api/organization/v1"))
        if isinstance(result, Trouble):
            reason = f"{result.reason}; check that SCM trusts the client certificate"
            raise failure_from(order, replace(result, was_sent=False, reason=reason))

    async def parsed(self, call: Call, model: type[_Model]) -> _Model:
        """Settle a call whose answer has to be of a certain shape."""
        return self._read(call, await self.settled(call), model.model_validate)

    async def named(self, call: Call, model: type[_Model], id_of: Callable[[_Model], int | None]) -> int | None:
        """Settle a call that SCM may also accept without naming what came of it; then there is None."""
        answer = await self.settled(call)
        if is_bare(answer):
            is_yes = True
        else:
            named = id_of(self._read(call, answer, model.model_validate))
            if named is not None:
                return named
            said = said_in(answer, self._redact)
            is_yes = said is not None and not said.is_error
        if not (is_yes and acknowledges(answer.status)):
            raise unusable(call, answer, self._redact)
        return None

    async def listed(self, call: Call, model: type[_Model], *, within: str | None = None) -> Page[_Model]:
        """Settle a call that is answered by a list, whose rows are read one by one.

        Only a list is one: no body, `null`, or an object around the rows says nothing of what SCM has. Where there is
        to be an object, one that says that it is about an error is a refusal, whatever rows it has.

        Args:
            call: the call.
            model: of a row.
            within: the name of the list in an object around it; None: there is no such object.
        """
        answer = await self.settled(call)
        if within is not None and (refusal := refusal_within(call, answer, self._redact)) is not None:
            raise refusal
        rows: list[_Model] = []
        unreadable = 0
        for value in self._read(call, answer, lambda body: _rows(body if within is None else _member(body, within))):
            try:
                rows.append(model.model_validate(value))
            except ValidationError:
                unreadable += 1
        return Page(tuple(rows), unreadable, answer.total)

    async def done(self, call: Call) -> None:
        """Settle a call that changes something and answers nothing: only the one status without a body says so."""
        answer = await self.settled(call)
        if not says_done(answer.status):
            raise unusable(call, answer, self._redactor_of(call))

    async def collected(self, call: Call) -> Collected | StillProcessing:
        """Ask once for a certificate; a caller that waits for it asks again."""
        result = await self._sent(call)
        pending = self._pending_in(result) if isinstance(result, Answer) else None
        if pending is not None:
            return pending
        answer = judged(call, result, self._redact)
        if isinstance(answer, Trouble):
            raise failure_from(call, answer)
        said = said_in(answer, self._redact)
        if is_page(answer) or (said is not None and said.description):
            raise unusable(call, answer, self._redact)
        return Collected(answer.body)

    async def revoked(self, path: str, reason: str, reason_code: int | None) -> None:
        """Revoke what a path names; one that was revoked before is as good.

        After a success that is not SCM's own the question is put once more: what took it says that it is done already.
        """
        code = {} if reason_code is None else {"reasonCode": reason_code}
        call = Call(REVOKE, "POST", path, body={"reason": reason, **code})
        try:
            if not says_done((await self.settled(call)).status):
                await self.done(call)
        except ScmRefusedError as error:
            if not is_already_revoked(error.operation, error.code):
                raise

    def _read(self, call: Call, answer: Answer, read: Callable[[Any], _Read]) -> _Read:
        try:
            return read(answer.json())
        except ValueError:  # also what pydantic raises
            raise unusable(call, answer, self._redact) from None

    def _pending_in(self, answer: Answer) -> StillProcessing | None:
        """Read "not yet", which comes as an error of any status, or as an empty success (scm-api.md 3.4)."""
        if verdict(answer.status) is Verdict.ACCEPTED and not answer.body.strip():
            return StillProcessing(code=None, description="", says_so=False)
        said = said_in(answer, self._redact) if is_in_scms_shape(answer) else None
        if said is None or said.code is None or not is_pending(said.code):
            return None
        return StillProcessing(code=said.code, description=said.description, says_so=is_in_work(said.code))

    async def _sent(self, call: Call) -> Answer | Trouble:
        """Make one call, once, unless it is held back."""
        held_back = self._held_back()
        if held_back is not None:
            return held_back
        try:
            result = await self._exchange.send(call)
        except BaseException:
            self._breaker.abandoned()
            raise
        self._learn_from(call, result)
        return result

    def _held_back(self) -> Trouble | None:
        """Return why no call may be made now; SCM has certainly taken nothing then."""
        if held := self._breaker.held():
            reason = f"it asks to be left alone for {math.ceil(held)} s more ({self._last_failure})"
            return Trouble(was_sent=False, reason=reason, retry_after=held)
        budget = budget_in_force()
        if budget is not None and not budget.left:
            reason = "the background work has made its calls of this minute"
            return Trouble(was_sent=False, reason=reason, retry_after=_MINUTE)
        wait = self._breaker.refuses()
        if wait is not None:
            reason = (
                f"it has not answered for a while and is left alone for {math.ceil(wait)} s more ({self._last_failure})"
            )
            return Trouble(was_sent=False, reason=reason)
        if budget is not None:
            budget.count()
        return None

    def _learn_from(self, call: Call, result: Answer | Trouble) -> None:
        if isinstance(result, Trouble) and result.refusal is not None:  # the call itself was not made
            self._breaker.abandoned()
            return
        is_scms = isinstance(result, Answer) and _is_scms(result)
        if isinstance(result, Answer) and is_scms and result.date is not None and self._on_date is not None:
            self._on_date(result.date)
        is_too_long = isinstance(result, Trouble) and result.is_too_long
        self._has_answered = self._has_answered or is_scms
        if is_scms or is_too_long or (isinstance(result, Answer) and _is_refused_without_a_body(call, result)):
            self._breaker.answered()
        else:
            self._last_failure = result.reason if isinstance(result, Trouble) else f"HTTP {result.status}"
            self._breaker.failed()
            self._breaker.hold(result.retry_after or 0.0)


def _rows(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("no list")  # noqa: TRY004 - as pydantic's errors are
    return value


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 - as pydantic's errors are
    return value.get(name)


def _is_scms(answer: Answer) -> bool:
    """Whether it is SCM that answers, not what stands in for it: a yes that is no page, or an error in its shape."""
    if verdict(answer.status) is Verdict.ACCEPTED:
        return not is_page(answer)
    return is_in_scms_shape(answer)


def _is_refused_without_a_body(call: Call, answer: Answer) -> bool:
    return call.method == "HEAD" and verdict(answer.status) is Verdict.REFUSED


def _pause_after(attempt: int, retry_after: float | None) -> float | None:
    """Return the seconds to wait after attempt number 1, 2 and so on; None if there is no other one.

    Doubles from attempt to attempt. Jitter sees to it that clients which failed together do not come back together.
    SCM may ask for a pause; one that is longer than anybody waits ends the attempts.
    """
    if attempt >= ATTEMPTS:
        return None
    if retry_after is not None:
        return None if retry_after > LONGEST_PAUSE else retry_after * SystemRandom().uniform(1.0, 1.1)
    ceiling = _FIRST_PAUSE * 2 ** (attempt - 1)
    return SystemRandom().uniform(ceiling / 2, ceiling)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
