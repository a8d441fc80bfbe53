"""SCM's certificate profiles, as far as orders under roles need them: which validities are on offer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sectigo_vault_pki.errors import InvalidInputError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.scm import SslProfile
from sectigo_vault_pki.store import ConfigRecord

FRESH_FOR = timedelta(hours=1)
"""Terms change over months (scm-api.md 7)."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What SCM told an account.

    Attributes:
        terms: by profile; empty for one whose terms cannot be told.
        is_whole: every profile is there; False where SCM did not tell, or not all could be read.
    """

    config: ConfigRecord
    at: datetime
    terms: Mapping[int, Sequence[int]]
    is_whole: bool


class Profiles:
    """Asks SCM for profiles, once an hour for each config entry."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._known: dict[str, _Known] = {}

    async def terms(self, entry: Entry, profile_id: int) -> Sequence[int] | None:
        """Return the validities in days that a profile offers; None where SCM does not tell this account.

        A profile is refused only where SCM's list of them could be read to its last row.

        Raises:
            InvalidInputError: SCM offers the organization no such profile.
            ScmUnavailableError: SCM could not be asked, now or before.
        """
        known = self._known.get(entry.config_name)
        now = self._resources.clock.now()
        if known is None or known.config != entry.config or now - known.at >= FRESH_FOR:
            known = await self._asked(entry, known if known and known.config == entry.config else None)
        if profile_id not in known.terms and known.is_whole:
            offered = ", ".join(map(str, sorted(known.terms))) or "none"
            raise InvalidInputError(
                f"SCM offers this organization no certificate profile {profile_id}: certificate_type must be one of "
                f"{offered}"
            )
        return known.terms.get(profile_id) or None

    async def _asked(self, entry: Entry, earlier: _Known | None) -> _Known:
        try:
            known = await self._ask(entry)
        except ScmUnavailableError as error:
            if earlier is not None:
                return earlier
            if not error.answered or error.login_refused:
                raise
            return self._untold(entry.config)  # what came is no list, which stops no order; the next one asks again
        self._known[entry.config_name] = known
        return known

    async def _ask(self, entry: Entry) -> _Known:
        async with self._resources.clients.lend(entry) as client:
            try:
                page = await client.ssl_profiles()
            except ScmRefusedError:
                return self._untold(entry.config)
        return _Known(entry.config, self._resources.clock.now(), _merged(page.rows), is_whole=not page.unreadable)

    def _untold(self, config: ConfigRecord) -> _Known:
        return _Known(config, self._resources.clock.now(), {}, is_whole=False)


def _merged(profiles: Iterable[SslProfile]) -> Mapping[int, Sequence[int]]:
    """Return the terms by profile: all that one is listed with, or none where one of its rows does not tell them."""
    terms: dict[int, Sequence[int]] = {}
    for profile in profiles:
        earlier = terms.get(profile.id)
        is_told = bool(profile.terms) and (earlier is None or bool(earlier))
        terms[profile.id] = sorted({*(earlier or ()), *profile.terms}) if is_told else ()
    return terms
