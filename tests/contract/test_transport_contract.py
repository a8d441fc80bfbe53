"""What any gRPC transport does: ours as server and as client, with grpcio and with ours at the other end.

Calls that are more than a message each way are for our server only: our client makes none.
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress

import grpc
import pytest

from tests.support.transports import GRPCIO, OURS, Ends, each

MIB = 1024 * 1024
PATIENCE_SECONDS = 60.0
HELD_UP_SECONDS = 0.5
"""Several times what the whole stream takes when it is read."""


@pytest.fixture(
    params=[(OURS, OURS), (OURS, GRPCIO), (GRPCIO, OURS)],
    ids=lambda pair: f"{pair[0]} server, {pair[1]} client",
)
async def ends(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ends]:
    server, client = request.param
    ends = Ends(server, client, tmp_path_factory.mktemp("t") / "g")
    async with ends.stack, asyncio.timeout(PATIENCE_SECONDS):
        await ends.start()
        yield ends


@pytest.mark.parametrize("size", [0, 1, 16_384, 65_535, 65_536, 20 * MIB])
async def test_message_comes_back_as_it_was_sent(ends: Ends, size: int) -> None:
    message = bytes(range(251)) * (size // 251 + 1)
    assert await ends.unary("Echo")(message[:size]) == message[:size]


@pytest.mark.parametrize("ends", [(OURS, GRPCIO), (GRPCIO, OURS)], indirect=True, ids=["our server", "our client"])
async def test_message_longer_than_any_request_of_a_default_host_comes_back(ends: Ends) -> None:
    message = bytes(160 * MIB)
    assert await ends.unary("Echo")(message) == message


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_success_is_ok_without_details(ends: Ends) -> None:
    call = ends.unary("Echo")(b"x")
    await call
    assert (await call.code(), await call.details()) == (grpc.StatusCode.OK, "")
    assert call.done()
    assert not call.cancelled()


async def test_many_calls_at_once_get_their_own_answers(ends: Ends) -> None:
    echo = ends.unary("Echo")
    messages = [b"%d" % number * 100 for number in range(500)]
    assert await asyncio.gather(*(echo(message) for message in messages)) == messages


@pytest.mark.parametrize("ends", [(OURS, OURS)], indirect=True, ids=["ours"])
async def test_calls_that_are_over_leave_nothing_to_the_garbage_collector(ends: Ends) -> None:
    echo = ends.unary("Echo")
    await echo(b"x")
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            await echo(b"x")
        assert gc.collect() < 50
    finally:
        gc.enable()


@pytest.mark.parametrize("ends", [(OURS, OURS)], indirect=True, ids=["ours"])
async def test_calls_that_failed_leave_nothing_to_the_garbage_collector(ends: Ends) -> None:
    refuse = ends.unary("Refuse")
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            with suppress(grpc.aio.AioRpcError):
                await refuse(b"x")
        assert gc.collect() < 50
    finally:
        gc.enable()


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_metadata_of_a_call_arrives(ends: Ends) -> None:
    sent = [("multiplex_id", "abc"), ("twice", "1"), ("twice", "2"), ("blob-bin", b"\0\xff,=")]
    await ends.unary("Echo")(b"", metadata=sent)
    assert [entry for entry in ends.service.metadata if entry[0] != "user-agent"] == sent


@pytest.mark.parametrize("text", ["simple", "100 % — zażółć\n\x00", "%41", ""])
async def test_refusal_arrives_with_its_code_and_text(ends: Ends, text: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ends.unary("Refuse")(text.encode())
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, text)


async def test_handler_that_fails_is_unknown(ends: Ends) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ends.unary("Fail")(b"")
    assert caught.value.code() is grpc.StatusCode.UNKNOWN


@pytest.mark.parametrize("method", ["/test.Service/Nothing", "/nobody.Service/Echo"])
async def test_unknown_method_is_unimplemented(ends: Ends, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="Method not found!") as caught:
        await ends.method(method)(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_stream_of_answers_arrives_in_order_and_ends(ends: Ends) -> None:
    assert [len(message) async for message in ends.unary_stream("Count")(b"5 3")] == [3] * 5
    assert [message async for message in ends.unary_stream("Count")(b"0 0")] == []


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_stream_of_answers_can_be_read_one_by_one(ends: Ends) -> None:
    call = ends.unary_stream("Count")(b"1 3")
    assert await call.read() == bytes(3)
    assert await call.read() is grpc.aio.EOF


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_stream_that_ends_in_a_refusal_gives_what_came_before(ends: Ends) -> None:
    call = ends.unary_stream("CountThenRefuse")(b"x")
    assert await call.read() == b"x"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_conversation_goes_both_ways_and_on_after_the_clients_end(ends: Ends) -> None:
    call = ends.stream_stream("Converse")()
    for message in (b"one", b"", b"three"):
        await call.write(message)
        assert await call.read() == message
    await call.done_writing()
    assert await call.read() == b"goodbye"
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_requests_given_as_a_list_are_sent(ends: Ends) -> None:
    assert [message async for message in ends.stream_stream("Converse")([b"a", b"b"])] == [b"a", b"b", b"goodbye"]


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_large_messages_pass_in_both_directions_at_once(ends: Ends) -> None:
    messages = [bytes([number]) * (3 * MIB) for number in range(8)]
    answers = [message async for message in ends.stream_stream("Converse")(each(messages))]
    assert answers == [*messages, b"goodbye"]


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_writer_of_answers_is_held_up_while_the_client_does_not_read(ends: Ends) -> None:
    call = ends.unary_stream("Count")(b"500 65536")
    assert len(await call.read()) == 65_536
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(HELD_UP_SECONDS):
            await ends.service.finished.wait()
    for _ in range(499):
        assert len(await call.read()) == 65_536
    assert await call.read() is grpc.aio.EOF
    await ends.service.finished.wait()


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_writer_of_requests_is_held_up_while_our_server_does_not_read(ends: Ends) -> None:
    all_taken = asyncio.Event()

    async def requests() -> AsyncIterator[bytes]:
        for _ in range(500):
            yield bytes(65_536)
        all_taken.set()

    call = ends.stream_stream("ReadLate")(requests())
    await ends.service.started.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(HELD_UP_SECONDS):
            await all_taken.wait()
    ends.service.release.set()
    assert await call.read() == b"%d" % (500 * 65_536)


async def test_deadline_ends_the_call_on_both_sides(ends: Ends) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ends.unary("Wait")(b"", timeout=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    if ends.service.started.is_set():
        await ends.service.cancelled.wait()


async def test_deadline_is_known_to_the_handler(ends: Ends) -> None:
    await ends.unary("Echo")(b"", timeout=50)
    assert ends.service.time_remaining is not None
    assert 0 < ends.service.time_remaining <= 51  # grpcio rounds up


async def test_without_a_deadline_the_handler_sees_none(ends: Ends) -> None:
    await ends.unary("Echo")(b"")
    assert ends.service.time_remaining is None


async def test_deadline_that_is_over_needs_no_server(ends: Ends) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ends.unary("Wait")(b"", timeout=0)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_cancelled_call_is_cancelled_on_both_sides(ends: Ends) -> None:
    call = ends.unary("Wait")(b"")
    await ends.service.started.wait()
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await ends.service.cancelled.wait()
    assert call.cancelled()
    assert await call.code() is grpc.StatusCode.CANCELLED


async def test_call_of_a_cancelled_task_is_cancelled(ends: Ends) -> None:
    async def wait() -> None:
        await ends.unary("Wait")(b"")

    task = asyncio.create_task(wait())
    await ends.service.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ends.service.cancelled.wait()


@pytest.mark.parametrize("ends", [(OURS, GRPCIO)], indirect=True, ids=["our server"])
async def test_cancelled_stream_is_cancelled_on_both_sides(ends: Ends) -> None:
    call = ends.unary_stream("WaitForever")(b"")
    await ends.service.started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.read()
    await ends.service.cancelled.wait()


async def test_closing_the_channel_cancels_what_runs(ends: Ends) -> None:
    call = asyncio.ensure_future(ends.unary("Wait")(b""))
    await ends.service.started.wait()
    await ends.channel.close()
    with pytest.raises(asyncio.CancelledError):
        await call
    await ends.service.cancelled.wait()


async def test_closed_channel_refuses_calls(ends: Ends) -> None:
    await ends.channel.close()
    with pytest.raises(grpc.aio.UsageError):
        await ends.unary("Echo")(b"")


async def test_stopped_server_ends_its_calls(ends: Ends) -> None:
    call = asyncio.ensure_future(ends.unary("Wait")(b""))
    await ends.service.started.wait()
    await ends.server.stop(0)
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)) as caught:
        await call
    await ends.service.cancelled.wait()
    if isinstance(caught.value, grpc.aio.AioRpcError):
        assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_server_that_stops_gracefully_finishes_its_calls(ends: Ends) -> None:
    call = asyncio.ensure_future(ends.unary("Wait")(b"x"))
    await ends.service.started.wait()
    stopping = asyncio.create_task(ends.server.stop(PATIENCE_SECONDS))
    await asyncio.sleep(0)
    ends.service.release.set()
    assert await call == b"x"
    await stopping


async def test_server_that_nobody_started_is_unavailable(ends: Ends) -> None:
    await ends.server.stop(0)
    ends.path.unlink(missing_ok=True)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ends.unary("Echo")(b"")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_channel_finds_a_server_that_was_restarted(ends: Ends) -> None:
    assert await ends.unary("Echo")(b"before") == b"before"
    await ends.restart()
    assert await ends.unary("Echo")(b"after") == b"after"
