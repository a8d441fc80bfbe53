"""An engine that is nothing but its paths."""

from collections.abc import Sequence

from sectigo_vault_pki.vault_plugin.framework.node import Node
from sectigo_vault_pki.vault_plugin.framework.path import Path
from sectigo_vault_pki.vault_plugin.framework.router import Router
from sectigo_vault_pki.vault_plugin.logical import (
    BackendConfig,
    BackendType,
    Operation,
    Request,
    Response,
    SpecialPaths,
)


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
            special_paths: what the host treats apart; nothing without it.
        """
        node = Node(config.system)
        self.special_paths = special_paths or SpecialPaths()
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
