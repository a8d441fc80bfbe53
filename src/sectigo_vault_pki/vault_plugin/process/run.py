"""The plugin while it runs: services on a transport, and the reasons to stop."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any

from sectigo_vault_pki.vault_plugin.logical import BackendFactory
from sectigo_vault_pki.vault_plugin.process.backend_service import (
    BackendService,
    MetadataService,
    multiplex_id_of,
    single_id_of,
)
from sectigo_vault_pki.vault_plugin.process.handshake import (
    CredentialsError,
    Launch,
    Mode,
    handshake_line,
    take_unwrap_token,
)
from sectigo_vault_pki.vault_plugin.process.instances import Broker, Instances
from sectigo_vault_pki.vault_plugin.process.logs import log_loop_error
from sectigo_vault_pki.vault_plugin.process.services import Controller, Health, PluginMultiplexing, PluginVersion, Stdio
from sectigo_vault_pki.vault_plugin.process.tls import Credentials, automatic_credentials
from sectigo_vault_pki.vault_plugin.process.transport import SocketFolder, Transport
from sectigo_vault_pki.vault_plugin.proto.backend_pb2_grpc import add_BackendServicer_to_server
from sectigo_vault_pki.vault_plugin.proto.broker_pb2_grpc import add_GRPCBrokerServicer_to_server
from sectigo_vault_pki.vault_plugin.proto.controller_pb2_grpc import add_GRPCControllerServicer_to_server
from sectigo_vault_pki.vault_plugin.proto.health_pb2_grpc import add_HealthServicer_to_server
from sectigo_vault_pki.vault_plugin.proto.multiplexing_pb2_grpc import add_PluginMultiplexingServicer_to_server
from sectigo_vault_pki.vault_plugin.proto.stdio_pb2_grpc import add_GRPCStdioServicer_to_server
from sectigo_vault_pki.vault_plugin.proto.version_pb2_grpc import add_PluginVersionServicer_to_server

_log = logging.getLogger(__name__)

_STDOUT = 1
_POLL_SECONDS = 1.0
_GRACE_SECONDS = 0.3
_CLEANUP_SECONDS = 0.8
_EXIT_SECONDS = 1.6
"""The host kills at 2 s."""
_GARBAGE_THRESHOLDS = (10_000, 20, 50)
"""New objects between two collections, and younger collections between two older ones; Python has 700, 10, 10."""


def watch_parent(on_death: Callable[[], None]) -> AbstractContextManager[object]:
    """Call `on_death` on the running loop once the parent process has ended; leaving the context ends the watch."""
    stack = ExitStack()
    loop = asyncio.get_running_loop()
    parent = os.getppid()
    try:
        descriptor = os.pidfd_open(parent)
    except OSError:  # an old kernel, or a sandbox that forbids it
        poll = loop.create_task(_poll(parent, on_death))
        stack.callback(poll.cancel)
        return stack
    stack.callback(os.close, descriptor)

    def died() -> None:
        loop.remove_reader(descriptor)
        on_death()

    loop.add_reader(descriptor, died)
    stack.callback(loop.remove_reader, descriptor)
    if os.getppid() != parent:  # it died before we looked, and the number may be somebody else's by now
        loop.call_soon(died)
    return stack


async def _poll(parent: int, on_death: Callable[[], None]) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110  there is no event for it here
        await asyncio.sleep(_POLL_SECONDS)
    on_death()


class Patience:
    """A timer that runs while no host is connected; made on a running loop."""

    def __init__(self, seconds: float, give_up: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._give_up = give_up
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def begin(self) -> None:
        """Start the timer: no host is connected."""
        self.end()
        if not self._over:
            self._timer = self._loop.call_later(self._seconds, self._give_up)

    def end(self) -> None:
        """Stop the timer: a host is connected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Stop the timer for good."""
        self._over = True
        self.end()


class Run:
    """One run, from the handshake line to the exit status."""

    def __init__(
        self, factory: BackendFactory, *, launch: Launch, name: str, version: str, host_seconds: float
    ) -> None:
        self._factory = factory
        self._launch = launch
        self._name = name
        self._version = version
        self._host_seconds = host_seconds
        self._status = 0

    def serve(self) -> int:
        """Serve until there is a reason to stop; return the exit status.

        Raises:
            CredentialsError: the host's certificate could not be fetched.
        """
        with SocketFolder(self._launch, name=self._name) as sockets:
            return asyncio.run(self._serve(sockets))

    async def _serve(self, sockets: SocketFolder) -> int:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_loop_error)
        stop = asyncio.Event()
        # The host's terminal sends these to us too; the host stops us itself (plugin-protocol.md 1.7).
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGTERM, stop.set)

        with watch_parent(stop.set):
            credentials = await self._credentials(stop)
            patience = Patience(self._host_seconds, partial(self._give_up, stop))
            transport = Transport(credentials, sockets, connected=patience.end, disconnected=patience.begin)
            instances = self._register_services(transport, stop)
            path = transport.listen()
            patience.begin()
            self._shake_hands(path, credentials)
            _collect_garbage_rarely()
            await asyncio.to_thread(sockets.remove_abandoned)
            await stop.wait()
        self._end_in_time(sockets)
        patience.close()
        await asyncio.gather(transport.close(grace=_GRACE_SECONDS), instances.close(seconds=_CLEANUP_SECONDS))
        return self._status

    async def _credentials(self, stop: asyncio.Event) -> Credentials | None:
        match self._launch.mode:
            case Mode.AUTO_MTLS:
                return automatic_credentials(self._launch.client_certificate)
            case Mode.METADATA:
                return None
            case Mode.UNWRAP:
                from sectigo_vault_pki.vault_plugin.process.unwrapping import fetched_credentials  # noqa: PLC0415  slow to import

                token = take_unwrap_token(os.environ)
                return await _unless(stop, fetched_credentials(token, sys.argv[1:], os.environ))

    def _register_services(self, transport: Transport, stop: asyncio.Event) -> Instances:
        broker = Broker()
        instances = Instances(self._factory, transport=transport, broker=broker)
        server, service = transport.server, self._backend_service(instances)
        add_BackendServicer_to_server(service, server)
        add_PluginVersionServicer_to_server(PluginVersion(self._version), server)
        if self._launch.is_multiplexed:
            add_PluginMultiplexingServicer_to_server(PluginMultiplexing(), server)
        add_GRPCBrokerServicer_to_server(broker, server)
        add_GRPCControllerServicer_to_server(
            Controller(stop, end_requests=partial(service.end, _CLEANUP_SECONDS)), server
        )
        add_GRPCStdioServicer_to_server(Stdio(stop), server)
        add_HealthServicer_to_server(Health(stop), server)
        return instances

    def _backend_service(self, instances: Instances) -> BackendService:
        service = MetadataService if self._launch.mode is Mode.METADATA else BackendService
        return service(instances, id_of=multiplex_id_of if self._launch.is_multiplexed else single_id_of)

    def _shake_hands(self, path: str, credentials: Credentials | None) -> None:
        line = handshake_line(
            self._launch, socket_path=path, certificate_der=b"" if credentials is None else credentials.identity.der
        )
        os.write(_STDOUT, f"{line}\n".encode())  # short enough to go into a pipe at once
        # The host discards later output, and a full pipe would block its writer.
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, _STDOUT)
        os.close(silence)
        _log.debug(
            "serving",
            extra={
                "kv": {
                    "name": self._name,
                    "version": self._version,
                    "host_version": self._launch.host_version,
                    "protocol": self._launch.app_protocol,
                    "mode": self._launch.mode.value,
                }
            },
        )

    def _give_up(self, stop: asyncio.Event) -> None:
        _log.error("no host connected", extra={"kv": {"seconds": self._host_seconds}})
        self._status = 1
        stop.set()

    def _end_in_time(self, sockets: SocketFolder) -> None:
        """End the process in time for the host even where a thread hangs, as in a name look-up."""

        def end() -> None:
            sockets.remove()
            os._exit(self._status)

        deadline = threading.Timer(_EXIT_SECONDS, end)
        deadline.daemon = True
        deadline.start()


async def _unless(stop: asyncio.Event, fetching: Coroutine[Any, Any, Credentials]) -> Credentials:
    fetched, stopped = asyncio.create_task(fetching), asyncio.create_task(stop.wait())
    await asyncio.wait({fetched, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if fetched.done():
        return fetched.result()
    fetched.cancel()
    raise CredentialsError("the plugin was stopped before it had the host's certificate")


def _collect_garbage_rarely() -> None:
    """Leave what was imported out of every collection, and collect less often: a collection holds up every request."""
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
