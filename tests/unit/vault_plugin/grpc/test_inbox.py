"""Messages that wait for their reader, and the leave to send more that their sender gets."""

import asyncio

from sectigo_vault_pki.vault_plugin.grpc.messages import Inbox
from sectigo_vault_pki.vault_plugin.http2.limits import MAX_UNREAD_MESSAGES, STREAM_WINDOW_BYTES


async def test_credit_is_given_at_once_while_there_is_room() -> None:
    credited: list[int] = []
    Inbox(credited.append).put([b"abc"], length=8)
    assert credited == [8]


async def test_sender_gets_no_credit_while_too_many_messages_are_unread() -> None:
    credited: list[int] = []
    inbox = Inbox(credited.append)
    inbox.put([b"x"] * MAX_UNREAD_MESSAGES, length=96)
    inbox.put([b"y"], length=6)
    assert credited == []
    await inbox.get()
    assert credited == []
    await inbox.get()
    assert credited == [102]


async def test_sender_gets_no_credit_while_too_many_bytes_are_unread() -> None:
    credited: list[int] = []
    inbox = Inbox(credited.append)
    inbox.put([bytes(STREAM_WINDOW_BYTES)], length=STREAM_WINDOW_BYTES + 5)
    assert credited == []
    await inbox.get()
    assert credited == [STREAM_WINDOW_BYTES + 5]


async def test_pieces_of_a_message_get_credit_so_that_it_can_be_completed() -> None:
    credited: list[int] = []
    Inbox(credited.append).put([], length=STREAM_WINDOW_BYTES)
    assert credited == [STREAM_WINDOW_BYTES]


async def test_end_comes_after_the_last_message_and_wakes_who_waits() -> None:
    inbox = Inbox(lambda _: None)
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put([b"last"], length=9)
    assert await waiting == b"last"
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.end()
    assert await waiting is None
