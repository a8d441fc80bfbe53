"""Our ends with python-hyper's h2 as the other one, which checks every frame and can send what no gRPC library does."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    RemoteSettingsChanged,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from sectigo_vault_pki.vault_plugin.grpc import Channel, tcp_dial, unix_dial
from sectigo_vault_pki.vault_plugin.http2.frames import PREFACE
from tests.support.h2_library import H2Library
from tests.support.http2 import REQUEST, data_frame, frames_in, headers_frame, raw_frame, settings_frame
from tests.support.transports import OURS, Ends

PATIENCE_SECONDS = 30.0


def message(data: bytes) -> bytes:
    return b"\0" + len(data).to_bytes(4, "big") + data


def request(name: str = "Echo", *more: tuple[str, str], **changed: str) -> list[tuple[str, str]]:
    """Return a request's fields, with some changed (`method` for `:method`, `content_type` for `content-type`)."""
    values = {"path": f"/test.Service/{name}", **changed}

    def value(key: str, usual: str) -> str:
        return values.get(key.lstrip(":").replace("-", "_"), usual)

    return [(key, value(key, usual)) for key, usual in REQUEST] + list(more)


@pytest.fixture
async def ends(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ends]:
    ends = Ends(OURS, OURS, tmp_path_factory.mktemp("t") / "g")
    async with ends.stack, asyncio.timeout(PATIENCE_SECONDS):
        await ends.start()
        yield ends


@pytest.fixture
async def client(ends: Ends) -> AsyncIterator[H2Library]:
    async with await H2Library.connect(ends.path) as client:
        await client.until(RemoteSettingsChanged)
        await client.until(SettingsAcknowledged)
        yield client


async def ask(client: H2Library, fields: list[tuple[str, str]], body: bytes | None = message(b"x")) -> int:
    stream_id: int = client.h2.get_next_available_stream_id()
    client.h2.send_headers(stream_id, fields, end_stream=body is None)
    if body is not None:
        client.h2.send_data(stream_id, body, end_stream=True)
    await client.flush()
    return stream_id


def fields_of(event: Any) -> dict[str, str]:
    return dict(event.headers)


async def status(client: H2Library) -> tuple[str, str]:
    """Return number and text of an answer that is nothing but a status."""
    fields = fields_of(await client.until(ResponseReceived))
    return fields["grpc-status"], fields.get("grpc-message", "")


async def test_answer_is_headers_message_and_trailers(client: H2Library) -> None:
    await ask(client, request())
    headers = fields_of(await client.until(ResponseReceived))
    assert headers == {":status": "200", "content-type": "application/grpc"}
    assert (await client.until(DataReceived)).data == message(b"x")
    assert fields_of(await client.until(TrailersReceived)) == {"grpc-status": "0"}
    await client.until(StreamEnded)


async def test_request_in_many_small_frames_is_put_together(client: H2Library) -> None:
    stream_id = client.h2.get_next_available_stream_id()
    client.h2.send_headers(stream_id, request())
    for byte in message(b"hello"):
        client.h2.send_data(stream_id, bytes([byte]), pad_length=3)
    client.h2.end_stream(stream_id)
    await client.flush()
    assert (await client.until(DataReceived)).data == message(b"hello")


async def test_headers_that_need_continuation_arrive(ends: Ends, client: H2Library) -> None:
    await ask(client, request("Echo", ("long", "x" * 40_000)))
    await client.until(TrailersReceived)
    assert dict(ends.service.metadata)["long"] == "x" * 40_000


async def test_long_refusal_goes_out_in_continuation_frames(client: H2Library) -> None:
    await ask(client, request("Refuse"), message("é".encode() * 5_000))
    assert await status(client) == ("9", "%C3%A9" * 5_000)


async def test_answer_waits_for_a_small_window(client: H2Library) -> None:
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
    await ask(client, request(), message(b"z" * 1000))
    received = b""
    while len(received) < 1005:
        received += (await client.until(DataReceived)).data
    assert received == message(b"z" * 1000)
    await client.until(TrailersReceived)


async def test_ping_is_answered(client: H2Library) -> None:
    client.h2.ping(b"12345678")
    await client.flush()
    assert (await client.until(PingAckReceived)).ping_data == b"12345678"


