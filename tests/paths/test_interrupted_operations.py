"""What an earlier operation, a failing storage or a deleted entry leaves to the next one: nothing is bought twice."""

import asyncio
import json
from typing import Any

import pytest

from sectigo_vault_pki.store import UniqueId, layout
from sectigo_vault_pki.vault_plugin.logical import LogicalError, StorageEntry, StorageError
from tests.support.mount import Mount, answered

GONE = "11111111-2222-4333-8444-555555555555"
REKEY = {"sectigo_reason": "rekey"}
ROLE = {
    "config": "web",
    "certificate_type": 501,
    "validity": "365d",
    "allowed_domains": "example.test",
    "allow_subdomains": True,
    "key_type": "ec",
    "key_bits": 256,
    "min_remaining": "720h",
}


async def issued(mount: Mount) -> str:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    return str((await mount.enroll())["cert_unique_id"])


def entries(mount: Mount) -> list[str]:
    return [key for key in mount.storage.snapshot() if key.startswith(layout.ORDERS)]


def record_key(unique_id: str) -> str:
    return layout.certificate_key("web", UniqueId(unique_id))


async def point_at_nothing(mount: Mount, unique_id: str) -> None:
    """Leave a certificate that points at an entry which is not there, as a crash between two writes does."""
    stored = json.loads(mount.storage.snapshot()[record_key(unique_id)])
    await mount.overwrite(record_key(unique_id), json.dumps({**stored, "submitting": GONE}).encode())


def fail_to_put(mount: Mount, monkeypatch: pytest.MonkeyPatch, key: str, *, after: int) -> None:
    """Let storage fail for one key, after it was put so many times."""
    put, times = mount.storage.put, 0

    async def failing(entry: StorageEntry) -> None:
        nonlocal times
        if entry.key == key:
            times += 1
            if times > after:
                raise StorageError("lost")
        await put(entry)

    monkeypatch.setattr(mount.storage, "put", failing)


async def leave_a_revocation(mount: Mount, unique_id: str) -> None:
    """Leave the entry of a revocation that SCM did not carry out, and does not for a while."""
    mount.simulator.faults.add("revoke", "status", status=503, times=60)
    with pytest.MonkeyPatch.context() as patched:
        fail_to_put(mount, patched, record_key(unique_id), after=1)
        with pytest.raises((LogicalError, StorageError)):
            await mount.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"})
    assert entries(mount)


