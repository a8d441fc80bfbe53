"""Messages of a stream between their arrival and their reader."""

import asyncio
from collections import deque
from collections.abc import Callable

from sectigo_vault_pki.vault_plugin.http2.limits import MAX_UNREAD_MESSAGES, STREAM_WINDOW_BYTES


class Inbox:
    """A queue with an end; while it is full, the peer is given no leave to send more."""

    def __init__(self, credit: Callable[[int], None]) -> None:
        self._credit = credit
        self._messages: deque[bytes] = deque()
        self._unread_bytes = 0
        self._held = 0
        self._ended = False
        self._arrived = asyncio.Event()

    def put(self, messages: list[bytes], *, length: int) -> None:
        """Take what arrived in `length` bytes."""
        self._messages.extend(messages)
        self._unread_bytes += sum(map(len, messages))
        if messages:
            self._arrived.set()
        self._held += length
        self._give_credit()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._arrived.set()

    async def get(self) -> bytes | None:
        """Return the next message, or None after the last."""
        while not self._messages:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        self._unread_bytes -= len(message)
        self._give_credit()
        return message

    def _give_credit(self) -> None:
        full = len(self._messages) >= MAX_UNREAD_MESSAGES or self._unread_bytes >= STREAM_WINDOW_BYTES
        if self._held and not full:
            held, self._held = self._held, 0
            self._credit(held)
