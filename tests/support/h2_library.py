"""python-hyper's h2 on a socket, as a client or as a server that a test drives by hand."""

import asyncio
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event

EventT = TypeVar("EventT", bound=Event)


class H2Library:
    """One end; every rule that the library knows is checked on what the other end sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, client: bool) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=client, header_encoding="utf-8"))
        self.events: list[Event] = []
        self.closed = False
        self._reader = reader
        self._writer = writer
        self.h2.initiate_connection()

    @classmethod
    async def connect(cls, path: Path) -> Self:
        end = cls(*await asyncio.open_unix_connection(path), client=True)
        await end.flush()
        return end

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):  # the other end went first
            await self._writer.wait_closed()

    async def flush(self) -> None:
        self._writer.write(self.h2.data_to_send())
        await self._writer.drain()

    async def write(self, data: bytes) -> None:
        """Send bytes that the library would not."""
        await self.flush()
        self._writer.write(data)
        await self._writer.drain()

    async def read(self) -> list[Event]:
        """Read once; return what it means. Nothing, at the end of the connection."""
        data = await self._reader.read(65_536)
        self.closed = not data
        events = self.h2.receive_data(data) if data else []
        for event in events:
            if isinstance(event, DataReceived) and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        await self.flush()
        self.events += events
        return events

    async def until(self, kind: type[EventT]) -> EventT:
        """Read until there is an event of this kind; return and forget it."""
        while True:
            for event in self.events:
                if isinstance(event, kind):
                    self.events.remove(event)
                    return event
            if self.closed:
                raise ConnectionError(f"the connection ended without {kind.__name__}")
            await self.read()
