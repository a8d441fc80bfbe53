"""What an engine asks its host about itself."""

import logging

from sectigo_vault_pki.vault_plugin.logical import LogicalError, PluginEnvironment, SystemView

_log = logging.getLogger(__name__)


class Node:
    """What the host reports about itself, asked once: a node that changes its role builds new backends."""

    def __init__(self, system: SystemView) -> None:
        self._system = system
        self._read_only: bool | None = None
        self._caching_disabled: bool | None = None
        self._environment: PluginEnvironment | None = None

    async def is_read_only(self) -> bool:
        """Whether another node must do what writes or has effects outside."""
        if self._read_only is None:
            state = await self._system.replication_state()
            writes_locally = state.writes_local_mounts and await self._system.local_mount()
            self._read_only = state.is_read_only and not writes_locally
        return self._read_only

    async def is_caching_disabled(self) -> bool:
        """Whether storage must not be cached; a host that does not answer is asked again next time."""
        if self._caching_disabled is None:
            try:
                self._caching_disabled = await self._system.caching_disabled()
            except LogicalError as error:
                _log.warning(
                    "the server does not say whether records may be cached", extra={"kv": {"error": str(error)}}
                )
                return True
        return self._caching_disabled

    async def environment(self) -> PluginEnvironment:
        if self._environment is None:
            self._environment = await self._system.plugin_environment()
        return self._environment
