"""`kill -9` after each single write and around each call to SCM: the next touch goes on, nothing is bought twice."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from sectigo_vault_pki.scm_simulator.model.orders import Status
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.store import OrderOperation, layout
from sectigo_vault_pki.store.index import index_keys
from sectigo_vault_pki.vault_plugin.logical import NotFoundError
from tests.support.audit import assert_fits, assert_summaries_are_true, entries_of, records_of, unique_id_of
from tests.support.certificates import key_fits
from tests.support.crashes import MortalMount
from tests.support.mount import Mount, answered
from tests.support.orders import ORDERS
from tests.support.virtual_time import LoopClock

pytestmark = pytest.mark.long

Act = Callable[[Mount, str], Awaitable[object]]


@dataclass(frozen=True)
class Scenario:
    """Something that is asked for, and how many orders it may come to in all; `begins_with` a certificate or not."""

    act: Act
    operation: OrderOperation
    most_orders: int
    begins_with: bool = True
    days_before: int = 0


async def enroll(mount: Mount, _: str) -> None:
    config = answered(await mount.read("configs/web"))
    await mount.write("enroll/web", ORDERS[config["sectigo_config_type"]]())


async def enroll_as_one_call(mount: Mount, _: str) -> None:
    config = answered(await mount.read("configs/web"))
    await mount.write("enroll/web", ORDERS[config["sectigo_config_type"]](), host_id="one-call")


async def renew(mount: Mount, unique_id: str) -> None:
    await mount.write(f"renew/web/{unique_id}", {})


async def renew_with_new_key(mount: Mount, unique_id: str) -> None:
    await mount.write(f"renew/web/{unique_id}", {"sectigo_renew_new_key": True})


async def read(mount: Mount, unique_id: str) -> None:
    await mount.read(f"certs/web/{unique_id}")


async def replace_ssl(mount: Mount, unique_id: str) -> None:
    await mount.write(f"replace/web/{unique_id}", {"sectigo_reason": "key rotation"})


async def replace_client(mount: Mount, unique_id: str) -> None:
    data = {"sectigo_reason": "key rotation", "sectigo_client_cert_revoked_on_replace": False}
    await mount.write(f"replace/web/{unique_id}", data)


async def revoke(mount: Mount, unique_id: str) -> None:
    await mount.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"})


ENROLMENT = Scenario(enroll, OrderOperation.ENROLL, most_orders=1, begins_with=False)
RENEWAL = Scenario(renew, OrderOperation.RENEW, most_orders=2)
DUE_READ = Scenario(read, OrderOperation.RENEW, most_orders=2, days_before=360)
REVOCATION = Scenario(revoke, OrderOperation.REVOKE, most_orders=1)
SCENARIOS = [
    pytest.param("ssl_cert", ENROLMENT, id="ssl-enrolment"),
    pytest.param("client_cert", ENROLMENT, id="client-enrolment"),
    pytest.param("ssl_cert", RENEWAL, id="ssl-renewal"),
    pytest.param(
        "ssl_cert", Scenario(renew_with_new_key, OrderOperation.RENEW, most_orders=2), id="ssl-renewal-with-a-new-key"
    ),
    pytest.param("client_cert", RENEWAL, id="client-renewal"),
    pytest.param("ssl_cert", DUE_READ, id="ssl-due-read"),
    pytest.param("client_cert", DUE_READ, id="client-due-read"),
    pytest.param("ssl_cert", Scenario(replace_ssl, OrderOperation.REPLACE, most_orders=1), id="ssl-replacement"),
    pytest.param(
        "client_cert", Scenario(replace_client, OrderOperation.REPLACE, most_orders=1), id="client-replacement"
    ),
    pytest.param("ssl_cert", REVOCATION, id="ssl-revocation"),
    pytest.param("client_cert", REVOCATION, id="client-revocation"),
]


@dataclass(frozen=True)
class Crashed:
    """What a process did before it ended, and who comes after it."""

    deeds: list[str]
    successor: Mount
    unique_id: str


async def run(
    certificate_type: str, scenario: Scenario, end_after: int | None, *, late: bool = False, pending_polls: int = 2
) -> Crashed:
    """Do it, with a process that ends after so many deeds, and start another one; SCM may book what it gets late."""
    clock = LoopClock()
    mount = MortalMount(Simulator(now=clock.now), clock)
    mount.simulator.settings.pending_polls = pending_polls
    await mount.configure(sectigo_config_type=certificate_type)
    unique_id = ""
    if scenario.begins_with:
        unique_id = answered(await mount.write("enroll/web", ORDERS[certificate_type]()))["cert_unique_id"]
    clock.advance(days=scenario.days_before)
    if late:
        mount.life.on_end = lambda: setattr(mount.simulator.settings, "latency", 60)
    mount.life.end_after(end_after)
    request = asyncio.ensure_future(scenario.act(mount, unique_id))
    end = asyncio.ensure_future(mount.life.ended.wait())
    await asyncio.wait({request, end}, return_when=asyncio.FIRST_COMPLETED)
    if not mount.life.ended.is_set():
        await request
        await asyncio.wait({end}, timeout=120)
    assert mount.life.ended.is_set() == (end_after is not None)
    await asyncio.sleep(0.1)
    mount.simulator.settings.latency = 0
    for task in (request, end):
        task.cancel()
    successor = await mount.restarted()
    await assert_summaries_are_true(successor, "web")
    return Crashed(list(mount.life.deeds), successor, unique_id)


async def touch(mount: Mount, *, newest_first: bool = False) -> None:
    """Read all there is, by every name it has; whatever is there can be read."""
    left_behind = [f"order-{entry.uuid}" for entry in await entries_of(mount, "web")]
    names = [*await mount.list("certs/web"), *left_behind]
    for unique_id in reversed(names) if newest_first else names:
        try:
            data = answered(await mount.read(f"certs/web/{unique_id}"))
        except NotFoundError:
            assert unique_id.removeprefix("order-") not in [entry.uuid for entry in await entries_of(mount, "web")]
            continue
        assert data["certificate_type"]
        if data["leaf_certificate"]:
            assert key_fits(data)


async def touch_for_an_hour(mount: Mount, *, newest_first: bool = False) -> None:
    for _ in range(5):
        await touch(mount, newest_first=newest_first)
        await asyncio.sleep(70)
        mount.clock.advance(minutes=12)


async def assert_whole(mount: Mount, scenario: Scenario, unique_id: str) -> None:
    """Check that book and records agree, and that nothing is left to settle."""
    book = {unique_id_of(order): order for order in mount.simulator.orders}
    records = await records_of(mount, "web")
    assert len(book) <= scenario.most_orders
    assert set(records) == set(book)
    for name, order in book.items():
        record = records[name]
        assert_fits(record, order)
        assert record.order is None
        assert record.submitting is None
        assert record.current is not None
        assert order.current is not None
        if order.status(mount.clock.now()) is not Status.REVOKED:
            assert record.current.serial_number.replace(":", "").upper().lstrip("0") == (
                f"{order.current.serial_number:X}"
            )
        assert (record.revoked_at is not None) == (order.status(mount.clock.now()) is Status.REVOKED)
        assert (record.renewed_to is not None) == (order.renewed_to is not None)
        if order.renewed_to is not None:
            assert record.renewed_to == f"{order.renewed_to}_demo-customer"
    entries = await entries_of(mount, "web")
    if book or scenario.operation is not OrderOperation.ENROLL:
        assert entries == []
    if unique_id:
        read_again: Mapping[str, Any] = answered(await mount.read(f"certs/web/{unique_id}"))
        assert key_fits(read_again)


async def assert_indexed(mount: Mount) -> None:
    """Check that every record has the index entries that lead to it, and that none leads nowhere."""
    wanted = {key for record in (await records_of(mount, "web")).values() for key in index_keys("web", record)}
    prefixes = (layout.PENDING, layout.EXPIRY, layout.WANTED, layout.RENEWAL, layout.ENDS, layout.SERIALS)
    assert {key for key in mount.storage.snapshot() if key.startswith(prefixes)} == wanted


@pytest.mark.parametrize("start", ["untold", "newest-first", "told"])
@pytest.mark.parametrize(("certificate_type", "scenario"), SCENARIOS)
async def test_whatever_a_killed_process_left_is_carried_on_by_the_next_touch(
    certificate_type: str, scenario: Scenario, start: str
) -> None:
    polls = 1 if start == "newest-first" else 2
    whole = await run(certificate_type, scenario, None, pending_polls=polls)
    assert any(deed.startswith("put order/") for deed in whole.deeds)
    for end_after in range(len(whole.deeds) + 1):
        crashed = await run(certificate_type, scenario, end_after, pending_polls=polls)
        try:
            if start == "told":
                await crashed.successor.backend.initialize()
                await asyncio.sleep(1)
            await touch_for_an_hour(crashed.successor, newest_first=start == "newest-first")
            await assert_whole(crashed.successor, scenario, crashed.unique_id)
        except Exception as error:
            error.add_note(f"killed after {crashed.deeds}")
            raise
        await crashed.successor.backend.cleanup()


@pytest.mark.parametrize("certificate_type", ["ssl_cert", "client_cert"])
async def test_an_enrolment_that_the_host_sends_again_to_the_next_process_is_the_same_order(
    certificate_type: str,
) -> None:
    scenario = Scenario(enroll_as_one_call, OrderOperation.ENROLL, most_orders=1, begins_with=False)
    whole = await run(certificate_type, scenario, None)
    for end_after in range(len(whole.deeds) + 1):
        crashed = await run(certificate_type, scenario, end_after)
        successor = crashed.successor
        try:
            await scenario.act(successor, "")
            await touch_for_an_hour(successor)
            await assert_whole(successor, scenario, "")
        except Exception as error:
            error.add_note(f"killed after {crashed.deeds}")
            raise
        await successor.backend.cleanup()


@pytest.mark.parametrize(("certificate_type", "scenario"), SCENARIOS)
async def test_what_a_killed_process_had_sent_and_scm_booked_only_later_is_found(
    certificate_type: str, scenario: Scenario
) -> None:
    whole = await run(certificate_type, scenario, None)
    (sent,) = [number for number, deed in enumerate(whole.deeds, 1) if deed.startswith("sent ")]
    crashed = await run(certificate_type, scenario, sent, late=True)
    await touch(crashed.successor)
    await asyncio.sleep(120)
    await touch_for_an_hour(crashed.successor)
    await assert_whole(crashed.successor, scenario, crashed.unique_id)
    await crashed.successor.backend.cleanup()


@pytest.mark.parametrize("pending_polls", [0, 1])
@pytest.mark.parametrize("certificate_type", ["ssl_cert", "client_cert"])
async def test_a_killed_enrolment_ends_as_an_indexed_certificate_without_anybody_asking(
    certificate_type: str, pending_polls: int
) -> None:
    whole = await run(certificate_type, ENROLMENT, None, pending_polls=pending_polls)
    for end_after in range(len(whole.deeds) + 1):
        crashed = await run(certificate_type, ENROLMENT, end_after, pending_polls=pending_polls)
        successor = crashed.successor
        try:
            for _ in range(6):
                await successor.tick()
                successor.clock.advance(minutes=12)
            await assert_whole(successor, ENROLMENT, "")
            await assert_indexed(successor)
        except Exception as error:
            error.add_note(f"killed after {crashed.deeds}")
            raise
        await successor.backend.cleanup()
