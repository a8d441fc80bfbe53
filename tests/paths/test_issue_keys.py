"""Certificates under a role that stores no keys: until when a key is there."""

import pytest

from sectigo_vault_pki.vault_plugin.logical import ReadOnlyError, StorageError
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.issuing import issue, leave_pending, prepared
from tests.support.mount import Mount, answered


class TestKeysThatAreNotStored:
    async def stored_key(self, mount: Mount) -> str:
        (unique_id,) = await mount.list("certs/web")
        return str(answered(await mount.read(f"certs/web/{unique_id}"))["private_key"])

    def kept(self, mount: Mount) -> bool:
        return any("PRIVATE KEY" in value.decode() for value in mount.storage.snapshot().values())

    async def test_the_key_goes_with_the_answer_that_carries_it(self, mount: Mount) -> None:
        await prepared(mount, no_store_key=True)
        data = await issue(mount)
        assert data["private_key"]
        assert not self.kept(mount)
        assert await self.stored_key(mount) == ""

    async def test_a_pending_one_keeps_it_until_then(self, mount: Mount) -> None:
        await prepared(mount, no_store_key=True)
        await leave_pending(mount)
        assert self.kept(mount)
        assert (await issue(mount))["private_key"]
        assert not self.kept(mount)

    async def test_any_other_answer_that_carries_it_is_the_last_too(self, mount: Mount) -> None:
        await prepared(mount, no_store_key=True)
        await leave_pending(mount)
        assert await self.stored_key(mount)
        assert await self.stored_key(mount) == ""

    async def test_nobody_asks_for_it_and_it_is_gone_after_a_day(self, mount: Mount) -> None:
        await prepared(mount, no_store_key=True)
        await leave_pending(mount)
        await mount.tick(60)
        assert self.kept(mount)
        mount.clock.advance(hours=23)
        await mount.tick()
        assert self.kept(mount)
        mount.clock.advance(hours=1)
        await mount.tick()
        assert not self.kept(mount)
        assert not [key for key in mount.storage.snapshot() if key.startswith("index/pending/")]
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 2

    async def test_a_standby_leaves_the_read_that_carries_it_to_the_active_node(self, mount: Mount) -> None:
        await prepared(mount, no_store_key=True)
        await leave_pending(mount)
        await mount.tick(60)
        mount.system.state = STANDBY
        await mount.restart()
        with pytest.raises(ReadOnlyError):
            await self.stored_key(mount)

    async def test_where_it_cannot_be_let_go_of_it_is_not_answered_until_it_can(self, mount: Mount) -> None:
        await prepared(mount, no_store_key=True)

        def fail_once_issued(writes: list[str]) -> None:
            if sum(write.startswith("put cert/") for write in writes) == 2:
                mount.storage.failures["put"] = StorageError("the disk is full")

        mount.storage.on_write = fail_once_issued
        with pytest.raises(StorageError, match="the disk is full"):
            await issue(mount)
        mount.storage.on_write = lambda _writes: None
        mount.storage.failures.clear()
        assert (await issue(mount))["private_key"]
        assert len(list(mount.simulator.orders)) == 1
