"""An engine that is nothing but its paths, and what an engine asks its host about itself."""

import logging
from collections.abc import Sequence

from sectigo_vault_pki.vault_plugin.framework.path import Path
from sectigo_vault_pki.vault_plugin.framework.router import Router, unauthenticated_paths
from sectigo_vault_pki.vault_plugin.logical import (
    BackendConfig,
    BackendType,
    LogicalError,
    Operation,
    PluginEnvironment,
    Request,
    Response,
    SpecialPaths,
    SystemView,
)

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


class PathBackend:
    """`logical.Backend` for an engine without a cache and without work of its own; derive from it for either."""

    backend_type = BackendType.LOGICAL

    def __init__(
        self,
        config: BackendConfig,
        paths: Sequence[Path],
        *,
        title: str,
        description: str,
        special_paths: SpecialPaths | None = None,
    ) -> None:
        """Build one mount's engine.

        Args:
            config: what the factory was given.
            paths: in the order in which requests are matched.
            title: the engine's name for people.
            description: its help text.
            special_paths: what the host treats apart; without it, only the paths that need no token.
        """
        node = Node(config.system)
        self.special_paths = special_paths or SpecialPaths(unauthenticated=unauthenticated_paths(paths))
        self._router = Router(
            paths,
            title=title,
            description=description,
            is_read_only=node.is_read_only,
            environment=node.environment,
        )

    async def initialize(self) -> None:
        """Nothing is started."""

    async def handle_request(self, request: Request) -> Response | None:
        if request.operation is Operation.ROLLBACK:  # the host's tick, once a minute (plugin-protocol.md 5.6)
            return None
        return await self._router.route(request)

    async def canonical_path(self, path: str) -> str | None:
        return await self._router.canonical_path(path)

    async def check_existence(self, request: Request) -> bool | None:
        return await self._router.exists(request)

    async def invalidate_key(self, key: str) -> None:
        """Nothing is remembered."""

    async def cleanup(self) -> None:
        """Nothing is held."""
