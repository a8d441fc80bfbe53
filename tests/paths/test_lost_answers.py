import asyncio

import pytest

from sectigo_vault_pki.store import Repository, UniqueId
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, NotFoundError, ReadOnlyError, StorageError
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.certificates import key_fits
from tests.support.mount import ORDER, Mount, answered


async def lose_an_answer(mount: Mount) -> str:
    """Order something, lose SCM's answer after it was booked, and return the order's id."""
    await mount.configure()
    mount.simulator.faults.add("enroll", "drop_after")
    data = await mount.enroll()
    return str(data["cert_unique_id"])


async def test_a_lost_answer_is_a_success_with_a_warning_and_an_id_of_the_orders_own(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "drop_after")
    response = await mount.write("enroll/web", ORDER)
    data = answered(response)
    assert data["cert_unique_id"].startswith("order-")
    assert data["status"] == "Unsettled"
    assert data["state"][0]["status"] == "Unsettled"
    assert data["private_key"]
    assert response is not None
    assert "do not order again" in response.warnings[0]
    assert await mount.list("certs/web") == [data["cert_unique_id"]]


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_error_is_no_clear_answer_to_an_order(mount: Mount, status: int) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "status", status=status)
    assert (await mount.enroll())["status"] == "Unsettled"


async def test_an_order_is_never_sent_twice_after_a_lost_answer(mount: Mount) -> None:
    await lose_an_answer(mount)
    await asyncio.sleep(600)
    assert len(list(mount.simulator.orders)) == 1


async def test_reading_finds_the_order_by_its_mark_and_collects_it(mount: Mount) -> None:
    await mount.configure()
    for _ in range(5):
        await mount.enroll(sectigo_ssl_cert_comments="same name, another order")
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll()
    mount.simulator.settings.pending_polls = 0
    path = f"certs/web/{lost['cert_unique_id']}"
    found = answered(await mount.read(path))
    newest = max(order.ssl_id for order in mount.simulator.orders)
    assert found["cert_unique_id"] == f"{newest}_demo-customer"
    assert found["status"] == "Issued"
    assert found["private_key"] == lost["private_key"]
    assert key_fits(found)
    assert lost["cert_unique_id"] not in await mount.list("certs/web")
    assert answered(await mount.read(path)) == found


async def test_an_order_that_scm_does_not_list_is_given_ten_minutes_before_it_counts_as_not_booked(
    mount: Mount,
) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "drop_before")
    lost = await mount.enroll()
    path = f"certs/web/{lost['cert_unique_id']}"
    early = await mount.read(path)
    assert early is not None
    assert "does not list the order yet" in early.warnings[0]
    mount.clock.advance(minutes=10)
    late = await mount.read(path)
    assert late is not None
    assert "nothing was bought" in late.warnings[0]
    assert answered(late)["private_key"] == lost["private_key"]
    assert len(list(mount.simulator.orders)) == 0


async def test_an_order_that_scm_never_took_is_told_alike_by_read_delete_and_status(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "drop_before")
    name = (await mount.enroll())["cert_unique_id"]
    with pytest.raises(BadRequestError, match="SCM may have taken this order"):
        await mount.delete(f"certs/web/{name}")
    assert answered(await mount.read("status"))["unsettled"] == 1
    mount.clock.advance(minutes=10)
    late = await mount.read(f"certs/web/{name}")
    assert late is not None
    with pytest.raises(BadRequestError) as caught:
        await mount.delete(f"certs/web/{name}")
    assert str(caught.value) == late.warnings[0]
    status = answered(await mount.read("status"))
    assert (status["unsettled"], status["warnings"]) == (0, [f"web/{name}: {late.warnings[0]}"])
    with caplog.at_level("INFO", "sectigo_vault_pki"):
        await mount.tick()
    assert caplog.messages.count("order not booked") == 1
    await mount.delete(f"certs/web/{name}", {"sectigo_force": "true"})
    assert answered(await mount.read("status"))["warnings"] == []


async def test_an_unsettled_order_is_deleted_only_by_force(mount: Mount) -> None:
    path = f"certs/web/{await lose_an_answer(mount)}"
    with pytest.raises(BadRequestError, match="sectigo_force=true"):
        await mount.delete(path)
    await mount.delete(path, {"sectigo_force": "true"})
    assert set(mount.storage.snapshot()) == {"config/web", "index/orders/web"}
    with pytest.raises(NotFoundError):
        await mount.read(path)


async def test_a_settled_order_is_not_deleted_under_its_old_id(mount: Mount) -> None:
    path = f"certs/web/{await lose_an_answer(mount)}"
    settled = answered(await mount.read(path))
    with pytest.raises(BadRequestError, match=f"has become certificate {settled['cert_unique_id']}"):
        await mount.delete(path, {"sectigo_force": True})


