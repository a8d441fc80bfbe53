"""Giving the API user a new password at SCM, so that a crash at any point locks nobody out.

The new password is stored beside the old one before SCM is asked, with every config entry that logs in as that user.
The old one is dropped once SCM takes the new one. Whatever interrupts this, the next call to SCM, of any of those
entries, finds out first which of the two is in force.
"""

import logging
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import replace

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
from sectigo_vault_pki.scm import PasswordLogin, change_password, organization

_log = logging.getLogger(__name__)

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
            ConflictError: SCM's answer was lost; the next call finds out which one is.
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
        async with self._resources.locks.hold("password", *account_of(entry.config).login_at_scm):
            entry = await self._with_one_password(config_name)  # an open rotation must not be written over
            login, new_password = account_of(entry.config).login, SecretStr(new_random_password())
            if not isinstance(login, PasswordLogin):
                raise InvalidInputError(f'config entry "{config_name}" does not log in by a password')
            names = await self._entries_like(entry)
            await self._change(names, entry, {"next_password": new_password})
            try:
                async with self._resources.clients.alone(entry) as client:
                    await change_password(client, new_password.get_secret_value())
            except ScmAnswerLostError as error:
                raise ConflictError(
                    f"{error}; both passwords are stored, and the next call finds out which one is in force"
                ) from None
            except Exception:
                await self._change(names, entry, {"next_password": None})
                raise
            stored = replace(entry, config=entry.config.model_copy(update={"next_password": new_password}))
            await self._promoted(names, stored)
            _log.info("the API user has a new password", extra={"kv": {"configs": names, "user": login.name[0]}})
            return names

    async def _settled(self, entry: Entry) -> Entry:
        async with self._resources.locks.hold("password", *account_of(entry.config).login_at_scm):
            return await self._with_one_password(entry.config_name)

    async def _with_one_password(self, config_name: str) -> Entry:
        """Find out which password is in force, unless the entry has one only; the lock of its login is held."""
        entry = await self._resources.entry(config_name)
        if entry.config.next_password is None:
            return entry
        names = await self._entries_like(entry)
        try:
            return await self._promoted(names, entry)
        except ScmRefusedError as error:
            if not error.login_refused:
                raise
        await self._takes(entry)
        return await self._change(names, entry, {"next_password": None})

    async def _promoted(self, names: Sequence[str], entry: Entry) -> Entry:
        """Make the new password the only one, once SCM takes it."""
        new_password = entry.config.next_password
        await self._takes(replace(entry, config=entry.config.model_copy(update={"password": new_password})))
        return await self._change(names, entry, {"password": new_password, "next_password": None})

    async def _takes(self, entry: Entry) -> None:
        """Ask for what every login may ask for.

        Raises:
            ScmRefusedError, ScmUnavailableError: SCM does not take the entry's password, or does not tell.
        """
        async with self._resources.clients.alone(entry) as client:
            try:
                await organization(client)
            except ScmRefusedError as error:
                if error.login_refused:
                    raise  # any other refusal comes behind the login

    async def _entries_like(self, entry: Entry) -> Sequence[str]:
        """Return the entries with the same login, the given one first."""
        account, names = account_of(entry.config), [entry.config_name]
        for name in await self._resources.repository.config_names():
            try:
                config = await self._resources.repository.config(name)
                like = None if config is None else account_of(config)
            except (RecordError, InvalidInputError):  # `status` names it
                continue
            if name != entry.config_name and like is not None and login_key(like) == login_key(account):
                names.append(name)
        return names

    async def _change(self, names: Sequence[str], entry: Entry, change: Mapping[str, SecretStr | None]) -> Entry:
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
