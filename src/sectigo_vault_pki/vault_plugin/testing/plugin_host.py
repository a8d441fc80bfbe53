"""A host for plugin processes, playing Vault or OpenBao: it launches, talks, lends storage and stops.

async with PluginHost([sys.executable, "-m", "sectigo_vault_pki"]) as host:
    mount = await host.mount()
    reply = await mount.request("read", "configs/demo")

It is a host of today (app protocol 5 with AutoMTLS), or one of those before Vault 1.12, in either of their modes.
"""

import asyncio
import base64
import itertools
import json
import os
import shutil
import ssl
import tempfile
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import grpc

from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.proto.backend_pb2_grpc import BackendStub
from sectigo_vault_pki.vault_plugin.proto.broker_pb2 import ConnInfo
from sectigo_vault_pki.vault_plugin.proto.broker_pb2_grpc import GRPCBrokerStub
from sectigo_vault_pki.vault_plugin.proto.controller_pb2 import Empty as ControllerEmpty
from sectigo_vault_pki.vault_plugin.proto.controller_pb2_grpc import GRPCControllerStub
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from sectigo_vault_pki.vault_plugin.testing.host_identity import (
    HostIdentity,
    host_context,
    new_host_identity,
    new_shared_identity,
)
from sectigo_vault_pki.vault_plugin.testing.host_services import HostApi, SystemAnswers, lend
from sectigo_vault_pki.vault_plugin.testing.relay import Relay

if TYPE_CHECKING:
    from sectigo_vault_pki.vault_plugin.proto.backend_pb2_grpc import BackendAsyncStub

COOKIE = {"VAULT_BACKEND_PLUGIN": "6669da05-b1c8-4f49-97d9-c8e5bed98e20"}
AUTO_MTLS = "AutoMTLS"
METADATA = "metadata"
UNWRAP = "unwrap"
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Else a channel takes over the connection of one that was just closed, if it has not noticed its end yet.
    ("grpc.use_local_subchannel_pool", 1),
)
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Handshake:
    """The plugin's first line, in its parts."""

    fields: tuple[str, ...]

    @property
    def path(self) -> str:
        return self.fields[3]

    @property
    def certificate(self) -> bytes:
        text = self.fields[5]
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


