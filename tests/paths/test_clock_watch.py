"""A clock that is wrong buys nothing, and leaves nothing behind that is believed afterwards (api.md 6)."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, Response
from tests.support.mount import Mount, answered
from tests.support.virtual_time import WrongClock

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def clock() -> WrongClock:
    return WrongClock()


@pytest.fixture
async def simulator(clock: WrongClock) -> Simulator:
    """SCM's own clock is right."""
    return Simulator(now=clock.true_now)


@pytest.fixture
async def mount(simulator: Simulator, clock: WrongClock) -> AsyncIterator[Mount]:
    mounted = Mount(simulator, clock)
    simulator.settings.pending_polls = 0
    await mounted.configure()
    yield mounted
    await mounted.backend.cleanup()


async def enrolled(mount: Mount, number: int) -> list[str]:
    return [(await mount.enroll(sectigo_csr_domain=f"h{i}.example.test"))["cert_unique_id"] for i in range(number)]


async def pass_time(mount: Mount, length: timedelta) -> None:
    for _ in range(length // MINUTE):
        await mount.tick(60)


def warnings_of(response: Response | None) -> str:
    assert response is not None
    return "\n".join(response.warnings)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_clock_a_year_ahead_renews_nothing(
    restarted: bool, mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    ids = await enrolled(mount, 60)
    clock.offset = 365 * DAY
    if restarted:
        await mount.restart()
        await mount.backend.initialize()
    await pass_time(mount, 33 * MINUTE)
    for unique_id in ids:
        response = await mount.read(f"certs/web/{unique_id}")
        assert answered(response)["cert_unique_id"] == unique_id
    assert "the plugin's clock is 365 days ahead of SCM's" in warnings_of(response)
    assert len(simulator.orders) == 60


async def test_it_is_told_in_status_and_once_in_the_log(
    mount: Mount, clock: WrongClock, caplog: pytest.LogCaptureFixture
) -> None:
    await enrolled(mount, 5)
    clock.offset = 360 * DAY
    await pass_time(mount, 10 * MINUTE)
    status = answered(await mount.read("status"))
    assert any("nothing is renewed automatically until they agree" in warning for warning in status["warnings"])
    assert status["accounts"]["web"]["clock_difference"] == pytest.approx(360 * 86_400, abs=5)
    clock.offset = timedelta(0)
    await mount.enroll(sectigo_csr_domain="new.example.test")
    assert answered(await mount.read("status"))["warnings"] == []
    said = [record.message for record in caplog.records if "clock" in record.message]
    assert [message.partition(":")[0] for message in said] == [
        "the plugin's clock is 360 days ahead of SCM's",
        "the plugin's clock and SCM's agree again",
    ]


async def test_a_wrong_clock_costs_scm_no_more_than_a_call_or_two_a_minute(mount: Mount, clock: WrongClock) -> None:
    await enrolled(mount, 60)
    clock.offset = 365 * DAY
    await pass_time(mount, 2 * MINUTE)
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    mount.on_scm_call = count
    await pass_time(mount, 30 * MINUTE)
    assert calls <= 2 * 30


async def test_once_the_clock_is_right_what_is_due_is_renewed(
    mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    await enrolled(mount, 3)
    clock.advance(days=360)
    clock.offset = 30 * DAY
    await pass_time(mount, 5 * MINUTE)
    assert len(simulator.orders) == 3
    clock.offset = timedelta(0)
    await pass_time(mount, 3 * MINUTE)
    assert len(simulator.orders) == 6


async def test_a_clock_that_is_behind_renews_nothing_and_says_so(
    mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    (unique_id,) = await enrolled(mount, 1)
    clock.advance(days=364)
    clock.offset = -3 * DAY
    response = await mount.read(f"certs/web/{unique_id}")
    await pass_time(mount, 5 * MINUTE)
    assert len(simulator.orders) == 1
    assert "3 days behind SCM's" in warnings_of(response)


@pytest.mark.parametrize("offset", [50 * MINUTE, -50 * MINUTE])
async def test_less_than_an_hour_is_no_difference(
    offset: timedelta, mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    await enrolled(mount, 2)
    clock.advance(days=360)
    clock.offset = offset
    await pass_time(mount, 2 * MINUTE)
    assert len(simulator.orders) == 4
    assert answered(await mount.read("status"))["warnings"] == []


async def test_a_renew_write_orders_whatever_the_clock_says(
    mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    (unique_id,) = await enrolled(mount, 1)
    clock.advance(days=1)
    clock.offset = 365 * DAY
    data = answered(await mount.write(f"renew/web/{unique_id}", {}))
    assert data["status"] == "Issued"
    clock.offset = timedelta(0)
    clock.advance(days=358.5)
    await pass_time(mount, 3 * MINUTE)
    assert len(simulator.orders) == 3


async def test_a_refusal_noted_by_a_wrong_clock_holds_nothing_back(
    mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    (unique_id,) = await enrolled(mount, 1)
    clock.advance(days=355)
    clock.offset = 3650 * DAY
    simulator.faults.add("renew", "status", status=400, code=-105, description="not renewable yet", times=1)
    with pytest.raises(BadRequestError, match="not renewable yet"):
        await mount.write(f"renew/web/{unique_id}", {})
    clock.offset = timedelta(0)
    clock.advance(days=5)
    await pass_time(mount, 3 * MINUTE)
    assert len(simulator.orders) == 2


async def test_a_pending_order_asked_for_by_a_wrong_clock_is_collected_soon_after(
    mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    simulator.settings.never_issue = True
    unique_id = (await mount.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    clock.offset = 30 * DAY
    await mount.tick(60)
    clock.offset = timedelta(0)
    simulator.settings.never_issue = False
    await pass_time(mount, 2 * MINUTE)
    assert answered(await mount.read("status"))["pending"] == 0
    assert answered(await mount.read(f"certs/web/{unique_id}"))["status"] == "Issued"


async def test_a_lost_enrolment_that_a_wrong_clock_dated_is_settled_when_the_clock_is_right(
    mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    clock.offset = 400 * DAY
    simulator.faults.add("enroll", "drop_after")
    order = (await mount.enroll())["cert_unique_id"]
    clock.offset = timedelta(0)
    await pass_time(mount, 15 * MINUTE)
    data = answered(await mount.read(f"certs/web/{order}"))
    assert (data["status"], len(simulator.orders)) == ("Issued", 1)


async def test_a_lost_renewal_that_a_wrong_clock_dated_is_found_and_not_ordered_again(
    mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    (unique_id,) = await enrolled(mount, 1)
    clock.advance(days=359)
    clock.offset = 400 * DAY
    simulator.faults.add("renew", "drop_after")
    await mount.write(f"renew/web/{unique_id}", {})
    clock.offset = timedelta(0)
    await pass_time(mount, 20 * MINUTE)
    data = answered(await mount.read(f"certs/web/{unique_id}"))
    assert data["cert_unique_id"] != unique_id
    assert len(simulator.orders) == 2


async def test_the_pace_of_a_chain_is_not_held_by_an_order_of_the_future(
    mount: Mount, simulator: Simulator, clock: WrongClock
) -> None:
    """A renew write while the clock was ten years ahead does not keep its successor from being renewed in time."""
    (unique_id,) = await enrolled(mount, 1)
    clock.advance(days=359)
    clock.offset = 3650 * DAY
    await mount.write(f"renew/web/{unique_id}", {})
    clock.offset = timedelta(0)
    clock.advance(days=360)
    await pass_time(mount, 3 * MINUTE)
    assert len(simulator.orders) == 3
