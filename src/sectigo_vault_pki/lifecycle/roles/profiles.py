"""SCM's certificate profiles, as far as orders under roles need them: which validities are on offer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from sectigo_vault_pki.errors import InvalidInputError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.scm import SSL, Profile
from sectigo_vault_pki.store import ConfigRecord

FRESH_FOR = timedelta(hours=1)
"""Terms change over months (scm-api.md 7)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What SCM told an account.

    Attributes:
        terms: by profile; empty for one whose terms cannot be told.
        is_whole: every profile is there; False where SCM did not tell, or not all could be read.
    """

    config: ConfigRecord
    at: datetime
    terms: Mapping[int, Sequence[int]]
    is_whole: bool


Profiles: TypeAlias = dict[str, Known]
"""What SCM told, by config entry."""


async def offered_terms(resources: Resources, known: Profiles, entry: Entry, profile_id: int) -> Sequence[int] | None:
    """Return the validities in days that a profile offers; None where SCM does not tell this account.

    SCM is asked once an hour for each config entry. A profile is refused only where SCM's list of them could be read to
    its last row.

    Raises:
        InvalidInputError: SCM offers the organization no such profile.
        ScmUnavailableError: SCM could not be asked, now or before.
    """
    told = known.get(entry.config_name)
    if told is None or told.config != entry.config or resources.clock.now() - told.at >= FRESH_FOR:
        told = await _asked(resources, known, entry, told if told and told.config == entry.config else None)
    if profile_id not in told.terms and told.is_whole:
        offered = ", ".join(map(str, sorted(told.terms))) or "none"
        raise InvalidInputError(
            f"SCM offers this organization no certificate profile {profile_id}: certificate_type must be one of "
            f"{offered}"
        )
    return told.terms.get(profile_id) or None


async def _asked(resources: Resources, known: Profiles, entry: Entry, earlier: Known | None) -> Known:
    untold = Known(entry.config, resources.clock.now(), {}, is_whole=False)
    try:
        told = await _ask(resources, entry) or untold
    except ScmUnavailableError as error:
        if earlier is not None:
            return earlier
        if not error.answered or error.login_refused:
            raise
        return untold  # what came is no list, which stops no order; the next one asks again
    known[entry.config_name] = told
    return told


async def _ask(resources: Resources, entry: Entry) -> Known | None:
    """Return what SCM tells; None if it refuses to, which says nothing of the login: another call finds that out."""
    async with resources.clients.lend(entry) as client:
        try:
            page = await SSL.profiles(client)
        except ScmRefusedError:
            return None
    return Known(entry.config, resources.clock.now(), _merged(page.rows), is_whole=not page.unreadable)


def _merged(profiles: Iterable[Profile]) -> Mapping[int, Sequence[int]]:
    """Return the terms by profile: all that one is listed with, or none where one of its rows does not tell them."""
    terms: dict[int, Sequence[int]] = {}
    for profile in profiles:
        earlier = terms.get(profile.id)
        is_told = bool(profile.terms) and (earlier is None or bool(earlier))
        terms[profile.id] = sorted({*(earlier or ()), *profile.terms}) if is_told else ()
    return terms
