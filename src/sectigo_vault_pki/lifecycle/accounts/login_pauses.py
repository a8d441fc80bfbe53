"""After SCM refuses a login, nothing is asked automatically for a while: accounts are locked after a few attempts.

One pause for all config entries with the same login. It survives a restart, and ends when the login is written anew or
SCM takes it again. Requests of users are not held back: they are how somebody finds out that it works again.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from pydantic import SecretStr

from sectigo_vault_pki.clock import Clock
from sectigo_vault_pki.errors import InvalidInputError, RecordError
from sectigo_vault_pki.lifecycle.held import account_of
from sectigo_vault_pki.lifecycle.rules.backoff import LAST_RETRY, is_in_force, pause_after
from sectigo_vault_pki.scm import ScmAccount
from sectigo_vault_pki.store import LoginPause, Repository, StorageError

_log = logging.getLogger(__name__)

PROBE_TIME = timedelta(minutes=1)
"""How long whoever asks first after a pause has, until another may."""

Login: TypeAlias = tuple[str, str, str, SecretStr]


@dataclass(slots=True)
class _Pause:
    """A pause of one login.

    Attributes:
        stored_for: the config entries for which it is stored.
        probe_until: until when whoever asked first behind it may take to find out.
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
        self._pauses: dict[Login, _Pause] = {}
        self._is_read = False
        self._reading = asyncio.Lock()

    async def until(self, account: ScmAccount) -> datetime | None:
        """Return until when nothing is asked automatically; None: now, and by one caller only after a pause."""
        now = self._clock.now()
        await self._read_once()
        paused = self._pauses.get(login_of(account))
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
        paused = self._pauses.get(login_of(account))
        if paused is None or not is_in_force(paused.pause.retry_at, self._clock.now(), longest=LAST_RETRY):
            return None
        return paused.pause.retry_at

    async def refused(self, config_name: str, account: ScmAccount) -> None:
        """Note that SCM refused the login: a pause begins, twice as long as the one before. One in force goes on."""
        await self._try_to_read()
        now, login = self._clock.now(), login_of(account)
        paused = self._pauses.get(login)
        if paused is not None and is_in_force(paused.pause.retry_at, now, longest=LAST_RETRY):
            return
        times = 1 if paused is None else paused.pause.times + 1
        pause = LoginPause(times=times, retry_at=now + pause_after(times))
        stored_for = set() if paused is None else paused.stored_for
        self._pauses[login] = _Pause(pause, stored_for | {config_name})
        _log.warning(
            "SCM refuses the login: nothing is asked automatically for a while",
            extra={"kv": {"config": config_name, "user": account.login, "until": pause.retry_at.isoformat()}},
        )
        try:
            await self._repository.put_login_pause(config_name, pause)
        except StorageError as error:
            _log.warning("a refused login could not be noted", extra={"kv": {"config": config_name, "error": error}})

    async def accepted(self, account: ScmAccount) -> None:
        """Note that SCM took the login."""
        await self._forget(login_of(account))

    async def written(self, config_name: str, account: ScmAccount) -> None:
        """End the pause of a login that was written anew, and whatever is stored for the entry."""
        await self._forget(login_of(account))
        for paused in self._pauses.values():
            paused.stored_for.discard(config_name)
        await self._forget_stored(config_name)

    async def _forget(self, login: Login) -> None:
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
                    login = None if config is None else login_of(account_of(config))
                except (RecordError, InvalidInputError):  # `status` names a damaged entry; a damaged pause is none
                    continue
                if stored is not None and login is not None:
                    self._take_up(config_name, login, stored)
            self._is_read = True

    def _take_up(self, config_name: str, login: Login, stored: LoginPause) -> None:
        paused = self._pauses.setdefault(login, _Pause(stored))
        paused.stored_for.add(config_name)
        if stored.retry_at > paused.pause.retry_at:
            paused.pause = stored


def login_of(account: ScmAccount) -> Login:
    """Return what SCM knows an account by, and its password: another one is another login."""
    return (*account.login_at_scm, account.password)
