"""Many orders of one account that wait: SCM is asked for all of them together, and each is there soon."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sectigo_vault_pki.lifecycle.collect.polling import PATIENCE_SECONDS, period
from sectigo_vault_pki.scm_simulator.model.orders import Order
from tests.support.mount import ORDER, Mount, answered
from tests.support.orders import ORDERS

ORDERS_AT_ONCE = 60
AFTER_THE_FIRST_POLLS = 100.0
"""After 92 s each order pauses for the whole loop period of 30 s."""

Enrolment = asyncio.Task[Mapping[str, Any]]


def now() -> float:
    return asyncio.get_running_loop().time()


async def ordered(mount: Mount, count: int = ORDERS_AT_ONCE) -> dict[str, Enrolment]:
    """Order certificates that SCM does not issue by itself; return the requests by their common names."""
    await mount.configure(sectigo_wait_limit=600)
    mount.simulator.settings.never_issue = True

    async def order(domain: str) -> Mapping[str, Any]:
        return answered(await mount.write("enroll/web", {**ORDER, "sectigo_csr_domain": domain}))

    domains = [f"host{number}.example.test" for number in range(count)]
    return {domain: asyncio.create_task(order(domain)) for domain in domains}


def order_of(mount: Mount, domain: str) -> Order:
    (found,) = (order for order in mount.simulator.orders if order.request.common_name == domain)
    return found


async def calls_in(mount: Mount, seconds: float) -> dict[str, int]:
    before = len(mount.simulator.calls)
    await asyncio.sleep(seconds)
    operations = [call.operation for call in list(mount.simulator.calls)[before:]]
    return {operation: operations.count(operation) for operation in set(operations)}


async def test_each_of_many_is_collected_soon_after_it_is_issued_and_not_asked_for_before(mount: Mount) -> None:
    requests = await ordered(mount)
    await asyncio.sleep(AFTER_THE_FIRST_POLLS)
    assert set(await calls_in(mount, 120)) == {"list"}
    for domain in ("host3.example.test", "host17.example.test"):
        issued_at = now()
        mount.simulator.orders.issue(order_of(mount, domain))
        assert (await requests[domain])["status"] == "Issued"
        assert now() - issued_at < 5
    assert sum(request.done() for request in requests.values()) == 2


async def test_the_list_takes_no_more_calls_than_the_orders_would(mount: Mount) -> None:
    await ordered(mount)
    await asyncio.sleep(AFTER_THE_FIRST_POLLS)
    calls = await calls_in(mount, 300)
    assert 0 < sum(calls.values()) <= ORDERS_AT_ONCE * 300 / 30


async def test_few_orders_are_asked_for_one_by_one(mount: Mount) -> None:
    await ordered(mount, 3)
    await asyncio.sleep(AFTER_THE_FIRST_POLLS)
    assert await calls_in(mount, 90) == {"collect": 9}


async def test_an_order_that_scm_declines_is_told_soon(mount: Mount) -> None:
    requests = await ordered(mount)
    await asyncio.sleep(AFTER_THE_FIRST_POLLS)
    declined_at = now()
    mount.simulator.orders.decline(order_of(mount, "host5.example.test"))
    assert (await requests["host5.example.test"])["status"] == "ErrorCode"
    assert now() - declined_at < 5


async def test_without_the_list_every_order_keeps_its_own_pauses(mount: Mount) -> None:
    mount.simulator.faults.add("list", "status", status=500, times=None)
    requests = await ordered(mount)
    await asyncio.sleep(AFTER_THE_FIRST_POLLS)
    calls = await calls_in(mount, PATIENCE_SECONDS)
    assert calls["collect"] == ORDERS_AT_ONCE * PATIENCE_SECONDS / 30
    mount.simulator.settings.never_issue = False
    await asyncio.sleep(31)
    assert {data["status"] for data in await asyncio.gather(*requests.values())} == {"Issued"}


async def test_a_list_with_a_row_that_may_be_any_order_leaves_every_order_to_its_own_pauses(mount: Mount) -> None:
    mount.simulator.faults.add("list", "body", status=200, body='[{"commonName": "host5.example.test"}]', times=None)
    await ordered(mount)
    await asyncio.sleep(AFTER_THE_FIRST_POLLS)
    calls = await calls_in(mount, PATIENCE_SECONDS)
    assert calls["collect"] == ORDERS_AT_ONCE * PATIENCE_SECONDS / 30


async def test_a_list_that_works_again_is_used_again(mount: Mount) -> None:
    mount.simulator.faults.add("list", "status", status=500, times=8)
    await ordered(mount)
    await asyncio.sleep(AFTER_THE_FIRST_POLLS + 4 * PATIENCE_SECONDS)
    assert set(await calls_in(mount, 60)) == {"list"}


async def test_an_order_that_the_list_does_not_tell_keeps_its_own_pauses(mount: Mount) -> None:
    requests = await ordered(mount)
    await asyncio.sleep(AFTER_THE_FIRST_POLLS)
    hidden = order_of(mount, "host7.example.test")
    elsewhere = replace(hidden.subscription.organization, id=4711)
    hidden.subscription = replace(hidden.subscription, organization=elsewhere)
    await asyncio.sleep(120)
    calls = await calls_in(mount, 300)
    assert calls["collect"] == 300 / 30
    mount.simulator.orders.issue(hidden)
    assert (await asyncio.wait_for(requests["host7.example.test"], 31))["status"] == "Issued"


async def test_client_certificates_are_asked_for_one_by_one(mount: Mount) -> None:
    await mount.configure(sectigo_config_type="client_cert", sectigo_wait_limit=600)
    mount.simulator.settings.never_issue = True
    orders = [asyncio.create_task(mount.write("enroll/web", ORDERS["client_cert"]())) for _ in range(ORDERS_AT_ONCE)]
    await asyncio.sleep(AFTER_THE_FIRST_POLLS)
    assert await calls_in(mount, 60) == {"collect": ORDERS_AT_ONCE * 2}
    mount.simulator.settings.never_issue = False
    assert {answered(answer)["status"] for answer in await asyncio.gather(*orders)} == {"Issued"}


async def test_the_users_limit_ends_the_waiting_whatever_the_list_says(mount: Mount) -> None:
    await mount.configure(sectigo_wait_limit=600)
    mount.simulator.settings.never_issue = True
    fields = {**ORDER, "sectigo_max_timeout": 100}
    answers = await asyncio.gather(*(mount.write("enroll/web", fields) for _ in range(ORDERS_AT_ONCE)))
    assert now() == pytest.approx(100, abs=3)
    assert {answered(answer)["status"] for answer in answers} == {"TimeoutStateSaved"}


@pytest.mark.parametrize(
    ("pauses", "calls", "seconds", "expected"),
    [
        ([30.0] * 2000, 12, 0.1, 1.0),
        ([30.0] * 10, 3, 0.1, 9.0),
        ([30.0] * 2000, 12, 2.0, 8.0),
        ([4.0] * 8, 3, 0.0, 1.5),
        ([], 3, 0.1, PATIENCE_SECONDS),
    ],
)
def test_the_list_is_read_as_often_as_is_fair(pauses: list[float], calls: int, seconds: float, expected: float) -> None:
    assert period(pauses, calls=calls, seconds=seconds) == pytest.approx(expected)