async def test_an_scm_that_is_down_leaves_the_order_unsettled(mount: Mount) -> None:
    path = f"certs/web/{await lose_an_answer(mount)}"
    mount.simulator.faults.add("list", "status", status=503, times=None)
    response = await mount.read(path)
    assert answered(response)["status"] == "Unsettled"
    assert response is not None
    assert "SCM could not be asked what became of the order" in response.warnings[0]
    mount.simulator.faults.clear()
    assert answered(await mount.read(path))["cert_unique_id"].endswith("_demo-customer")


async def test_concurrent_reads_settle_an_order_once(mount: Mount) -> None:
    path = f"certs/web/{await lose_an_answer(mount)}"
    answers = await asyncio.gather(*(mount.read(path) for _ in range(20)))
    assert len({answered(answer)["cert_unique_id"] for answer in answers}) == 1
    assert [call.operation for call in mount.simulator.calls].count("list") == 1


async def test_an_unsettled_order_of_a_deleted_entry_stays_readable(mount: Mount) -> None:
    path = f"certs/web/{await lose_an_answer(mount)}"
    await mount.delete("configs/web")
    response = await mount.read(path)
    assert answered(response)["private_key"]
    assert response is not None
    assert "SCM cannot be asked" in response.warnings[0]


async def test_a_standby_forwards_the_settling(mount: Mount) -> None:
    path = f"certs/web/{await lose_an_answer(mount)}"
    mount.system.state = STANDBY
    await mount.restart()
    with pytest.raises(ReadOnlyError):
        await mount.read(path)


async def test_an_order_that_cannot_be_stored_is_not_sent(mount: Mount) -> None:
    await mount.configure()
    mount.storage.failures["put"] = StorageError("the disk is full")
    with pytest.raises(StorageError, match="the disk is full"):
        await mount.enroll()
    assert mount.simulator.calls.count("enroll") == 0


async def test_an_accepted_order_that_cannot_be_stored_is_settled_later(mount: Mount) -> None:
    await mount.configure()
    await mount.read("profile/web/501")  # so that the order is the next call

    def fail_from_now_on() -> None:
        mount.storage.failures["put"] = StorageError("cannot write to readonly storage")

    mount.on_scm_call = fail_from_now_on
    response = await mount.write("enroll/web", ORDER)
    data = answered(response)
    assert data["status"] == "Unsettled"
    assert response is not None
    assert "cannot write to readonly storage" not in response.warnings[0]
    mount.on_scm_call = lambda: None
    mount.storage.failures.clear()
    mount.simulator.settings.pending_polls = 0
    settled = answered(await mount.read(f"certs/web/{data['cert_unique_id']}"))
    assert settled["status"] == "Issued"
    assert settled["private_key"] == data["private_key"]
    assert len(list(mount.simulator.orders)) == 1


async def test_an_accepted_order_stands_though_its_config_entry_can_no_longer_be_read(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "slow", seconds=30)
    enrolment = asyncio.create_task(mount.write("enroll/web", {**ORDER, "sectigo_auto_renew": True}))
    await asyncio.sleep(1)
    await mount.overwrite("config/web", b"{")
    response = await enrolment
    assert response is not None
    assert answered(response)["status"] in {"Applied", "Unsettled"}
    assert response.warnings
    assert len(list(mount.simulator.orders)) == 1


async def test_an_id_that_scm_gives_twice_never_overwrites_the_first_key(mount: Mount) -> None:
    await mount.configure()
    first = await mount.enroll()
    mount.simulator.orders.clear()
    mount.simulator.orders._next_id = first["ssl_id"]
    second = await mount.enroll()
    assert second["status"] == "Unsettled"
    assert answered(await mount.read(f"certs/web/{first['cert_unique_id']}"))["private_key"] == first["private_key"]


async def test_a_crash_between_the_order_and_its_answer_is_settled_by_the_next_touch(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "slow", seconds=30)
    request = asyncio.create_task(mount.enroll())
    await asyncio.sleep(1)
    await mount.restart()
    request.cancel()
    await asyncio.sleep(60)
    (order_id,) = await mount.list("certs/web")
    assert order_id.startswith("order-")
    mount.simulator.settings.pending_polls = 0
    assert answered(await mount.read(f"certs/web/{order_id}"))["status"] == "Issued"


