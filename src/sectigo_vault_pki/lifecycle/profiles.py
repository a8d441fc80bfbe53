"""SCM's certificate profiles, as far as orders under roles need them: which validities are on offer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sectigo_vault_pki.errors import InvalidInputError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.scm import SSL, SslProfile
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

    async def terms(self, config_name: str, config: ConfigRecord, profile_id: int) -> Sequence[int] | None:
        """Return the validities in days that a profile offers; None where SCM does not tell this account.

        A profile is refused only where SCM's list of them could be read to its last row.

        Raises:
            InvalidInputError: SCM offers the organization no such profile.
            ScmUnavailableError: SCM could not be asked, now or before.
        """
        known = self._known.get(config_name)
        now = self._resources.clock.now()
        if known is None or known.config != config or now - known.at >= FRESH_FOR:
            known = await self._asked(config_name, config, known if known and known.config == config else None)
        if profile_id not in known.terms and known.is_whole:
            offered = ", ".join(map(str, sorted(known.terms))) or "none"
            raise InvalidInputError(
                f"SCM offers this organization no certificate profile {profile_id}: certificate_type must be one of "
                f"{offered}"
            )
        return known.terms.get(profile_id) or None

    async def _asked(self, config_name: str, config: ConfigRecord, earlier: _Known | None) -> _Known:
        try:
            known = await self._ask(config_name, config)
        except ScmUnavailableError as error:
            if earlier is not None:
                return earlier
            if not error.answered or error.login_refused:
                raise
            return self._untold(config)  # what came is no list, which stops no order; the next one asks again
        self._known[config_name] = known
        return known

    async def _ask(self, config_name: str, config: ConfigRecord) -> _Known:
        async with self._resources.clients.lend(config_name, config) as client:
            try:
                page = await SSL.profiles(client)
            except ScmRefusedError:
                return self._untold(config)
        return _Known(config, self._resources.clock.now(), _merged(page.rows), is_whole=not page.unreadable)

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