async def test_pings_close_together_are_all_answered(client: H2Library) -> None:
    pings = [bytes([number]) * 8 for number in range(3)]
    for ping in pings:
        client.h2.ping(ping)
    await client.flush()
    assert [(await client.until(PingAckReceived)).ping_data for _ in pings] == pings


async def test_reset_stream_cancels_its_handler(ends: Ends, client: H2Library) -> None:
    stream_id = await ask(client, request("Wait"))
    await ends.service.started.wait()
    client.h2.reset_stream(stream_id, ErrorCodes.CANCEL)
    await client.flush()
    await ends.service.cancelled.wait()


async def test_lost_connection_cancels_its_handlers(ends: Ends) -> None:
    async with await H2Library.connect(ends.path) as client:
        await ask(client, request("Wait"))
        await ends.service.started.wait()
    await ends.service.cancelled.wait()


async def test_answer_before_the_end_of_the_request_ends_the_rest(client: H2Library) -> None:
    stream_id = client.h2.get_next_available_stream_id()
    client.h2.send_headers(stream_id, request("Nothing"))
    await client.flush()
    assert await status(client) == ("12", "Method not found!")
    assert (await client.until(StreamReset)).error_code == ErrorCodes.NO_ERROR


async def test_stopping_server_says_goodbye_with_the_last_stream_it_knows(ends: Ends) -> None:
    reader, writer = await asyncio.open_unix_connection(ends.path)
    asked = (settings_frame(), headers_frame(1, request("Wait")), data_frame(1, message(b"x"), end=True))
    writer.write(PREFACE + b"".join(frame.serialize() for frame in asked))
    await ends.service.started.wait()
    await ends.server.stop(0)
    (goodbye,) = [frame for frame in frames_in(await reader.read(-1)) if isinstance(frame, GoAwayFrame)]
    assert (goodbye.error_code, goodbye.last_stream_id) == (ErrorCodes.NO_ERROR, 1)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("changed", "http_status"),
    [
        ({"method": "GET"}, "405"),
        ({"content_type": "application/json"}, "415"),
        ({"content_type": "application/grpc+json"}, "415"),
        ({"content_type": "application/grpc-web"}, "415"),
    ],
)
async def test_request_that_is_no_grpc_is_refused_in_http(
    client: H2Library, changed: dict[str, str], http_status: str
) -> None:
    await ask(client, request(**changed))
    assert fields_of(await client.until(ResponseReceived)) == {":status": http_status}


@pytest.mark.parametrize("content_type", ["application/grpc+proto", "application/grpc; charset=utf-8"])
async def test_other_names_of_grpc_are_taken(client: H2Library, content_type: str) -> None:
    await ask(client, request(content_type=content_type))
    await client.until(TrailersReceived)


@pytest.mark.parametrize(
    ("fields", "body", "number"),
    [
        (request("Echo", ("grpc-encoding", "gzip")), message(b"x"), "12"),
        (request("Echo", ("grpc-timeout", "soon")), message(b"x"), "13"),
        (request("Echo", ("grpc-timeout", "0n"), path="/test.Service/Wait"), message(b"x"), "4"),
        (request(), b"\1\0\0\0\1x", "12"),
        (request(), b"\0\xff\xff\xff\xff", "8"),
        (request(), message(b"x")[:-1], "13"),
        (request(), message(b"x") * 2, "12"),
        (request(), b"", "12"),
        (request(), None, "12"),
    ],
    ids=[
        "an encoding",
        "no timeout",
        "no time left",
        "a compressed message",
        "a message too long",
        "half a message",
        "two messages",
        "an empty body",
        "no body",
    ],
)
async def test_request_that_cannot_be_answered_has_a_status(
    client: H2Library, fields: list[tuple[str, str]], body: bytes | None, number: str
) -> None:
    await ask(client, fields, body)
    assert (await status(client))[0] == number