async def test_a_write_ahead_entry_that_could_not_be_removed_is_hidden_and_removed_at_the_next_touch(
    mount: Mount,
) -> None:
    await mount.configure()
    mount.storage.failures["delete"] = StorageError("the disk is slow")
    issued = await mount.enroll()
    assert issued["status"] == "Issued"
    assert await mount.list("certs/web") == [issued["cert_unique_id"]]
    mount.storage.failures.clear()
    (left,) = [key for key in mount.storage.snapshot() if key.startswith("order/")]
    order_id = left.replace("order/web/", "order-")
    assert answered(await mount.read(f"certs/web/{order_id}")) == issued
    assert left not in mount.storage.snapshot()


async def test_a_record_without_its_index_is_found_again_by_the_mark(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True

    def crash_after_the_record(writes: list[str]) -> None:
        if any(write.startswith("put cert/") for write in writes):
            mount.storage.failures |= {"put": StorageError("gone"), "delete": StorageError("gone")}

    mount.storage.on_write = crash_after_the_record
    enrolled = await mount.enroll(sectigo_max_timeout=0)
    mount.storage.on_write = lambda _: None
    mount.storage.failures.clear()
    (order_id,) = [name for name in await mount.list("certs/web") if name.startswith("order-")]
    mount.simulator.settings.never_issue = False
    mount.simulator.settings.pending_polls = 0
    settled = answered(await mount.read(f"certs/web/{order_id}"))
    assert settled["cert_unique_id"] == enrolled["cert_unique_id"]
    assert await mount.list("certs/web") == [settled["cert_unique_id"]]


async def test_an_index_without_its_record_leads_nowhere_and_the_order_is_found_again_by_the_mark(mount: Mount) -> None:
    order_id = await lose_an_answer(mount)
    (booked,) = mount.simulator.orders
    named = UniqueId(f"{booked.ssl_id}_demo-customer")
    await Repository(mount.storage).put_certificate_of_order("web", order_id.removeprefix("order-"), named)
    assert await mount.list("certs/web") == [order_id]
    with pytest.raises(BadRequestError, match="SCM may have taken this order"):
        await mount.delete(f"certs/web/{order_id}")
    mount.simulator.settings.pending_polls = 0
    settled = answered(await mount.read(f"certs/web/{order_id}"))
    assert settled["cert_unique_id"] == named
    assert key_fits(settled)
    assert await mount.list("certs/web") == [named]


async def test_too_many_orders_of_one_name_never_lead_to_a_conclusion(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "drop_before")
    lost = await mount.enroll()
    for _ in range(101):
        await mount.enroll(sectigo_max_timeout=0)
    mount.clock.advance(hours=1)
    response = await mount.read(f"certs/web/{lost['cert_unique_id']}")
    assert response is not None
    assert "SCM lists too many orders for this name: look for [vault:" in response.warnings[0]


async def test_old_orders_of_a_name_do_not_hinder_the_conclusion(mount: Mount) -> None:
    await mount.configure()
    for _ in range(101):
        await mount.enroll(sectigo_max_timeout=0)
    mount.clock.advance(days=5)
    mount.simulator.faults.add("enroll", "drop_before")
    lost = await mount.enroll()
    mount.clock.advance(hours=1)
    response = await mount.read(f"certs/web/{lost['cert_unique_id']}")
    assert response is not None
    assert "nothing was bought" in response.warnings[0]


async def test_what_a_crash_left_is_carried_on_at_the_next_start(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    old = await mount.enroll()
    mount.simulator.faults.add("enroll", "slow", seconds=30)
    mount.simulator.faults.add("renew", "slow", seconds=30)
    requests = [
        asyncio.create_task(mount.enroll(sectigo_csr_domain="other.example.test")),
        asyncio.create_task(mount.write(f"renew/web/{old['cert_unique_id']}", {})),
    ]
    await asyncio.sleep(1)
    await mount.restart()
    await asyncio.gather(*requests, return_exceptions=True)
    await asyncio.sleep(60)
    assert len([key for key in mount.storage.snapshot() if key.startswith("order/")]) == 2
    await mount.backend.initialize()
    await asyncio.sleep(1)
    assert not [key for key in mount.storage.snapshot() if key.startswith("order/")]
    assert len(await mount.list("certs/web")) == 3
    assert len(list(mount.simulator.orders)) == 3


async def test_a_standby_carries_nothing_on(mount: Mount) -> None:
    await lose_an_answer(mount)
    mount.system.state = STANDBY
    await mount.restart()
    mount.simulator.calls.clear()
    await mount.backend.initialize()
    await asyncio.sleep(1)
    assert len(mount.simulator.calls) == 0


async def test_a_start_without_anything_left_open_asks_nobody(mount: Mount) -> None:
    await mount.configure()
    await mount.enroll()
    mount.simulator.calls.clear()
    await mount.backend.initialize()
    await asyncio.sleep(1)
    assert len(mount.simulator.calls) == 0
