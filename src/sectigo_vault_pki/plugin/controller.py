"""`plugin.GRPCController`: how the host stops the process (plugin-protocol.md 1.7)."""

import asyncio
from typing import Any

import grpc

from sectigo_vault_pki._proto.controller_pb2 import Empty
from sectigo_vault_pki._proto.controller_pb2_grpc import GRPCControllerServicer


class Controller(GRPCControllerServicer):
    """Answers at once: the host waits without a limit for the answer, and 2 s for the exit after it."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    async def Shutdown(  # noqa: N802  the wire's name
        self, request: Empty, context: grpc.aio.ServicerContext[Any, Any]
    ) -> Empty:
        del request, context
        self._stop.set()
        return Empty()
