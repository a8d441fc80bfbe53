"""A plugin with an engine of a few lines, to try the plugin room on a host: run by its path, as the host does."""

import asyncio
import os
import sys
import threading

from sectigo_vault_pki.vault_plugin.logical import (
    Backend,
    BackendConfig,
    BackendType,
    BadRequestError,
    LogicalError,
    NotFoundError,
    Operation,
    ReadOnlyError,
    Request,
    Response,
    SpecialPaths,
    StorageEntry,
    StorageError,
    UnavailableError,
    UnsupportedOperationError,
    UnsupportedPathError,
    list_response,
)
from sectigo_vault_pki.vault_plugin.process import serve


class EchoBackend:
    """Keeps text under `kv/<name>`, and fails in every way that is asked of it under `fail/<kind>`."""

    backend_type = BackendType.LOGICAL
    special_paths = SpecialPaths(root=("root/*",), seal_wrap_storage=("kv/",))

    def __init__(self, config: BackendConfig) -> None:
        self._config = config
        self._initialized = False
        self._waiting = 0
        self._cancelled = 0
        self._invalidated: list[str] = []

    async def initialize(self) -> None:
        match self._config.options.get("initialize"):
            case "refuse":
                raise BadRequestError("this mount does not start")
            case "break":
                raise RuntimeError("the password is hunter2")
        self._initialized = True
        await self._config.storage.put(StorageEntry("initialized", b"yes"))

    async def canonical_path(self, path: str) -> str | None:
        room, _, name = path.partition("/")
        match room:
            case "kv" if name != name.lower():
                return f"kv/{name.lower()}"
            case "fail" if name.startswith("spelling-"):
                raise self._failure(name.removeprefix("spelling-"))
        return None

    async def handle_request(self, request: Request) -> Response | None:
        if request.operation is Operation.ROLLBACK:
            return None
        room, _, name = request.path.partition("/")
        match room:
            case "kv":
                return await self._keep(request, name)
            case "fail":
                raise self._failure(name.removeprefix("check-"))
            case "info":
                return Response(
                    {
                        "pid": os.getpid(),
                        "environment": sorted(os.environ),
                        "backend_uuid": self._config.backend_uuid,
                        "options": dict(self._config.options),
                        "initialized": self._initialized,
                        "time_limit": request.time_limit,
                        "waiting": self._waiting,
                        "cancelled": self._cancelled,
                        "invalidated": self._invalidated,
                        "replication": int(await self._config.system.replication_state()),
                        "vault_version": (await self._config.system.plugin_environment()).vault_version,
                    }
                )
            case "wait":
                await self._wait_for_ever()
            case "block-thread":
                threading.Thread(target=threading.Event().wait).start()
                return None
            case "length":
                return Response({"length": len(str(request.data["text"])), "text": request.data["text"]})
        raise UnsupportedPathError

    async def _wait_for_ever(self) -> None:
        self._waiting += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self._waiting -= 1
            self._cancelled += 1
            raise

    async def _keep(self, request: Request, name: str) -> Response | None:
        key = f"kv/{name}"
        match request.operation:
            case Operation.CREATE | Operation.UPDATE:
                text = str(request.data.get("text", ""))
                await request.storage.put(StorageEntry(key, text.encode(), seal_wrap=True))
                return Response({"operation": request.operation.value}, warnings=("written",))
            case Operation.READ:
                entry = await request.storage.get(key)
                return Response({"text": entry.value.decode()}) if entry is not None else None
            case Operation.DELETE:
                await request.storage.delete(key)
                return None
            case Operation.LIST:
                return list_response(await request.storage.list_page(key))
        raise UnsupportedOperationError

    def _failure(self, kind: str) -> Exception:
        failures: dict[str, Exception] = {
            "error": LogicalError("no kind in particular"),
            "bad-request": BadRequestError("the field is wrong"),
            "not-found": NotFoundError("nothing is called that"),
            "unavailable": UnavailableError("SCM is down"),
            "storage": StorageError("disk on fire"),
            "read-only": ReadOnlyError(),
            "unsupported-path": UnsupportedPathError(),
            "unsupported-operation": UnsupportedOperationError(),
        }
        return failures.get(kind, RuntimeError("the password is hunter2"))

    async def check_existence(self, request: Request) -> bool | None:
        room, _, name = request.path.partition("/")
        if room == "fail" and name.startswith("check-"):
            raise self._failure(name.removeprefix("check-"))
        if room != "kv":
            return None
        return await request.storage.get(request.path) is not None

    async def invalidate_key(self, key: str) -> None:
        self._invalidated.append(key)

    async def cleanup(self) -> None:
        if self._config.options.get("hang"):
            await asyncio.Event().wait()
        await self._config.storage.put(StorageEntry("cleaned-up", b"yes"))


async def build(config: BackendConfig) -> Backend:
    if config.options.get("refuse"):
        raise BadRequestError("this mount is refused")
    if config.options.get("break"):
        raise RuntimeError("the password is hunter2")
    if config.options.get("print"):
        print('{"@message": 5}')  # noqa: T201  what a careless library does
        print("to stderr", file=sys.stderr)  # noqa: T201  the same
        os.write(1, b"straight to the descriptor\n")
    return EchoBackend(config)


if __name__ == "__main__":
    seconds = float(os.environ.get("ECHO_HOST_SECONDS", "60"))
    sys.exit(serve(build, name="echo-plugin", version="1.2.3", host_seconds=seconds))
