"""Reading the index: certificates by what is open, by their ends and by their serial numbers.

A list in storage costs as much as what lies below the names that it returns, whatever those are. So days are asked for
by page, from the first one that is wanted on.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from typing import NamedTuple

from sectigo_vault_pki.store import layout
from sectigo_vault_pki.store.index import AgendaEntry
from sectigo_vault_pki.store.layout import UniqueId
from sectigo_vault_pki.store.record_store import RecordStore

_DAYS = 32
"""Days that are asked for at once."""
_SERIAL_NUMBER = re.compile("[0-9a-f]{2}(:[0-9a-f]{2})*")


class Ending(NamedTuple):
    """A certificate that ends on a day."""

    config_name: str
    unique_id: UniqueId
    day: date


class IndexReader(RecordStore):
    """The index of one mount, read. Storage errors pass through with the host's text."""

    async def pending(self) -> Sequence[AgendaEntry]:
        """Return the certificates with an order in progress at SCM."""
        return await self._agenda_below(layout.PENDING)

    async def renewals_until(self, today: date) -> Sequence[AgendaEntry]:
        """Return the certificates whose own expiry window has begun by the end of a day, soonest first."""
        days = await self._days(layout.RENEWAL, today)
        return [entry for day in days for entry in await self._agenda_below(f"{layout.RENEWAL}{day}/")]

    async def expiring_until(
        self, last_days: Mapping[str, date], *, by_hand: AbstractSet[str]
    ) -> Sequence[AgendaEntry]:
        """Return the certificates without a window of their own that expire soon, soonest first.

        Args:
            last_days: the last day for each config entry; certificates of other entries are left out.
            by_hand: the config entries that renew only certificates with sectigo_auto_renew of their own.
        """
        of_entry = {name: last for name, last in last_days.items() if name not in by_hand}
        return [*await self._expiring(layout.EXPIRY, of_entry), *await self._expiring(layout.WANTED, last_days)]

    async def _expiring(self, prefix: str, last_days: Mapping[str, date]) -> Sequence[AgendaEntry]:
        found: list[AgendaEntry] = []
        for day in await self._days(prefix, max(last_days.values(), default=date.min)):
            names = {name for name, last in last_days.items() if day <= last.isoformat()}
            found += await self._agenda_below(f"{prefix}{day}/", names)
        return found

    async def ending_between(
        self, first: date, last: date, *, after: Ending | None = None, limit: int = 0
    ) -> Sequence[Ending]:
        """Return the certificates in use that end on these days: by the day, the config entry and the id.

        Each is there once for a day. A failed delete can leave one on a day that is not its end's any more, and one
        that is not in use.

        Args:
            first: the first day.
            last: the last one.
            after: only what comes behind this one, which need not be there; None: from the first day on.
            limit: how many are enough; 0: all of them.
        """
        begin = first if after is None else max(first, after.day)
        prefixes: dict[str, list[str]] = {}
        for prefix in (layout.EXPIRY, layout.WANTED, layout.ENDS):
            for day in await self._days(prefix, last, first=begin):
                prefixes.setdefault(day, []).append(f"{prefix}{day}/")
        found: list[Ending] = []
        for day in sorted(prefixes):
            behind = after if after is not None and after.day.isoformat() == day else None
            for config_name, places in await self._configs_below(prefixes[day], behind):
                wanted = limit - len(found) if limit > 0 else 0
                ids = await self._ids_below(places, config_name, behind, wanted)
                found += [Ending(config_name, unique_id, date.fromisoformat(day)) for unique_id in ids]
                if 0 < limit <= len(found):
                    return found
        return found

    async def _configs_below(
        self, prefixes: Sequence[str], behind: Ending | None
    ) -> Sequence[tuple[str, Sequence[str]]]:
        """Return the config entries below some prefixes, and the prefixes of the certificates of each."""
        places: dict[str, list[str]] = {}
        for prefix in prefixes:
            for name in await self._storage.list(prefix):
                places.setdefault(name.removesuffix("/"), []).append(f"{prefix}{name}")
        return sorted((name, there) for name, there in places.items() if behind is None or name >= behind.config_name)

    async def _ids_below(
        self, prefixes: Sequence[str], config_name: str, behind: Ending | None, limit: int
    ) -> Sequence[UniqueId]:
        """Return the next ids below some prefixes of a config entry; one that is below two of them is there once."""
        after = behind.unique_id if behind is not None and behind.config_name == config_name else ""
        ids = {
            UniqueId(name)
            for prefix in prefixes
            for name in await self._storage.list_page(prefix, after=after, limit=limit)
        }
        return sorted(ids)[: limit or None]

    async def serial_numbers_page(self, *, after: str = "", limit: int = 0) -> Sequence[str]:
        """Return the next serial numbers of all certificates, replaced ones included, ascending.

        Args:
            after: a serial number in colon hex, or how one begins.
            limit: how many; 0: all of them.
        """
        return await self._serials_page(layout.SERIALS, after, limit)

    async def revoked_serial_numbers_page(self, *, after: str = "", limit: int = 0) -> Sequence[str]:
        """Return the next serial numbers of all revoked certificates, as `serial_numbers_page` does."""
        return await self._serials_page(layout.REVOKED, after, limit)

    async def certificates_with_serial(self, serial_number: str) -> Sequence[tuple[str, UniqueId]]:
        """Return config names and ids of the certificates that have, or had, a serial number in colon hex."""
        return await self._certificates_below(layout.serial_prefix(serial_number))

    async def _days(self, prefix: str, last: date, *, first: date | None = None) -> Sequence[str]:
        """Return the days below a prefix from the first to the last one, both included; None: from the oldest on."""
        after, limit = "", _DAYS
        if first is not None:
            if last < first:
                return ()
            # A day's name goes on with a separator behind itself: the first one is among those behind it.
            after, limit = first.isoformat(), (last - first) // timedelta(days=1) + 1
        found: list[str] = []
        while True:
            page = await self._storage.list_page(prefix, after=after, limit=limit)
            found += [day for name in page if (day := name.removesuffix("/")) <= last.isoformat()]
            if len(page) < limit or page[-1].removesuffix("/") >= last.isoformat():
                return found
            after = page[-1]

    async def _serials_page(self, prefix: str, after: str, limit: int) -> Sequence[str]:
        behind = after.replace(":", "-")
        if _SERIAL_NUMBER.fullmatch(after) and await self._storage.list_page(f"{prefix}{behind}/", limit=1):
            behind += "/"  # a number that is there is not behind itself
        return [_serial_number(name) for name in await self._storage.list_page(prefix, after=behind, limit=limit)]

    async def _agenda_below(self, prefix: str, only: AbstractSet[str] | None = None) -> Sequence[AgendaEntry]:
        return [
            AgendaEntry(f"{prefix}{config_name}/{unique_id}", config_name, unique_id)
            for config_name, unique_id in await self._certificates_below(prefix, only)
        ]

    async def _certificates_below(
        self, prefix: str, only: AbstractSet[str] | None = None
    ) -> Sequence[tuple[str, UniqueId]]:
        """Return config names and ids of the index entries below a prefix; only those of some config entries."""
        names = [name.removesuffix("/") for name in await self._storage.list(prefix)]
        return [
            (name, UniqueId(unique_id))
            for name in names
            if only is None or name in only
            for unique_id in await self._storage.list(f"{prefix}{name}/")
        ]


def _serial_number(name: str) -> str:
    return name.removesuffix("/").replace("-", ":")
