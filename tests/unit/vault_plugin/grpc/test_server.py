"""What a server makes of its servicers' handlers."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from sectigo_vault_pki.vault_plugin.grpc import Channel, Server, unix_dial


async def double(request: int, context: object) -> int:
    return 2 * request


def number(data: bytes) -> int:
    return int(data)


async def test_request_that_cannot_be_deserialized_is_refused(tmp_path: Path) -> None:
    server = Server()
    handler: Any = grpc.unary_unary_rpc_method_handler(double, number, lambda answer: b"%d" % answer)
    server.add_registered_method_handlers("test.Numbers", {"Double": handler})
    server.start(tmp_path / "s")
    async with asyncio.timeout(20), Channel(unix_dial(str(tmp_path / "s")), authority="x", scheme="http") as channel:
        method = channel.unary_unary("/test.Numbers/Double")
        assert await method(b"21") == b"42"
        with pytest.raises(grpc.aio.AioRpcError, match="cannot be deserialized") as caught:
            await method(b"hunter2")
    await server.stop(0)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in str(caught.value)


async def test_handler_of_a_shape_that_is_not_offered_is_refused_when_it_is_registered() -> None:
    handler: Any = grpc.stream_unary_rpc_method_handler(double)
    with pytest.raises(ValueError, match="Numbers/Sum takes a stream and answers one message"):
        Server().add_registered_method_handlers("test.Numbers", {"Sum": handler})
