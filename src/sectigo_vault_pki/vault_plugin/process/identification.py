"""What the plugin says of itself: its version, and that one process serves many mounts (plugin-protocol.md 5.9)."""

from typing import Any

import grpc

from sectigo_vault_pki.vault_plugin.proto.multiplexing_pb2 import (
    MultiplexingSupportRequest,
    MultiplexingSupportResponse,
)
from sectigo_vault_pki.vault_plugin.proto.multiplexing_pb2_grpc import PluginMultiplexingServicer
from sectigo_vault_pki.vault_plugin.proto.version_pb2 import Empty, VersionReply
from sectigo_vault_pki.vault_plugin.proto.version_pb2_grpc import PluginVersionServicer


class PluginVersion(PluginVersionServicer):
    """Tells the version as the host stores it, with a leading `v`."""

    def __init__(self, version: str) -> None:
        self._reply = VersionReply(plugin_version=f"v{version}")

    async def Version(  # noqa: N802  the wire's name
        self, request: Empty, context: grpc.aio.ServicerContext[Any, Any]
    ) -> VersionReply:
        del request, context
        return self._reply


class PluginMultiplexing(PluginMultiplexingServicer):
    """Says yes."""

    async def MultiplexingSupport(  # noqa: N802  the wire's name
        self, request: MultiplexingSupportRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> MultiplexingSupportResponse:
        del request, context
        return MultiplexingSupportResponse(supported=True)
