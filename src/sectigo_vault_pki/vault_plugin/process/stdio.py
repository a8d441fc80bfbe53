"""`plugin.GRPCStdio`: a stream that the host opens once and discards (plugin-protocol.md 2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from sectigo_vault_pki.vault_plugin.proto.stdio_pb2 import StdioData
from sectigo_vault_pki.vault_plugin.proto.stdio_pb2_grpc import GRPCStdioServicer


class Stdio(GRPCStdioServicer):
    """Sends nothing: what the process has to say goes to the log on stderr."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    async def StreamStdio(  # noqa: N802  the wire's name
        self, request: Empty, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[StdioData]:
        del request, context
        await self._stop.wait()
        nothing: tuple[StdioData, ...] = ()
        for data in nothing:
            yield data
