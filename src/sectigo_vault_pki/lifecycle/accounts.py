"""SCM's accounts: clients that are kept, and pauses after a refused login, as SCM locks an account after a few."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias
from weakref import WeakValueDictionary

from sectigo_vault_pki.clock import Clock
from sectigo_vault_pki.errors import InvalidInputError, RecordError, ScmError, ScmRefusedError
from sectigo_vault_pki.lifecycle.held import Entry, Held, account_of
from sectigo_vault_pki.lifecycle.rules.backoff import LAST_RETRY, is_in_force, pause_after
from sectigo_vault_pki.lifecycle.rules.renewal_rule import Hold, clocks_apart, shown_time
from sectigo_vault_pki.scm import Availability, BreakerState, Login, ScmAccount, ScmClient, Tokens, call_slots
from sectigo_vault_pki.store import ConfigRecord, LoginPause, Repository, StorageError

_log = logging.getLogger(__name__)

PROBE_TIME = timedelta(minutes=1)
"""How long the first caller after a pause has for its call, before another may make one."""

ClientFactory: TypeAlias = Callable[[ScmAccount, asyncio.Semaphore, Tokens], ScmClient]
"""Builds a client whose calls take their place among those of its login, and share the login's token."""


TIME_COUNTS_FOR = timedelta(hours=48)
"""How long SCM's word that the clocks agree is believed: a clock that has jumped further away since then has not."""
ASK_THE_TIME_AGAIN = 60.0
"""Seconds after which one caller finds out whether the clocks agree again."""

LoginKey: TypeAlias = tuple[str, str, Login]
"""Base URL, customer URI and login: another password is another login."""


@dataclass(slots=True)
class _Pause:
    """A pause of one login.

    Attributes:
        stored_for: the config entries for which it is stored.
        probe_until: the end of the time that the first caller after the pause has for its call.
    """

    pause: LoginPause
    stored_for: set[str] = field(default_factory=set)
    probe_until: datetime | None = None


