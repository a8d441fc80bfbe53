"""What happened lately on a mount, for `recent/`: collected in memory, and stored with each tick of the host.

A process that is killed takes the events of its last minute with it: the records and the log have them.
"""

import asyncio
import logging
import re
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import islice

from sectigo_vault_pki.clock import Clock
from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.store import Event, EventPage, Repository, StorageError

_log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=30)
MAX_WAITING = 10_000
"""Events that wait for the next tick; of more, the newest."""
PAGE = 500
"""Events in one stored page."""
READ_TOGETHER = 50
"""Stored pages that are read at once."""
_TIME = "%H%M%S.%f"
_ENDED = re.compile(r"[0-9]{6}\.[0-9]{6}-(?P<last>[0-9]{6}\.[0-9]{6})-")
"""How a page's name begins: with the times of its first and its last event."""


class RecentEvents:
    """The events of one mount."""

    def __init__(self, repository: Repository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._waiting: deque[Event] = deque(maxlen=MAX_WAITING)
        self._cleaned_on: date | None = None
        self._storing = asyncio.Lock()

    def note(self, what: str, values: Mapping[str, object]) -> None:
        """Note an event, with the values of its log line."""
        code = values.get("code")
        self._waiting.append(
            Event(
                at=self._clock.now(),
                what=what,
                config_name=str(values.get("config", "")),
                unique_id=str(values.get("unique_id", "")),
                order=str(values.get("order", "")),
                domain=str(values.get("domain", "")),
                requested_by=str(values.get("requested_by", "")),
                code=code if isinstance(code, int) else None,
                error=str(values.get("error", "")),
            )
        )

    async def since(self, moment: datetime) -> Sequence[Event]:
        """Return the events since a moment, newest first.

        Raises:
            StorageError: they cannot be read.
        """
        found = [event for event in (*await self._stored_since(moment), *self._waiting) if event.at >= moment]
        return sorted(found, key=lambda event: event.at)[::-1]

    async def _stored_since(self, moment: datetime) -> Sequence[Event]:
        places = [
            (day, name)
            for day in await self._repository.event_days()
            if day >= moment.date().isoformat()
            for name in await self._repository.event_pages(day)
            if not _ends_before(day, name, moment)
        ]
        found: list[Event] = []
        for start in range(0, len(places), READ_TOGETHER):
            pages = await asyncio.gather(*(self._page(*place) for place in places[start : start + READ_TOGETHER]))
            found += [event for page in pages if page is not None for event in page.events]
        return found

    async def _page(self, day: str, name: str) -> EventPage | None:
        try:
            return await self._repository.event_page(day, name)
        except RecordError as error:
            _log.warning("recent events cannot be read", extra={"kv": {"error": str(error)}})
            return None

    async def store(self) -> None:
        """Store what is waiting, and delete what is too old; what cannot be stored waits for the next time."""
        async with self._storing:
            try:
                while self._waiting:
                    await self._store_page([*islice(self._waiting, PAGE)])
                await self._clean()
            except StorageError as error:
                _log.warning("recent events could not be stored", extra={"kv": {"error": error}})

    async def _store_page(self, events: Sequence[Event]) -> None:
        first = events[0].at
        day = first.date()
        of_day = tuple(event for event in events if event.at.date() == day)
        last = max(event.at for event in of_day)
        name = f"{first:{_TIME}}-{last:{_TIME}}-{uuid.uuid4()}"
        await self._repository.put_event_page(day.isoformat(), name, EventPage(events=of_day))
        stored = {id(event) for event in of_day}
        self._waiting = deque((event for event in self._waiting if id(event) not in stored), maxlen=MAX_WAITING)

    async def _clean(self) -> None:
        today = self._clock.now().date()
        if self._cleaned_on == today:
            return
        oldest = (today - KEPT_FOR).isoformat()
        for day in await self._repository.event_days():
            for name in await self._repository.event_pages(day) if day < oldest else ():
                await self._repository.delete_event_page(day, name)
        self._cleaned_on = today


def _ends_before(day: str, name: str, moment: datetime) -> bool:
    """Whether a page's name tells that all of its events are older; where the next one begins would not tell it.

    Two processes can have noted events at the same time.
    """
    ended = _ENDED.match(name)
    return ended is not None and (day, ended["last"]) < (moment.date().isoformat(), f"{moment:{_TIME}}")
