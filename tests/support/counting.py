"""Storage that tells what was read."""

from sectigo_vault_pki.vault_plugin.logical import StorageEntry
from sectigo_vault_pki.vault_plugin.testing import InmemStorage


class CountingStorage(InmemStorage):
    """Remembers the keys of every read."""

    def __init__(self) -> None:
        super().__init__()
        self.gets: list[str] = []

    async def get(self, key: str) -> StorageEntry | None:
        self.gets.append(key)
        return await super().get(key)
