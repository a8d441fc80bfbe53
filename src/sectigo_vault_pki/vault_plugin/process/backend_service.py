"""`pb.Backend`: the host's requests, each led to its mount's engine (plugin-protocol.md 4.2 and 5)."""
# ruff: noqa: N802  the wire's names

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import grpc

from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    LogicalError,
    Operation,
    UnavailableError,
    UnsupportedOperationError,
    add_log_values,
)
from sectigo_vault_pki.vault_plugin.process import translate
from sectigo_vault_pki.vault_plugin.process.instances import Instance, Instances, NoInstanceError
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.proto.backend_pb2_grpc import BackendServicer

METADATA_KEY = "multiplex_id"
SINGLE_ID = "single"
"""Of the only mount of a process, in the app protocols that do not know of more."""

_log = logging.getLogger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]
_STOPPING_TEXT = "the mount is being shut down"
_STOPPED_WRITE_TEXT = f"{_STOPPING_TEXT} while it works on this request: look at what came of it before you repeat it"
_WRITES = frozenset({Operation.CREATE.value, Operation.UPDATE.value, Operation.PATCH.value, Operation.DELETE.value})
_REFUSAL = "plugin server can not perform action while in metadata mode"
"""In the words of Go's plugins."""


class InvalidMultiplexIdError(Exception):
    """A call does not say which mount it is for; the texts are the ones hosts know."""


def multiplex_id_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """Return the id.

    Raises:
        InvalidMultiplexIdError: there is none, or not exactly one.
    """
    entries = list(metadata or ())
    if not entries:
        raise InvalidMultiplexIdError("missing plugin multiplexing metadata")
    ids = [value for key, value in entries if key == METADATA_KEY]
    if not ids:
        raise InvalidMultiplexIdError("no multiplexing ID found")
    if len(ids) != 1:
        raise InvalidMultiplexIdError(f"unexpected number of IDs in metadata: ({len(ids)})")
    multiplex_id = ids[0]
    if not multiplex_id or isinstance(multiplex_id, bytes):
        raise InvalidMultiplexIdError("empty multiplex ID in metadata")
    return multiplex_id


def single_id_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """Return the id where there is one mount: hosts of app protocols 3 and 4 name none."""
    del metadata
    return SINGLE_ID


