"""`sync/:config`: what was done elsewhere is found and corrected, and nothing is bought."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sectigo_vault_pki.scm_simulator.model.orders import Order
from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    NotFoundError,
    ReadOnlyError,
    StorageEntry,
    UnavailableError,
)
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.certificates import key_fits
from tests.support.foreign_orders import foreign_order
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock

REAL: Mapping[str, Any] = {"dry_run": False}
IMPORT: Mapping[str, Any] = {"dry_run": False, "import_missing": True}
BUYING = ("enroll", "renew", "replace", "revoke")


async def sync(mount: Mount, name: str = "web", **wish: Any) -> Mapping[str, Any]:
    return answered(await mount.write(f"sync/{name}", wish))


async def both(mount: Mount, name: str = "web", **wish: Any) -> Mapping[str, Any]:
    """Compare dry and really: both must find the same, and nothing must be stored by the dry run but its result."""
    before = without_run(mount.storage.snapshot())
    dry = await sync(mount, name, **wish)
    assert dry["dry_run"] is True
    assert without_run(mount.storage.snapshot()) == before
    real = await sync(mount, name, **wish, **REAL)
    assert (real["counts"], real["found"], real["errors"]) == (dry["counts"], dry["found"], dry["errors"])
    return real


def without_run(snapshot: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return {key: value for key, value in snapshot.items() if not key.startswith("index/sync/")}


def bought(mount: Mount) -> int:
    return sum(mount.simulator.calls.count(operation) for operation in BUYING)


async def cert(mount: Mount, unique_id: str, name: str = "web", **flags: object) -> Mapping[str, Any]:
    return answered(await mount.read(f"certs/{name}/{unique_id}", flags))


def order_of(mount: Mount, data: Mapping[str, Any]) -> Order:
    order = mount.simulator.orders.get(int(data["cert_unique_id"].partition("_")[0]))
    assert order is not None
    return order


async def test_nothing_differs_after_an_enrolment(ready: Mount) -> None:
    await ready.enroll()
    data = await both(ready)
    assert (data["status"], data["by"], data["whole"]) == ("ended", "reports", True)
    assert (data["compared"], data["counts"], data["found"], data["errors"]) == (1, {}, {}, [])
    assert bought(ready) == 1


async def test_it_asks_by_few_reports_and_not_for_single_certificates(ready: Mount) -> None:
    for number in range(10):
        await ready.enroll(sectigo_csr_domain=f"w{number}.example.test")
    ready.simulator.calls.clear()
    data = await sync(ready, **REAL)
    assert data["compared"] == 10
    assert data["calls"] == ready.simulator.calls.count("ssl_report") == len(ready.simulator.calls) < 20


async def test_what_was_revoked_elsewhere_is_marked(ready: Mount, elsewhere: Mount) -> None:
    ours = await ready.enroll()
    unique_id = ours["cert_unique_id"]
    await elsewhere.write(f"fetch/web/{ours['ssl_id']}", {})
    await elsewhere.write(f"revoke/web/{unique_id}", {"sectigo_reason": "gone"})
    data = await both(ready)
    assert data["found"] == {"revoked": [unique_id]}
    after = await cert(ready, unique_id)
    assert after["status"] == "Revoked"
    assert await ready.list("certs/revoked") == [ours["serial_number"]]
    assert (await both(ready))["counts"] == {}


async def test_what_was_replaced_elsewhere_with_another_key_is_reported(ready: Mount, elsewhere: Mount) -> None:
    ours = await ready.enroll()
    unique_id = ours["cert_unique_id"]
    await elsewhere.write(f"fetch/web/{ours['ssl_id']}", {})
    await elsewhere.write(
        f"replace/web/{unique_id}", {"sectigo_reason": "new key", "sectigo_common_name": "web.example.test"}
    )
    data = await both(ready)
    assert data["found"] == {"replaced_without_key": [unique_id]}
    assert (await cert(ready, unique_id))["serial_number"] == ours["serial_number"]


async def test_what_was_replaced_elsewhere_with_our_key_is_stored_with_it(ready: Mount, elsewhere: Mount) -> None:
    ours = await ready.enroll()
    unique_id = ours["cert_unique_id"]
    await elsewhere.write(f"fetch/web/{ours['ssl_id']}", {})
    wish = {"sectigo_reason": "again", "sectigo_common_name": "web.example.test", "sectigo_csr": ours["csr"]}
    theirs = answered(await elsewhere.write(f"replace/web/{unique_id}", wish))
    assert theirs["serial_number"] != ours["serial_number"]
    data = await both(ready)
    assert data["found"] == {"replaced": [unique_id]}
    after = await cert(ready, unique_id)
    assert after["serial_number"] == theirs["serial_number"]
    assert after["private_key"] == ours["private_key"]
    assert key_fits(after)
    assert [entry["status"] for entry in after["state"]] == ["Applied", "Issued", "Replaced", "Issued"]
    assert (await both(ready))["counts"] == {}


async def test_a_renewal_elsewhere_with_our_key_is_stored_as_the_successor(ready: Mount, elsewhere: Mount) -> None:
    ours = await ready.enroll()
    await elsewhere.write(f"fetch/web/{ours['ssl_id']}", {})
    theirs = answered(await elsewhere.write(f"renew/web/{ours['cert_unique_id']}", {}))
    data = await both(ready)
    assert data["found"] == {"renewed": [theirs["cert_unique_id"]]}
    after = await cert(ready, ours["cert_unique_id"])
    assert after["cert_unique_id"] == theirs["cert_unique_id"]
    assert after["renewed_from"] == ours["cert_unique_id"]
    assert after["private_key"] == ours["private_key"]
    assert key_fits(after)
    assert (await both(ready))["counts"] == {}


@pytest.mark.parametrize("imports", [False, True])
async def test_a_renewal_elsewhere_with_another_key_does_not_take_the_certificates_place(
    ready: Mount, elsewhere: Mount, imports: bool
) -> None:
    ours = await ready.enroll()
    await elsewhere.write(f"fetch/web/{ours['ssl_id']}", {})
    wish = {"sectigo_renew_new_key": True}
    theirs = answered(await elsewhere.write(f"renew/web/{ours['cert_unique_id']}", wish))
    data = await both(ready, import_missing=imports)
    kinds = {"renewed_without_key", "imported"} if imports else {"renewed_without_key"}
    assert data["found"] == {kind: [theirs["cert_unique_id"]] for kind in kinds}
    assert (await cert(ready, ours["cert_unique_id"]))["serial_number"] == ours["serial_number"]


async def test_a_lost_answer_is_found_by_its_mark(ready: Mount) -> None:
    ready.simulator.faults.add("enroll", "drop_after")
    lost = await ready.enroll()
    assert lost["status"] == "Unsettled"
    ready.simulator.calls.clear()
    data = await both(ready)
    (order,) = ready.simulator.orders
    assert data["found"] == {"settled": [f"{order.handle}_demo-customer"]}
    assert ready.simulator.calls.count("details") == 0
    after = await cert(ready, lost["cert_unique_id"])
    assert after["cert_unique_id"] == f"{order.handle}_demo-customer"
    assert key_fits(after)
    assert (await both(ready))["counts"] == {}


async def test_a_lost_answer_to_an_order_that_is_not_issued_is_found_too(ready: Mount) -> None:
    ready.simulator.settings.never_issue = True
    ready.simulator.faults.add("enroll", "drop_after")
    await ready.enroll()
    assert (await both(ready))["counts"] == {"settled": 1}
    ready.simulator.settings.never_issue = False
    await ready.tick()
    (unique_id,) = await ready.list("certs/web")
    assert key_fits(await cert(ready, unique_id))


async def test_an_order_that_scm_never_took_stays_open(ready: Mount) -> None:
    ready.simulator.faults.add("enroll", "drop_before", times=5)
    lost = await ready.enroll()
    assert (await both(ready))["found"] == {"unsettled": [lost["cert_unique_id"]]}


async def test_a_lost_renewal_is_settled(ready: Mount, clock: LoopClock) -> None:
    ours = await ready.enroll()
    ready.simulator.faults.add("renew", "drop_after")
    await ready.write(f"renew/web/{ours['cert_unique_id']}", {})
    clock.advance(minutes=1)
    data = await both(ready)
    assert data["counts"] == {"settled": 1}
    await ready.tick()
    renewed = await cert(ready, ours["cert_unique_id"])
    assert renewed["renewed_from"] == ours["cert_unique_id"]
    assert ready.simulator.calls.count("renew") == 1


async def test_what_was_bought_elsewhere_is_listed_or_imported_without_its_key(ready: Mount) -> None:
    ours = await ready.enroll()
    theirs = foreign_order(ready.simulator, order_of(ready, ours), is_approved=True)
    unique_id = f"{theirs.handle}_demo-customer"
    ready.simulator.calls.clear()
    assert (await both(ready))["found"] == {"only_at_scm": [unique_id]}
    assert ready.simulator.calls.count("collect") == 0
    assert (await both(ready, import_missing=True))["found"] == {"imported": [unique_id]}
    data = await cert(ready, unique_id)
    assert (data["status"], data["private_key"]) == ("Issued", "")
    assert (await both(ready, import_missing=True))["counts"] == {}


async def test_what_was_imported_is_not_renewed_automatically(ready: Mount, clock: LoopClock) -> None:
    ours = await ready.enroll(sectigo_auto_renew=False)
    foreign_order(ready.simulator, order_of(ready, ours), is_approved=True)
    response = await ready.write("sync/web", IMPORT)
    assert response is not None
    assert response.warnings == (
        "1 certificates were imported without their private keys, and are not renewed automatically",
    )
    clock.advance(days=360)
    await ready.tick()
    assert ready.simulator.calls.count("renew") == 0


async def test_after_a_restored_snapshot_keys_that_are_lost_are_named(ready: Mount) -> None:
    kept = await ready.enroll()
    snapshot = ready.storage.snapshot()
    later = await ready.enroll(sectigo_csr_domain="later.example.test")
    renewed = answered(await ready.write(f"renew/web/{kept['cert_unique_id']}", {}))
    await restore(ready, snapshot)
    response = await ready.write("sync/web", {})
    assert response is not None
    assert "the keys of 1 certificates are lost" in response.warnings[1]
    data = await both(ready, import_missing=True)
    assert data["found"] == {
        "key_lost": [later["cert_unique_id"]],
        "imported": [later["cert_unique_id"]],
        "renewed": [renewed["cert_unique_id"]],
    }
    assert key_fits(await cert(ready, kept["cert_unique_id"]))
    assert (await cert(ready, later["cert_unique_id"]))["private_key"] == ""
    assert len(ready.simulator.orders) == 3


async def restore(mount: Mount, snapshot: Mapping[str, bytes]) -> None:
    await mount.backend.cleanup()
    for key in mount.storage.snapshot():
        await mount.storage.delete(key)
    for key, value in snapshot.items():
        await mount.storage.put(StorageEntry(key, value))
    mount.backend = mount.restarted_backend()


@pytest.mark.parametrize("imports", [False, True])
@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize("is_fetched", [False, True])
async def test_what_another_entry_stores_is_neither_lost_nor_missing(
    ready: Mount, *, imports: bool, is_deleted: bool, is_fetched: bool
) -> None:
    await ready.configure("other")
    if is_fetched:
        ours = await ready.enroll()
        theirs = foreign_order(ready.simulator, order_of(ready, ours), is_approved=True)
        await ready.write(f"fetch/other/{theirs.handle}", {})
    else:
        await ready.enroll("other")
    if is_deleted:
        await ready.delete("configs/other")
    before = without_run(ready.storage.snapshot())
    assert (await both(ready, import_missing=imports))["counts"] == {}
    assert without_run(ready.storage.snapshot()) == before


async def test_two_entries_do_not_both_import_a_certificate(ready: Mount) -> None:
    await ready.configure("other")
    foreign_order(ready.simulator, order_of(ready, await ready.enroll()), is_approved=True)
    ready.simulator.calls.clear()
    runs = await asyncio.gather(sync(ready, "web", **IMPORT), sync(ready, "other", **IMPORT))
    assert sorted(run["counts"].get("imported", 0) for run in runs) == [0, 1]
    assert ready.simulator.calls.count("collect") == 1


async def test_an_entry_of_another_customer_is_no_neighbour(ready: Mount) -> None:
    theirs = foreign_order(ready.simulator, order_of(ready, await ready.enroll()), is_approved=True)
    await ready.configure("other", sectigo_cm_base_url="https://other.example.test")
    await ready.write(f"fetch/other/{theirs.handle}", {})
    assert (await both(ready))["found"] == {"only_at_scm": [f"{theirs.handle}_demo-customer"]}


async def test_what_scm_does_not_have_is_named(ready: Mount) -> None:
    ours = await ready.enroll()
    ready.simulator.orders.clear()
    assert (await both(ready))["found"] == {"not_at_scm": [ours["cert_unique_id"]]}
    assert (await cert(ready, ours["cert_unique_id"]))["status"] == "Issued"


async def test_only_the_days_asked_for_are_compared(ready: Mount) -> None:
    await ready.enroll()
    await ready.enroll(sectigo_csr_domain="short.example.test", sectigo_ssl_cert_type=502, sectigo_ssl_cert_validity=47)
    today = ready.clock.now().date()
    data = await both(ready, **{"from": today.isoformat(), "to": (today + timedelta(days=60)).isoformat()})
    assert data["compared"] == 1
    assert data["counts"] == {}
    with pytest.raises(BadRequestError, match="to must not be before from"):
        await sync(ready, **{"from": "2027-01-02", "to": "2027-01-01"})
    with pytest.raises(BadRequestError, match="from must be a day such as"):
        await sync(ready, **{"from": "tomorrow"})


# By lists.


@pytest.mark.parametrize("status", [404, 400, 403])
async def test_an_scm_without_reports_is_asked_by_lists(ready: Mount, elsewhere: Mount, status: int) -> None:
    ready.simulator.faults.add("ssl_report", "status", status=status, times=None)
    revoked, ours = await ready.enroll(), await ready.enroll(sectigo_csr_domain="two.example.test")
    await elsewhere.write(f"fetch/web/{revoked['ssl_id']}", {})
    await elsewhere.write(f"revoke/web/{revoked['cert_unique_id']}", {"sectigo_reason": "gone"})
    theirs = foreign_order(ready.simulator, order_of(ready, ours), is_approved=True)
    ready.simulator.calls.clear()
    data = await both(ready)
    assert data["by"] == "lists"
    assert data["found"] == {
        "revoked": [revoked["cert_unique_id"]],
        "only_at_scm": [f"{theirs.handle}_demo-customer"],
    }
    assert ready.simulator.calls.count("details") == ready.simulator.calls.count("collect") == 0


async def test_by_lists_a_lost_answer_is_looked_up(ready: Mount) -> None:
    ready.simulator.faults.add("ssl_report", "status", status=404, times=None)
    ready.simulator.faults.add("enroll", "drop_after")
    await ready.enroll()
    dry, real = await sync(ready), await sync(ready, **REAL)
    assert dry["counts"]["settled"] == real["counts"]["settled"] == 1


# Client certificates.


@pytest.mark.parametrize("by", ["reports", "lists"])
async def test_client_certificates_are_compared_too(ready: Mount, elsewhere: Mount, by: str) -> None:
    if by == "lists":
        ready.simulator.faults.add("client_report", "status", status=404, times=None)
    for mount in (ready, elsewhere):
        await mount.configure_client()
    revoked = await ready.enroll_client()
    ours = await ready.enroll_client(sectigo_client_cert_email="bob@example.test")
    await elsewhere.write(f"fetch/people/{revoked['order_number']}", {})
    await elsewhere.write(f"revoke/people/{revoked['cert_unique_id']}", {"sectigo_reason": "gone"})
    await elsewhere.write(f"fetch/people/{ours['order_number']}", {})
    renewed = answered(await elsewhere.write(f"renew/people/{ours['cert_unique_id']}", {}))
    ready.simulator.faults.add("enroll", "drop_after")
    await ready.enroll_client(sectigo_client_cert_email="eve@example.test")
    data = await both(ready, "people")
    assert data["by"] == by
    assert data["counts"] == {"revoked": 1, "renewed": 1, "settled": 1}
    after = await cert(ready, ours["cert_unique_id"], "people")
    assert after["cert_unique_id"] == renewed["cert_unique_id"]
    assert key_fits(after)


# When SCM does not answer.


async def test_an_scm_that_does_not_answer_at_all_is_an_error(ready: Mount) -> None:
    ready.simulator.faults.add("*", "drop_before", times=None)
    with pytest.raises(UnavailableError, match="SCM is not available for report"):
        await sync(ready, **REAL)
    data = answered(await ready.read("sync/web"))
    assert data["status"] == "ended"
    assert "SCM is not available" in data["errors"][0]


async def test_a_refused_login_is_asked_once_and_then_left_alone(ready: Mount) -> None:
    await ready.enroll()
    ready.simulator.faults.add("*", "status", status=401, code=-16, description="Unknown user", times=None)
    with pytest.raises(BadRequestError, match="SCM refused report"):
        await sync(ready, **REAL)
    asked = len(ready.simulator.calls)
    with pytest.raises(UnavailableError, match="SCM refused the login of config entry web"):
        await sync(ready, **REAL)
    assert len(ready.simulator.calls) == asked


async def test_a_run_that_scm_interrupts_waits_and_continues_with_the_tick(ready: Mount) -> None:
    ours = await ready.enroll()
    theirs = foreign_order(ready.simulator, order_of(ready, ours), is_approved=True)
    ready.simulator.faults.add("collect", "status", status=503, times=3)
    response = await ready.write("sync/web", IMPORT)
    data = answered(response)
    assert response is not None
    assert (data["status"], data["counts"]) == ("waiting", {})
    assert "continues in the background" in response.warnings[0]
    for _ in range(3):
        await ready.tick(60)
    data = answered(await ready.read("sync/web"))
    assert (data["status"], data["found"]) == ("ended", {"imported": [f"{theirs.handle}_demo-customer"]})


async def test_what_scm_refuses_is_an_error_of_the_run_and_stops_nothing(ready: Mount) -> None:
    ours = await ready.enroll()
    first = foreign_order(ready.simulator, order_of(ready, ours), is_approved=True)
    second = foreign_order(ready.simulator, order_of(ready, ours), is_approved=True)
    ready.simulator.faults.add("collect", "status", status=400, code=-14, description="An unknown error", times=1)
    data = await sync(ready, **IMPORT)
    assert data["found"] == {"imported": [f"{second.handle}_demo-customer"]}
    (error,) = data["errors"]
    assert error.startswith(f"{first.handle}_demo-customer: SCM refused collect")


async def test_the_caller_gets_an_answer_in_time_and_the_run_goes_on(ready: Mount) -> None:
    ours = await ready.enroll()
    foreign_order(ready.simulator, order_of(ready, ours), is_approved=True)
    ready.simulator.settings.latency = 3
    response = await ready.write("sync/web", IMPORT, time_limit=4.0)
    assert answered(response)["status"] == "running"
    with pytest.raises(BadRequestError, match="another run of this config entry is in progress"):
        await sync(ready)
    assert answered(await ready.write("sync/web", IMPORT))["counts"] == {"imported": 1}


# Paths.


async def test_an_entry_that_was_never_compared_has_nothing_to_read(ready: Mount) -> None:
    with pytest.raises(NotFoundError, match='config entry "web" was never compared'):
        await ready.read("sync/web")
    with pytest.raises(NotFoundError, match='no config entry named "nobody"'):
        await ready.read("sync/nobody")
    with pytest.raises(BadRequestError, match='no config entry named "nobody"'):
        await sync(ready, "nobody")


async def test_a_standby_shows_the_run_and_begins_none(ready: Mount) -> None:
    done = await sync(ready)
    ready.system.state = STANDBY
    await ready.restart()
    with pytest.raises(ReadOnlyError):
        await sync(ready)
    assert answered(await ready.read("sync/web")) == done


async def test_a_day_with_more_certificates_than_a_report_can_have_is_an_error_and_hides_no_other(ready: Mount) -> None:
    await ready.enroll(sectigo_ssl_cert_type=502, sectigo_ssl_cert_validity=47)
    ours = await ready.enroll()
    comments = "long" * 240
    like = order_of(ready, ours)
    like.subscription = replace(like.subscription, comments=comments)
    for _ in range(800):
        foreign = foreign_order(ready.simulator, like, is_approved=True)
        foreign.subscription = replace(foreign.subscription, comments=comments)
    data = await sync(ready)
    assert data["whole"] is False
    assert data["errors"] == ["SCM's report of 2027-11-23 is too long to be read"]
    assert (data["status"], data["compared"], data["counts"]) == ("ended", 1, {})


async def test_a_window_that_scm_refuses_is_an_error_and_hides_no_other(ready: Mount) -> None:
    await ready.enroll()
    asked: list[int] = []

    def refuse_the_fourth() -> None:
        asked.append(1)
        if len(asked) == 4:
            ready.simulator.faults.add("ssl_report", "status", status=400, code=-14, description="no", times=1)

    ready.on_scm_call = refuse_the_fourth
    data = await sync(ready)
    assert (data["status"], data["whole"]) == ("ended", False)
    assert len(data["errors"]) == 1
    assert "SCM refused report: no (code -14)" in data["errors"][0]


async def test_deleting_the_entry_ends_the_run(ready: Mount) -> None:
    await sync(ready)
    await ready.delete("configs/web")
    await ready.configure()
    with pytest.raises(NotFoundError, match="was never compared"):
        await ready.read("sync/web")


async def test_an_entry_that_is_deleted_meanwhile_ends_its_run(ready: Mount) -> None:
    await ready.enroll()
    ready.simulator.settings.latency = 3
    await ready.write("sync/web", REAL, time_limit=4.0)
    await ready.delete("configs/web")
    await asyncio.sleep(60)
    assert not any(key.startswith("index/sync/") for key in ready.storage.snapshot())


async def test_a_run_that_cannot_be_read_is_replaced_by_the_next(ready: Mount) -> None:
    await sync(ready)
    await ready.overwrite("index/sync/web", b"{")
    await ready.tick()
    assert (await sync(ready))["status"] == "ended"


async def test_what_is_requested_meanwhile_is_not_taken_for_somebody_elses(ready: Mount) -> None:
    ready.simulator.settings.latency = 2
    writing = asyncio.ensure_future(ready.enroll())
    await asyncio.sleep(3)
    data = await sync(ready, **REAL)
    await writing
    assert data["counts"] == {}
    assert len(ready.simulator.orders) == 1
