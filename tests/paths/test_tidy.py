"""`tidy`: what has expired goes, and nothing that somebody may still ask for."""

import asyncio

import pytest

from sectigo_vault_pki.store import CertificateRecord, OrderOperation, OrderRecord
from sectigo_vault_pki.vault_plugin.logical import NotFoundError
from tests.support.issuing import ROLE
from tests.support.mount import Mount, answered
from tests.support.records import UUID, order_record
from tests.support.tidying import ALL, LATER, counts, ended, renewed_as, stored, tidied, unrenewed
from tests.support.virtual_time import LoopClock


async def test_an_expired_certificate_goes_after_its_buffer_with_all_that_leads_to_it(
    ready: Mount, clock: LoopClock
) -> None:
    before = set(ready.storage.snapshot())
    unique_id = await unrenewed(ready, sectigo_request_id="one")
    clock.advance(days=365, hours=71)
    data = await tidied(ready)
    assert counts(data) == (0, 0, 0)
    assert await stored(ready, unique_id)
    clock.advance(hours=2)
    data = await tidied(ready)
    assert counts(data) == (1, 0, 0)
    assert data["deleted"] == [f"web/{unique_id}"]
    assert (data["state"], data["time_finished"] != "", data["last_auto_tidy_finished"] != "") == (
        "Finished",
        True,
        True,
    )
    left = set(ready.storage.snapshot()) - before
    assert left <= {"index/tidy", "index/chain/web", "index/orders/web"}


async def test_the_buffer_is_what_the_call_says(ready: Mount, clock: LoopClock) -> None:
    await unrenewed(ready)
    clock.advance(days=365, hours=2)
    assert counts(await tidied(ready, tidy_cert_store=True, safety_buffer="3h")) == (0, 0, 0)
    assert counts(await tidied(ready, tidy_cert_store=True, safety_buffer=3600)) == (1, 0, 0)


async def test_a_valid_certificate_stays_and_so_does_what_its_id_had_before(ready: Mount, clock: LoopClock) -> None:
    unique_id = await unrenewed(ready)
    assert counts(await tidied(ready, **ALL)) == (0, 0, 0)
    assert await stored(ready, unique_id)


async def test_revoked_certificates_go_under_their_own_switch_and_only_after_their_end(
    ready: Mount, clock: LoopClock
) -> None:
    unique_id = await unrenewed(ready)
    await ready.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"})
    clock.advance(days=30)
    assert counts(await tidied(ready, tidy_revoked_certs=True)) == (0, 0, 0)
    clock.advance(days=340)
    assert counts(await tidied(ready, tidy_cert_store=True)) == (0, 0, 0)
    assert counts(await tidied(ready, tidy_revoked_certs=True, revoked_safety_buffer="10d")) == (0, 0, 0)
    assert counts(await tidied(ready, tidy_revoked_certs=True)) == (0, 1, 0)
    assert not await stored(ready, unique_id)
    with pytest.raises(NotFoundError):
        await ready.read(f"certs/web/{unique_id}")


async def test_what_would_still_be_renewed_stays(ready: Mount, clock: LoopClock) -> None:
    await ready.configure(sectigo_suspend_renewals=True)
    data = await ready.enroll()
    clock.advance(**LATER)
    kept = await tidied(ready)
    assert (counts(kept), kept["kept_counts"]) == ((0, 0, 0), {"to_be_renewed": 1})
    await ready.write(f"certs/web/{data['cert_unique_id']}", {"sectigo_auto_renew": False})
    assert counts(await tidied(ready)) == (1, 0, 0)


async def test_what_a_deleted_entry_would_have_renewed_goes(ready: Mount, clock: LoopClock) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    await ready.configure("other")
    await ready.delete("configs/web")
    clock.advance(**LATER)
    assert (await tidied(ready))["deleted"] == [f"web/{unique_id}"]