class LoginPauses:
    """Knows which logins SCM has refused.

    Args:
        repository: keeps the pauses, for each config entry.
        clock: the time of day.
    """

    def __init__(self, repository: Repository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._pauses: dict[LoginKey, _Pause] = {}
        self._is_read = False
        self._reading = asyncio.Lock()

    async def until(self, account: ScmAccount) -> datetime | None:
        """Return until when nothing is asked automatically; None: now, and by one caller only after a pause."""
        now = self._clock.now()
        await self._read_once()
        paused = self._pauses.get(login_key(account))
        if paused is None:
            return None
        if is_in_force(paused.pause.retry_at, now, longest=LAST_RETRY):
            return paused.pause.retry_at
        if paused.probe_until is not None and is_in_force(paused.probe_until, now, longest=PROBE_TIME):
            return paused.probe_until
        paused.probe_until = now + PROBE_TIME
        return None

    def known_until(self, account: ScmAccount) -> datetime | None:
        """Return until when the pause lasts that this process knows of; for reports, without reading storage."""
        paused = self._pauses.get(login_key(account))
        if paused is None or not is_in_force(paused.pause.retry_at, self._clock.now(), longest=LAST_RETRY):
            return None
        return paused.pause.retry_at

    async def refused(self, config_name: str, account: ScmAccount) -> None:
        """Note that SCM refused the login: a pause begins, twice as long as the one before. One in force goes on."""
        await self._try_to_read()
        now, login = self._clock.now(), login_key(account)
        if await self._is_outdated(config_name, login):
            return
        paused = self._pauses.get(login)
        if paused is not None and is_in_force(paused.pause.retry_at, now, longest=LAST_RETRY):
            return
        times = 1 if paused is None else paused.pause.times + 1
        pause = LoginPause(times=times, retry_at=now + pause_after(times))
        stored_for = set() if paused is None else paused.stored_for
        self._pauses[login] = _Pause(pause, stored_for | {config_name})
        _log.warning(
            "SCM refuses the login: nothing is asked automatically for a while",
            extra={"kv": {"config": config_name, "user": account.login.name[0], "until": pause.retry_at.isoformat()}},
        )
        try:
            await self._repository.put_login_pause(config_name, pause)
        except StorageError as error:
            _log.warning("a refused login could not be noted", extra={"kv": {"config": config_name, "error": error}})

    async def _is_outdated(self, config_name: str, login: LoginKey) -> bool:
        """Whether the entry has got another login while a call was under way."""
        try:
            config = await self._repository.config(config_name)
            return config is not None and login_key(account_of(config)) != login
        except (RecordError, InvalidInputError, StorageError):
            return False

    async def accepted(self, account: ScmAccount) -> None:
        """Note that SCM took the login."""
        await self._forget(login_key(account))

    async def written(self, config_name: str, account: ScmAccount) -> None:
        """End the pause of a login that was written anew, and whatever is stored for the entry."""
        await self._forget(login_key(account))
        for paused in self._pauses.values():
            paused.stored_for.discard(config_name)
        await self._forget_stored(config_name)

    async def _forget(self, login: LoginKey) -> None:
        await self._try_to_read()
        paused = self._pauses.pop(login, None)
        for config_name in () if paused is None else paused.stored_for:
            await self._forget_stored(config_name)

    async def _forget_stored(self, config_name: str) -> None:
        try:
            await self._repository.delete_login_pause(config_name)
        except StorageError as error:
            _log.warning("a login's pause could not be ended", extra={"kv": {"config": config_name, "error": error}})

    async def _try_to_read(self) -> None:
        """Read, but let no failure of storage stand in the place of what SCM has answered."""
        try:
            await self._read_once()
        except StorageError as error:
            _log.warning("the pauses of refused logins could not be read", extra={"kv": {"error": error}})

    async def _read_once(self) -> None:
        """Take up the pauses that an earlier process has left.

        Raises:
            StorageError: they are read the next time.
        """
        if self._is_read:
            return
        async with self._reading:
            for config_name in await self._repository.paused_logins():
                try:
                    stored = await self._repository.login_pause(config_name)
                    config = await self._repository.config(config_name)
                    login = None if config is None else login_key(account_of(config))
                except (RecordError, InvalidInputError):  # `status` names a damaged entry; a damaged pause is none
                    continue
                if stored is not None and login is not None:
                    self._take_up(config_name, login, stored)
            self._is_read = True

    def _take_up(self, config_name: str, login: LoginKey, stored: LoginPause) -> None:
        paused = self._pauses.setdefault(login, _Pause(stored))
        paused.stored_for.add(config_name)
        if stored.retry_at > paused.pause.retry_at:
            paused.pause = stored


def login_key(account: ScmAccount) -> LoginKey:
    """Return what SCM knows an account by, and its password: another one is another login."""
    return (account.base_url, account.customer_uri, account.login)


@dataclass(slots=True)
class _SeenClock:
    """By how much the plugin's clock was ahead of an SCM's, and the loop's time and SCM's when they were compared."""

    difference: timedelta
    at: float
    date: datetime


@dataclass(frozen=True, slots=True)
class CallFailure:
    """A call, or some calls for one thing, that failed.

    Attributes:
        unique_id: the certificate that it was about; empty where it was about none.
        code: SCM's, where it gave one.
        error: what went wrong, for users.
    """

    at: datetime
    unique_id: str
    code: int | None
    error: str


@dataclass(slots=True)
class CallOutcomes:
    """How the calls of a config entry ended last, since the process started."""

    succeeded_at: datetime | None = None
    failure: CallFailure | None = None

    @property
    def failed_at(self) -> datetime | None:
        return None if self.failure is None else self.failure.at


@dataclass(slots=True)
class _Lent:
    account: ScmAccount
    client: ScmClient
    users: int = 0
    retired: bool = False


class ScmClients:
    """Lends clients; one that is no longer wanted is closed when its last call has ended.

    Args:
        factory: builds them.
        pauses: hears which logins SCM takes and refuses.
        clock: compared with the time that SCM tells with each answer (RFC 9110 6.6.1).
    """

    def __init__(self, factory: ClientFactory, pauses: LoginPauses, clock: Clock) -> None:
        self._factory = factory
        self._pauses = pauses
        self._clock = clock
        self._tokens = Tokens()
        self._settled: Callable[[Entry], Awaitable[Entry]] | None = None
        self._seen_clocks: dict[str, _SeenClock] = {}
        self._by_config: dict[str, _Lent] = {}
        self._outcomes: dict[str, CallOutcomes] = {}
        self._slots: WeakValueDictionary[tuple[str, ...], asyncio.Semaphore] = WeakValueDictionary()

    def settle_first(self, settled: Callable[[Entry], Awaitable[Entry]]) -> None:
        """Have an entry with two passwords go through a function before its client is lent."""
        self._settled = settled

    @asynccontextmanager
    async def alone(self, entry: Entry) -> AsyncIterator[ScmClient]:
        """Lend a client of its own for an entry whose password is being found out."""
        account = account_of(entry.config)
        client = self._factory(account, self._slots.setdefault(account.login_at_scm, call_slots()), self._tokens)
        try:
            yield client
        finally:
            await client.aclose()

    @asynccontextmanager
    async def lend(self, entry: Entry) -> AsyncIterator[ScmClient]:
        """Lend the client of a config entry for some calls."""
        entry = await self._with_one_password(entry)
        lent = await self._current(entry.config_name, account_of(entry.config))
        lent.users += 1
        try:
            yield lent.client
        except ScmError as error:
            self._note_failure(entry, error)
            if error.login_refused:
                await self._pauses.refused(entry.config_name, lent.account)
            raise
        else:
            self.outcomes(entry.config_name).succeeded_at = self._clock.now()
            await self._pauses.accepted(lent.account)
        finally:
            lent.users -= 1
            if lent.retired and not lent.users:
                await lent.client.aclose()

    def outcomes(self, config_name: str) -> CallOutcomes:
        """Return how the calls of a config entry ended last."""
        return self._outcomes.setdefault(config_name, CallOutcomes())

    def _note_failure(self, entry: Entry, error: ScmError) -> None:
        unique_id = entry.record.unique_id if isinstance(entry, Held) else ""
        code = error.code if isinstance(error, ScmRefusedError) else None
        self.outcomes(entry.config_name).failure = CallFailure(self._clock.now(), unique_id, code, str(error))

    async def login_refused(self, entry: Entry) -> None:
        """Note a refused login that was not noted when it came."""
        await self._pauses.refused(entry.config_name, account_of(entry.config))

    async def _with_one_password(self, entry: Entry) -> Entry:
        if self._settled is None or entry.config.next_password is None:
            return entry
        try:
            return await self._settled(entry)
        except ScmError as error:
            if error.login_refused:
                await self._pauses.refused(entry.config_name, account_of(entry.config))
            raise

    def availability(self, config_name: str) -> Availability:
        """Return how SCM answers a config entry's calls; one that made none is answered as far as anybody knows."""
        lent = self._by_config.get(config_name)
        return Availability(BreakerState.CLOSED, "") if lent is None else lent.client.availability

    def is_answered(self, config_name: str) -> bool:
        """Whether SCM answers the config entry's calls, as far as they tell."""
        return self.availability(config_name).breaker is BreakerState.CLOSED

    async def login_hold(self, entry: Entry) -> Hold | None:
        """Return why SCM must not be asked automatically; None: it may, and after a pause by one caller only."""
        until = await self._pauses.until(account_of(entry.config))
        if until is None:
            return None
        return Hold(
            f"SCM refused the login of config entry {entry.config_name}: it is tried again at {shown_time(until)}",
            until,
        )

    def login_refused_until(self, config: ConfigRecord) -> datetime | None:
        """Return how long the entry's login is not tried automatically, as far as this process knows."""
        return self._pauses.known_until(account_of(config))

    async def login_written(self, config_name: str, config: ConfigRecord) -> None:
        """Let a login that was written anew be tried at once."""
        await self._pauses.written(config_name, account_of(config))

    def clock_difference(self, config: ConfigRecord) -> timedelta | None:
        """Return by how much the plugin's clock was ahead of SCM's when it was told last."""
        seen = self._seen_clocks.get(config.base_url)
        return None if seen is None else seen.difference

    def is_clock_right(self, config: ConfigRecord | None = None) -> bool:
        """Whether SCM has told of late that the plugin's clock agrees with its own; without its word nobody knows.

        Args:
            config: a config entry, whose SCM's word counts most; None, or one that has told nothing: any SCM's.
        """
        own = None if config is None else self._seen_clocks.get(config.base_url)
        told = self._seen_clocks.values() if own is None else (own,)
        now = self._clock.now()
        return any(clocks_apart(seen.difference) is None and abs(now - seen.date) <= TIME_COUNTS_FOR for seen in told)

    def clock_hold(self, config: ConfigRecord) -> Hold | None:
        """Return why nothing may be renewed automatically; None lets one caller pass now and then, to find out."""
        apart, now = clocks_apart(self.clock_difference(config)), asyncio.get_running_loop().time()
        if apart is None or now - self._seen_clocks[config.base_url].at < ASK_THE_TIME_AGAIN:
            return apart
        self._seen_clocks[config.base_url].at = now
        return None

    def _told_the_time(self, base_url: str, date: datetime) -> None:
        seen = self._seen_clocks.get(base_url)
        before = clocks_apart(None if seen is None else seen.difference)
        difference = self._clock.now() - date
        self._seen_clocks[base_url] = _SeenClock(difference, asyncio.get_running_loop().time(), date)
        if (before is None) is not ((apart := clocks_apart(difference)) is None):
            message = "the plugin's clock and SCM's agree again" if apart is None else apart.reason
            _log.warning(message, extra={"kv": {"scm": base_url, "scm_time": date.isoformat()}})

    async def drop(self, config_name: str) -> None:
        """Forget the client of a config entry that was changed or deleted."""
        self._outcomes.pop(config_name, None)
        lent = self._by_config.pop(config_name, None)
        if lent is None:
            return
        lent.retired = True
        if not lent.users:
            await lent.client.aclose()

    async def aclose(self) -> None:
        for config_name in list(self._by_config):
            await self.drop(config_name)

    async def _current(self, config_name: str, account: ScmAccount) -> _Lent:
        lent = self._by_config.get(config_name)
        if lent is None or lent.account != account:
            if lent is not None:
                await self.drop(config_name)
            slots = self._slots.setdefault(account.login_at_scm, call_slots())
            client = self._factory(account, slots, self._tokens)
            client.observe_dates(lambda date: self._told_the_time(account.base_url, date))
            lent = self._by_config[config_name] = _Lent(account, client)
        return lent
