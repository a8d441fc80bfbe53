"""The mounts of this process, and where the host lends each its storage (plugin-protocol.md 5.8, 5.9)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from sectigo_vault_pki.vault_plugin.logical import Backend, BackendConfig, BackendFactory, Storage
from sectigo_vault_pki.vault_plugin.process.host_clients import StorageClient, SystemClient
from sectigo_vault_pki.vault_plugin.process.transport import Transport
from sectigo_vault_pki.vault_plugin.proto.broker_pb2 import ConnInfo
from sectigo_vault_pki.vault_plugin.proto.broker_pb2_grpc import GRPCBrokerServicer

_log = logging.getLogger(__name__)

_UNCLAIMED_SECONDS = 5.0
_CLEANUP_SECONDS = 5.0


class Broker(GRPCBrokerServicer):
    """`plugin.GRPCBroker`: matches addresses that the host announces with mounts that wait for them, for 5 s."""

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
            TimeoutError: the host did not announce it within 5 s.
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


class NoInstanceError(Exception):
    """No mount has been set up under that id."""

    def __init__(self) -> None:
        super().__init__("no backend instance found")


@dataclass(frozen=True, slots=True)
class Instance:
    """One mount: its engine, and what the host lends it."""

    backend: Backend
    storage: Storage
    channel: grpc.aio.Channel

    async def close(self, *, seconds: float = _CLEANUP_SECONDS) -> None:
        """Clean up the engine, at most so many seconds, and close the host's connection; failures are only logged."""
        try:
            async with asyncio.timeout(seconds):
                await self.backend.cleanup()
        except TimeoutError:
            _log.warning("a mount was not cleaned up in time", extra={"kv": {"seconds": seconds}})
        except Exception:  # noqa: BLE001  no caller is left to raise it to
            _log.exception("a mount could not be cleaned up")
        finally:
            await self.channel.close()


class Instances:
    """Every mount between its Setup and its Cleanup."""

    def __init__(self, factory: BackendFactory, *, transport: Transport, broker: Broker) -> None:
        self._factory = factory
        self._transport = transport
        self._broker = broker
        self._instances: dict[str, Instance] = {}

    def __getitem__(self, multiplex_id: str) -> Instance:
        """Return the mount.

        Raises:
            NoInstanceError: there is none.
        """
        try:
            return self._instances[multiplex_id]
        except KeyError:
            raise NoInstanceError from None

    async def set_up(self, multiplex_id: str, *, broker_id: int, options: Mapping[str, str], backend_uuid: str) -> None:
        """Build a mount's engine, in place of one that has the same id.

        Raises:
            TimeoutError: the host did not announce where it listens.
            LogicalError: the engine refuses.
        """
        info = await self._broker.address_of(broker_id)
        channel = self._transport.dial(info.network, info.address)
        try:
            storage = StorageClient(channel)
            backend = await self._factory(
                BackendConfig(
                    storage=storage,
                    system=SystemClient(channel),
                    backend_uuid=backend_uuid,
                    options=options,
                )
            )
        except BaseException:
            await channel.close()
            raise
        previous = self._instances.pop(multiplex_id, None)
        self._instances[multiplex_id] = Instance(backend, storage, channel)
        if previous is not None:
            await previous.close()

    async def clean_up(self, multiplex_id: str) -> None:
        """Clean up one mount.

        Raises:
            NoInstanceError: there is none.
        """
        instance = self[multiplex_id]
        del self._instances[multiplex_id]
        await instance.close()

    async def close(self, *, seconds: float) -> None:
        """Clean up all mounts, at most so many seconds."""
        instances = list(self._instances.values())
        self._instances.clear()
        await asyncio.gather(*(instance.close(seconds=seconds) for instance in instances))
