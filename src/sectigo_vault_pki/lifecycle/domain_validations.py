"""Domains at SCM: the state of their validation, and which renewals will find one that has ended.

What SCM lists is kept in memory for each login, and asked for once a day by the background work; a list that a user
asks for renews it too. Warnings come of what is kept, so that a read costs no call.
"""

import asyncio
import logging
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sectigo_vault_pki.errors import ChainError, InvalidInputError, ScmError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.held import Entry, account_of
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.backoff import is_in_force
from sectigo_vault_pki.lifecycle.rules.renewal_rule import hold_for_good, renewal_policy
from sectigo_vault_pki.lifecycle.rules.validation_rule import Lapse, lapses
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.scm import (
    DomainDetails,
    DomainRow,
    ScmClient,
    domain_details,
    listed_domains,
)
from sectigo_vault_pki.store import CertificateRecord, CertificateType, ConfigRecord, due_from

_log = logging.getLogger(__name__)

CHECKED_EVERY = timedelta(days=1)
TRIED_AGAIN_AFTER = timedelta(hours=1)
"""If SCM did not answer."""
LOOKED_AT_TOGETHER = 64
"""Certificates that are looked at before other work gets its turn."""

NOT_ALL_LISTED = "SCM lists more domains than can be read, or some that cannot be read: this is a part of them"

Account = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What SCM told a login.

    Attributes:
        ends: when the validation of each domain ends or has ended.
        first_end: the soonest of them; None where there is none.
        next_at: when it is asked for again.
    """

    ends: Mapping[str, datetime]
    first_end: datetime | None
    next_at: datetime

    def is_about(self, moment: datetime) -> bool:
        """Whether any validation ends by then; otherwise nothing else has to be looked at."""
        return self.first_end is not None and self.first_end <= moment


@dataclass(frozen=True, slots=True)
class DomainList:
    """Every domain that a login sees, and what should be said about the list."""

    rows: Sequence[DomainRow]
    warnings: tuple[str, ...] = ()


class DomainValidations:
    """Lists domains, and knows which renewals of an entry's certificates a validation does not last for."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._known: dict[Account, _Known] = {}
        self._accounts: dict[str, Account] = {}
        self._names: dict[int, tuple[str, ...]] = {}

    # What users ask.

    async def listed(self, entry: Entry) -> DomainList:
        """Return every domain that the entry's login sees.

        Raises:
            InvalidInputError: the entry orders client certificates.
            ScmRefusedError, ScmUnavailableError: SCM does not tell.
        """
        _check_validates_domains(entry)
        async with self._resources.clients.lend(entry) as client:
            found = await listed_domains(client)
        self._accounts[entry.config_name] = _account(entry.config)
        self._note(_account(entry.config), _ends(found.rows))
        return DomainList(found.rows, () if found.is_whole else (NOT_ALL_LISTED,))

    async def details(self, entry: Entry, domain: str) -> DomainDetails:
        """Return what SCM says of one domain.

        Raises:
            InvalidInputError: the entry orders client certificates.
            UnknownDomainError: SCM does not know it.
            ScmRefusedError, ScmUnavailableError: SCM does not tell.
        """
        _check_validates_domains(entry)
        async with self._resources.clients.lend(entry) as client:
            return await domain_details(client, domain)

    # The daily question.

    async def entries_to_check(self, configs: Mapping[str, ConfigRecord]) -> Sequence[str]:
        """Return an entry for each login that is to ask SCM today; only logins with certificates ask."""
        entries = {name: config for name, config in configs.items() if config.certificate_type is CertificateType.SSL}
        self._accounts = {name: _account(config) for name, config in entries.items()}
        self._known = {account: known for account, known in self._known.items() if account in self._accounts.values()}
        stale = [name for name, account in self._accounts.items() if not self._is_fresh(account)]
        if not stale:
            return ()
        in_use = {*await self._resources.repository.configs_with_certificates()}
        by_account = {self._accounts[name]: name for name in reversed(stale) if name in in_use}
        return sorted(by_account.values())

    async def check(self, entry: Entry) -> None:
        """Ask SCM, once for all domains; where it does not tell, no renewal is warned about."""
        account = _account(entry.config)
        if self._is_fresh(account):
            return
        try:
            async with self._resources.clients.lend(entry) as client:
                ends = await _told_ends(client)
        except ScmError as error:
            _log.debug("the domains could not be asked for", extra=_about(entry, error))
            earlier = self._known.get(account)
            self._note(account, earlier.ends if earlier else {}, again_after=TRIED_AGAIN_AFTER)
            return
        self._note(account, ends)

    def _is_fresh(self, account: Account) -> bool:
        known = self._known.get(account)
        return known is not None and is_in_force(known.next_at, self._resources.clock.now(), longest=CHECKED_EVERY)

    def _note(self, account: Account, ends: Mapping[str, datetime], again_after: timedelta = CHECKED_EVERY) -> None:
        first_end = min(ends.values(), default=None)
        self._known[account] = _Known(ends, first_end, self._resources.clock.now() + again_after)

    # What follows for certificates.

    async def warnings_on(self, config_name: str, record: CertificateRecord) -> tuple[str, ...]:
        """Return a warning for each validation that ends before the certificate is renewed automatically.

        A config entry is read only where a validation ends before the certificate does.
        """
        due, ending = await self.lapses_before_renewal(config_name, record)
        now = self._resources.clock.now()
        return tuple(_warning(config_name, lapse, due, now) for lapse in ending if due is not None)

    async def lapses_before_renewal(
        self, config_name: str, record: CertificateRecord
    ) -> tuple[datetime | None, Sequence[Lapse]]:
        """Return when the certificate is renewed automatically, and the validations that end by then."""
        known = self._known_about(config_name, record)
        if known is None or record.current is None:
            return None, ()
        names = self._names_of(record)
        if not lapses(names, known.ends, record.current.not_after):
            return None, ()
        config = await self._resources.repository.config(config_name)
        due = None if config is None else self._renewed_at(config, record)
        return due, () if due is None else lapses(names, known.ends, due)

    async def warnings_for(
        self, records: Mapping[tuple[str, ...], CertificateRecord], configs: Mapping[str, ConfigRecord]
    ) -> Sequence[str]:
        """Return a warning for each validation of an entry's domains, with the number of certificates it concerns."""
        concerned: dict[tuple[str, Lapse], list[tuple[datetime, str]]] = {}
        for number, ((config_name, unique_id), record) in enumerate(records.items()):
            if not number % LOOKED_AT_TOGETHER:
                await asyncio.sleep(0)
            known, config = self._known_about(config_name, record), configs.get(config_name)
            due = None if known is None or config is None else self._renewed_at(config, record)
            if known is None or due is None or not known.is_about(due):
                continue
            for lapse in lapses(_names_in(record), known.ends, due):
                concerned.setdefault((config_name, lapse), []).append((due, unique_id))
        now = self._resources.clock.now()
        return [
            _summary(config_name, lapse, sorted(certificates), now)
            for (config_name, lapse), certificates in sorted(concerned.items())
        ]

    def _known_about(self, config_name: str, record: CertificateRecord) -> _Known | None:
        """Return what SCM told, where that can matter for the certificate."""
        if record.current is None or not record.is_in_use:
            return None
        known = self._known.get(self._accounts.get(config_name, ()))
        return known if known is not None and known.is_about(record.current.not_after) else None

    def _renewed_at(self, config: ConfigRecord, record: CertificateRecord) -> datetime | None:
        """Return when the certificate becomes due; None where it is not renewed automatically."""
        policy = renewal_policy(record.requested.waiting, config.defaults)
        if record.current is None or not policy.auto_renew:
            return None
        if hold_for_good(record, self._resources.clock.now()) is not None:
            return None
        return due_from(record.current, policy.expiry_window)

    def _names_of(self, record: CertificateRecord) -> tuple[str, ...]:
        """Return what `_names_in` does, which is found out once for each record object."""
        key = id(record)
        if key not in self._names:
            self._names[key] = _names_in(record)
            weakref.finalize(record, self._names.pop, key, None).atexit = False
        return self._names[key]