class TestAPointerAtNothing:
    async def test_a_replacement_is_written_ahead_nevertheless(self, mount: Mount) -> None:
        unique_id = await issued(mount)
        await point_at_nothing(mount, unique_id)
        mount.simulator.faults.add("replace", "drop_after")
        answer = answered(await mount.write(f"replace/web/{unique_id}", REKEY))
        assert entries(mount), "sent without an entry: its new key is stored nowhere"
        await mount.restart()
        mount.clock.advance(minutes=11)
        assert answered(await mount.read(f"certs/web/{unique_id}"))["private_key"] == answer["private_key"]

    async def test_a_renewal_is_bought_once(self, mount: Mount) -> None:
        unique_id = await issued(mount)
        await point_at_nothing(mount, unique_id)
        mount.simulator.faults.add("renew", "drop_after")
        await mount.write(f"renew/web/{unique_id}", {})
        await mount.write(f"renew/web/{unique_id}", {})
        assert len(list(mount.simulator.orders)) == 2

    async def test_an_operation_that_begins_while_the_one_before_is_settled_is_written_ahead(
        self, mount: Mount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unique_id = await issued(mount)
        mount.simulator.faults.add("renew", "drop_before")
        await mount.write(f"renew/web/{unique_id}", {})
        (entry,) = entries(mount)
        mount.clock.advance(minutes=11)
        put, get = mount.storage.put, mount.storage.get
        replacing: list[asyncio.Task[Any]] = []

        async def slow_get(key: str) -> StorageEntry | None:
            if key == entry and replacing:
                await asyncio.sleep(2)
            return await get(key)

        async def slow_put(stored: StorageEntry) -> None:
            if stored.key == record_key(unique_id) and not replacing:
                mount.simulator.faults.add("replace", "drop_after")
                replacing.append(asyncio.create_task(mount.write(f"replace/web/{unique_id}", REKEY)))
                await asyncio.sleep(0.5)
            await put(stored)

        monkeypatch.setattr(mount.storage, "put", slow_put)
        monkeypatch.setattr(mount.storage, "get", slow_get)
        await mount.read(f"certs/web/{unique_id}")
        assert answered(await replacing[0])["status"] == "Unsettled"
        assert mount.simulator.calls.count("replace") == 1
        assert entries(mount), "the key of a replacement that SCM took is stored nowhere"


class TestARevocationThatIsOpen:
    @pytest.mark.parametrize("operation", ["renew", "replace"])
    async def test_nothing_is_ordered_before_it_is_settled(self, mount: Mount, operation: str) -> None:
        unique_id = await issued(mount)
        await leave_a_revocation(mount, unique_id)
        fields = REKEY if operation == "replace" else {}
        answer = await mount.write(f"{operation}/web/{unique_id}", fields)
        assert answered(answer)["status"] == "Unsettled"
        assert mount.simulator.calls.count(operation) == 0

    async def test_a_read_that_cannot_carry_it_on_orders_no_renewal(self, mount: Mount) -> None:
        unique_id = await issued(mount)
        await leave_a_revocation(mount, unique_id)
        mount.clock.advance(days=360)
        response = await mount.read(f"certs/web/{unique_id}")
        assert response is not None
        assert "SCM could not be asked what became of the order" in response.warnings[0]
        assert mount.simulator.calls.count("renew") == 0

    async def test_a_read_returns_the_certificate_itself_and_not_its_renewal(self, mount: Mount) -> None:
        unique_id = await issued(mount)
        await mount.write(f"renew/web/{unique_id}", {})
        await leave_a_revocation(mount, unique_id)
        assert answered(await mount.read(f"certs/web/{unique_id}"))["cert_unique_id"] == unique_id


class TestARevocationBesideALostRenewal:
    @pytest.fixture
    async def unique_id(self, mount: Mount) -> str:
        unique_id = await issued(mount)
        mount.simulator.faults.add("renew", "drop_before")
        await mount.write(f"renew/web/{unique_id}", {})
        return unique_id

    async def test_it_is_reported_though_storage_fails_afterwards(
        self, mount: Mount, unique_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        get = mount.storage.get

        async def failing(key: str) -> StorageEntry | None:
            if key.startswith(layout.ORDERS) and mount.simulator.calls.count("revoke"):
                raise StorageError("lost")
            return await get(key)

        monkeypatch.setattr(mount.storage, "get", failing)
        answer = await mount.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"})
        assert answered(answer)["status"] == "Revoked"

    async def test_the_warning_is_about_the_renewal_that_was_open_when_it_began(
        self, mount: Mount, unique_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (entry,) = entries(mount)
        delete = mount.storage.delete

        async def delete_both(key: str) -> None:
            await delete(key)
            if mount.simulator.calls.count("revoke") and entry in mount.storage.snapshot():
                await delete(entry)

        monkeypatch.setattr(mount.storage, "delete", delete_both)
        answer = await mount.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"})
        assert answer is not None
        assert "which is not revoked with this one" in answer.warnings[0]


async def test_a_named_renewal_is_stored_though_the_renewed_certificate_cannot_be_read(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount.system.caching_is_disabled = True
    unique_id = await issued(mount)
    get = mount.storage.get

    async def failing(key: str) -> StorageEntry | None:
        if key == record_key(unique_id) and mount.simulator.calls.count("renew"):
            raise StorageError("lost")
        return await get(key)

    monkeypatch.setattr(mount.storage, "get", failing)
    assert answered(await mount.write(f"renew/web/{unique_id}", {}))["status"] == "Unsettled"
    newest = max(order.ssl_id for order in mount.simulator.orders)
    assert record_key(f"{newest}_demo-customer") in mount.storage.snapshot()


async def test_a_role_orders_nothing_under_an_entry_that_was_deleted_meanwhile(mount: Mount) -> None:
    await mount.configure()
    await mount.write("roles/r", ROLE)
    deleting: list[asyncio.Task[Any]] = []

    def delete_the_entry() -> None:
        if not deleting:
            deleting.append(asyncio.create_task(mount.delete("configs/web")))

    mount.on_scm_call = delete_the_entry
    with pytest.raises(LogicalError, match="no config entry"):
        await mount.write("issue/r", {"common_name": "a.example.test"})
    await deleting[0]
    assert mount.simulator.calls.count("enroll") == 0


async def test_profiles_that_scm_does_not_list_for_a_login_pause_nothing(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    await mount.write("roles/r", ROLE)
    mount.simulator.faults.add("types", "status", status=401, times=1000)
    first = answered(await mount.write("issue/r", {"common_name": "a.example.test"}))
    mount.clock.advance(hours=2)
    second = answered(await mount.write("issue/r", {"common_name": "a.example.test"}))
    assert first["serial_number"] == second["serial_number"]
    assert not [key for key in mount.storage.snapshot() if key.startswith(layout.LOGINS)]
