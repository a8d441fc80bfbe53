"""`plugin.GRPCBroker`: the host says on one long stream where it listens for each mount (plugin-protocol.md 5.8)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from sectigo_vault_pki.vault_plugin.proto.broker_pb2 import ConnInfo
from sectigo_vault_pki.vault_plugin.proto.broker_pb2_grpc import GRPCBrokerServicer

_UNCLAIMED_SECONDS = 5.0


class Broker(GRPCBrokerServicer):
    """Keeps each address until somebody asks for it, and each question until the address comes; 5 s at most."""

    def __init__(self) -> None:
        self._addresses: dict[int, asyncio.Future[ConnInfo]] = {}

    async def StartStream(  # noqa: N802  the wire's name
        self, request_iterator: AsyncIterator[ConnInfo], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[ConnInfo]:
        del context
        async for info in request_iterator:
            if info.HasField("knock"):
                refusal = ConnInfo.Knock(error="this plugin does not multiplex its socket")
                yield ConnInfo(service_id=info.service_id, knock=refusal)
                continue
            self._collect(info)

    async def address_of(self, service_id: int) -> ConnInfo:
        """Return where the host listens for this id.

        Raises:
            TimeoutError: the host did not say so within 5 s.
        """
        try:
            async with asyncio.timeout(_UNCLAIMED_SECONDS):
                return await self._slot(service_id)
        finally:
            self._addresses.pop(service_id, None)

    def _collect(self, info: ConnInfo) -> None:
        slot = self._slot(info.service_id)
        if slot.done():
            return
        slot.set_result(info)
        asyncio.get_running_loop().call_later(_UNCLAIMED_SECONDS, self._forget, info.service_id, slot)

    def _forget(self, service_id: int, slot: asyncio.Future[ConnInfo]) -> None:
        if self._addresses.get(service_id) is slot:
            del self._addresses[service_id]

    def _slot(self, service_id: int) -> asyncio.Future[ConnInfo]:
        return self._addresses.setdefault(service_id, asyncio.get_running_loop().create_future())
