"""What an engine is to the plugin process."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from sectigo_vault_pki.vault_plugin.logical.host import Storage, SystemView
from sectigo_vault_pki.vault_plugin.logical.requests import Request, Response


class BackendType(IntEnum):
    """The host's kinds of backends."""

    UNKNOWN = 0
    LOGICAL = 1
    CREDENTIAL = 2


@dataclass(frozen=True, slots=True)
class SpecialPaths:
    """Paths and storage keys that the host treats apart (plugin-protocol.md 5.10)."""

    root: tuple[str, ...] = ()
    unauthenticated: tuple[str, ...] = ()
    local_storage: tuple[str, ...] = ()
    seal_wrap_storage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """What one mount's backend is built from.

    Attributes:
        backend_uuid: stable for the mount; empty while the plugin is only being registered.
        options: the mount's options and what the host adds to them, such as `plugin_name`.
        storage: for `initialize` and the backend's own tasks, which outlive a request.
        system: see `SystemView` for when it may be asked.
    """

    storage: Storage = field(repr=False)
    system: SystemView = field(repr=False)
    backend_uuid: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


class Backend(Protocol):
    """One mount's engine."""

    @property
    def backend_type(self) -> BackendType: ...

    @property
    def special_paths(self) -> SpecialPaths: ...

    async def initialize(self) -> None:
        """Start; storage may be written from here on."""

    async def handle_request(self, request: Request) -> Response | None:
        """Answer one request.

        Raises:
            LogicalError: the answer is an error of that kind.
        """

    async def canonical_path(self, path: str) -> str | None:
        """Return the path in the spelling on which policies are written; None where it is right as it is.

        The host asks before each request and uses the path that it gets, so this must not change anything.

        Raises:
            LogicalError: the spelling cannot be found; the request is then refused.
        """

    async def check_existence(self, request: Request) -> bool | None:
        """Return whether a write would update (True) or create (False); None if the path does not distinguish them."""

    async def invalidate_key(self, key: str) -> None:
        """Drop what is cached of a storage key that another node changed."""

    async def cleanup(self) -> None:
        """Release everything; no other call follows."""


BackendFactory = Callable[[BackendConfig], Awaitable[Backend]]
"""Builds a mount's backend, touching neither storage nor network (plugin-protocol.md 5.8)."""
