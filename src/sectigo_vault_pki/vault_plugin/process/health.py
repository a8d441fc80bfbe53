"""`grpc.health.v1.Health` for the service name that go-plugin pings (plugin-protocol.md 4.1)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from sectigo_vault_pki.vault_plugin.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from sectigo_vault_pki.vault_plugin.proto.health_pb2_grpc import HealthServicer

_KNOWN_SERVICES = frozenset({"", "plugin"})


class Health(HealthServicer):
    """The plugin serves as long as it answers."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    async def Check(  # noqa: N802  the wire's name
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> HealthCheckResponse:
        if request.service not in _KNOWN_SERVICES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return HealthCheckResponse(status=HealthCheckResponse.SERVING)

    async def Watch(  # noqa: N802  the wire's name
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[HealthCheckResponse]:
        del context
        if request.service in _KNOWN_SERVICES:
            yield HealthCheckResponse(status=HealthCheckResponse.SERVING)
            await self._stop.wait()
            yield HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)
            return
        yield HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        await self._stop.wait()