async def test_handlers_failure_shows_nowhere(client: H2Library, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        await ask(client, request("Fail"))
        assert await status(client) == ("2", "internal error of the server")
    assert [record.message for record in caplog.records] == ["a handler failed"]


async def test_client_that_breaks_the_rules_is_told_and_left(client: H2Library) -> None:
    await client.write(raw_frame(6, 0, 0, b"short"))
    assert (await client.until(ConnectionTerminated)).error_code == ErrorCodes.FRAME_SIZE_ERROR
    while not client.closed:
        await client.read()


class HandMade:
    """A server that a test answers by hand, and a channel of ours to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.accepted: asyncio.Queue[H2Library] = asyncio.Queue()
        self.ends: list[H2Library] = []
        self.channel = Channel(unix_dial(str(path)), authority="localhost", scheme="http")
        self.settings: dict[SettingCodes | int, int] = {}

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = H2Library(reader, writer, client=False)
        if self.settings:
            end.h2.update_settings(self.settings)
        await end.flush()
        self.ends.append(end)
        self.accepted.put_nowait(end)

    def call(self, data: bytes = b"x", *, seconds: float | None = None) -> asyncio.Future[bytes]:
        method = self.channel.unary_unary("/test.Service/Echo")
        return asyncio.ensure_future(method(data, timeout=seconds))

    async def request(self) -> tuple[H2Library, RequestReceived]:
        end = await self.accepted.get()
        return end, await end.until(RequestReceived)


OK_HEADERS = [(":status", "200"), ("content-type", "application/grpc")]


async def answer(end: H2Library, stream_id: int, data: bytes = b"x") -> None:
    end.h2.send_headers(stream_id, OK_HEADERS)
    end.h2.send_data(stream_id, message(data))
    end.h2.send_headers(stream_id, [("grpc-status", "0")], end_stream=True)
    await end.flush()


@pytest.fixture
async def hand_made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HandMade]:
    made = HandMade(tmp_path_factory.mktemp("t") / "g")
    server = await asyncio.start_unix_server(made.accept, made.path)
    async with asyncio.timeout(PATIENCE_SECONDS), server:
        yield made
        await made.channel.close()
        for end in made.ends:
            await end.close()


async def test_our_request_is_grpcs(hand_made: HandMade) -> None:
    call = hand_made.call(b"hello", seconds=20)
    end, received = await hand_made.request()
    fields = fields_of(received)
    assert fields.pop("grpc-timeout")[-1] in "num"
    assert fields.pop("user-agent")
    assert fields == {**dict(request()), ":scheme": "http"}
    assert (await end.until(DataReceived)).data == message(b"hello")
    await answer(end, 1, b"world")
    assert await call == b"world"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ([(":status", "503")], grpc.StatusCode.UNAVAILABLE),
        ([(":status", "200"), ("content-type", "text/html")], grpc.StatusCode.UNKNOWN),
        ([*OK_HEADERS, ("grpc-status", "7"), ("grpc-message", "no%21")], grpc.StatusCode.PERMISSION_DENIED),
        ([*OK_HEADERS, ("grpc-status", "0")], grpc.StatusCode.INTERNAL),
        (OK_HEADERS, grpc.StatusCode.UNKNOWN),
    ],
    ids=["HTTP only", "another content", "a status", "no message", "no status"],
)
async def test_answer_without_a_message_is_an_error(
    hand_made: HandMade, fields: list[tuple[str, str]], code: grpc.StatusCode
) -> None:
    call = hand_made.call()
    end, received = await hand_made.request()
    end.h2.send_headers(received.stream_id, fields, end_stream=True)
    await end.flush()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is code


@pytest.mark.parametrize(
    "body",
    [message(b"x") * 2, message(b"x")[:-1], b"\1\0\0\0\1x"],
    ids=["two messages", "half a message", "compressed"],
)
async def test_answer_that_is_not_one_message_is_an_error(hand_made: HandMade, body: bytes) -> None:
    call = hand_made.call()
    end, received = await hand_made.request()
    end.h2.send_headers(received.stream_id, OK_HEADERS)
    end.h2.send_data(received.stream_id, body)
    end.h2.send_headers(received.stream_id, [("grpc-status", "0")], end_stream=True)
    await end.flush()
    with pytest.raises(grpc.aio.AioRpcError):
        await call


async def test_answer_that_cannot_be_deserialized_is_an_error_that_does_not_quote_it(hand_made: HandMade) -> None:
    method = hand_made.channel.unary_unary("/test.Service/Echo", response_deserializer=int)
    call = asyncio.ensure_future(method(b"x"))
    end, received = await hand_made.request()
    await answer(end, received.stream_id, b"hunter2")
    with pytest.raises(grpc.aio.AioRpcError, match="cannot be deserialized") as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in str(caught.value)


async def test_reset_answer_is_an_error(hand_made: HandMade) -> None:
    call = hand_made.call()
    end, received = await hand_made.request()
    end.h2.reset_stream(received.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
    await end.flush()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_refused_call_is_sent_once_more(hand_made: HandMade) -> None:
    call = hand_made.call()
    end, received = await hand_made.request()
    end.h2.reset_stream(received.stream_id, ErrorCodes.REFUSED_STREAM)
    await end.flush()
    again = await end.until(RequestReceived)
    assert again.stream_id != received.stream_id
    await answer(end, again.stream_id)
    assert await call == b"x"


async def test_call_that_is_refused_twice_is_unavailable(hand_made: HandMade) -> None:
    call = hand_made.call()
    end, received = await hand_made.request()
    end.h2.reset_stream(received.stream_id, ErrorCodes.REFUSED_STREAM)
    await end.flush()
    again = await end.until(RequestReceived)
    end.h2.reset_stream(again.stream_id, ErrorCodes.REFUSED_STREAM)
    await end.flush()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_calls_that_a_leaving_server_has_not_seen_go_to_the_next_connection(hand_made: HandMade) -> None:
    seen, unseen = hand_made.call(b"1"), hand_made.call(b"2")
    end, first = await hand_made.request()
    await end.until(RequestReceived)
    end.h2.close_connection(last_stream_id=first.stream_id)
    await end.flush()
    other, again = await hand_made.request()
    await answer(other, again.stream_id, b"2")
    assert await unseen == b"2"
    assert not seen.done()
    seen.cancel()


async def test_call_whose_connection_breaks_is_unavailable_and_not_sent_again(hand_made: HandMade) -> None:
    call = hand_made.call()
    end, _ = await hand_made.request()
    async with end:
        pass
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert hand_made.accepted.empty()


async def test_no_more_calls_are_open_than_the_server_takes(hand_made: HandMade) -> None:
    hand_made.settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 2}
    calls = [hand_made.call(b"%d" % number) for number in range(5)]
    end = await hand_made.accepted.get()
    for number in range(5):
        received = await end.until(RequestReceived)
        assert end.h2.open_inbound_streams <= 2
        await answer(end, received.stream_id, b"%d" % number)
    assert await asyncio.gather(*calls) == [b"0", b"1", b"2", b"3", b"4"]


async def test_waiting_call_can_be_cancelled_before_its_turn(hand_made: HandMade) -> None:
    hand_made.settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}
    calls = [hand_made.call() for _ in range(3)]
    end, received = await hand_made.request()
    calls[1].cancel()
    await answer(end, received.stream_id)
    await answer(end, (await end.until(RequestReceived)).stream_id)
    assert (await calls[0], await calls[2], calls[1].cancelled()) == (b"x", b"x", True)


async def test_connection_without_more_stream_ids_is_followed_by_another(
    hand_made: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sectigo_vault_pki.vault_plugin.http2.streams.MAX_STREAM_ID", 3)
    calls = [hand_made.call(b"%d" % number) for number in range(3)]
    end = await hand_made.accepted.get()
    for _ in range(2):
        received = await end.until(RequestReceived)
        await answer(end, received.stream_id, b"first")
    other, received = await hand_made.request()
    assert received.stream_id == 1
    await answer(other, 1, b"second")
    assert await asyncio.gather(*calls) == [b"first", b"first", b"second"]


async def test_server_that_leaves_at_once_is_unavailable(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("t") / "g"

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(settings_frame().serialize() + GoAwayFrame(0, last_stream_id=0).serialize())
        await reader.read(-1)
        writer.close()

    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        await asyncio.start_unix_server(leave, path),
        Channel(unix_dial(str(path)), authority="localhost") as channel,
    ):
        method = channel.unary_unary("/test.Service/Echo")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await method(b"")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_address_that_is_none_is_unavailable() -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), Channel(tcp_dial("127.0.0.1", 99_999), authority="x") as channel:
        method = channel.unary_unary("/test.Service/Echo")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await method(b"")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_server_that_breaks_the_rules_is_left(hand_made: HandMade) -> None:
    call = hand_made.call()
    end, _ = await hand_made.request()
    await end.write(raw_frame(0, 0, 0, b""))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert (await end.until(ConnectionTerminated)).error_code == ErrorCodes.PROTOCOL_ERROR
