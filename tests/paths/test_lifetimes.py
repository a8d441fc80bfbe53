"""What happens to work under way when something else changes beneath it."""

import asyncio

import pytest

from sectigo_vault_pki.vault_plugin.logical import (
    BackendType,
    NotFoundError,
    Operation,
    ReadOnlyError,
    ReplicationState,
    Request,
)
from tests.support.mount import CONFIG, ORDER, Mount, answered


async def test_an_entry_deleted_while_an_enrolment_waits_ends_the_waiting_with_the_reason(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    waiting = asyncio.create_task(mount.write("enroll/web", {**ORDER, "sectigo_max_timeout": 60}))
    await asyncio.sleep(5)
    await mount.delete("configs/web")
    response = await waiting
    assert answered(response)["private_key"]
    assert response is not None
    assert 'no config entry named "web": SCM cannot be asked for the certificate' in response.warnings[0]


async def test_a_certificate_deleted_while_it_is_waited_for_stays_deleted(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_seconds = 20
    waiting = asyncio.create_task(mount.enroll())
    await asyncio.sleep(5)
    (unique_id,) = await mount.list("certs/web")
    await mount.delete(f"certs/web/{unique_id}")
    await waiting
    assert await mount.list("certs/web") == []
    with pytest.raises(NotFoundError):
        await mount.read(f"certs/web/{unique_id}")


async def test_a_password_changed_while_an_order_is_being_sent_does_not_cut_it(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "slow", seconds=10)
    waiting = asyncio.create_task(mount.enroll())
    await asyncio.sleep(2)
    await mount.write("configs/web", {**CONFIG, "sectigo_cm_user": "other-user"})
    assert (await waiting)["cert_unique_id"].endswith("_demo-customer")


async def test_deleting_something_that_is_no_id_succeeds_and_touches_nothing(mount: Mount) -> None:
    await mount.configure()
    before = mount.storage.snapshot()
    for name in ("whatever", "order-1", "order-0b5e6d1c-3f44-4f0c-9a55-0d2c5d1e7a10", "1_demo-customer"):
        assert await mount.delete(f"certs/web/{name}", {"sectigo_force": True}) is None
    assert mount.storage.snapshot() == before


async def test_a_read_that_waits_is_answered_at_the_entrys_limit_and_the_work_goes_on(mount: Mount) -> None:
    await mount.configure(sectigo_wait_limit=10)
    mount.simulator.settings.pending_seconds = 30
    waiting = await mount.enroll(sectigo_max_timeout=0)
    path = f"certs/web/{waiting['cert_unique_id']}"
    data = answered(await mount.read(path, {"sectigo_max_timeout": "100"}))
    assert asyncio.get_running_loop().time() == 10
    assert data["certificate"] == "TimeoutStateSaved"
    await asyncio.sleep(60)
    mount.simulator.calls.clear()
    assert answered(await mount.read(path))["status"] == "Issued"
    assert len(mount.simulator.calls) == 0


async def test_the_hosts_tick_is_answered_at_once(mount: Mount) -> None:
    assert await mount.backend.handle_request(Request(Operation.ROLLBACK, "", mount.storage)) is None
    assert len(mount.simulator.calls) == 0


async def test_two_mounts_share_nothing(mount: Mount) -> None:
    other = Mount(mount.simulator, mount.clock)
    await mount.configure()
    await mount.enroll()
    with pytest.raises(NotFoundError):
        await other.read("configs/web")
    with pytest.raises(NotFoundError):
        await other.list("certs/web")
    await other.backend.cleanup()
    assert (await mount.enroll())["status"] == "Issued"


def test_the_engine_is_a_secrets_engine_that_needs_no_token_for_what_the_pki_engine_needs_none(mount: Mount) -> None:
    assert mount.backend.backend_type is BackendType.LOGICAL
    assert sorted(mount.backend.special_paths.unauthenticated) == [
        "ca",
        "ca/pem",
        "ca_chain",
        "cert/+",
        "cert/+/raw",
        "cert/+/raw/pem",
        "cert/ca",
        "cert/ca/raw",
        "cert/ca/raw/pem",
        "cert/ca_chain",
        "cert/crl",
        "crl",
        "crl/pem",
        "issuer/+/der",
        "issuer/+/json",
        "issuer/+/pem",
        "issuers/",
    ]
    assert mount.backend.special_paths.seal_wrap_storage == ("config/", "order/", "cert/")


async def test_whatever_holds_a_password_or_a_key_is_stored_where_seal_wrapping_is_asked_for(mount: Mount) -> None:
    await mount.configure()
    await mount.configure_client()
    ssl, client = await mount.enroll(sectigo_request_id="once"), await mount.enroll_client()
    renewed = answered(await mount.write(f"renew/web/{ssl['cert_unique_id']}", {"sectigo_renew_new_key": True}))
    await mount.write(f"replace/web/{renewed['cert_unique_id']}", {"sectigo_reason": "new key"})
    await mount.write(f"revoke/people/{client['cert_unique_id']}", {"sectigo_reason": "superseded"})
    mount.simulator.faults.add("enroll", "drop_after")
    assert (await mount.enroll())["status"] == "Unsettled"
    mount.simulator.settings.never_issue = True
    assert (await mount.enroll(sectigo_max_timeout=0))["status"] == "TimeoutStateSaved"
    wrapped = mount.backend.special_paths.seal_wrap_storage
    secret = {
        key for key, value in mount.storage.snapshot().items() if b"PRIVATE KEY" in value or b"demo-password" in value
    }
    assert {key.split("/")[0] for key in secret} == {"config", "order", "cert"}
    for key in mount.storage.snapshot():
        entry = await mount.storage.get(key)
        assert entry is not None
        assert entry.seal_wrap == key.startswith(wrapped) == (key in secret), key


@pytest.mark.parametrize(
    ("state", "local", "writes"),
    [
        (ReplicationState.UNKNOWN, False, True),
        (ReplicationState.PERFORMANCE_PRIMARY | ReplicationState.DR_DISABLED, False, True),
        (ReplicationState.DR_DISABLED | ReplicationState.PERFORMANCE_STANDBY, False, False),
        (ReplicationState.DR_DISABLED | ReplicationState.PERFORMANCE_STANDBY, True, False),
        (ReplicationState.PERFORMANCE_SECONDARY, False, False),
        (ReplicationState.PERFORMANCE_SECONDARY, True, True),
        (ReplicationState.PERFORMANCE_SECONDARY | ReplicationState.PERFORMANCE_STANDBY, True, False),
        (ReplicationState.DR_SECONDARY, True, False),
    ],
)
async def test_a_node_writes_only_where_its_role_lets_it(
    mount: Mount, state: ReplicationState, local: bool, writes: bool
) -> None:
    mount.system.state = state
    mount.system.local = local
    if writes:
        await mount.configure()
        assert await mount.list("configs/") == ["web"]
    else:
        with pytest.raises(ReadOnlyError):
            await mount.configure()
