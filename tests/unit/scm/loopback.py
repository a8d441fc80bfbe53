"""SCM as a script of bytes on a real socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sectigo_vault_pki.scm import ScmAccount, ScmClient

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ACCEPTED = b'{"sslId" : 55,"renewId" : "abc"}'


def answer_with(body: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), head, body)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Return the head of one request, its body read; empty at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))
    return head


@asynccontextmanager
async def server(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve on loopback, and be gone with every connection afterwards."""
    talks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{port}"
    finally:
        listener.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await listener.wait_closed()


@asynccontextmanager
async def client_of(account: ScmAccount) -> AsyncIterator[ScmClient]:
    async def no_pause(_seconds: float) -> None:
        return None

    client = ScmClient(account, sleep=no_pause)
    try:
        yield client
    finally:
        await client.aclose()


async def answer_every_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await read_request(reader):
        writer.write(answer_with(ACCEPTED))
        await writer.drain()
