"""A mount's storage, as the host lends it to the engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StorageEntry:
    """One stored value.

    Attributes:
        key: `/`-separated, relative to the mount, without a leading `/`; visible to operators, so never a secret.
        value: the bytes, encrypted by the host's barrier.
        seal_wrap: ask the host for its extra wrapping, where it has one.
    """

    key: str
    value: bytes = field(repr=False)
    seal_wrap: bool = False


class Storage(Protocol):
    """Key-value storage of one mount.

    Every method raises `ReadOnlyError` where this node may not write, and `StorageError` with the host's own text
    for any other failure: the host decides by that text whether to forward a request (plugin-protocol.md 5.7).
    """

    async def get(self, key: str) -> StorageEntry | None:
        """Return the entry, or None where the key holds nothing."""

    async def put(self, entry: StorageEntry) -> None:
        """Write the entry over whatever its key holds."""

    async def delete(self, key: str) -> None:
        """Remove the key; one that holds nothing is no error."""

    async def list(self, prefix: str) -> Sequence[str]:
        """Return the names one level below `prefix` (empty, or ending in `/`), sorted; folders end in `/`."""

    async def list_page(self, prefix: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
        """Return at most `limit` names of `list(prefix)` that sort after `after`; a limit of 0 means all of them."""
