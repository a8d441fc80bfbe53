"""Bytes through the relay: all of them, in order, no more at a time than the slower side takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from sectigo_vault_pki.vault_plugin.testing.relay import CHUNK_BYTES, Ends, Relay

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Open = Callable[[Serve], Awaitable[Ends]]


@pytest.fixture
async def through_relay(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    """Connect to a server by way of a relay."""
    folder = tmp_path_factory.mktemp("r")
    async with AsyncExitStack() as stack:

        async def connect(serve: Serve) -> Ends:
            server = await asyncio.start_unix_server(serve, folder / "far")
            stack.callback(server.close)
            relay = await Relay(partial(asyncio.open_unix_connection, folder / "far")).listen(folder / "near")
            stack.push_async_callback(relay.close)
            ends = await asyncio.open_unix_connection(folder / "near")
            stack.callback(ends[1].close)
            return ends

        async with asyncio.timeout(20):
            yield connect


async def test_bytes_arrive_complete_and_in_order_both_ways(through_relay: Open) -> None:
    sent = bytes(range(256)) * 40_000

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        writer.close()

    reader, writer = await through_relay(echo)

    async def send() -> None:
        writer.write(sent)
        await writer.drain()
        writer.write_eof()

    received, _ = await asyncio.gather(reader.read(-1), send())
    assert received == sent


async def test_half_close_leaves_the_other_direction_open(through_relay: Open) -> None:
    async def answer_after_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read(-1)
        writer.write(b"answer to " + question)
        writer.close()

    reader, writer = await through_relay(answer_after_the_end)
    writer.write(b"question")
    writer.write_eof()
    assert await reader.read(-1) == b"answer to question"


async def test_end_of_one_side_reaches_the_other(through_relay: Open) -> None:
    gone = asyncio.Event()

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        assert await reader.read(-1) == b""
        writer.close()
        gone.set()

    reader, writer = await through_relay(wait_for_the_end)
    assert await reader.read(5) == b"hello"
    writer.close()
    await gone.wait()


async def test_sender_is_held_up_while_nobody_reads(through_relay: Open) -> None:
    read_on = asyncio.Event()
    received = 0

    async def read_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        await read_on.wait()
        while data := await reader.read(CHUNK_BYTES):
            received += len(data)
        writer.close()

    reader, writer = await through_relay(read_late)
    sent = 64 * 1024 * 1024
    writer.write(bytes(sent))
    sending = asyncio.create_task(writer.drain())
    done, _ = await asyncio.wait([sending], timeout=0.2)
    assert not done
    read_on.set()
    await sending
    writer.write_eof()
    assert await reader.read(-1) == b""
    assert received == sent


async def test_connection_is_dropped_where_nothing_listens_behind(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("r")
    relay = await Relay(partial(asyncio.open_unix_connection, folder / "nobody")).listen(folder / "near")
    reader, writer = await asyncio.open_unix_connection(folder / "near")
    try:
        assert await reader.read(-1) == b""
    except ConnectionResetError:
        assert writer.is_closing() or reader.at_eof() or reader.exception() is not None
    finally:
        writer.transport.abort()
        await relay.close()


async def test_closing_the_relay_ends_its_connections(tmp_path: Path, through_relay: Open) -> None:
    del tmp_path
    closed = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await reader.read(-1)
        writer.close()
        closed.set()

    relay_ends = await through_relay(hold)
    assert await relay_ends[0].read(5) == b"hello"
    relay_ends[1].transport.abort()
    await closed.wait()
