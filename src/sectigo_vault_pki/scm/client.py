"""SCM's REST API with header login."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import httpx

from sectigo_vault_pki.scm import client_orders, models, ssl_orders
from sectigo_vault_pki.scm.account import ScmAccount
from sectigo_vault_pki.scm.breaker import Breaker
from sectigo_vault_pki.scm.client_orders import ClientAccepted, ClientOrder, ClientRenewed, ClientRow
from sectigo_vault_pki.scm.driver import Driver
from sectigo_vault_pki.scm.exchange import Exchange, call_slots
from sectigo_vault_pki.scm.guarded import Availability, GuardedExchange
from sectigo_vault_pki.scm.outcomes import Collected, Page, Revoked, StillProcessing
from sectigo_vault_pki.scm.redaction import Redactor
from sectigo_vault_pki.scm.ssl_orders import SslAccepted, SslDetails, SslOrder, SslProfile, SslRenewed, SslRow


class ScmClient:
    """One account at SCM. Building it opens no connection; `aclose` ends the calls that wait for an answer.

    What every call may raise: `ScmRefusedError` (SCM said no) and `ScmUnavailableError` (no useful answer). Of those,
    an order raises the second only where SCM certainly took nothing; otherwise it raises `ScmAnswerLostError`.
    """

    def __init__(
        self,
        account: ScmAccount,
        slots: asyncio.Semaphore | None = None,
        *,
        login: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] | None = None,
    ) -> None:
        """Prepare.

        Args:
            account: whose certificates are ordered.
            slots: what limits the calls at a time, shared by the clients of one login.
            login: how the account logs in; None: as its fields say.
            transport: what carries the calls; None: connections of its own.
            sleep: lets seconds pass between two attempts.
            now: the time in seconds, from any moment on; None: the running loop's.
        """
        self._account = account
        self._exchange = Exchange(account, slots or call_slots(), login=login, transport=transport)
        self._guarded = GuardedExchange(self._exchange, Breaker(now or _loop_time))
        self._driver = Driver(self._guarded, sleep, Redactor(account.password))

    @property
    def availability(self) -> Availability:
        """How SCM answers this account."""
        return self._guarded.availability

    def observe_dates(self, callback: Callable[[datetime], None] | None) -> None:
        """Have a function called with SCM's time, aware and in UTC, at once for each answer that brings it.

        What a proxy answers in SCM's place does not count. None: no more calls.
        """
        self._guarded.observe_dates(callback)

    async def aclose(self) -> None:
        """Close the connections. Later calls raise `ScmUnavailableError`."""
        await self._exchange.aclose()

    async def enroll_ssl(self, order: SslOrder) -> SslAccepted:
        """Place an order, which SCM books anew each time. Sent again only where nothing was taken.

        Takes up to 300 s, or the account's limit where that is longer.

        Raises:
            ScmRefusedError: nothing was ordered.
            ScmUnavailableError: nothing was ordered: not connected, or HTTP 429, several times.
            ScmAnswerLostError: SCM may have taken the order.
        """
        call = ssl_orders.enroll_call(order, self._account.org_id)
        return ssl_orders.accepted_from(await self._driver.parsed(call, models.ENROLL_ANSWER))

    async def collect_ssl(self, ssl_id: int) -> Collected | StillProcessing:
        """Ask once for a certificate and its whole chain.

        Raises:
            ScmRefusedError: it will not come.
            ScmUnavailableError: no useful answer; asked again, there may be one.
        """
        return await self._driver.collected(ssl_orders.collect_call(ssl_id))

    async def renew_ssl(self, ssl_id: int, *, csr: str | None) -> SslRenewed:
        """Order a successor with an id of its own; the renewed certificate stays valid.

        Without a CSR, SCM uses the first order's again, and so its key. Sent and limited in time as `enroll_ssl` is.

        Raises:
            ScmRefusedError, ScmUnavailableError: nothing was ordered.
            ScmAnswerLostError: SCM may have taken the order.
        """
        answer = await self._driver.parsed_if_named(
            ssl_orders.renew_call(ssl_id, csr), models.RENEW_ANSWER, lambda answer: answer.ssl_id is not None
        )
        return ssl_orders.renewed_from(answer, ssl_id)

    async def replace_ssl(
        self, ssl_id: int, *, csr: str, reason: str, common_name: str | None, subject_alt_names: tuple[str, ...]
    ) -> None:
        """Have a certificate issued anew under the same id, for the CSR's key; until then SCM may hand out the old one.

        What is empty or None is not sent. Sent and limited in time as `enroll_ssl` is.

        Args:
            ssl_id: of an issued certificate.
            csr: PEM.
            reason: 1 to 512 characters.
            common_name: at most 64 characters.
            subject_alt_names: SCM takes these and overlooks those in the CSR.

        Raises:
            ScmRefusedError, ScmUnavailableError: nothing was ordered.
            ScmAnswerLostError: SCM may have taken the order.
        """
        call = ssl_orders.replace_call(
            ssl_id, csr=csr, reason=reason, common_name=common_name, subject_alt_names=subject_alt_names
        )
        await self._driver.done(call)

    async def revoke_ssl(self, ssl_id: int, *, reason: str, reason_code: int | None) -> Revoked:
        """Revoke a certificate; asked several times, it happens once.

        Args:
            ssl_id: of an issued certificate.
            reason: 1 to 512 characters.
            reason_code: of RFC 5280 5.3.1; SCM takes 0, 1, 3, 4 and 5.

        Raises:
            ScmRefusedError: it is not revoked.
            ScmUnavailableError: it may be revoked or not; asking again does no harm.
        """
        return await self._driver.revoked(ssl_orders.revoke_call(ssl_id, reason, reason_code))

    async def list_ssl(self, *, common_name: str, size: int = 200, position: int = 0) -> Page[SslRow]:
        """List the entries of a common name: at most `size` (SCM's limit is 200) from `position` on.

        Raises:
            ScmRefusedError, ScmUnavailableError
        """
        call = ssl_orders.list_call(common_name, size, position)
        return await self._driver.listed(call, models.LIST_ROW, ssl_orders.row_from)

    async def list_ssl_by_status(self, status: str, *, size: int = 200, position: int = 0) -> Page[SslRow]:
        """List the organization's entries in a status: at most `size` (SCM's limit is 200) from `position` on.

        Raises:
            ScmRefusedError, ScmUnavailableError
        """
        call = ssl_orders.status_list_call(status, self._account.org_id, size, position)
        return await self._driver.listed(call, models.LIST_ROW, ssl_orders.row_from)

    async def count_ssl_by_status(self, status: str) -> int | None:
        """Count the organization's entries in a status; None where SCM does not tell.

        Raises:
            ScmRefusedError, ScmUnavailableError
        """
        return (await self._driver.settled(ssl_orders.status_count_call(status, self._account.org_id))).total

    async def ssl_details(self, ssl_id: int) -> SslDetails:
        """Tell what SCM knows of one entry.

        Raises:
            ScmRefusedError, ScmUnavailableError
        """
        answer = await self._driver.parsed(ssl_orders.details_call(ssl_id), models.DETAILS_ANSWER)
        return ssl_orders.details_from(answer)

    async def ssl_profiles(self) -> Page[SslProfile]:
        """List the certificate profiles that the organization may order; SCM may name one twice.

        Raises:
            ScmRefusedError, ScmUnavailableError
        """
        call = ssl_orders.profiles_call(self._account.org_id)
        return await self._driver.listed(call, models.PROFILE_ROW, ssl_orders.profile_from)

    async def enroll_client(self, order: ClientOrder) -> ClientAccepted:
        """Place an order for a person's certificate. Sent and limited in time as `enroll_ssl` is.

        Raises:
            ScmRefusedError, ScmUnavailableError: nothing was ordered.
            ScmAnswerLostError: SCM may have taken the order.
        """
        call = client_orders.enroll_call(order, self._account.org_id)
        return client_orders.accepted_from(await self._driver.parsed(call, models.CLIENT_ENROLL_ANSWER))

    async def collect_client(self, order_number: int) -> Collected | StillProcessing:
        """Ask once for a certificate and its whole chain.

        Raises:
            ScmRefusedError: it will not come.
            ScmUnavailableError: no useful answer; asked again, there may be one.
        """
        return await self._driver.collected(client_orders.collect_call(order_number))

    async def renew_client(self, order_number: int) -> ClientRenewed:
        """Order a successor for the same key with a number of its own; the renewed certificate stays valid.

        Sent and limited in time as `enroll_ssl` is.

        Raises:
            ScmRefusedError, ScmUnavailableError: nothing was ordered.
            ScmAnswerLostError: SCM may have taken the order.
        """
        call = client_orders.renew_call(order_number)
        answer = await self._driver.parsed_if_named(
            call, models.CLIENT_RENEW_ANSWER, lambda answer: answer.order_number is not None
        )
        return client_orders.renewed_from(answer, order_number)

    async def replace_client(self, order_number: int, *, csr: str, reason: str, revoke: bool) -> None:
        """Have a certificate issued anew under the same number, for the CSR's key.

        Until that is done, SCM may hand out the old one. Sent and limited in time as `enroll_ssl` is.

        Args:
            order_number: of an issued certificate.
            csr: PEM.
            reason: at most 512 characters.
            revoke: whether the certificate at hand is revoked.

        Raises:
            ScmRefusedError, ScmUnavailableError: nothing was ordered.
            ScmAnswerLostError: SCM may have taken the order.
        """
        await self._driver.done(client_orders.replace_call(order_number, csr=csr, reason=reason, revoke=revoke))

    async def revoke_client(self, order_number: int, *, reason: str, reason_code: int | None) -> Revoked:
        """Revoke a certificate; asked several times, it happens once.

        Args:
            order_number: of an issued certificate.
            reason: at most 512 characters.
            reason_code: of RFC 5280 5.3.1; SCM takes 0, 1, 3, 4 and 5.

        Raises:
            ScmRefusedError: it is not revoked.
            ScmUnavailableError: it may be revoked or not; asking again does no harm.
        """
        return await self._driver.revoked(client_orders.revoke_call(order_number, reason, reason_code))

    async def list_client(self, *, email: str, size: int = 200, position: int = 0) -> Page[ClientRow]:
        """List a person's entries: at most `size` (SCM's limit is 200) from `position` on.

        Raises:
            ScmRefusedError, ScmUnavailableError
        """
        call = client_orders.list_call(email, size, position)
        return await self._driver.listed(call, models.CLIENT_LIST_ROW, client_orders.row_from)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
