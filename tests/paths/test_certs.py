import asyncio
from collections.abc import Sequence

import pytest

from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    LogicalError,
    NotFoundError,
    ReadOnlyError,
    StorageEntry,
    UnsupportedOperationError,
    UnsupportedPathError,
)
from sectigo_vault_pki.vault_plugin.testing import STANDBY, InmemStorage
from tests.support.certificates import key_fits, leaf_of
from tests.support.counting import CountingStorage
from tests.support.mount import ORDER, Mount, answered


async def test_reading_an_issued_certificate_answers_what_the_enrolment_answered(mount: Mount) -> None:
    await mount.configure()
    enrolled = await mount.enroll()
    assert answered(await mount.read(f"certs/web/{enrolled['cert_unique_id']}")) == enrolled


async def test_nothing_is_called_or_written_for_a_certificate_that_is_there(mount: Mount) -> None:
    await mount.configure()
    enrolled = await mount.enroll()
    mount.simulator.calls.clear()
    mount.storage.writes.clear()
    await mount.read(f"certs/web/{enrolled['cert_unique_id']}")
    assert len(mount.simulator.calls) == 0
    assert mount.storage.writes == []


async def test_a_read_may_name_another_format(mount: Mount) -> None:
    await mount.configure()
    enrolled = await mount.enroll(sectigo_ssl_cert_format_type="base64")
    data = answered(
        await mount.read(f"certs/web/{enrolled['cert_unique_id']}", {"sectigo_ssl_cert_format_type": "x509co"})
    )
    assert enrolled["certificate"].startswith("-----BEGIN PKCS7-----")
    assert data["certificate"] == data["leaf_certificate"]
    assert data["ssl_format"] == "x509CO"


async def test_a_read_takes_the_enrolments_file_and_ignores_its_key_with_a_warning(mount: Mount) -> None:
    await mount.configure()
    enrolled = await mount.enroll()
    as_the_cli_sends_it = {name: str(value) for name, value in ORDER.items()}
    response = await mount.read(
        f"certs/web/{enrolled['cert_unique_id']}",
        {**as_the_cli_sends_it, "sectigo_auto_renew": "1", "sectigo_private_key": "-----BEGIN EC PRIVATE KEY-----"},
    )
    assert answered(response)["serial_number"] == enrolled["serial_number"]
    assert response is not None
    assert len(response.warnings) == 1
    assert response.warnings[0].startswith("sectigo_private_key was ignored")