async def test_a_refused_renewal_that_is_tried_again_keeps_its_certificate(ready: Mount, clock: LoopClock) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    ready.simulator.faults.add("renew", "status", status=400, code=-180, times=None)
    clock.advance(days=360)
    await ready.read(f"certs/web/{unique_id}")
    clock.advance(days=9)
    assert (await tidied(ready))["kept_counts"] == {"to_be_renewed": 1}


async def test_an_open_order_keeps_its_certificate(ready: Mount, clock: LoopClock) -> None:
    unique_id = await unrenewed(ready)
    ready.simulator.settings.pending_polls = 1_000_000
    clock.advance(days=364)
    await ready.write(f"renew/web/{unique_id}", {"sectigo_max_timeout": 0})
    clock.advance(days=9)
    data = await tidied(ready, **ALL)
    assert (counts(data), data["kept_counts"]) == ((0, 0, 0), {"open": 1})


async def test_the_first_of_a_chain_leads_to_the_newest_after_those_between_have_gone(
    ready: Mount, clock: LoopClock
) -> None:
    first = await unrenewed(ready, sectigo_request_id="one")
    chain = [first]
    for _ in range(3):
        clock.advance(days=360)
        chain.append(await renewed_as(ready, chain[-1]))
    clock.advance(days=30)
    data = await tidied(ready)
    assert sorted(data["deleted"]) == sorted(f"web/{unique_id}" for unique_id in chain[1:3])
    assert data["kept_counts"] == {"renewed": 1}
    read = answered(await ready.read(f"certs/web/{first}"))
    assert (read["cert_unique_id"], read["renewed_from"]) == (chain[3], first)
    assert read["private_key"]
    again = await ready.enroll(sectigo_auto_renew=False, sectigo_request_id="one")
    assert again["cert_unique_id"] == chain[3]
    assert ready.simulator.calls.count("enroll") == 1
    assert counts(await tidied(ready)) == (0, 0, 0)


async def test_a_chain_that_is_over_goes_as_a_whole(ready: Mount, clock: LoopClock) -> None:
    before = set(ready.storage.snapshot())
    chain = [await unrenewed(ready)]
    for _ in range(3):
        clock.advance(days=360)
        chain.append(await renewed_as(ready, chain[-1]))
    clock.advance(**LATER)
    data = await tidied(ready)
    assert sorted(data["deleted"]) == sorted(f"web/{unique_id}" for unique_id in chain)
    left = set(ready.storage.snapshot()) - before
    assert left <= {"index/tidy", "index/chain/web", "index/orders/web"}


async def test_the_newest_that_somebody_reads_by_an_older_id_stays(ready: Mount, clock: LoopClock) -> None:
    """The newest is revoked, and revoked certificates are not to go."""
    first = await unrenewed(ready)
    clock.advance(days=360)
    newest = await renewed_as(ready, first)
    await ready.write(f"revoke/web/{newest}", {"sectigo_reason": "superseded"})
    clock.advance(**LATER)
    assert (await tidied(ready))["kept_counts"] == {"renewed": 1}
    assert (await tidied(ready, tidy_revoked_certs=True))["kept_counts"] == {"led_to": 1}
    assert counts(await tidied(ready, **ALL)) == (1, 1, 0)


async def test_a_renewal_that_somebody_deleted_keeps_nothing(ready: Mount, clock: LoopClock) -> None:
    first = await unrenewed(ready)
    clock.advance(days=360)
    newest = await renewed_as(ready, first)
    await ready.delete(f"certs/web/{newest}")
    clock.advance(days=9)
    assert (await tidied(ready))["deleted"] == [f"web/{first}"]


