"""SCM's certificate profiles, as far as orders under roles need them: which validities are on offer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sectigo_vault_pki.errors import InvalidInputError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import ConfigRecord

FRESH_FOR = timedelta(hours=1)
"""Terms change over months (scm-api.md 7)."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What SCM told an account; `terms` by profile, or None where it refused to tell."""

    config: ConfigRecord
    at: datetime
    terms: Mapping[int, Sequence[int]] | None


class Profiles:
    """Asks SCM for profiles, once an hour for each config entry."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._known: dict[str, _Known] = {}

    async def terms(self, config_name: str, config: ConfigRecord, profile_id: int) -> Sequence[int] | None:
        """Return the validities in days that a profile offers; None where SCM does not tell this account.

        Raises:
            InvalidInputError: SCM offers the organization no such profile.
            ScmUnavailableError: SCM could not be asked, now or before.
        """
        known = self._known.get(config_name)
        now = self._resources.clock.now()
        if known is None or known.config != config or now - known.at >= FRESH_FOR:
            known = await self._asked(config_name, config, known if known and known.config == config else None)
        if known.terms is None:
            return None
        if profile_id not in known.terms:
            offered = ", ".join(map(str, sorted(known.terms))) or "none"
            raise InvalidInputError(
                f"SCM offers this organization no certificate profile {profile_id}: certificate_type must be one of "
                f"{offered}"
            )
        return known.terms[profile_id] or None

    async def _asked(self, config_name: str, config: ConfigRecord, earlier: _Known | None) -> _Known:
        try:
            terms = await self._ask(config_name, config)
        except ScmUnavailableError:
            if earlier is None:
                raise
            return earlier
        known = _Known(config, self._resources.clock.now(), terms)
        self._known[config_name] = known
        return known

    async def _ask(self, config_name: str, config: ConfigRecord) -> Mapping[int, Sequence[int]] | None:
        async with self._resources.clients.lend(config_name, config) as client:
            try:
                return {profile.id: profile.terms for profile in await client.ssl_profiles()}
            except ScmRefusedError:
                return None
