"""Giving the API user a new password at SCM, so that a crash at any point locks nobody out.

The new password is stored beside the old one before SCM is asked, with every config entry that logs in as that user.
The old one is dropped once SCM takes the new one, and the new one only when SCM can no longer put it in force. Whatever
interrupts this, the next call to SCM, of any of those entries, finds out first which of the two is in force.
"""

import logging
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from pydantic import SecretStr

from sectigo_vault_pki.errors import (
    ConflictError,
    InvalidInputError,
    RecordError,
    ScmAnswerLostError,
    ScmRefusedError,
)
from sectigo_vault_pki.lifecycle.accounts import login_key
from sectigo_vault_pki.lifecycle.held import Entry, account_of
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.backoff import is_in_force
from sectigo_vault_pki.scm import PasswordLogin, change_password, organization

_log = logging.getLogger(__name__)

CARRIED_OUT_WITHIN = timedelta(minutes=10)
"""How long after a lost answer SCM may still put the new password in force, as it may take an order so late."""
_NONE_OPEN: Mapping[str, None] = MappingProxyType({"next_password": None, "next_password_until": None})

LENGTH = 32
_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!#")
"""What password rules ask one each of; no character here needs an escape in a header or in JSON."""


class PasswordRotation:
    """Changes passwords, and settles changes that were interrupted."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def rotate(self, config_name: str) -> Sequence[str]:
        """Give the entry's API user a new random password, and return the entries that have it now.

        Raises:
            UnknownConfigError: there is no such entry.
            InvalidInputError: it does not log in by a password.
            ScmRefusedError, ScmUnavailableError: the old password is in force.
            ConflictError: SCM's answer was lost, now or some minutes ago: either password may be in force.
        """
        return await self._resources.tasks.finish(self._rotate(config_name))

    async def settled(self, entry: Entry) -> Entry:
        """Return a config entry with the one password that is in force, after finding that out where it is open.

        Raises:
            ScmRefusedError: SCM takes neither.
            ScmUnavailableError: SCM does not tell.
        """
        if entry.config.next_password is None:
            return entry
        return await self._resources.tasks.finish(self._settled(entry))

    async def _rotate(self, config_name: str) -> Sequence[str]:
        entry = await self._resources.entry(config_name)
        login_at_scm = account_of(entry.config).login_at_scm
        async with self._resources.locks.hold("password", *login_at_scm):
            await self._settle_all(login_at_scm)  # an open rotation must not be written over
            entry = await self._resources.entry(config_name)
            login, new_password = account_of(entry.config).login, SecretStr(new_random_password())
            if not isinstance(login, PasswordLogin):
                raise InvalidInputError(f'config entry "{config_name}" does not log in by a password')
            names = await self._entries_like(entry)
            until = self._resources.clock.now() + CARRIED_OUT_WITHIN
            await self._change(names, entry, {"next_password": new_password, "next_password_until": until})
            try:
                async with self._resources.clients.alone(entry) as client:
                    await change_password(client, new_password.get_secret_value())
            except ScmAnswerLostError as error:
                raise ConflictError(
                    f"{error}; both passwords are stored, and the next call finds out which one is in force"
                ) from None
            except Exception:
                await self._change(names, entry, _NONE_OPEN)
                raise
            refusal = await self._refusal(entry, new_password)
            if refusal is not None and refusal.login_refused:
                raise refusal
            await self._change(names, entry, {"password": new_password, **_NONE_OPEN})
            _log.info("the API user has a new password", extra={"kv": {"configs": names, "user": login.name[0]}})
            return names

    async def _settled(self, entry: Entry) -> Entry:
        async with self._resources.locks.hold("password", *account_of(entry.config).login_at_scm):
            return await self._with_one_password(await self._resources.entry(entry.config_name))

    async def _settle_all(self, login_at_scm: tuple[str, ...]) -> None:
        """Settle what is open at a login, with whatever password: a crash may have come between two entries.

        Raises:
            ConflictError: SCM may still carry out an earlier change.
            ScmRefusedError, ScmUnavailableError: SCM does not tell.
        """
        for entry in await self._entries_at(login_at_scm):
            if entry.config.next_password is None:
                continue
            try:
                await self._with_one_password(entry)
            except ScmRefusedError as error:
                if not error.login_refused:
                    raise
                continue  # neither is in force, so that nothing can be lost
            if (await self._resources.entry(entry.config_name)).config.next_password is not None:
                raise ConflictError(
                    "the answer to an earlier change of this password was lost, and SCM may still carry it out: try "
                    f"again in {CARRIED_OUT_WITHIN // timedelta(minutes=1)} minutes"
                )

    async def _with_one_password(self, entry: Entry) -> Entry:
        """Find out which password is in force, unless the entry has one only; the lock of its login is held.

        The old one is asked for first: where SCM takes it, no login is refused. A refusal that is not about the login
        counts only if the other password is refused otherwise: it may come before SCM has looked at the login.
        """
        old, new = entry.config.password, entry.config.next_password
        if old is None or new is None:
            return entry
        names = await self._entries_like(entry)
        of_old = await self._refusal(entry, old)
        if of_old is None:
            return await self._with_old_password(names, entry)
        of_new = await self._refusal(entry, new)
        if of_new is None or (of_old.login_refused and not of_new.login_refused):
            return await self._change(names, entry, {"password": new, **_NONE_OPEN})
        if of_new.login_refused and not of_old.login_refused:
            return await self._with_old_password(names, entry)
        raise of_old

    async def _with_old_password(self, names: Sequence[str], entry: Entry) -> Entry:
        """Keep the new password as long as SCM may still put it in force."""
        until, now = entry.config.next_password_until, self._resources.clock.now()
        if until is not None and is_in_force(until, now, longest=CARRIED_OUT_WITHIN):
            return replace(entry, config=entry.config.model_copy(update=_NONE_OPEN))
        return await self._change(names, entry, _NONE_OPEN)

    async def _refusal(self, entry: Entry, password: SecretStr) -> ScmRefusedError | None:
        """Ask for what every login may ask for, and return SCM's refusal; None: it takes the password.

        Raises:
            ScmUnavailableError: SCM does not tell.
        """
        tried = replace(entry, config=entry.config.model_copy(update={"password": password}))
        async with self._resources.clients.alone(tried) as client:
            try:
                await organization(client)
            except ScmRefusedError as error:
                return error
        return None

    async def _entries_like(self, entry: Entry) -> Sequence[str]:
        """Return the entries with the same login, the given one first."""
        account = account_of(entry.config)
        others = [
            other.config_name
            for other in await self._entries_at(account.login_at_scm)
            if other.config_name != entry.config_name and login_key(account_of(other.config)) == login_key(account)
        ]
        return [entry.config_name, *others]

    async def _entries_at(self, login_at_scm: tuple[str, ...]) -> Sequence[Entry]:
        """Return the entries of one user at SCM, whatever password they have."""
        repository, found = self._resources.repository, []
        for name in await repository.config_names():
            try:
                config = await repository.config(name)
                if config is not None and account_of(config).login_at_scm == login_at_scm:
                    found.append(Entry(name, config))
            except (RecordError, InvalidInputError):  # `status` names it
                continue
        return found

    async def _change(self, names: Sequence[str], entry: Entry, change: Mapping[str, object]) -> Entry:
        """Change the entries that still have the login, and return the given one as it is then."""
        repository = self._resources.repository
        for name in names:
            async with self._resources.locks.hold("config", name):
                config = await repository.config(name)
                if config is not None and config.password == entry.config.password:
                    await repository.put_config(name, config.model_copy(update=change))
        return await self._resources.entry(entry.config_name)


def new_random_password() -> str:
    """Return a random password with every kind of character that rules for passwords ask for."""
    source = secrets.SystemRandom()
    characters = [source.choice(kind) for kind in _KINDS]
    characters += [source.choice("".join(_KINDS)) for _ in range(LENGTH - len(characters))]
    source.shuffle(characters)
    return "".join(characters)
