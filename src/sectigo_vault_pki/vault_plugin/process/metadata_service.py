"""`pb.Backend` in metadata mode, in which nobody has shown a certificate (plugin-protocol.md 1.1)."""

from typing import Any, NoReturn

import grpc

from sectigo_vault_pki.vault_plugin.process.backend_service import BackendService
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]

_REFUSAL = "plugin server can not perform action while in metadata mode"
"""In the words of Go's plugins."""


class MetadataService(BackendService):
    """Says what the engine is; it is asked for nothing else, and would not do it."""

    async def Initialize(  # noqa: N802  the wire's name
        self, request: pb.InitializeArgs, context: Context
    ) -> pb.InitializeReply:
        del request
        await _refuse(context)

    async def HandleRequest(  # noqa: N802  the wire's name
        self, request: pb.HandleRequestArgs, context: Context
    ) -> pb.HandleRequestReply:
        del request
        await _refuse(context)

    async def HandleExistenceCheck(  # noqa: N802  the wire's name
        self, request: pb.HandleExistenceCheckArgs, context: Context
    ) -> pb.HandleExistenceCheckReply:
        del request
        await _refuse(context)

    async def InvalidateKey(  # noqa: N802  the wire's name
        self, request: pb.InvalidateKeyArgs, context: Context
    ) -> pb.Empty:
        del request
        await _refuse(context)


async def _refuse(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNKNOWN, _REFUSAL)
