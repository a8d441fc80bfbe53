"""Messages that have not arrived completely: what a client may have us keep of them."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hyperframe.frame import Frame

from sectigo_vault_pki.vault_plugin.grpc import Server
from sectigo_vault_pki.vault_plugin.grpc.messages import prefixed
from sectigo_vault_pki.vault_plugin.http2.frames import PREFACE, FrameType
from tests.support.http2 import data_frame, headers_frame, settings_frame
from tests.support.transports import Service

KIB = 1024


async def kinds_of_answers(path: Path, sent: Iterable[Frame]) -> list[tuple[int, int]]:
    """Send these frames to a server; return the kinds and the streams of what it answers, until it has on stream 99."""
    server: Any = Server()
    Service().register(server)
    server.start(path)
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(PREFACE + settings_frame().serialize() + b"".join(frame.serialize() for frame in sent))
        answers = []
        async with asyncio.timeout(20):
            while (FrameType.DATA, 99) not in answers:
                head = await reader.readexactly(9)
                await reader.readexactly(int.from_bytes(head[:3], "big"))
                answers.append((head[3], int.from_bytes(head[5:], "big")))
        return answers
    finally:
        writer.transport.abort()
        await server.stop(0)


def halves(*stream_ids: int) -> list[Frame]:
    """Begin messages of 20 KiB, of which 10 KiB come."""
    frames: list[Frame] = []
    for stream_id in stream_ids:
        frames += [headers_frame(stream_id), data_frame(stream_id, prefixed(bytes(20 * KIB))[: 10 * KIB])]
    return frames


def whole(stream_id: int) -> list[Frame]:
    return [headers_frame(stream_id), data_frame(stream_id, prefixed(b"whole"), end=True)]


async def test_too_much_of_too_many_messages_is_refused_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sectigo_vault_pki.vault_plugin.grpc.messages.MAX_ASSEMBLED_BYTES", 35 * KIB)
    sent = [*halves(1, 3, 5, 7, 9, 11), *whole(99)]
    answers = await kinds_of_answers(tmp_path / "s", sent)
    # Three are kept; what was kept of a refused one is free again for the next, which then is the one too many.
    assert [stream for kind, stream in answers if kind == FrameType.HEADERS] == [7, 9, 11, 99]