async def test_a_replaced_version_that_is_still_valid_keeps_its_record(ready: Mount, clock: LoopClock) -> None:
    unique_id = await unrenewed(ready)
    record = ready.storage.snapshot()[f"cert/web/{unique_id}"].decode()
    current = record.partition('"current":')[2]
    held = current[: current.index("}") + 1]
    end = held.partition('"not_after":"')[2].partition('"')[0]
    longer = held.replace(end, end.replace("2027", "2028"))
    await ready.overwrite(f"cert/web/{unique_id}", record.replace('"earlier":[]', f'"earlier":[{longer}]').encode())
    clock.advance(**LATER)
    assert counts(await tidied(ready)) == (0, 0, 0)
    clock.advance(days=366)
    assert counts(await tidied(ready)) == (1, 0, 0)


async def test_the_certificate_that_a_role_returned_last_stays_as_long_as_the_role(
    ready: Mount, clock: LoopClock
) -> None:
    await ready.write("roles/web", ROLE)
    await ready.write("issue/web", {"common_name": "a.example.test"})
    await ready.write("issue/web", {"common_name": "b.example.test"})
    clock.advance(**LATER)
    data = await tidied(ready)
    assert (counts(data), data["kept_counts"]) == ((1, 0, 0), {"newest_of_role": 1})
    assert answered(await ready.read("roles/web/ca_chain"))["ca_chain"]
    await ready.delete("roles/web")
    assert counts(await tidied(ready)) == (1, 0, 0)


async def test_what_changed_since_it_was_looked_at_is_looked_at_again(ready: Mount, clock: LoopClock) -> None:
    first = await unrenewed(ready)
    clock.advance(days=360)
    newest = await renewed_as(ready, first)
    clock.advance(**LATER)
    await ready.read("configs/web/test")
    async with ready.backend._resources.locks.hold("certificate", "web", newest):
        await ready.write("tidy", {"tidy_cert_store": True})
        await asyncio.sleep(1)
        await pointing_at(ready, newest, UUID)  # as a renewal does that is about to be sent
    data = await ended(ready)
    assert (counts(data), data["kept_counts"]) == ((0, 0, 0), {"open": 1, "renewed": 1})


async def test_nothing_goes_unless_scm_agrees_about_the_time(ready: Mount, clock: LoopClock) -> None:
    unique_id = await unrenewed(ready)
    clock.advance(**LATER)  # as a clock does that goes wrong, and a day or two is covered by the buffer
    for _ in range(2):
        data = answered(await ready.write("tidy", {"tidy_cert_store": True, "dry_run": True}))
        assert (counts(data), data["kept_counts"]) == ((0, 0, 0), {"clock": 1})
        await ready.restart()  # which forgets what SCM has told
    ready.simulator.settings.date_offset_seconds = -86_400
    assert (await tidied(ready))["kept_counts"] == {"clock": 1}
    ready.simulator.settings.date_offset_seconds = 0
    assert counts(await tidied(ready)) == (1, 0, 0)
    assert not await stored(ready, unique_id)


# Orders.


async def test_an_order_that_scm_declined_goes_with_its_request_id(ready: Mount, clock: LoopClock) -> None:
    ready.simulator.settings.pending_polls = 1_000_000
    before = set(ready.storage.snapshot())
    data = await ready.enroll(sectigo_max_timeout=0, sectigo_request_id="one")
    order = ready.simulator.orders.get(data["ssl_id"])
    assert order is not None
    clock.advance(days=30)
    assert counts(await tidied(ready, **ALL)) == (0, 0, 0)
    ready.simulator.orders.decline(order, message="no")
    await ready.read(f"certs/web/{data['cert_unique_id']}")
    clock.advance(hours=71)
    assert counts(await tidied(ready, **ALL)) == (0, 0, 0)
    clock.advance(hours=2)
    assert counts(await tidied(ready, tidy_cert_store=True, tidy_revoked_certs=True)) == (0, 0, 0)
    tidy = await tidied(ready, tidy_orders=True)
    assert (counts(tidy), tidy["deleted"]) == ((0, 0, 1), [f"web/{data['cert_unique_id']}"])
    assert set(ready.storage.snapshot()) - before <= {"index/tidy", "index/orders/web"}