async def test_a_pending_certificate_is_asked_for_once_and_answered_as_it_stands(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 1
    waiting = await mount.enroll(sectigo_max_timeout=0)
    path = f"certs/web/{waiting['cert_unique_id']}"
    mount.simulator.calls.clear()
    response = await mount.read(path)
    assert answered(response)["certificate"] == "TimeoutStateSaved"
    assert response is not None
    assert f"reading {path} collects it" in response.warnings[0]
    assert [call.operation for call in mount.simulator.calls] == ["collect", "dcv"]
    data = answered(await mount.read(path))
    assert data["status"] == "Issued"
    assert [entry["status"] for entry in data["state"]] == ["Applied", "TimeoutStateSaved", "Issued"]
    assert key_fits(data)


async def test_a_read_waits_for_its_own_max_timeout(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_seconds = 20
    waiting = await mount.enroll(sectigo_max_timeout=0)
    data = answered(await mount.read(f"certs/web/{waiting['cert_unique_id']}", {"sectigo_max_timeout": "40"}))
    assert data["status"] == "Issued"


async def test_concurrent_reads_of_a_pending_certificate_ask_once(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    waiting = await mount.enroll(sectigo_max_timeout=0)
    mount.simulator.calls.clear()
    reads = [mount.read(f"certs/web/{waiting['cert_unique_id']}") for _ in range(20)]
    await asyncio.gather(*reads)
    assert [call.operation for call in mount.simulator.calls] == ["collect", "dcv"]


async def test_reads_of_issued_certificates_go_on_while_an_enrolment_waits(mount: Mount) -> None:
    await mount.configure()
    issued = await mount.enroll()
    mount.simulator.settings.never_issue = True
    waiting = asyncio.create_task(mount.enroll())
    for _ in range(100):
        data = answered(await mount.read(f"certs/web/{issued['cert_unique_id']}"))
        assert data["status"] == "Issued"
    assert not waiting.done()
    assert (await waiting)["certificate"] == "TimeoutStateSaved"


async def test_an_scm_that_is_down_leaves_a_pending_certificate_pending(mount: Mount) -> None:
    await mount.configure()
    waiting = await mount.enroll(sectigo_max_timeout=0)
    path = f"certs/web/{waiting['cert_unique_id']}"
    mount.simulator.faults.add("collect", "status", status=503)
    response = await mount.read(path)
    assert answered(response)["certificate"] == "TimeoutStateSaved"
    assert response is not None
    assert "could not be asked for: SCM is not available for collect: HTTP 503" in response.warnings[0]
    mount.simulator.settings.pending_polls = 0
    assert answered(await mount.read(path))["status"] == "Issued"


async def test_trouble_that_scm_reports_is_kept_with_its_code_and_mended_by_a_later_read(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    mount.simulator.faults.add("collect", "status", status=400, code=-1112, description="Was declined.")
    response = await mount.write("enroll/web", ORDER)
    data = answered(response)
    assert data["certificate"] == "ErrorCode -1112: Was declined."
    assert data["state"][-1]["code"] == -1112
    assert data["state"][-1]["description"] == "Was declined."
    assert response is not None
    assert response.warnings[0].startswith("the certificate does not come: SCM refused collect: Was declined.")
    assert answered(await mount.read(f"certs/web/{data['cert_unique_id']}"))["status"] == "Issued"


async def test_a_declined_order_stays_readable_with_scms_reason(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.auto_approve = False
    waiting = await mount.enroll(sectigo_max_timeout=0)
    (order,) = mount.simulator.orders
    mount.simulator.orders.decline(order, message="not ours")
    path = f"certs/web/{waiting['cert_unique_id']}"
    first = answered(await mount.read(path))
    again = answered(await mount.read(path))
    assert first["certificate"].startswith("ErrorCode ")
    assert [entry["status"] for entry in again["state"]] == ["Applied", "TimeoutStateSaved", "ErrorCode"]


async def test_a_certificate_for_another_key_is_never_stored(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    stranger = await mount.enroll()
    waiting = await mount.enroll(sectigo_max_timeout=0)
    orders = {order.ssl_id: order for order in mount.simulator.orders}
    orders[waiting["ssl_id"]].issued.append(orders[stranger["ssl_id"]].issued[0])
    orders[waiting["ssl_id"]].in_flight = None
    response = await mount.read(f"certs/web/{waiting['cert_unique_id']}")
    data = answered(response)
    assert data["certificate"] == "ErrorCode: none of the collected certificates belongs to the key"
    assert data["leaf_certificate"] == ""
    assert data["private_key"] == waiting["private_key"]


async def test_certificates_are_listed_by_id(mount: Mount) -> None:
    await mount.configure()
    ids = sorted([(await mount.enroll())["cert_unique_id"] for _ in range(3)])
    assert sorted(await mount.list("certs/web")) == ids
    await mount.configure("other")
    assert await mount.list("certs/other") == []


@pytest.mark.parametrize(
    "unique_id", ["1_demo-customer", "1", "..", "x_y", "order-1", "1_a/../b", "9" * 400, "é", "\n"]
)
async def test_an_unknown_id_is_not_found(mount: Mount, unique_id: str) -> None:
    await mount.configure()
    with pytest.raises((NotFoundError, UnsupportedPathError)):
        await mount.read(f"certs/web/{unique_id}")


async def test_an_at_sign_in_an_id_is_a_space_that_is_missing(mount: Mount) -> None:
    with pytest.raises(BadRequestError, match="put a space before @file"):
        await mount.read("certs/web/1_demo-customer@ssl_cert.json")


async def test_a_deleted_certificate_is_forgotten_with_its_key_and_stays_at_scm(mount: Mount) -> None:
    await mount.configure()
    enrolled = await mount.enroll(sectigo_request_id="once")
    path = f"certs/web/{enrolled['cert_unique_id']}"
    mount.simulator.calls.clear()
    assert await mount.delete(path) is None
    assert await mount.delete(path) is None
    assert set(mount.storage.snapshot()) == {"config/web", "index/chain/web", "index/orders/web"}
    assert len(mount.simulator.calls) == 0
    with pytest.raises(NotFoundError):
        await mount.read(path)


async def test_a_pending_certificate_of_a_deleted_entry_stays_readable(mount: Mount) -> None:
    await mount.configure()
    waiting = await mount.enroll(sectigo_max_timeout=0)
    await mount.delete("configs/web")
    response = await mount.read(f"certs/web/{waiting['cert_unique_id']}")
    assert answered(response)["private_key"] == waiting["private_key"]
    assert response is not None
    assert 'no config entry named "web"' in response.warnings[0]
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    assert answered(await mount.read(f"certs/web/{waiting['cert_unique_id']}"))["status"] == "Issued"


async def test_a_standby_reads_what_is_there_and_forwards_what_must_be_asked(mount: Mount) -> None:
    await mount.configure()
    issued = await mount.enroll()
    waiting = await mount.enroll(sectigo_max_timeout=0)
    mount.system.state = STANDBY
    await mount.restart()
    mount.simulator.calls.clear()
    assert answered(await mount.read(f"certs/web/{issued['cert_unique_id']}"))["status"] == "Issued"
    with pytest.raises(ReadOnlyError):
        await mount.read(f"certs/web/{waiting['cert_unique_id']}")
    with pytest.raises(ReadOnlyError):
        await mount.delete(f"certs/web/{issued['cert_unique_id']}")
    assert len(mount.simulator.calls) == 0


async def test_paths_take_only_their_own_operations(mount: Mount) -> None:
    with pytest.raises(UnsupportedOperationError):
        await mount.write("certs/web", {})
    with pytest.raises(UnsupportedOperationError):
        await mount.read("enroll/web")
    with pytest.raises(UnsupportedPathError):
        await mount.read("nothing/here")


async def test_every_format_is_rendered_from_the_stored_chain(mount: Mount) -> None:
    await mount.configure()
    enrolled = await mount.enroll()
    leaf = leaf_of(enrolled)
    blocks = {"x509": 3, "pem": 3, "x509R": 3, "pemia": 3, "x509CO": 1, "pemco": 1, "x509IO": 2, "x509IOR": 2}
    for name, count in blocks.items():
        data = answered(
            await mount.read(f"certs/web/{enrolled['cert_unique_id']}", {"sectigo_ssl_cert_format_type": name.upper()})
        )
        assert data["certificate"].count("BEGIN CERTIFICATE") == count
        assert data["ssl_format"] == name
        assert leaf_of(data) == leaf


class SlowStorage(InmemStorage):
    """Storage that takes its time, as one behind a network does."""

    async def get(self, key: str) -> StorageEntry | None:
        await asyncio.sleep(1)
        return await super().get(key)

    async def put(self, entry: StorageEntry) -> None:
        await asyncio.sleep(1)
        await super().put(entry)

    async def delete(self, key: str) -> None:
        await asyncio.sleep(1)
        await super().delete(key)

    async def list(self, prefix: str) -> Sequence[str]:
        await asyncio.sleep(1)
        return await super().list(prefix)


async def test_an_order_is_listed_once_at_every_moment_of_its_way_to_a_certificate(mount: Mount) -> None:
    slow = Mount(mount.simulator, mount.clock, SlowStorage())
    await slow.configure()
    mount.simulator.faults.add("enroll", "slow", seconds=5)
    prepared = asyncio.Event()
    slow.storage.on_write = lambda writes: prepared.set() if writes[-1].startswith("put order/") else None
    order = asyncio.create_task(slow.enroll())
    await prepared.wait()
    lists = []
    while not order.done():
        lists.append(asyncio.create_task(slow.list("certs/web")))
        await asyncio.sleep(0.25)
    lengths = {len(await listed) for listed in lists}
    assert lengths == {1}
    assert len(lists) > 20


async def test_a_certificate_is_read_from_storage_once_and_then_remembered(mount: Mount) -> None:
    storage = CountingStorage()
    counted = Mount(mount.simulator, mount.clock, storage)
    await counted.configure()
    first, second = await counted.enroll(), await counted.enroll()
    await counted.restart()
    assert answered(await counted.read(f"certs/web/{first['cert_unique_id']}")) == first
    storage.gets.clear()
    for data, reads in ((second, [f"cert/web/{second['cert_unique_id']}"]), (second, []), (first, [])):
        assert answered(await counted.read(f"certs/web/{data['cert_unique_id']}")) == data
        assert storage.gets == reads
        storage.gets.clear()


async def test_a_server_without_caches_is_asked_each_time(mount: Mount) -> None:
    storage = CountingStorage()
    counted = Mount(mount.simulator, mount.clock, storage)
    counted.system.caching_is_disabled = True
    await counted.configure()
    data = await counted.enroll()
    for _ in range(2):
        storage.gets.clear()
        assert answered(await counted.read(f"certs/web/{data['cert_unique_id']}")) == data
        assert f"cert/web/{data['cert_unique_id']}" in storage.gets


async def test_what_another_node_changed_is_answered_at_once(mount: Mount) -> None:
    await mount.configure()
    data = await mount.enroll()
    path = f"certs/web/{data['cert_unique_id']}"
    stored = mount.storage.snapshot()[f"cert/web/{data['cert_unique_id']}"]
    for domain in ("renamed.example.test", "again.example.test"):
        await mount.overwrite(
            f"cert/web/{data['cert_unique_id']}", stored.replace(b'"web.example.test"', f'"{domain}"'.encode())
        )
        assert answered(await mount.read(path))["domain"] == domain


async def test_what_is_damaged_is_listed_and_hides_nothing_else(mount: Mount) -> None:
    await mount.configure()
    first, second = await mount.enroll(), await mount.enroll()
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll()
    listed = await mount.list("certs/web")
    damaged = {
        first["cert_unique_id"]: f"cert/web/{first['cert_unique_id']}",
        lost["cert_unique_id"]: f"order/web/{lost['cert_unique_id'].removeprefix('order-')}",
    }
    for unique_id, key in damaged.items():
        await mount.overwrite(key, b"no JSON")
        assert await mount.list("certs/web") == listed
        with pytest.raises(LogicalError, match=f'^the stored entry "{key}" is damaged'):
            await mount.read(f"certs/web/{unique_id}")
    assert answered(await mount.read(f"certs/web/{second['cert_unique_id']}"))["status"] == "Issued"


async def test_each_format_is_answered_as_it_was_asked_for_however_often(mount: Mount) -> None:
    await mount.configure()
    path = f"certs/web/{(await mount.enroll())['cert_unique_id']}"
    asked = [{}, {"sectigo_ssl_cert_format_type": "base64"}, {"sectigo_ssl_cert_format_type": "x509CO"}]
    once = [dict(answered(await mount.read(path, wanted))) for wanted in asked]
    again = [dict(answered(await mount.read(path, wanted))) for wanted in asked]
    assert once == again
    assert len({data["certificate"] for data in once}) == len(asked)
