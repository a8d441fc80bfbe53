"""Budgets and the switch for emergencies: what an entry may order, by request or by itself (api.md 3)."""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, LogicalError, Response
from tests.support.counting import CountingStorage
from tests.support.mount import ORDER, Mount, answered
from tests.support.virtual_time import LoopClock

MINUTE = timedelta(minutes=1)
ROLE = {
    "config": "web",
    "certificate_type": 501,
    "validity": 365,
    "allowed_domains": "example.test",
    "allow_subdomains": True,
    "key_type": "ec",
    "max_orders_per_day": 0,
}


async def enrolled(mount: Mount, number: int, name: str = "web", **changes: object) -> list[str]:
    mount.simulator.settings.pending_polls = 0
    hosts = [f"h{i}.example.test" for i in range(number)]
    return [(await mount.enroll(name, sectigo_csr_domain=host, **changes))["cert_unique_id"] for host in hosts]


async def pass_time(mount: Mount, length: timedelta) -> None:
    for _ in range(length // MINUTE):
        await mount.tick(60)


async def refusal_of(mount: Mount, path: str, data: Mapping[str, object]) -> str:
    with pytest.raises(BadRequestError) as refused:
        await mount.write(path, data)
    return str(refused.value)


def next_one_in(text: str) -> datetime:
    found = re.search(r"possible from (\S+) on", text)
    assert found, text
    return datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


class TestBudget:
    async def test_beyond_it_nothing_is_ordered_and_the_time_that_is_named_is_true(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure(sectigo_max_orders_per_day=3)
        await enrolled(mount, 3)
        text = await refusal_of(mount, "enroll/web", {**ORDER, "sectigo_csr_domain": "h3.example.test"})
        assert 'config entry "web" has placed 3 orders in the last 24 hours' in text
        assert "sectigo_max_orders_per_day is 3: nothing was ordered" in text
        assert len(simulator.orders) == 3
        again = next_one_in(text)
        mount.clock.advance(seconds=(again - mount.clock.now()).total_seconds())
        await mount.enroll(sectigo_csr_domain="h3.example.test")
        assert len(simulator.orders) == 4

    async def test_any_24_hours_count_and_not_a_calendar_day(self, mount: Mount, simulator: Simulator) -> None:
        await mount.configure(sectigo_max_orders_per_day=2)
        simulator.settings.pending_polls = 0
        placed = []
        for hour in range(24 * 4):
            try:
                await mount.enroll(sectigo_csr_domain=f"h{hour}.example.test")
                placed.append(mount.clock.now())
            except BadRequestError:
                pass
            mount.clock.advance(hours=1)
        assert len(placed) == 2 * 4
        assert all(later - earlier >= timedelta(days=1) for earlier, later in zip(placed, placed[2:], strict=False))

    async def test_renewals_replacements_and_roles_share_it(self, mount: Mount, simulator: Simulator) -> None:
        await mount.configure(sectigo_max_orders_per_day=4)
        (unique_id,) = await enrolled(mount, 1)
        await mount.write(f"replace/web/{unique_id}", {"sectigo_reason": "key rotation"})
        await mount.write(f"renew/web/{unique_id}", {})
        await mount.write("roles/shop", ROLE)
        await mount.write("issue/shop", {"common_name": "s.example.test"})
        newest = f"{list(simulator.orders)[-1].id}_demo-customer"
        for path, data in (
            ("enroll/web", {**ORDER, "sectigo_csr_domain": "e.example.test"}),
            (f"replace/web/{newest}", {"sectigo_reason": "key rotation"}),
            ("issue/shop", {"common_name": "t.example.test"}),
        ):
            assert "sectigo_max_orders_per_day is 4" in await refusal_of(mount, path, data)
        assert len(simulator.orders) == 3

    async def test_a_refused_order_gives_its_place_back_and_a_lost_answer_keeps_it(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure(sectigo_max_orders_per_day=2)
        simulator.faults.add("enroll", "status", status=400, code=-9, description="CSR")
        await refusal_of(mount, "enroll/web", ORDER)
        simulator.faults.add("enroll", "drop_after")
        lost = answered(await mount.write("enroll/web", ORDER))
        assert lost["status"] == "Unsettled"
        await enrolled(mount, 1)
        await refusal_of(mount, "enroll/web", ORDER)
        assert len(simulator.orders) == 2

    async def test_many_at_once_take_no_more_than_there_is(self, mount: Mount, simulator: Simulator) -> None:
        await mount.configure(sectigo_max_orders_per_day=5)
        simulator.settings.latency = 1.0
        orders = [mount.write("enroll/web", {**ORDER, "sectigo_csr_domain": f"h{i}.example.test"}) for i in range(30)]
        results = await asyncio.gather(*orders, return_exceptions=True)
        assert sum(isinstance(result, BadRequestError) for result in results) == 25
        assert len(simulator.orders) == 5

    async def test_a_crash_between_the_count_and_the_order_never_lets_one_more_through(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure(sectigo_max_orders_per_day=3)
        simulator.settings.latency = 30.0
        for number in range(6):
            data = {**ORDER, "sectigo_csr_domain": f"h{number}.example.test"}
            asking = asyncio.ensure_future(mount.write("enroll/web", data))
            await asyncio.sleep(1 + number % 3)
            await mount.restart()
            await asyncio.gather(asking, return_exceptions=True)
        assert len(simulator.orders) <= 3
        counted = answered(await _used(mount))["accounts"]
        simulator.settings.latency = 0
        await pass_time(mount, 30 * MINUTE)
        assert len(simulator.orders) <= 3, counted

    async def test_deleting_and_rewriting_the_entry_begins_no_new_day(self, mount: Mount, simulator: Simulator) -> None:
        await mount.configure(sectigo_max_orders_per_day=2)
        await enrolled(mount, 2)
        await mount.delete("configs/web")
        await mount.configure(sectigo_max_orders_per_day=2)
        await refusal_of(mount, "enroll/web", ORDER)
        await mount.restart()
        await refusal_of(mount, "enroll/web", ORDER)
        assert len(simulator.orders) == 2

    async def test_orders_placed_before_the_budget_was_written_count_on_it(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure()
        await enrolled(mount, 5)
        told = answered(await mount.read("status"))["accounts"]["web"]
        assert (told["orders_in_24_hours"], told["max_orders_per_day"]) == (5, 0)
        await mount.write("configs/web", {"sectigo_max_orders_per_day": 6})
        assert [await _try(mount, number) for number in range(4)] == [True, False, False, False]
        mount.clock.advance(hours=25)
        assert await _try(mount, 4)

    async def test_without_a_budget_an_order_is_not_held_up_by_its_count(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure()
        await mount.overwrite("index/orders/web", b"no record")
        await enrolled(mount, 1)
        simulator.faults.add("enroll", "status", status=400, code=-9, description="CSR")
        assert "SCM refused enroll" in await refusal_of(mount, "enroll/web", ORDER)
        assert answered(await mount.read("status"))["accounts"]["web"]["orders_in_24_hours"] == 0
        await mount.write("configs/web", {"sectigo_max_orders_per_day": 6})
        with pytest.raises(LogicalError, match="is damaged"):
            await mount.enroll()
        assert len(simulator.orders) == 1

    async def test_the_refusal_counts_one_order_as_one(self, mount: Mount) -> None:
        await mount.configure(sectigo_max_orders_per_day=1)
        await enrolled(mount, 1)
        assert "has placed 1 order in the last 24 hours" in await refusal_of(mount, "enroll/web", ORDER)

    async def test_a_lower_budget_names_the_time_at_which_it_lets_one_through(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure(sectigo_max_orders_per_day=4)
        for _ in range(4):
            await enrolled(mount, 1)
            mount.clock.advance(hours=1)
        await mount.write("configs/web", {"sectigo_max_orders_per_day": 2})
        again = next_one_in(await refusal_of(mount, "enroll/web", ORDER))
        mount.clock.advance(seconds=(again - mount.clock.now()).total_seconds() - 120)
        await refusal_of(mount, "enroll/web", ORDER)
        mount.clock.advance(seconds=120)
        await enrolled(mount, 1)

    async def test_a_budget_that_is_removed_limits_nothing(self, mount: Mount) -> None:
        await mount.configure(sectigo_max_orders_per_day=1)
        await enrolled(mount, 1)
        await mount.write("configs/web", {"sectigo_max_orders_per_day": ""})
        await enrolled(mount, 3)

    @pytest.mark.parametrize("value", [0, -1, "some", 1.5, "0x10", [1, 2], True])
    async def test_what_is_no_budget_is_refused(self, value: object, mount: Mount) -> None:
        with pytest.raises(BadRequestError, match="sectigo_max_orders_per_day"):
            await mount.configure(sectigo_max_orders_per_day=value)
        assert await mount.list("configs") == []

    async def test_status_says_how_much_of_it_is_used(self, mount: Mount) -> None:
        await mount.configure(sectigo_max_orders_per_day=5)
        await enrolled(mount, 3)
        told = answered(await mount.read("status"))["accounts"]["web"]
        assert (told["orders_in_24_hours"], told["max_orders_per_day"]) == (3, 5)
        mount.clock.advance(hours=25)
        assert answered(await mount.read("status"))["accounts"]["web"]["orders_in_24_hours"] == 0

    async def test_a_clock_that_was_wrong_leaves_no_count_that_stands_in_the_way(self, mount: Mount) -> None:
        await mount.configure(sectigo_max_orders_per_day=1)
        mount.clock.advance(days=400)
        await enrolled(mount, 1)
        mount.clock.advance(days=-400)
        await enrolled(mount, 1)

    async def test_a_clock_that_is_wrong_for_a_while_does_not_make_orders_forgotten(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure(sectigo_max_orders_per_day=3)
        await enrolled(mount, 3)
        mount.clock.advance(days=30)
        await enrolled(mount, 1)
        mount.clock.advance(days=-30)
        await refusal_of(mount, "enroll/web", ORDER)
        assert len(simulator.orders) == 4


class TestRenewalsUnderABudget:
    async def test_the_soonest_to_expire_come_first_and_the_others_wait_for_their_day(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure()
        simulator.settings.pending_polls = 0
        for number in range(20):
            simulator.settings.validity_seconds = (365 + (number * 7) % 20) * 86_400 // 10
            await mount.enroll(sectigo_csr_domain=f"h{number}.example.test", sectigo_expiry_window=12)
        ends = sorted(order.issued[0].not_after for order in simulator.orders)
        mount.clock.advance(days=28)
        await mount.write("configs/web", {"sectigo_max_orders_per_day": 5})
        simulator.settings.latency = 0.2
        for day in range(1, 4):
            await pass_time(mount, 20 * MINUTE)
            renewed = sorted(order.issued[0].not_after for order in simulator.orders if order.renewed_to)
            assert renewed == ends[: 5 * day]
            mount.clock.advance(days=1, minutes=2)

    async def test_a_read_answers_what_is_stored_and_says_what_is_waited_for(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure(sectigo_max_orders_per_day=1)
        (unique_id,) = await enrolled(mount, 1)
        mount.clock.advance(days=360)
        await mount.enroll(sectigo_csr_domain="another.example.test")
        response = await mount.read(f"certs/web/{unique_id}")
        assert answered(response)["cert_unique_id"] == unique_id
        assert "sectigo_max_orders_per_day is 1" in _warnings(response)
        await pass_time(mount, 5 * MINUTE)
        assert "sectigo_max_orders_per_day is 1" in answered(await mount.read("status"))["background"]["last_error"]
        assert len(simulator.orders) == 2

    async def test_an_entry_without_budget_beside_one_whose_budget_is_used_goes_on(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure("tight", sectigo_max_orders_per_day=1)
        await mount.configure("free")
        await enrolled(mount, 1, "tight")
        mount.clock.advance(days=2)
        await enrolled(mount, 1, "tight")
        await enrolled(mount, 10, "free")
        mount.clock.advance(days=361)
        await pass_time(mount, 5 * MINUTE)
        assert len(simulator.orders) == 12 + 1 + 10


class TestSuspension:
    async def test_nothing_is_renewed_by_tick_or_read_and_a_renew_write_still_works(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure(sectigo_suspend_renewals=True)
        ids = await enrolled(mount, 3, sectigo_auto_renew=True)
        mount.clock.advance(days=360)
        await pass_time(mount, 5 * MINUTE)
        response = await mount.read(f"certs/web/{ids[0]}", {"sectigo_auto_renew": "true", "sectigo_expiry_window": 99})
        assert "sectigo_suspend_renewals of config entry web is true" in _warnings(response)
        assert len(simulator.orders) == 3
        await mount.write(f"renew/web/{ids[1]}", {})
        assert len(simulator.orders) == 4
        told = answered(await mount.read("status"))["warnings"]
        assert any("sectigo_suspend_renewals is true" in warning for warning in told)
        await mount.write("configs/web", {"sectigo_suspend_renewals": False})
        await pass_time(mount, 3 * MINUTE)
        assert len(simulator.orders) == 6

    async def test_no_tick_reads_what_is_due_meanwhile(self, simulator: Simulator, clock: LoopClock) -> None:
        storage = CountingStorage()
        mount = Mount(simulator, clock, storage)
        await mount.configure()
        await enrolled(mount, 2)
        await enrolled(mount, 1, sectigo_expiry_window=3)
        await mount.write("configs/web", {"sectigo_suspend_renewals": True})
        await mount.tick(60)
        mount.clock.advance(days=363)
        await mount.restart()
        storage.gets.clear()
        await pass_time(mount, 3 * MINUTE)
        assert "config/web" in storage.gets
        assert [key for key in storage.gets if key.startswith("cert/")] == []
        await mount.backend.cleanup()

    async def test_what_is_pending_is_collected_nevertheless(self, mount: Mount, simulator: Simulator) -> None:
        await mount.configure(sectigo_suspend_renewals=True)
        simulator.settings.never_issue = True
        data = await mount.enroll(sectigo_max_timeout=0)
        simulator.settings.never_issue = False
        simulator.settings.pending_polls = 0
        await pass_time(mount, 2 * MINUTE)
        assert answered(await mount.read(f"certs/web/{data['cert_unique_id']}"))["status"] == "Issued"

    @pytest.mark.parametrize(
        "stopped_by",
        [
            ("configs/web", {"sectigo_suspend_renewals": True}),
            ("configs/web", {"sectigo_auto_renew": False}),
            ("configs/web", {"sectigo_expiry_window": "1h"}),
        ],
    )
    async def test_it_stops_a_run_that_has_begun(
        self, stopped_by: tuple[str, Mapping[str, object]], mount: Mount, simulator: Simulator
    ) -> None:
        """The switch for emergencies is thrown while hundreds are being renewed: those under way are the last."""
        await mount.configure()
        await enrolled(mount, 60)
        mount.clock.advance(days=360)
        simulator.settings.latency = 5.0
        await mount.tick(30)
        await mount.write(*stopped_by)
        begun = len(simulator.orders)
        assert begun < 60 + 20
        await pass_time(mount, 20 * MINUTE)
        assert len(simulator.orders) <= begun + 8

    async def test_a_deleted_entry_stops_a_run_that_has_begun(self, mount: Mount, simulator: Simulator) -> None:
        await mount.configure()
        await enrolled(mount, 60)
        mount.clock.advance(days=360)
        simulator.settings.latency = 5.0
        await mount.tick(30)
        await mount.delete("configs/web")
        begun = len(simulator.orders)
        await pass_time(mount, 20 * MINUTE)
        assert len(simulator.orders) <= begun + 8

    async def test_a_certificate_whose_owner_says_no_in_time_is_not_renewed_by_a_run_that_has_begun(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure()
        ids = await enrolled(mount, 60)
        mount.clock.advance(days=360)
        simulator.settings.latency = 5.0
        await mount.tick(30)
        for unique_id in ids[40:]:
            await mount.write(f"certs/web/{unique_id}", {"sectigo_auto_renew": False})
        await pass_time(mount, 20 * MINUTE)
        assert len(simulator.orders) == 60 + 40

    @pytest.mark.parametrize("value", ["perhaps", 2, [True, False]])
    async def test_what_is_no_switch_is_refused(self, value: object, mount: Mount) -> None:
        with pytest.raises(BadRequestError, match="sectigo_suspend_renewals"):
            await mount.configure(sectigo_suspend_renewals=value)


async def _try(mount: Mount, number: int) -> bool:
    try:
        await mount.enroll(sectigo_csr_domain=f"n{number}.example.test")
    except BadRequestError:
        return False
    return True


async def _used(mount: Mount) -> Response | None:
    return await mount.read("status")


def _warnings(response: Response | None) -> str:
    assert response is not None
    return "\n".join(response.warnings)