async def test_a_lost_order_goes_only_when_scm_certainly_does_not_have_it(ready: Mount, clock: LoopClock) -> None:
    ready.simulator.faults.add("enroll", "drop_before")
    ready.simulator.faults.add("enroll", "drop_before")
    lost = await ready.enroll(sectigo_max_timeout=0)
    assert lost["cert_unique_id"].startswith("order-")
    ready.simulator.faults.add("list", "status", status=500, times=None)
    clock.advance(days=9)
    assert counts(await tidied(ready, **ALL)) == (0, 0, 0)
    ready.simulator.faults.clear()
    await ready.read(f"certs/web/{lost['cert_unique_id']}")
    tidy = await tidied(ready, **ALL)
    assert (counts(tidy), tidy["deleted"]) == ((0, 0, 1), [f"web/{lost['cert_unique_id']}"])
    assert not await ready.list("certs/web")


async def test_ids_that_lead_to_nothing_go_and_those_that_lead_to_something_stay(
    ready: Mount, clock: LoopClock
) -> None:
    await unrenewed(ready, sectigo_request_id="stays")
    lost = await unrenewed(ready, sectigo_request_id="goes")
    before = set(ready.storage.snapshot())
    await ready.storage.delete(f"cert/web/{lost}")  # as a crash does between a deletion and its rest
    await ready.restart()
    data = await tidied(ready, tidy_orders=True)
    assert counts(data) == (0, 0, 2)
    gone = before - set(ready.storage.snapshot())
    assert sorted(key.rpartition("/")[0] for key in gone) == ["cert/web", "index/order/web", "index/request/web"]
    again = await ready.enroll(sectigo_request_id="stays", sectigo_auto_renew=False)
    assert ready.simulator.calls.count("enroll") == 2
    assert again["cert_unique_id"] != lost


async def test_a_journal_entry_that_was_never_sent_goes_and_one_that_may_have_been_stays(
    ready: Mount, clock: LoopClock
) -> None:
    unique_id = await unrenewed(ready)
    about = {"operation": OrderOperation.RENEW, "unique_id": unique_id, "created_at": clock.now()}
    await put(ready, f"order/web/{UUID}", order_record(**about))
    assert counts(await tidied(ready, tidy_orders=True)) == (0, 0, 0)
    clock.advance(days=4)
    await pointing_at(ready, unique_id, UUID)
    assert counts(await tidied(ready, tidy_orders=True)) == (0, 0, 0)
    await pointing_at(ready, unique_id, None)
    data = await tidied(ready, tidy_orders=True)
    assert (counts(data), data["deleted"]) == ((0, 0, 1), [f"web/order-{UUID}"])
    assert await stored(ready, unique_id)


async def test_a_journal_entry_that_would_bring_a_certificate_back_keeps_it(ready: Mount, clock: LoopClock) -> None:
    unique_id = await unrenewed(ready)
    record = CertificateRecord.model_validate_json(ready.storage.snapshot()[f"cert/web/{unique_id}"])
    clock.advance(**LATER)
    await put(ready, f"order/web/{record.order_uuid}", order_record(uuid=record.order_uuid, created_at=clock.now()))
    assert (await tidied(ready))["kept_counts"] == {"open": 1}
    await ready.storage.delete(f"order/web/{record.order_uuid}")
    assert counts(await tidied(ready)) == (1, 0, 0)


async def put(mount: Mount, key: str, record: CertificateRecord | OrderRecord) -> None:
    await mount.overwrite(key, record.model_dump_json(exclude_none=True).encode())


async def pointing_at(mount: Mount, unique_id: str, order_uuid: str | None) -> None:
    key = f"cert/web/{unique_id}"
    record = CertificateRecord.model_validate_json(mount.storage.snapshot()[key])
    await put(mount, key, record.model_copy(update={"submitting": order_uuid}))
