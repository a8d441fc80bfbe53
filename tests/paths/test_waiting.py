import asyncio
from itertools import pairwise

import pytest

from tests.support.certificates import key_fits
from tests.support.mount import ORDER, Mount, answered


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_pauses_between_collects_double_up_to_the_loop_period(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 7
    await mount.read("profile/web/501")  # so that the order is the next call
    asked: list[float] = []
    mount.on_scm_call = lambda: asked.append(now())
    await mount.enroll(sectigo_loop_period=8)
    collects = asked[1:]
    assert [later - earlier for earlier, later in pairwise(collects)] == [1, 2, 4, 8, 8, 8, 8]


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
