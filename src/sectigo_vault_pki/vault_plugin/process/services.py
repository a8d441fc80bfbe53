"""The services that every plugin has beside its engine's (plugin-protocol.md 4.1)."""
# ruff: noqa: N802  the wire's names

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf import empty_pb2

from sectigo_vault_pki.vault_plugin.proto import controller_pb2, multiplexing_pb2, version_pb2
from sectigo_vault_pki.vault_plugin.proto.controller_pb2_grpc import GRPCControllerServicer
from sectigo_vault_pki.vault_plugin.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from sectigo_vault_pki.vault_plugin.proto.health_pb2_grpc import HealthServicer
from sectigo_vault_pki.vault_plugin.proto.multiplexing_pb2_grpc import PluginMultiplexingServicer
from sectigo_vault_pki.vault_plugin.proto.stdio_pb2 import StdioData
from sectigo_vault_pki.vault_plugin.proto.stdio_pb2_grpc import GRPCStdioServicer
from sectigo_vault_pki.vault_plugin.proto.version_pb2_grpc import PluginVersionServicer

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_KNOWN_SERVICES = frozenset({"", "plugin"})


class Health(HealthServicer):
    """`grpc.health.v1.Health`: the plugin serves as long as it answers; go-plugin pings it as `plugin`."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    async def Check(self, request: HealthCheckRequest, context: Context) -> HealthCheckResponse:
        if request.service not in _KNOWN_SERVICES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return HealthCheckResponse(status=HealthCheckResponse.SERVING)

    async def Watch(self, request: HealthCheckRequest, context: Context) -> AsyncIterator[HealthCheckResponse]:
        del context
        if request.service in _KNOWN_SERVICES:
            yield HealthCheckResponse(status=HealthCheckResponse.SERVING)
            await self._stop.wait()
            yield HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)
            return
        yield HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        await self._stop.wait()


class Stdio(GRPCStdioServicer):
    """`plugin.GRPCStdio`, which the host opens once and discards (plugin-protocol.md 2): sends nothing.

    The process's output goes to the log on stderr.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    async def StreamStdio(self, request: empty_pb2.Empty, context: Context) -> AsyncIterator[StdioData]:
        del request, context
        await self._stop.wait()
        nothing: tuple[StdioData, ...] = ()
        for data in nothing:
            yield data


class Controller(GRPCControllerServicer):
    """`plugin.GRPCController`, by which the host stops the process (plugin-protocol.md 1.7).

    It answers as soon as every request is answered: the host closes the connection then, and waits 2 s for the exit.
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

    async def Shutdown(self, request: controller_pb2.Empty, context: Context) -> controller_pb2.Empty:
        del request, context
        try:
            await self._end_requests()
        finally:
            self._stop.set()
        return controller_pb2.Empty()


class PluginVersion(PluginVersionServicer):
    """Returns the version as the host stores it, with a leading `v` (plugin-protocol.md 5.9)."""

    def __init__(self, version: str) -> None:
        self._reply = version_pb2.VersionReply(plugin_version=f"v{version}")

    async def Version(self, request: version_pb2.Empty, context: Context) -> version_pb2.VersionReply:
        del request, context
        return self._reply


class PluginMultiplexing(PluginMultiplexingServicer):
    """Reports that one process serves many mounts (plugin-protocol.md 5.9)."""

    async def MultiplexingSupport(
        self, request: multiplexing_pb2.MultiplexingSupportRequest, context: Context
    ) -> multiplexing_pb2.MultiplexingSupportResponse:
        del request, context
        return multiplexing_pb2.MultiplexingSupportResponse(supported=True)
