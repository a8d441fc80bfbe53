"""`plugin.GRPCController`: how the host stops the process (plugin-protocol.md 1.7)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from sectigo_vault_pki.vault_plugin.proto.controller_pb2 import Empty
from sectigo_vault_pki.vault_plugin.proto.controller_pb2_grpc import GRPCControllerServicer


class Controller(GRPCControllerServicer):
    """Answers as soon as every request is answered: the host closes the connection then, and waits 2 s for the exit.

    A process that serves several mounts is stopped when one of them is reloaded, with requests of the others under way.
    """

    def __init__(self, stop: asyncio.Event, *, end_requests: Callable[[], Awaitable[None]]) -> None:
        """Prepare.

        Args:
            stop: set when the process is to end.
            end_requests: lets the requests under way be answered; quickly, as the host waits without a limit.
        """
        self._stop = stop
        self._end_requests = end_requests

    async def Shutdown(  # noqa: N802  the wire's name
        self, request: Empty, context: grpc.aio.ServicerContext[Any, Any]
    ) -> Empty:
        del request, context
        try:
            await self._end_requests()
        finally:
            self._stop.set()
        return Empty()
