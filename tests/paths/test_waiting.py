import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from tests.support.certificates import key_fits
from tests.support.mount import ORDER, Mount, answered


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_pauses_between_collects_double_up_to_the_loop_period(mount: Mount) -> None:
    await mount.configure(sectigo_wait_limit=600)
    mount.simulator.settings.pending_polls = 18
    await mount.read("profile/web/501")  # so that the order is the next call
    asked: list[float] = []
    mount.on_scm_call = lambda: asked.append(now())
    await mount.enroll(sectigo_loop_period=40)
    assert pauses_between(asked[1:]) == [1, 2, 4, *[5] * 11, 10, 20, 40, 40]


def pauses_between(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


async def test_an_order_that_is_not_issued_for_ten_minutes_costs_few_calls(mount: Mount) -> None:
    await mount.configure(sectigo_wait_limit=600)
    mount.simulator.settings.never_issue = True
    caller = asyncio.create_task(mount.enroll(sectigo_max_timeout=600))
    await asyncio.sleep(59)
    assert mount.simulator.calls.count("collect") == 14
    await caller
    assert mount.simulator.calls.count("collect") == 33


@pytest.mark.parametrize("loop_period", [1, 30, 600])
async def test_a_certificate_of_the_first_minute_is_there_within_five_seconds(mount: Mount, loop_period: int) -> None:
    await mount.configure()
    for seconds in range(0, 48, 7):
        mount.simulator.settings.pending_seconds = seconds
        began = now()
        data = await mount.enroll(sectigo_loop_period=loop_period)
        assert data["status"] == "Issued"
        assert now() - began <= seconds + 5


class TestAnotherCaller:
    """Somebody who asks again, while the pauses of the first caller's order have become long."""

    @pytest.mark.parametrize("way", ["read", "enroll", "renew"])
    async def test_who_asks_again_is_answered_within_five_seconds_of_the_issue(self, mount: Mount, way: str) -> None:
        await mount.configure(sectigo_loop_period=300, sectigo_max_timeout=3000)
        unique_id = (await mount.enroll())["cert_unique_id"] if way == "renew" else ""
        mount.simulator.settings.never_issue = True
        if way == "read":
            unique_id = (await mount.enroll(sectigo_max_timeout=0))["cert_unique_id"]

        async def ask() -> Mapping[str, Any]:
            match way:
                case "read":
                    return answered(await mount.read(f"certs/web/{unique_id}", {"sectigo_max_timeout": "3000"}))
                case "renew":
                    return answered(await mount.write(f"renew/web/{unique_id}", {}))
            return await mount.enroll(sectigo_request_id="one")

        assert (await ask())["status"] == "TimeoutStateSaved"
        await asyncio.sleep(700)  # the next poll is minutes away
        before = mount.simulator.calls.count("collect")
        second = asyncio.create_task(ask())
        await asyncio.sleep(30)
        assert mount.simulator.calls.count("collect") - before in {6, 7}
        mount.simulator.settings.never_issue = False
        issued_at = now()
        assert (await second)["status"] == "Issued"
        assert now() - issued_at <= 5

    async def test_callers_without_end_ask_scm_no_more_often_than_every_five_seconds(self, mount: Mount) -> None:
        await mount.configure(sectigo_loop_period=300, sectigo_max_timeout=3000)
        mount.simulator.settings.never_issue = True
        named = {"sectigo_request_id": "one"}
        callers = [asyncio.create_task(mount.enroll(**named))]
        await asyncio.sleep(750)
        before = mount.simulator.calls.count("collect")
        for _ in range(100):
            callers.append(asyncio.create_task(mount.enroll(**named)))
            await asyncio.sleep(1)
        assert 19 <= mount.simulator.calls.count("collect") - before <= 21
        for caller in callers:
            caller.cancel()


async def test_the_users_limit_comes_first(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    response = await mount.write("enroll/web", {**ORDER, "sectigo_max_timeout": 10})
    assert now() == 10
    data = answered(response)
    assert data["certificate"] == data["status"] == "TimeoutStateSaved"
    assert [entry["status"] for entry in data["state"]] == ["Applied", "TimeoutStateSaved"]
    assert data["private_key"]
    assert response is not None
    assert f"reading certs/web/{data['cert_unique_id']} collects it" in response.warnings[0]


async def test_the_config_entrys_limit_comes_first(mount: Mount) -> None:
    await mount.configure(sectigo_wait_limit=5)
    mount.simulator.settings.never_issue = True
    assert (await mount.enroll())["certificate"] == "TimeoutStateSaved"
    assert now() == 5


async def test_without_a_word_a_request_is_answered_after_fifty_seconds(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    await mount.enroll()
    assert now() == 50


async def test_the_hosts_deadline_comes_first_less_two_seconds(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    response = await mount.write("enroll/web", ORDER, time_limit=12)
    assert answered(response)["certificate"] == "TimeoutStateSaved"
    assert now() == 10


async def test_the_config_entrys_waiting_holds_where_the_request_says_nothing(mount: Mount) -> None:
    await mount.configure(sectigo_max_timeout=7)
    mount.simulator.settings.never_issue = True
    await mount.enroll()
    assert now() == 7


async def test_no_waiting_still_answers_scms_id(mount: Mount) -> None:
    await mount.configure()
    data = await mount.enroll(sectigo_max_timeout=0)
    assert data["cert_unique_id"].endswith("_demo-customer")
    assert data["certificate"] == "TimeoutStateSaved"
    assert now() == 0


async def test_work_goes_on_after_the_caller_was_answered(mount: Mount) -> None:
    await mount.configure(sectigo_wait_limit=5)
    mount.simulator.settings.pending_seconds = 60
    waiting = await mount.enroll()
    await asyncio.sleep(100)
    mount.simulator.calls.clear()
    data = answered(await mount.read(f"certs/web/{waiting['cert_unique_id']}"))
    assert data["status"] == "Issued"
    assert len(mount.simulator.calls) == 0


async def test_a_caller_who_hangs_up_loses_nothing(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_seconds = 20
    request = asyncio.create_task(mount.enroll())
    await asyncio.sleep(2)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await asyncio.sleep(60)
    (unique_id,) = await mount.list("certs/web")
    data = answered(await mount.read(f"certs/web/{unique_id}"))
    assert data["status"] == "Issued"
    assert key_fits(data)


async def test_a_caller_who_hangs_up_before_scm_answers_loses_nothing(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "slow", seconds=10)
    request = asyncio.create_task(mount.enroll())
    await asyncio.sleep(2)
    request.cancel()
    await asyncio.sleep(60)
    (unique_id,) = await mount.list("certs/web")
    assert answered(await mount.read(f"certs/web/{unique_id}"))["status"] == "Issued"


async def test_a_limit_before_scm_has_named_the_order_answers_the_orders_own_id(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "slow", seconds=10)
    response = await mount.write("enroll/web", {**ORDER, "sectigo_max_timeout": 3})
    assert now() == 3
    data = answered(response)
    assert data["cert_unique_id"].startswith("order-")
    assert data["certificate"] == "TimeoutStateSaved"
    assert data["private_key"]
    assert response is not None
    assert "do not order again" in response.warnings[0]
    path = f"certs/web/{data['cert_unique_id']}"
    assert answered(await mount.read(path))["status"] == "TimeoutStateSaved"
    await asyncio.sleep(60)
    settled = answered(await mount.read(path))
    assert settled["status"] == "Issued"
    assert settled["private_key"] == data["private_key"]
    assert await mount.list("certs/web") == [settled["cert_unique_id"]]
    assert len(list(mount.simulator.orders)) == 1


async def test_an_enrolment_whose_backend_closes_before_scm_answers_is_answered_with_the_orders_own_id(
    mount: Mount,
) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "slow", seconds=10)
    request = asyncio.create_task(mount.enroll())
    await asyncio.sleep(2)
    await mount.restart()
    data = await request
    assert data["cert_unique_id"].startswith("order-")
    assert await mount.list("certs/web") == [data["cert_unique_id"]]


async def test_an_order_being_sent_cannot_be_deleted_even_by_force(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "slow", seconds=10)
    data = await mount.enroll(sectigo_max_timeout=3)
    with pytest.raises(Exception, match="being sent to SCM right now"):
        await mount.delete(f"certs/web/{data['cert_unique_id']}", {"sectigo_force": True})


@pytest.mark.long
async def test_five_hundred_waiting_enrolments_end_at_once_when_the_backend_closes_and_are_saved(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    requests = [asyncio.create_task(mount.enroll(sectigo_csr_domain=f"h{n}.example.test")) for n in range(500)]
    await asyncio.sleep(30)
    before = now()
    await mount.restart()
    assert now() - before < 1
    assert len(await mount.list("certs/web")) == 500
    answers = await asyncio.gather(*requests)
    assert {answer["certificate"] for answer in answers} == {"TimeoutStateSaved"}
    mount.simulator.settings.never_issue = False
    (unique_id, *_) = await mount.list("certs/web")
    assert answered(await mount.read(f"certs/web/{unique_id}"))["status"] == "Issued"
