"""When a certificate is due: the rule ends by itself, whatever windows and lives there are (api.md 6)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from sectigo_vault_pki.scm_simulator.model.orders import Order
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.mount import CONFIG, Mount, answered

T = TypeVar("T")

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ONE_DAY = {"sectigo_ssl_cert_type": 507, "sectigo_ssl_cert_validity": 1}
READS: tuple[tuple[float, Mapping[str, object]], ...] = (
    (0.0, {}),
    (0.1, {"sectigo_expiry_window": "9"}),
    (0.2, {"sectigo_max_timeout": "3"}),
)
FORTY_SEVEN_DAYS = {"sectigo_ssl_cert_type": 502, "sectigo_ssl_cert_validity": 47}


async def issued(mount: Mount, **changes: object) -> str:
    mount.simulator.settings.pending_polls = 0
    return str((await mount.enroll("web", **changes))["cert_unique_id"])


async def pass_time(mount: Mount, length: timedelta, *, step: timedelta = timedelta(minutes=1)) -> None:
    """Let time pass with a tick at each step."""
    for _ in range(length // step):
        await mount.tick(step.total_seconds())


def dated(mount: Mount, dates: Callable[[int, datetime], tuple[datetime, datetime]]) -> None:
    """Let SCM date certificates by their place in the chain: 0 is what was enrolled."""

    def dating(order: Order, due: datetime) -> tuple[datetime, datetime]:
        place, at = 0, order
        while at.renewed_from is not None:
            before = mount.simulator.orders.get(at.renewed_from)
            assert before is not None
            place, at = place + 1, before
        return dates(place, due)

    mount.simulator.orders.dating = dating


async def later(seconds: float, work: Awaitable[T]) -> T:
    await asyncio.sleep(seconds)
    return await work


@pytest.mark.parametrize(
    ("entry", "order", "seconds"),
    [
        ({}, ONE_DAY, None),
        ({"sectigo_expiry_window": 400}, {}, None),
        ({"sectigo_expiry_window": 36_500}, {}, None),
        ({"sectigo_expiry_window": "8761h"}, {}, None),
        ({"sectigo_expiry_window": "60d"}, FORTY_SEVEN_DAYS, None),
        ({}, {"sectigo_expiry_window": 36_500}, None),
        ({}, {}, 3_601 * 2),
        ({}, {}, 1),
    ],
)
async def test_no_certificate_is_due_at_its_birth(
    entry: Mapping[str, object], order: Mapping[str, object], seconds: int | None, mount: Mount
) -> None:
    await mount.configure("web", **entry)
    mount.simulator.settings.validity_seconds = seconds
    await issued(mount, **order)
    await pass_time(mount, HOUR)
    assert len(mount.simulator.orders) == 1


@pytest.mark.parametrize(("life", "lives"), [(HOUR, 6), (DAY, 6), (47 * DAY, 3)])
async def test_a_window_longer_than_the_life_renews_when_a_third_is_left(
    life: timedelta, lives: int, mount: Mount
) -> None:
    await mount.configure(sectigo_expiry_window=36_500)
    mount.simulator.settings.validity_seconds = int(life.total_seconds())
    await issued(mount)
    await pass_time(mount, lives * life, step=max(life / 60, timedelta(minutes=1)))
    assert lives * 1.4 < len(mount.simulator.orders) <= lives * 1.5 + 1
    newest = list(mount.simulator.orders)[-1]
    assert newest.issued[0].not_after > mount.clock.now(), "it expired, and could have been renewed"


@pytest.mark.parametrize("window", [7, 30])
async def test_a_window_within_a_third_of_the_life_holds_to_the_second(window: int, mount: Mount) -> None:
    await mount.configure(sectigo_expiry_window=window)
    unique_id = await issued(mount)
    end = next(iter(mount.simulator.orders)).issued[0].not_after
    mount.clock.advance(seconds=(end - window * DAY - mount.clock.now()).total_seconds() - 1)
    await mount.read(f"certs/web/{unique_id}")
    assert len(mount.simulator.orders) == 1
    mount.clock.advance(seconds=1)
    await mount.read(f"certs/web/{unique_id}")
    assert len(mount.simulator.orders) == 2


async def test_a_reader_cannot_make_a_certificate_due_that_the_rule_says_is_not(mount: Mount) -> None:
    await mount.configure()
    unique_id = await issued(mount)
    for _ in range(20):
        await mount.read(f"certs/web/{unique_id}", {"sectigo_expiry_window": "36500"})
        mount.clock.advance(seconds=5)
    assert len(mount.simulator.orders) == 1
    mount.clock.advance(days=365 * 2 / 3)
    for _ in range(20):
        await mount.read(f"certs/web/{unique_id}", {"sectigo_expiry_window": "36500"})
    assert len(mount.simulator.orders) == 2


async def test_a_window_in_seconds_where_days_are_meant_is_refused(mount: Mount) -> None:
    with pytest.raises(BadRequestError, match="sectigo_expiry_window must be at most 36500 days"):
        await mount.configure(sectigo_expiry_window=2_592_000)


async def test_a_longer_window_of_the_entry_buys_nothing_at_once(mount: Mount) -> None:
    await mount.configure()
    for number in range(30):
        await issued(mount, sectigo_csr_domain=f"h{number}.example.test")
    response = await mount.write("configs/web", {"sectigo_expiry_window": "400"})
    assert response is not None
    assert "longer than a third" in response.warnings[0]
    await pass_time(mount, 5 * timedelta(minutes=1))
    assert len(mount.simulator.orders) == 30


async def test_a_cut_window_is_told_when_it_is_written_and_when_it_is_enrolled(mount: Mount) -> None:
    response = await mount.write("configs/web", {**CONFIG, "sectigo_expiry_window": "100d"})
    assert response is not None
    assert "sectigo_expiry_window (100 days) is longer than a third" in response.warnings[0]
    mount.simulator.settings.pending_polls = 0
    order = {"sectigo_csr_domain": "web.example.test", "sectigo_csr_key_algo": "EC", **ONE_DAY}
    response = await mount.write("enroll/web", order)
    assert response is not None
    assert any("renewed when 8 hours of it are left" in warning for warning in response.warnings)
    unique_id = answered(response)["cert_unique_id"]
    response = await mount.write(f"certs/web/{unique_id}", {"sectigo_expiry_window": "2d"})
    assert response is not None
    assert "renewed when 8 hours of it are left" in response.warnings[0]


async def test_a_window_that_fits_is_not_talked_about(mount: Mount) -> None:
    assert await mount.write("configs/web", {**CONFIG, "sectigo_expiry_window": "7d"}) is None
    mount.simulator.settings.pending_polls = 0
    order = {"sectigo_csr_domain": "web.example.test", "sectigo_csr_key_algo": "EC"}
    kind = {"sectigo_ssl_cert_type": 501, "sectigo_ssl_cert_validity": 365}
    response = await mount.write("enroll/web", {**order, **kind})
    assert response is not None
    assert response.warnings == ()


async def test_whoever_renews_by_hand_hears_nothing_of_a_cut_window(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    order = {"sectigo_csr_domain": "web.example.test", "sectigo_csr_key_algo": "EC", **ONE_DAY}
    response = await mount.write("enroll/web", {**order, "sectigo_auto_renew": False})
    assert response is not None
    assert response.warnings == ()


@pytest.mark.parametrize("shorter", [timedelta(0), timedelta(days=3)])
async def test_a_successor_that_ends_no_later_is_not_renewed_again(shorter: timedelta, mount: Mount) -> None:
    await mount.configure()
    born = mount.clock.now()
    dated(mount, lambda place, due: (due, born + 30 * DAY - (shorter if place else timedelta(0))))
    unique_id = await issued(mount)
    await pass_time(mount, 31 * DAY, step=HOUR)
    first, second = mount.simulator.orders
    assert (first.renewed_to, second.renewed_to) == (second.id, None)
    response = await mount.read(f"certs/web/{unique_id}")
    assert response is not None
    assert "ends no later than the certificate that it renewed" in response.warnings[0]
    status = answered(await mount.read("status"))
    assert any("ends no later" in warning for warning in status["warnings"])


async def test_a_renew_write_renews_what_is_not_renewed_by_itself(mount: Mount) -> None:
    await mount.configure()
    born = mount.clock.now()
    dated(mount, lambda place, due: (due, born + (30 if place < 2 else 90) * DAY))
    await issued(mount)
    await pass_time(mount, 24 * DAY, step=12 * HOUR)
    _, second = mount.simulator.orders
    data = answered(await mount.write(f"renew/web/{second.id}_demo-customer", {}))
    assert data["status"] == "Issued"
    await pass_time(mount, 20 * DAY, step=12 * HOUR)
    assert len(mount.simulator.orders) == 3


async def test_a_successor_dated_back_into_its_window_waits_for_the_pace_of_its_chain(mount: Mount) -> None:
    """Each is valid for 30 days and of use for 12: due after two of them, were it not for the pace of four."""
    await mount.configure(sectigo_expiry_window=10)
    dated(mount, lambda place, due: (due - (18 * DAY if place else timedelta(0)), due + (12 if place else 30) * DAY))
    await issued(mount)
    await pass_time(mount, 20 * DAY + HOUR, step=HOUR)
    assert len(mount.simulator.orders) == 2
    second = list(mount.simulator.orders)[1]
    await pass_time(mount, second.requested_at + 4 * DAY - mount.clock.now() - HOUR, step=HOUR)
    assert len(mount.simulator.orders) == 2
    await pass_time(mount, 3 * HOUR, step=HOUR)
    assert len(mount.simulator.orders) == 3


async def test_lives_that_shrink_below_an_hour_are_not_renewed_by_themselves(mount: Mount) -> None:
    await mount.configure()
    dated(mount, lambda place, due: (due, due + DAY / 2**place))
    unique_id = await issued(mount)
    await pass_time(mount, 2 * DAY, step=timedelta(minutes=5))
    lives = [order.issued[0].not_after - order.issued[0].issued_at for order in mount.simulator.orders]
    assert [life >= HOUR for life in lives] == [True] * 5 + [False]
    response = await mount.read(f"certs/web/{unique_id}")
    assert response is not None
    assert "shorter than an hour" in response.warnings[0]


async def test_terms_that_were_shortened_do_not_double_the_orders(mount: Mount) -> None:
    """SCM sells 47 days where a year was asked for: a third of that is the pace, and the window of a year is cut."""
    await mount.configure(sectigo_expiry_window=40)
    dated(mount, lambda place, due: (due, due + (47 if place else 365) * DAY))
    await issued(mount)
    await pass_time(mount, 400 * DAY, step=12 * HOUR)
    assert len(mount.simulator.orders) == 1 + 1 + 2  # on day 325, and every 31 or 32 days behind it


async def test_a_certificate_whose_scm_was_down_over_its_end_is_renewed_behind_it(mount: Mount) -> None:
    await mount.configure()
    unique_id = await issued(mount)
    mount.simulator.faults.add("*", "status", status=503, times=None)
    mount.clock.advance(days=360)
    await pass_time(mount, timedelta(minutes=5))
    mount.clock.advance(days=30)
    mount.simulator.faults.clear()
    await pass_time(mount, timedelta(minutes=5))
    assert answered(await mount.read(f"certs/web/{unique_id}"))["cert_unique_id"] != unique_id


async def test_a_tick_and_reads_at_once_order_one_renewal(mount: Mount, simulator: Simulator) -> None:
    await mount.configure()
    unique_id = await issued(mount)
    mount.clock.advance(days=360)
    simulator.settings.latency = 0.5
    reads = [mount.read(f"certs/web/{unique_id}", {"sectigo_expiry_window": window}) for window in ("10", "20", "30")]
    await asyncio.gather(mount.tick(60), *reads, mount.write(f"renew/web/{unique_id}", {}))
    assert len(simulator.orders) == 2


@pytest.mark.parametrize("moment", range(24))
async def test_a_read_beside_a_renewal_answers_whatever_the_moment(
    moment: int, mount: Mount, simulator: Simulator
) -> None:
    """A read never fails because somebody else has just renewed what it was about to renew."""
    await mount.configure()
    unique_id = await issued(mount)
    mount.clock.advance(days=360)
    simulator.settings.latency = 1.0
    at = moment / 4
    writing = asyncio.create_task(mount.write(f"renew/web/{unique_id}", {"sectigo_max_timeout": 5}))
    reads = [later(at + wait, mount.read(f"certs/web/{unique_id}", flags)) for wait, flags in READS]
    answers = await asyncio.gather(*reads)
    await asyncio.wait([writing])
    assert all(answered(answer)["certificate"] for answer in answers)
    assert len(simulator.orders) == 2


async def test_a_due_read_beside_a_revocation_answers_what_is_stored(mount: Mount, simulator: Simulator) -> None:
    await mount.configure()
    unique_id = await issued(mount)
    mount.clock.advance(days=360)
    simulator.settings.latency = 1.0
    revoking = asyncio.create_task(mount.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"}))
    answer = answered(await later(0.5, mount.read(f"certs/web/{unique_id}")))
    await revoking
    assert answer["cert_unique_id"] == unique_id
    assert len(simulator.orders) == 1


async def test_a_due_read_beside_a_replacement_answers_what_is_stored(mount: Mount, simulator: Simulator) -> None:
    await mount.configure()
    unique_id = await issued(mount)
    mount.clock.advance(days=360)
    simulator.settings.latency = 1.0
    simulator.settings.never_issue = True
    fields = {"sectigo_reason": "key rotation", "sectigo_max_timeout": 5}
    replacing = asyncio.create_task(mount.write(f"replace/web/{unique_id}", fields))
    answer = answered(await later(0.5, mount.read(f"certs/web/{unique_id}")))
    await replacing
    assert answer["cert_unique_id"] == unique_id
    assert len(simulator.orders) == 1