@dataclass
class Mount:
    """One mount on the plugin, with what the host lends it.

    Attributes:
        multiplex_id: empty where the process has only one.
    """

    multiplex_id: str
    stub: "BackendAsyncStub"
    storage: InmemStorage
    system: SystemAnswers
    lent: AsyncExitStack = field(repr=False)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("multiplex_id", self.multiplex_id),) if self.multiplex_id else ()

    async def request(
        self, operation: str, path: str, data: Mapping[str, Any] | None = None, *, seconds: float | None = None
    ) -> pb.HandleRequestReply:
        """Send one request, as the host does it (without the `resolve-path` and the existence check before)."""
        return await self.stub.HandleRequest(
            pb.HandleRequestArgs(request=_request(operation, path, data)), metadata=self.metadata, timeout=seconds
        )

    async def data(self, operation: str, path: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send one request and return the data of its answer, which must be a success."""
        reply = await self.request(operation, path, data)
        assert not reply.HasField("err"), reply.err
        answer: dict[str, Any] = json.loads(reply.response.data)
        assert "error" not in answer, answer
        return answer

    async def check_existence(self, path: str, data: Mapping[str, Any] | None = None) -> pb.HandleExistenceCheckReply:
        arguments = pb.HandleExistenceCheckArgs(request=_request("update", path, data))
        return await self.stub.HandleExistenceCheck(arguments, metadata=self.metadata)

    async def clean_up(self) -> None:
        """Let the mount go, and take back what was lent."""
        await self.stub.Cleanup(pb.Empty(), metadata=self.metadata)
        await self.lent.aclose()


class PluginHost:
    """One plugin process, from its launch to its end.

    Attributes:
        log_lines: what the plugin wrote to stderr so far.
        folder: the host's own folder; `folder / "tmp"` is the plugin's TMPDIR.
        identity: the certificate that the host shows.
        api: its HTTP API, in unwrap-token mode.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str | None] | None = None,
        tls_version: ssl.TLSVersion | None = None,
        mode: str = AUTO_MTLS,
        api_tls: ssl.SSLContext | None = None,
        pages: bool = True,
    ) -> None:
        """Prepare.

        Args:
            command: what to run.
            env: more environment variables for it; None takes away one that the host would set.
            tls_version: the only version the host speaks, or None for whatever is best.
            mode: `AUTO_MTLS`, `METADATA` or `UNWRAP`.
            api_tls: for the HTTP API of unwrap-token mode; without it, that has no TLS.
            pages: whether the storage lists in pages, as OpenBao's does and Vault's does not.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="host"))
        self.log_lines: list[str] = []
        self.identity = (new_shared_identity if mode == UNWRAP else new_host_identity)(self.folder)
        self.api = HostApi(self.identity, tls=api_tls)
        self._mode = mode
        self._pages = pages
        self._command = list(command)
        self._env = dict(env or {})
        self._tls_version = tls_version
        self._stack = AsyncExitStack()
        self._line = AsyncExitStack()
        self._numbers = itertools.count(1)
        self._addresses: asyncio.Queue[ConnInfo] = asyncio.Queue()
        self._process: asyncio.subprocess.Process | None = None
        self._handshake: Handshake | None = None
        self._channel: grpc.aio.Channel | None = None
        self._log_grew = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    @property
    def handshake(self) -> Handshake:
        assert self._handshake is not None
        return self._handshake

    @property
    def channel(self) -> grpc.aio.Channel:
        assert self._channel is not None
        return self._channel

    async def __aenter__(self) -> Self:
        try:
            await self.launch()
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def launch(self) -> Handshake:
        """Start the process and read its handshake line."""
        (self.folder / "tmp").mkdir(mode=0o700)
        if self._mode == UNWRAP:
            await self._stack.enter_async_context(self.api)
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        self._reading = asyncio.create_task(self._read_log(self._process))
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE_SECONDS):
            line = await self._process.stdout.readline()
        self._handshake = Handshake(tuple(line.decode().rstrip("\n").split("|")))
        return self._handshake

    async def connect(self) -> None:
        """Connect as the host does: mutual TLS (none in metadata mode), then the broker's stream."""
        path = Path(self.handshake.path)
        if self.has_tls:
            tls = self.client_context()
            dial = partial(asyncio.open_unix_connection, path, ssl=tls, server_hostname=self.identity.name)
            path = self.folder / "dial"
            relay = await Relay(dial).listen(path)
            self._line.push_async_callback(relay.close)
        self._channel = grpc.aio.insecure_channel(f"unix:{path}", options=_OPTIONS)
        self._line.push_async_callback(self._channel.close)
        stream = GRPCBrokerStub(self._channel).StartStream(self._announce())
        self._line.callback(stream.cancel)
        await stream.wait_for_connection()

    async def disconnect(self) -> None:
        """Cut the connection, as no host does that is well."""
        await self._line.aclose()

    @property
    def has_tls(self) -> bool:
        return self._mode != METADATA

    @property
    def plugin_certificate(self) -> bytes:
        """What the plugin has to show: its own certificate, or the one that both sides share."""
        return self.identity.der if self._mode == UNWRAP else self.handshake.certificate

    def client_context(self, *, identity: HostIdentity | None = None, alpn: str | None = "h2") -> ssl.SSLContext:
        """Return the settings to dial the plugin with; by default the host's own."""
        return host_context(
            ssl.PROTOCOL_TLS_CLIENT,
            identity=identity or self.identity,
            plugin_der=self.plugin_certificate,
            alpn=alpn,
            version=self._tls_version,
        )

    async def mount(
        self,
        *,
        multiplex_id: str | None = None,
        options: Mapping[str, str] | None = None,
        storage: InmemStorage | None = None,
        backend_uuid: str = "",
        initialize: bool = True,
    ) -> Mount:
        """Set one mount up, and start it.

        Raises:
            AssertionError: the plugin refuses; the text is its own.
        """
        number = next(self._numbers)
        mount = Mount(
            multiplex_id=(multiplex_id or f"mount{number:05}") if self._mode == AUTO_MTLS else "",
            stub=BackendStub(self.channel),
            storage=storage or InmemStorage(),
            system=SystemAnswers(),
            lent=AsyncExitStack(),
        )
        self._stack.push_async_callback(mount.lent.aclose)
        await self.lend(mount, number)
        arguments = pb.SetupArgs(broker_id=number, Config=dict(options or {}), backendUUID=backend_uuid)
        reply = await mount.stub.Setup(arguments, metadata=mount.metadata)
        assert not reply.err, reply.err
        if initialize:
            started = await mount.stub.Initialize(pb.InitializeArgs(), metadata=mount.metadata)
            assert not started.HasField("err"), started.err
        return mount

    async def lend(self, mount: Mount, number: int) -> None:
        """Serve the mount's storage and system view, and tell the plugin where."""
        plain = brokered = self.folder / f"lent{number}"
        server = grpc.aio.server(options=_OPTIONS)
        lend(server, storage=mount.storage, system=mount.system, pages=self._pages)
        server.add_insecure_port(f"unix:{plain}")
        await server.start()
        mount.lent.push_async_callback(server.stop, 0)
        if self.has_tls:
            brokered = self.folder / f"broker{number}"
            tls = host_context(
                ssl.PROTOCOL_TLS_SERVER,
                identity=self.identity,
                plugin_der=self.plugin_certificate,
                version=self._tls_version,
            )
            relay = await Relay(partial(asyncio.open_unix_connection, plain)).listen(brokered, tls=tls)
            mount.lent.push_async_callback(relay.close)
        self._addresses.put_nowait(ConnInfo(service_id=number, network="unix", address=str(brokered)))

    async def logged(self, *parts: str, after: int = 0) -> str:
        """Wait for a log line that has all these parts, not counting the first so many lines; return it."""

        def found() -> list[str]:
            return [line for line in self.log_lines[after:] if all(part in line for part in parts)]

        async with asyncio.timeout(_PATIENCE_SECONDS):
            async with self._log_grew:
                await self._log_grew.wait_for(found)
        return found()[0]

    async def shut_down(self) -> float:
        """Ask the process to end and wait for it; return the seconds between its answer and its end."""
        await GRPCControllerStub(self.channel).Shutdown(ControllerEmpty(), timeout=_PATIENCE_SECONDS)
        answered = asyncio.get_running_loop().time()
        await self.wait()
        return asyncio.get_running_loop().time() - answered

    async def wait(self) -> int:
        """Wait for the process's end; return its exit status."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            status = await self.process.wait()
            if self._reading is not None:
                await self._reading
        return status

    async def close(self) -> None:
        """Take everything back, and end the process if it still runs."""
        await self.disconnect()
        await self._stack.aclose()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        values: dict[str, str | None] = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.folder / "tmp"),
            "PLUGIN_PROTOCOL_VERSIONS": "5" if self._mode == AUTO_MTLS else "4,3",
            "PLUGIN_CLIENT_CERT": self.identity.pem if self._mode == AUTO_MTLS else None,
            "PLUGIN_MIN_PORT": "10000",
            "PLUGIN_MAX_PORT": "25000",
            **COOKIE,
        }
        for prefix in ("BAO", "VAULT"):
            values[f"{prefix}_VERSION"] = "2.7.2"
            values[f"{prefix}_PLUGIN_AUTOMTLS_ENABLED"] = str(self._mode == AUTO_MTLS).lower()
            values[f"{prefix}_PLUGIN_METADATA_MODE"] = str(self._mode == METADATA).lower()
            values[f"{prefix}_UNWRAP_TOKEN"] = self.api.token or None
        values |= self._env
        return {key: value for key, value in values.items() if value is not None}

    async def _announce(self) -> AsyncIterator[ConnInfo]:
        while True:
            yield await self._addresses.get()

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            async with self._log_grew:
                self.log_lines.append(line.decode().rstrip("\n"))
                self._log_grew.notify_all()


def _request(operation: str, path: str, data: Mapping[str, Any] | None) -> pb.Request:
    return pb.Request(id=str(uuid.uuid4()), operation=operation, path=path, data=json.dumps(data), mount_point="mount/")