async def _told_ends(client: ScmClient) -> Mapping[str, datetime]:
    """Return the ends of all validations; none where SCM refuses to tell this login, or answers something else."""
    try:
        return _ends((await listed_domains(client)).rows)
    except ScmRefusedError as error:
        if error.login_refused:
            raise
    except ScmUnavailableError as error:
        if not error.answered or error.login_refused:
            raise
    return {}


def _ends(rows: Iterable[DomainRow]) -> Mapping[str, datetime]:
    ends: dict[str, datetime] = {}
    for row in rows:
        domain, end = row.domain.removeprefix("*."), row.ends_at
        if end is not None:
            ends[domain] = max(end, ends.get(domain, end))
    return ends


def _account(config: ConfigRecord) -> Account:
    return account_of(config).login_at_scm


def _check_validates_domains(entry: Entry) -> None:
    if entry.config.certificate_type is not CertificateType.SSL:
        raise InvalidInputError(
            f'config entry "{entry.config_name}" is for {entry.config.certificate_type} certificates, for which no '
            "domain is validated"
        )


def _names_in(record: CertificateRecord) -> tuple[str, ...]:
    """Return the names for whose renewal a domain has to be validated: none in a private CA's certificate."""
    if record.current is None:
        return ()
    try:
        chain = CertificateChain.from_pem(record.current.bundle)
        is_public = chain.is_public
    except ChainError:
        return ()
    return (chain.subject_alt_names or (chain.common_name,)) if is_public else ()


def _warning(config_name: str, lapse: Lapse, due: datetime, now: datetime) -> str:
    return (
        f"{_ending(lapse, now)}, and this certificate is due for renewal on {_day(due)}: the renewal is not issued "
        f"until the domain is validated again; domains/{config_name}/{lapse.domain} shows its state"
    )


def _summary(config_name: str, lapse: Lapse, certificates: Sequence[tuple[datetime, str]], now: datetime) -> str:
    due, first = certificates[0]
    return (
        f"config entry {config_name}: {_ending(lapse, now)}; certificates that are due for renewal after that: "
        f"{len(certificates)}, {first} first, on {_day(due)}"
    )


def _ending(lapse: Lapse, now: datetime) -> str:
    verb = "ended" if lapse.ends_at <= now else "ends"
    return f"the validation of {lapse.domain} {verb} on {_day(lapse.ends_at)}"


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _about(entry: Entry, error: Exception) -> Mapping[str, object]:
    return {"kv": {"config": entry.config_name, "error": str(error)}}
