"""What SCM offers each config entry's account: asked once an hour, and kept for everybody who needs it.

Two calls, for the profiles and for the custom fields; everybody who asks for an entry at the same time shares them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from sectigo_vault_pki.errors import ScmError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.profile_rules import KeptOffers, Offers
from sectigo_vault_pki.scm import CERTIFICATE_APIS, CertificateApi, CustomField, ScmClient, is_about_offers
from sectigo_vault_pki.store import ConfigRecord

FRESH_FOR = timedelta(hours=1)
"""Terms change over months (scm-api.md 7)."""
LEFT_ALONE_FOR = timedelta(minutes=1)
"""How long orders do not ask an SCM that could not be asked."""
PATIENCE = 10.0
"""Seconds for which an order waits to be checked."""

_Told: TypeAlias = Offers | ScmRefusedError


class _RefusedToListError(Exception):
    """Leaves a lent client without a word of its login: SCM may refuse a list and take orders."""

    def __init__(self, refusal: ScmRefusedError) -> None:
        super().__init__()
        self.refusal = refusal


def kept_offers(resources: Resources, entry: Entry, *, fresh_for: timedelta = FRESH_FOR) -> Offers | None:
    """Return what is kept and not too old; None if there is nothing. Asks nobody."""
    kept = _kept(resources, entry)
    return kept.offers if kept is not None and _is_fresh(resources, kept, fresh_for) else None


async def offers_for_order(
    resources: Resources, entry: Entry, *, fresh_for: timedelta = FRESH_FOR
) -> Offers | ScmRefusedError | None:
    """Return what SCM offers, for an order that goes out unchecked if SCM does not say.

    Returns:
        A refusal of the login that has just come: the order would get the same, and SCM counts them.

    Raises:
        ScmUnavailableError: the login failed.
    """
    kept = _kept(resources, entry)
    if kept is not None:
        if _is_fresh(resources, kept, fresh_for):
            return kept.offers
        if _has_failed_lately(resources, kept):
            return None
    task = _asking(resources, entry)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    if not done:
        _note_failure(resources, entry)
    if not done or task.cancelled():
        return None
    return await _for_order(resources, entry, task)


async def _for_order(resources: Resources, entry: Entry, asked: asyncio.Task[_Told]) -> Offers | ScmRefusedError | None:
    try:
        told = asked.result()
    except ScmUnavailableError as error:
        if error.login_refused:
            raise
        return None
    if isinstance(told, Offers):
        return told
    if not told.login_refused:
        return None
    await resources.clients.login_refused(entry)
    return told


async def offers_for_role(
    resources: Resources, entry: Entry, *, fresh_for: timedelta = FRESH_FOR, or_older: bool = True
) -> Offers | None:
    """Return what SCM offers, for an order whose term is chosen; None if SCM does not say it to this account.

    That it refuses to says nothing of the login: another call finds that out. An SCM that takes long to say it holds
    no order up.

    Args:
        resources: the backend's.
        entry: the config entry.
        fresh_for: how old what is kept may be before SCM is asked.
        or_older: whether it holds, however old, if SCM does not say it now.

    Raises:
        ScmUnavailableError: SCM could not be asked, now or before.
    """
    kept = _kept(resources, entry)
    if kept is not None and _is_fresh(resources, kept, fresh_for):
        return kept.offers
    is_late = _is_asking(resources, entry) and _has_failed_lately(resources, kept)
    task = _asking(resources, entry)
    done, _ = await asyncio.wait({task}, timeout=0.0 if is_late else PATIENCE)
    if not done:
        _note_failure(resources, entry)
    if not done or task.cancelled():
        return kept.offers if kept is not None and or_older else None
    try:
        told = task.result()
    except ScmUnavailableError as error:
        if error.login_refused:
            raise
        if kept is not None and kept.at is not None and or_older:
            return kept.offers
        if not error.answered:
            raise
        return None  # what came is no list, which stops no order; the next one asks again
    return told if isinstance(told, Offers) else None


async def told_offers(resources: Resources, entry: Entry, *, ask_again: bool = False) -> Offers:
    """Return what SCM offers, for somebody who asks for it.

    Raises:
        ScmRefusedError, ScmUnavailableError: SCM does not say it.
    """
    if not ask_again and (offers := kept_offers(resources, entry)) is not None:
        return offers
    told = await asyncio.shield(_asking(resources, entry))
    if isinstance(told, Offers):
        return told
    if told.login_refused:
        await resources.clients.login_refused(entry)
    raise told


def drop_offers(resources: Resources, config_name: str) -> None:
    """Delete what is kept of an entry."""
    resources.offers.pop(config_name, None)


def note_refusal(resources: Resources, entry: Entry, refusal: ScmError) -> None:
    """Delete what is kept if an order's refusal says that SCM offers something else now: the next order asks again."""
    kept = _kept(resources, entry)
    if kept is None or kept.offers is None or not isinstance(refusal, ScmRefusedError):
        return
    if is_about_offers(refusal.operation, refusal.code):
        drop_offers(resources, entry.config_name)