class BackendService(BackendServicer):
    """Finds the mount, translates, and passes no exception to gRPC."""

    def __init__(self, instances: Instances, *, id_of: Callable[[Any], str] = multiplex_id_of) -> None:
        """Prepare.

        Args:
            instances: the mounts.
            id_of: returns the id of a call's mount from its metadata.
        """
        self._instances = instances
        self._id_of = id_of
        self._under_way: set[asyncio.Task[Any]] = set()
        self._no_other_path = translate.reply_from_error(UnsupportedOperationError())

    async def Setup(self, request: pb.SetupArgs, context: Context) -> pb.SetupReply:
        multiplex_id = await self._multiplex_id(context)
        try:
            await self._instances.set_up(
                multiplex_id,
                broker_id=request.broker_id,
                options=dict(request.Config),
                backend_uuid=request.backendUUID,
            )
        except TimeoutError:
            return pb.SetupReply(err="timeout while waiting for the address of the host's storage")
        except LogicalError as error:
            return pb.SetupReply(err=translate.wire_text(str(error)))
        except Exception:  # noqa: BLE001  logged, and hidden from the host
            _log.exception("a mount could not be set up")
            return pb.SetupReply(err=translate.INTERNAL_ERROR_TEXT)
        return pb.SetupReply()

    async def Initialize(self, request: pb.InitializeArgs, context: Context) -> pb.InitializeReply:
        del request
        instance = await self._instance(context)
        try:
            await instance.backend.initialize()
        except LogicalError as error:
            return pb.InitializeReply(err=translate.initialize_error(error))
        except Exception:  # noqa: BLE001  logged, and hidden from the host
            _log.exception("a mount could not be initialized")
            return pb.InitializeReply(err=pb.ProtoError(err_type=0, err_msg=translate.INTERNAL_ERROR_TEXT))
        return pb.InitializeReply()

    async def Type(self, request: pb.Empty, context: Context) -> pb.TypeReply:
        del request
        instance = await self._instance(context)
        return pb.TypeReply(type=instance.backend.backend_type)

    async def SpecialPaths(self, request: pb.Empty, context: Context) -> pb.SpecialPathsReply:
        del request
        instance = await self._instance(context)
        return translate.special_paths_to_wire(instance.backend.special_paths)

    async def HandleRequest(self, request: pb.HandleRequestArgs, context: Context) -> pb.HandleRequestReply:
        instance = await self._instance(context)
        if request.request.operation == translate.RESOLVE_PATH:
            return await self._resolve_path(instance, request.request)
        add_log_values(request_id=request.request.id)
        task = _current_task()
        self._under_way.add(task)
        try:
            asked = translate.request_from_wire(
                request.request, storage=instance.storage, time_limit=context.time_remaining()
            )
            return translate.reply_from_response(await instance.backend.handle_request(asked))
        except LogicalError as error:
            return translate.reply_from_error(error)
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return translate.reply_from_error(_stopped(request.request.operation))
        except Exception:  # noqa: BLE001  logged, and hidden from the host
            _log_failure(request.request)
            return translate.internal_error_reply()
        finally:
            self._under_way.discard(task)

    async def HandleExistenceCheck(
        self, request: pb.HandleExistenceCheckArgs, context: Context
    ) -> pb.HandleExistenceCheckReply:
        instance = await self._instance(context)
        add_log_values(request_id=request.request.id)
        try:
            asked = translate.request_from_wire(
                request.request, storage=instance.storage, time_limit=context.time_remaining()
            )
            return translate.check_reply(await instance.backend.check_existence(asked))
        except LogicalError as error:
            return translate.check_reply_from_error(error)
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return translate.check_reply_from_error(UnavailableError(_STOPPING_TEXT))
        except Exception:  # noqa: BLE001  logged, and hidden from the host
            _log_failure(request.request)
            return translate.internal_error_check_reply()

    async def InvalidateKey(self, request: pb.InvalidateKeyArgs, context: Context) -> pb.Empty:
        instance = await self._instance(context)
        try:
            await instance.backend.invalidate_key(request.key)
        except Exception:  # noqa: BLE001  logged, and hidden from the host
            _log.exception("a mount's cache could not be told of a changed key")
        return pb.Empty()

    async def Cleanup(self, request: pb.Empty, context: Context) -> pb.Empty:
        del request
        multiplex_id = await self._multiplex_id(context)
        try:
            await self._instances.clean_up(multiplex_id)
        except NoInstanceError as error:
            await _abort(context, error)
        return pb.Empty()

    async def end(self, seconds: float) -> None:
        """Clean up all mounts and wait for their requests to be answered, at most so many seconds."""
        await self._instances.close(seconds=seconds)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)

    async def _resolve_path(self, instance: Instance, request: pb.Request) -> pb.HandleRequestReply:
        """Answer the host's question before a request, which carries that request's data; it must change nothing."""
        try:
            path = await instance.backend.canonical_path(request.path)
        except LogicalError as error:
            return translate.reply_from_error(error)
        except Exception:  # noqa: BLE001  logged, and hidden from the host
            _log_failure(request)
            return translate.internal_error_reply()
        return self._no_other_path if path is None else translate.canonical_path_reply(path)

    async def _instance(self, context: Context) -> Instance:
        multiplex_id = await self._multiplex_id(context)
        try:
            return self._instances[multiplex_id]
        except NoInstanceError as error:
            await _abort(context, error)

    async def _multiplex_id(self, context: Context) -> str:
        try:
            return self._id_of(context.invocation_metadata())
        except InvalidMultiplexIdError as error:
            await _abort(context, error)


async def _abort(context: Context, error: NoInstanceError | InvalidMultiplexIdError) -> NoReturn:
    await context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a call is answered by a task")
    return task


def _is_cancelled() -> bool:
    """Return whether the host cancelled this call, rather than a task that it waits for being cancelled."""
    return _current_task().cancelling() > 0


def _stopped(operation: str) -> LogicalError:
    """Return the error of a request that the mount's end interrupts; clients automatically repeat after a 5xx."""
    return BadRequestError(_STOPPED_WRITE_TEXT) if operation in _WRITES else UnavailableError(_STOPPING_TEXT)


def _log_failure(request: pb.Request) -> None:
    _log.exception(
        "a request failed in a way that it should not",
        extra={"kv": {"operation": request.operation, "path": request.path}},
    )


class MetadataService(BackendService):
    """Describes the engine, and refuses everything else."""

    async def Initialize(self, request: pb.InitializeArgs, context: Context) -> pb.InitializeReply:
        del request
        await _refuse(context)

    async def HandleRequest(self, request: pb.HandleRequestArgs, context: Context) -> pb.HandleRequestReply:
        del request
        await _refuse(context)

    async def HandleExistenceCheck(
        self, request: pb.HandleExistenceCheckArgs, context: Context
    ) -> pb.HandleExistenceCheckReply:
        del request
        await _refuse(context)

    async def InvalidateKey(self, request: pb.InvalidateKeyArgs, context: Context) -> pb.Empty:
        del request
        await _refuse(context)


async def _refuse(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNKNOWN, _REFUSAL)
