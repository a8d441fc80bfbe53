"""Connections that come to nothing, and how they are told; in virtual time, on real sockets."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from sectigo_vault_pki.vault_plugin.grpc import Server
from sectigo_vault_pki.vault_plugin.grpc.server import Listener
from sectigo_vault_pki.vault_plugin.http2.frames import PREFACE
from sectigo_vault_pki.vault_plugin.http2.limits import HANDSHAKE_SECONDS, MAX_HANDSHAKES
from tests.support.http2 import settings_frame
from tests.support.virtual_time import VirtualTimeLoop

INTRODUCTION = PREFACE + settings_frame().serialize()

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Stage:
    """A server, and what it tells."""

    path: Path
    reasons: list[str] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    ends: list[Ends] = field(default_factory=list)

    async def connect(self, sent: bytes = b"") -> Ends:
        reader, writer = ends = await asyncio.open_unix_connection(self.path)
        self.ends.append(ends)
        writer.write(sent)
        return reader, writer

    async def is_ended(self, ends: Ends) -> float:
        """Wait for the server to end a connection; return the seconds that took."""
        started = asyncio.get_running_loop().time()
        with suppress(ConnectionResetError):
            await ends[0].read(-1)
        return asyncio.get_running_loop().time() - started


@asynccontextmanager
async def staged(path: Path, *, tls: ssl.SSLContext | None = None, exclusive: bool = False) -> AsyncIterator[Stage]:
    stage = Stage(path)
    server = Server(
        connected=lambda: stage.clients.append("came"),
        disconnected=lambda: stage.clients.append("went"),
        refused=stage.reasons.append,
        exclusive=exclusive,
    )
    server.start(path, tls=tls)
    try:
        yield stage
    finally:
        await server.stop(0)
        for _, writer in stage.ends:
            writer.transport.abort()
        await asyncio.sleep(0.1)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def play() -> None:
        await scenario()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play())


def server_tls() -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    tls.set_alpn_protocols(["h2"])
    return tls


@pytest.mark.parametrize(("tls", "reason"), [(True, "no TLS handshake within 10 s"), (False, "it says nothing")])
def test_connection_that_says_nothing_is_ended(tmp_path: Path, tls: bool, reason: str) -> None:
    async def scenario() -> None:
        async with staged(tmp_path / "s", tls=server_tls() if tls else None) as stage:
            seconds = await stage.is_ended(await stage.connect())
            assert seconds == pytest.approx(HANDSHAKE_SECONDS, abs=0.1)
            assert stage.reasons == [reason]
            assert stage.clients == []

    run(scenario)


def test_client_that_has_introduced_itself_may_be_silent(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with staged(tmp_path / "s") as stage:
            await stage.connect(INTRODUCTION)
            await asyncio.sleep(100 * HANDSHAKE_SECONDS)
            assert (stage.reasons, stage.clients) == ([], ["came"])

    run(scenario)


def test_oldest_of_too_many_that_do_not_say_who_they_are_gives_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with staged(tmp_path / "s", tls=server_tls()) as stage:
            first, *_ = [await stage.connect() for _ in range(MAX_HANDSHAKES)]
            await asyncio.sleep(HANDSHAKE_SECONDS / 2)
            assert stage.reasons == []
            newcomer = await stage.connect()
            assert await stage.is_ended(first) == 0
            assert stage.reasons == ["it was too slow to say who it is, for so many others"]
            assert await stage.is_ended(newcomer) == pytest.approx(HANDSHAKE_SECONDS, abs=0.1)
            assert len(stage.reasons) == 1 + MAX_HANDSHAKES

    run(scenario)


def test_second_client_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with staged(tmp_path / "s", exclusive=True) as stage:
            _, first = await stage.connect(INTRODUCTION)
            await asyncio.sleep(0.1)
            assert await stage.is_ended(await stage.connect(INTRODUCTION)) == 0
            assert (stage.reasons, stage.clients) == (["another client is connected"], ["came"])
            first.transport.abort()
            await asyncio.sleep(0.1)
            await stage.connect(INTRODUCTION)
            await asyncio.sleep(0.1)
            assert (len(stage.reasons), stage.clients) == (1, ["came", "went", "came"])

    run(scenario)


def test_server_for_everybody_takes_several_clients(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with staged(tmp_path / "s") as stage:
            for _ in range(3):
                await stage.connect(INTRODUCTION)
            await asyncio.sleep(0.1)
            assert (stage.reasons, stage.clients) == ([], ["came"] * 3)

    run(scenario)


class CrowdedSocket(socket.socket):
    """Has no descriptor left for the first connection."""

    crowded = True

    def accept(self) -> tuple[socket.socket, object]:
        if self.crowded:
            self.crowded = False
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_listener_goes_on_when_there_are_descriptors_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        bound = CrowdedSocket(socket.AF_UNIX)
        bound.bind(str(tmp_path / "s"))
        reasons: list[str] = []
        made = asyncio.Event()

        class Greeted(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                made.set()

        listener = Listener(bound, None)
        listener.start(Greeted, reasons.append)
        _, writer = await asyncio.open_unix_connection(tmp_path / "s")
        await made.wait()
        assert reasons == ["nothing can be accepted: Too many open files"]
        assert asyncio.get_running_loop().time() == pytest.approx(1.0)
        writer.transport.abort()
        listener.close()

    run(scenario)


def test_connection_that_was_just_accepted_is_closed_with_the_listener(tmp_path: Path) -> None:
    async def scenario() -> None:
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(tmp_path / "s"))
        listener = Listener(bound, server_tls())
        listener.start(asyncio.Protocol, print)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "s"))
            listener._accept()
            listener.close()
            await asyncio.sleep(0.1)
            client.settimeout(5)
            assert client.recv(1) == b""

    run(scenario)


def test_listener_that_waits_for_descriptors_can_be_closed(tmp_path: Path) -> None:
    async def scenario() -> None:
        bound = CrowdedSocket(socket.AF_UNIX)
        bound.bind(str(tmp_path / "s"))
        reasons: list[str] = []
        listener = Listener(bound, None)
        listener.start(asyncio.Protocol, reasons.append)
        _, writer = await asyncio.open_unix_connection(tmp_path / "s")
        await asyncio.sleep(0.5)
        assert len(reasons) == 1
        listener.close()
        await asyncio.sleep(5)
        writer.transport.abort()

    run(scenario)