def _kept(resources: Resources, entry: Entry) -> KeptOffers | None:
    kept = resources.offers.get(entry.config_name)
    is_of_entry = kept is not None and (kept.config is entry.config or kept.config == entry.config)
    return kept if is_of_entry else None


def _is_fresh(resources: Resources, kept: KeptOffers, fresh_for: timedelta) -> bool:
    return kept.at is not None and _is_within(resources, kept.at, fresh_for)


def _is_within(resources: Resources, moment: datetime, length: timedelta) -> bool:
    return timedelta(0) <= resources.clock.now() - moment < length


def _has_failed_lately(resources: Resources, kept: KeptOffers | None) -> bool:
    return kept is not None and kept.failed_at is not None and _is_within(resources, kept.failed_at, LEFT_ALONE_FOR)


def _is_asking(resources: Resources, entry: Entry) -> bool:
    return resources.tasks.running(_name_of_asking(entry))


def _name_of_asking(entry: Entry) -> tuple[str, str, ConfigRecord]:
    return ("offers", entry.config_name, entry.config)


def _asking(resources: Resources, entry: Entry) -> asyncio.Task[_Told]:
    """Begin to ask, or join everybody who does."""
    return resources.tasks.join(
        _name_of_asking(entry),
        lambda: _ask(resources, Entry(entry.config_name, entry.config)),
        name=f"offers {entry.config_name}",
    )


async def _ask(resources: Resources, entry: Entry) -> _Told:
    api = CERTIFICATE_APIS[entry.config.certificate_type]
    told: _Told
    try:
        async with resources.clients.lend(entry) as client:
            told = await _listed(client, api)
    except _RefusedToListError as refused:
        told = refused.refusal
    except ScmUnavailableError:
        _note_failure(resources, entry)
        raise
    offers = told if isinstance(told, Offers) else None
    resources.offers[entry.config_name] = KeptOffers(entry.config, resources.clock.now(), offers)
    return told


async def _listed(client: ScmClient, api: CertificateApi) -> Offers:
    try:
        page = await api.profiles(client)
    except ScmRefusedError as error:
        raise _RefusedToListError(error) from None
    return Offers.of(page, await _custom_fields(client, api))


async def _custom_fields(client: ScmClient, api: CertificateApi) -> Sequence[CustomField] | None:
    """Return the fields; None if SCM does not say. It has just taken the login, so that no refusal is about that."""
    try:
        return await api.custom_fields(client)
    except ScmError:
        return None


def _note_failure(resources: Resources, entry: Entry) -> None:
    kept = _kept(resources, entry) or KeptOffers(entry.config)
    resources.offers[entry.config_name] = replace(kept, failed_at=resources.clock.now())
