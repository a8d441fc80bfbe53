"""The mounts that this process serves, each by the id that the host gave it (plugin-protocol.md 5.9)."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from sectigo_vault_pki.vault_plugin.logical import Backend, BackendConfig, BackendFactory, Storage
from sectigo_vault_pki.vault_plugin.process.broker import Broker
from sectigo_vault_pki.vault_plugin.process.storage_client import StorageClient
from sectigo_vault_pki.vault_plugin.process.system_client import SystemClient
from sectigo_vault_pki.vault_plugin.process.transport import Transport

_log = logging.getLogger(__name__)

_CLEANUP_SECONDS = 5.0


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
        """Clean the engine up, for so long at most, and let the host's connection go; failures are only logged."""
        try:
            async with asyncio.timeout(seconds):
                await self.backend.cleanup()
        except TimeoutError:
            _log.warning("a mount was not cleaned up in time", extra={"kv": {"seconds": seconds}})
        except Exception:  # noqa: BLE001  nobody is left to be told
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
            TimeoutError: the host did not say where it listens.
            LogicalError: the engine refuses.
        """
        info = await self._broker.address_of(broker_id)
        channel = await self._transport.dial(info.network, info.address)
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
        """Let one mount go.

        Raises:
            NoInstanceError: there is none.
        """
        instance = self[multiplex_id]
        del self._instances[multiplex_id]
        await instance.close()

    async def close(self, *, seconds: float) -> None:
        """Let all mounts go, for so long at most."""
        instances = list(self._instances.values())
        self._instances.clear()
        await asyncio.gather(*(instance.close(seconds=seconds) for instance in instances))
