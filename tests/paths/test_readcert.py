"""`readcert/`: looking at what is stored, without consequences."""

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, NotFoundError
from tests.support.issuing import issue, prepared
from tests.support.mount import Mount, answered


async def read(mount: Mount, unique_id: str) -> dict[str, object]:
    """Read, and hold that nothing was called and nothing written."""
    before, calls = mount.storage.snapshot(), len(mount.simulator.calls)
    data = answered(await mount.read(f"readcert/web/{unique_id}"))
    assert mount.storage.snapshot() == before
    assert len(mount.simulator.calls) == calls
    return dict(data)


async def test_a_collected_certificate_is_answered_as_by_certs(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    unique_id = str((await mount.enroll())["cert_unique_id"])
    assert await read(mount, unique_id) == answered(await mount.read(f"certs/web/{unique_id}"))


async def test_a_pending_certificate_is_not_collected(mount: Mount) -> None:
    await mount.configure()
    unique_id = str((await mount.enroll(sectigo_max_timeout=0))["cert_unique_id"])
    mount.simulator.settings.pending_polls = 0
    assert (await read(mount, unique_id))["status"] == "TimeoutStateSaved"
    assert answered(await mount.read(f"certs/web/{unique_id}"))["status"] == "Issued"


async def test_a_due_certificate_is_not_renewed(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    unique_id = str((await mount.enroll())["cert_unique_id"])
    mount.clock.advance(days=364)
    assert (await read(mount, unique_id))["cert_unique_id"] == unique_id


async def test_a_renewed_certificate_is_answered_itself(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    unique_id = str((await mount.enroll())["cert_unique_id"])
    renewed = answered(await mount.write(f"renew/web/{unique_id}", {}))
    data = await read(mount, unique_id)
    assert (data["cert_unique_id"], data["status"]) == (unique_id, "Renewed")
    assert data["renewed_to"] == renewed["cert_unique_id"]


async def test_a_one_time_key_stays_where_it_is(mount: Mount) -> None:
    await prepared(mount, no_store_key=True)
    mount.simulator.settings.never_issue = True
    with pytest.raises(BadRequestError, match=r"^pending"):
        await mount.write("issue/shop", {"common_name": "a.example.test"})
    (unique_id,) = await mount.list("certs/web")
    assert (await read(mount, unique_id))["private_key"] == ""
    mount.simulator.settings.never_issue = False
    assert (await issue(mount))["private_key"]


async def test_what_is_not_there_is_not_found(mount: Mount) -> None:
    await mount.configure()
    for path in ("readcert/web/1_demo-customer", "readcert/web/order-x", "readcert/nowhere/1_demo-customer"):
        with pytest.raises(NotFoundError):
            await mount.read(path)
