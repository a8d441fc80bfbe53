"""Whose order is it: a lost renewal is told by mark, key, time and known ids, and nobody else's is ever taken."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from sectigo_vault_pki.scm_simulator.model.orders import Order
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, Response
from tests.support.mount import ORDER, Mount, answered
from tests.support.virtual_time import LoopClock

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def mount(simulator: Simulator, clock: LoopClock) -> AsyncIterator[Mount]:
    mounted = Mount(simulator, clock)
    simulator.settings.pending_polls = 0
    await mounted.configure()
    yield mounted
    await mounted.backend.cleanup()


@pytest.fixture
async def other(mount: Mount, simulator: Simulator, clock: LoopClock) -> AsyncIterator[Mount]:
    """Another mount of the same process with the same account."""
    mounted = Mount(simulator, clock, renewals=mount.renewals)
    await mounted.configure()
    yield mounted
    await mounted.backend.cleanup()


async def due(mount: Mount, name: str = "web", **changes: object) -> str:
    """Enroll a certificate and let its time come."""
    unique_id = str((await mount.enroll(name, **changes))["cert_unique_id"])
    mount.clock.advance(days=360)
    return unique_id


async def configured(mount: Mount, certificate_type: str, name: str = "entry") -> str:
    await mount.configure(name, sectigo_config_type=certificate_type)
    return name


async def enrolled_and_due(mount: Mount, name: str) -> str:
    """Enroll a certificate of the entry's type and let its time come."""
    config = answered(await mount.read(f"configs/{name}"))
    enroll = mount.enroll if config["sectigo_config_type"] == "ssl_cert" else mount.enroll_client
    unique_id = str((await enroll(name))["cert_unique_id"])
    mount.clock.advance(days=360)
    return unique_id


async def pass_time(length: timedelta, *mounts: Mount) -> None:
    for _ in range(length // MINUTE):
        for mount in mounts:
            await mount.tick(60 / len(mounts))


async def read(mount: Mount, unique_id: str, name: str = "web", **flags: object) -> Mapping[str, Any]:
    return answered(await mount.read(f"certs/{name}/{unique_id}", flags))


def ids_at_scm(simulator: Simulator) -> list[str]:
    return [f"{order.id}_demo-customer" for order in simulator.orders]


def ids_at_scm_of_clients(simulator: Simulator) -> list[str]:
    return [f"{order.order_number}_demo-customer" for order in simulator.orders]


def warnings_of(response: Response | None) -> str:
    assert response is not None
    return "\n".join(response.warnings)


def renewals_of(simulator: Simulator) -> list[Order]:
    return [order for order in simulator.orders if order.renewed_from is not None]


class TestSomebodyElsesOrder:
    @pytest.mark.parametrize("is_pending", [False, True])
    async def test_of_the_same_name_it_is_not_taken_for_a_renewal_that_scm_never_took(
        self, is_pending: bool, mount: Mount, other: Mount, simulator: Simulator
    ) -> None:
        unique_id = await due(mount)
        simulator.faults.add("renew", "status", status=502)
        assert (await read(mount, unique_id))["cert_unique_id"] == unique_id
        simulator.settings.never_issue = is_pending
        foreign = (await other.enroll(sectigo_max_timeout=0))["cert_unique_id"]
        await pass_time(30 * MINUTE, mount)
        simulator.settings.never_issue = False
        await pass_time(60 * MINUTE, mount)
        data = await read(mount, unique_id)
        assert data["cert_unique_id"] not in {unique_id, foreign}
        assert foreign not in await mount.list("certs/web")
        assert len(renewals_of(simulator)) == 1
        with pytest.raises(BadRequestError):
            await mount.write(f"revoke/web/{foreign}", {"sectigo_reason": "superseded"})

    async def test_in_another_entry_of_the_mount_it_is_not_taken_either(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure("other")
        unique_id = await due(mount)
        simulator.faults.add("renew", "status", status=502)
        await read(mount, unique_id)
        foreign = (await mount.enroll("other"))["cert_unique_id"]
        await pass_time(30 * MINUTE, mount)
        assert (await read(mount, unique_id))["cert_unique_id"] not in {unique_id, foreign}
        assert foreign not in await mount.list("certs/web")
        assert (await read(mount, foreign, "other"))["renewed_from"] == ""

    async def test_beside_a_renewal_that_scm_did_take_the_right_one_is_found(
        self, mount: Mount, other: Mount, simulator: Simulator
    ) -> None:
        unique_id = await due(mount)
        simulator.faults.add("renew", "drop_after")
        await read(mount, unique_id)
        ours = ids_at_scm(simulator)[-1]
        foreign = (await other.enroll())["cert_unique_id"]
        await pass_time(3 * MINUTE, mount)
        assert (await read(mount, unique_id))["cert_unique_id"] == ours != foreign
        assert len(simulator.orders) == 3

    async def test_with_the_very_same_csr_it_is_told_by_its_mark(
        self, mount: Mount, other: Mount, simulator: Simulator
    ) -> None:
        """Two mounts share a key; the other one's enrolment is no renewal of ours, though its key is."""
        first = await mount.enroll()
        mount.clock.advance(days=360)
        simulator.faults.add("renew", "status", status=502)
        await read(mount, first["cert_unique_id"])
        foreign = (await other.enroll(sectigo_csr=first["csr"], sectigo_private_key=first["private_key"]))[
            "cert_unique_id"
        ]
        await pass_time(30 * MINUTE, mount)
        assert foreign not in await mount.list("certs/web")
        assert (await read(mount, first["cert_unique_id"]))["cert_unique_id"] not in {
            first["cert_unique_id"],
            foreign,
        }

    async def test_that_never_becomes_a_certificate_stops_no_renewal_for_ever(
        self, mount: Mount, other: Mount, simulator: Simulator
    ) -> None:
        unique_id = await due(mount)
        simulator.faults.add("renew", "status", status=502)
        simulator.settings.auto_approve = False
        await other.enroll(sectigo_max_timeout=0)
        response = await mount.read(f"certs/web/{unique_id}")
        simulator.settings.auto_approve = True
        for _ in range(4 * 24):
            await mount.tick(3600)
        assert response is not None
        data = await read(mount, unique_id)
        assert data["cert_unique_id"] != unique_id, "it expired, and could have been renewed"
        assert len(renewals_of(simulator)) == 1


class TestLostRenewals:
    async def test_two_mounts_with_certificates_of_one_name_do_not_swap_theirs(
        self, mount: Mount, other: Mount, simulator: Simulator
    ) -> None:
        one = await mount.enroll()
        two = await other.enroll()
        mount.clock.advance(days=360)
        simulator.faults.add("renew", "drop_after", times=2)
        await asyncio.gather(read(mount, one["cert_unique_id"]), read(other, two["cert_unique_id"]))
        await pass_time(20 * MINUTE, mount, other)
        for mounted, old in ((mount, one), (other, two)):
            data = await read(mounted, old["cert_unique_id"])
            assert data["cert_unique_id"] != old["cert_unique_id"]
            assert data["private_key"] == old["private_key"]
        assert len(simulator.orders) == 4

    async def test_two_certificates_of_one_name_in_one_entry_get_their_own(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        one, two = await mount.enroll(), await mount.enroll()
        mount.clock.advance(days=360)
        simulator.faults.add("renew", "status", status=502)
        await read(mount, one["cert_unique_id"])
        assert (await read(mount, two["cert_unique_id"]))["private_key"] == two["private_key"]
        await pass_time(20 * MINUTE, mount)
        assert (await read(mount, one["cert_unique_id"]))["private_key"] == one["private_key"]
        assert len(renewals_of(simulator)) == 2

    async def test_one_that_is_issued_late_is_found_and_not_ordered_again(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        unique_id = await due(mount)
        simulator.faults.add("renew", "drop_after")
        simulator.settings.never_issue = True
        await read(mount, unique_id)
        for _ in range(24):
            await mount.tick(3600)
        simulator.settings.never_issue = False
        await pass_time(2 * 60 * MINUTE, mount)
        assert (await read(mount, unique_id))["cert_unique_id"] == ids_at_scm(simulator)[-1]
        assert len(simulator.orders) == 2

    async def test_one_whose_chain_began_with_a_deleted_certificate_is_told_by_its_mark_before_it_is_issued(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        first = (await mount.enroll())["cert_unique_id"]
        second = answered(await mount.write(f"renew/web/{first}", {}))["cert_unique_id"]
        await mount.delete(f"certs/web/{first}")
        simulator.settings.never_issue = True
        simulator.faults.add("renew", "drop_after")
        await mount.write(f"renew/web/{second}", {})
        await pass_time(MINUTE, mount)
        third = ids_at_scm(simulator)[-1]
        assert (await read(mount, third))["renewed_from"] == second
        assert len(simulator.orders) == 3

    async def test_one_of_a_certificate_deleted_and_fetched_again_is_found_with_its_new_key(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        first = (await mount.enroll())["cert_unique_id"]
        second = answered(await mount.write(f"renew/web/{first}", {}))["cert_unique_id"]
        await mount.delete(f"certs/web/{second}")
        await mount.write(f"fetch/web/{second.partition('_')[0]}", {})
        simulator.faults.add("renew", "drop_after")
        lost = answered(await mount.write(f"renew/web/{second}", {"sectigo_renew_new_key": True}))
        assert lost["status"] == "Unsettled"
        await pass_time(30 * MINUTE, mount)
        assert (await read(mount, ids_at_scm(simulator)[-1]))["private_key"] == lost["private_key"]
        assert len(simulator.orders) == 3

    async def test_while_it_is_open_no_answer_says_that_nothing_was_bought(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        unique_id = await due(mount)
        simulator.faults.add("renew", "drop_after")
        simulator.settings.never_issue = True
        for _ in range(30):
            text = warnings_of(await mount.read(f"certs/web/{unique_id}"))
            assert "nothing was bought" not in text
            assert "never took" not in text
            await mount.tick(60)
        assert len(simulator.orders) == 2

    @pytest.mark.parametrize("operation", ["list", "details", "collect"])
    async def test_an_scm_that_answers_pages_leaves_it_open(
        self, operation: str, mount: Mount, simulator: Simulator
    ) -> None:
        unique_id = await due(mount)
        simulator.faults.add("renew", "page", status=403, booked=True)
        await read(mount, unique_id)
        simulator.faults.add(operation, "page", status=200, times=None)
        await pass_time(30 * MINUTE, mount)
        simulator.faults.clear()
        await pass_time(15 * MINUTE, mount)
        assert (await read(mount, unique_id))["cert_unique_id"] == ids_at_scm(simulator)[-1]
        assert len(simulator.orders) == 2

    @pytest.mark.parametrize("status", [302, 403, 404, 200, 502])
    @pytest.mark.parametrize("is_booked", [False, True])
    async def test_a_page_in_place_of_an_answer_costs_one_renewal(
        self, status: int, is_booked: bool, mount: Mount, simulator: Simulator
    ) -> None:
        unique_id = await due(mount)
        simulator.faults.add("renew", "page", status=status, booked=is_booked)
        await read(mount, unique_id)
        for _ in range(8):
            await mount.tick(3600)
        assert (await read(mount, unique_id))["cert_unique_id"] != unique_id
        assert len(renewals_of(simulator)) == 1


class TestDeclinedRenewals:
    async def test_one_is_tried_again_behind_a_pause_and_its_reason_is_told(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        unique_id = await due(mount)
        simulator.settings.auto_approve = False
        await mount.tick(60)
        simulator.orders.decline(list(simulator.orders)[-1])
        simulator.settings.auto_approve = True
        await pass_time(3 * MINUTE, mount)
        response = await mount.read(f"certs/web/{unique_id}")
        assert "declined" in warnings_of(response).lower()
        assert len(simulator.orders) == 2
        await pass_time(65 * MINUTE, mount)
        assert (await read(mount, unique_id))["cert_unique_id"] == ids_at_scm(simulator)[-1]
        assert len(simulator.orders) == 3

    @pytest.mark.long
    async def test_always_declined_they_are_ordered_less_and_less_often(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await due(mount)
        mount.clock.advance(days=-2)
        mount.clock.advance(days=0.5)
        simulator.settings.auto_approve = False
        for _ in range(4 * 24 * 60 // 5):
            await mount.tick(300)
            for order in simulator.orders:
                if order.approved_at is None and order.declined_at is None:
                    simulator.orders.decline(order)
        assert len(renewals_of(simulator)) <= 1 + 5 + 4  # an hour, two, four, eight, sixteen, and a day each

    async def test_a_refused_one_is_tried_after_an_hour_doubling_to_a_day(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await due(mount)
        simulator.faults.add("renew", "status", status=400, code=-180, description="not renewable", times=None)
        simulator.calls.clear()
        for _ in range(3 * 24 * 6):
            await mount.tick(600)
        assert simulator.calls.count("renew") == 0 + len([0, 1, 3, 7, 15, 31, 55])


class TestSnapshots:
    async def test_an_older_one_buys_no_second_renewal(self, mount: Mount, simulator: Simulator) -> None:
        unique_id = await due(mount, sectigo_expiry_window=3)
        snapshot = mount.storage.snapshot()
        mount.clock.advance(days=2.5)
        await pass_time(3 * MINUTE, mount)
        assert len(simulator.orders) == 2
        await mount.go_back_to(snapshot)
        await pass_time(5 * MINUTE, mount)
        assert (await read(mount, unique_id))["cert_unique_id"] == ids_at_scm(simulator)[-1]
        assert len(simulator.orders) == 2

    async def test_one_of_a_year_ago_finds_the_newest_of_the_chain(self, mount: Mount, simulator: Simulator) -> None:
        simulator.settings.validity_seconds = 30 * 86_400
        unique_id = str((await mount.enroll())["cert_unique_id"])
        snapshot = mount.storage.snapshot()
        for _ in range(12 * 30):
            await mount.tick(86_400)
        number = len(simulator.orders)
        assert number > 12
        await mount.go_back_to(snapshot)
        await pass_time(5 * MINUTE, mount)
        assert (await read(mount, unique_id))["cert_unique_id"] == ids_at_scm(simulator)[number - 1]
        assert len(simulator.orders) == number

    async def test_a_renewal_with_another_key_made_after_it_holds_the_next_and_says_what_to_do(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        unique_id = await due(mount)
        snapshot = mount.storage.snapshot()
        await mount.write(f"renew/web/{unique_id}", {"sectigo_renew_new_key": True})
        await mount.go_back_to(snapshot)
        await pass_time(5 * MINUTE, mount)
        assert len(simulator.orders) == 2
        response = await mount.read(f"certs/web/{unique_id}")
        assert "SCM says that the certificate was renewed already" in warnings_of(response)
        assert "fetch/" in warnings_of(response)
        await mount.write(f"renew/web/{unique_id}", {})
        assert len(simulator.orders) == 3

    async def test_a_successor_that_is_adopted_shortly_before_its_end_is_renewed_too(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        """Its life is a day, whenever the older snapshot has learned of it."""
        simulator.settings.validity_seconds = 86_400
        await mount.enroll()
        mount.clock.advance(hours=17)
        snapshot = mount.storage.snapshot()
        await pass_time(2 * MINUTE, mount)
        mount.clock.advance(hours=23)
        await mount.go_back_to(snapshot)
        mount.clock.advance(minutes=10)
        assert len(simulator.orders) == 2
        await pass_time(45 * MINUTE, mount)
        assert len(simulator.orders) == 3, "it expired, and could have been renewed"

    async def test_a_suspension_that_the_snapshot_does_not_know_is_no_matter_of_certificates(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        """What was stored behind the snapshot is gone, and its orders stay at SCM alone; none is bought again."""
        unique_id = await due(mount)
        snapshot = mount.storage.snapshot()
        new = (await mount.enroll(sectigo_csr_domain="new.example.test"))["cert_unique_id"]
        await mount.go_back_to(snapshot)
        await pass_time(3 * MINUTE, mount)
        data = answered(await mount.write(f"fetch/web/{new.partition('_')[0]}", {}))
        assert (data["status"], data["private_key"]) == ("Issued", "")
        assert (await read(mount, unique_id))["cert_unique_id"] != unique_id
        assert len(simulator.orders) == 3


class TestTwins:
    async def test_one_certificate_under_two_entries_is_renewed_once(self, mount: Mount, simulator: Simulator) -> None:
        await mount.configure("twin")
        data = await mount.enroll()
        scm_id = data["cert_unique_id"].partition("_")[0]
        await mount.write(f"fetch/twin/{scm_id}", {"sectigo_private_key": data["private_key"]})
        mount.clock.advance(days=360)
        simulator.settings.latency = 0.3
        await pass_time(5 * MINUTE, mount)
        newest = ids_at_scm(simulator)[-1]
        for name in ("web", "twin"):
            held = await read(mount, data["cert_unique_id"], name)
            assert (held["cert_unique_id"], held["private_key"]) == (newest, data["private_key"])
        assert len(simulator.orders) == 2

    async def test_one_certificate_in_two_mounts_is_renewed_once(
        self, mount: Mount, other: Mount, simulator: Simulator
    ) -> None:
        data = await mount.enroll()
        scm_id = data["cert_unique_id"].partition("_")[0]
        await other.write(f"fetch/web/{scm_id}", {"sectigo_private_key": data["private_key"]})
        mount.clock.advance(days=360)
        await pass_time(5 * MINUTE, mount, other)
        newest = ids_at_scm(simulator)[-1]
        for mounted in (mount, other):
            assert (await read(mounted, data["cert_unique_id"]))["cert_unique_id"] == newest
        assert len(simulator.orders) == 2

    async def test_reads_of_both_at_once_order_once(self, mount: Mount, simulator: Simulator) -> None:
        await mount.configure("twin")
        data = await mount.enroll()
        scm_id = data["cert_unique_id"].partition("_")[0]
        await mount.write(f"fetch/twin/{scm_id}", {"sectigo_private_key": data["private_key"]})
        mount.clock.advance(days=360)
        simulator.settings.latency = 0.3
        await asyncio.gather(*(read(mount, data["cert_unique_id"], name) for name in ("web", "twin", "web", "twin")))
        assert len(simulator.orders) == 2

    @pytest.mark.parametrize("certificate_type", ["ssl_cert", "client_cert"])
    @pytest.mark.parametrize("is_pending", [False, True])
    async def test_reads_in_two_mounts_at_once_order_once(
        self, certificate_type: str, is_pending: bool, mount: Mount, other: Mount, simulator: Simulator
    ) -> None:
        name = await configured(mount, certificate_type)
        await configured(other, certificate_type)
        unique_id = await enrolled_and_due(mount, name)
        await other.write(f"fetch/{name}/{unique_id.partition('_')[0]}", {})
        simulator.settings.latency = 0.2
        simulator.settings.never_issue = is_pending
        await asyncio.gather(*(read(mounted, unique_id, name) for mounted in (mount, other, mount, other)))
        assert len(simulator.orders) == 2
        simulator.settings.never_issue = False
        await pass_time(65 * MINUTE, mount, other)
        mine, others = [(await read(mounted, unique_id, name))["cert_unique_id"] for mounted in (mount, other)]
        assert mine == others != unique_id
        assert len(simulator.orders) == 2

    async def test_a_certificate_that_was_renewed_elsewhere_and_is_fetched_here_is_not_renewed_again(
        self, mount: Mount, other: Mount, simulator: Simulator
    ) -> None:
        old = await due(mount)
        data = await read(mount, old)
        assert data["cert_unique_id"] != old
        response = await other.write(f"fetch/web/{old.partition('_')[0]}", {"sectigo_private_key": data["private_key"]})
        await pass_time(3 * MINUTE, other)
        assert answered(response)["status"] in {"Issued", "Renewed"}
        assert (await read(other, old))["cert_unique_id"] == data["cert_unique_id"]
        assert len(simulator.orders) == 2


class TestDeletedRenewals:
    """What somebody has deleted is not ordered again unasked, and whoever reads the old certificate is told."""

    @pytest.fixture
    async def old(self, mount: Mount) -> str:
        unique_id = await due(mount)
        new = (await read(mount, unique_id))["cert_unique_id"]
        await mount.delete(f"certs/web/{new}")
        return unique_id

    async def test_a_read_and_the_status_say_what_can_be_done(
        self, old: str, mount: Mount, simulator: Simulator
    ) -> None:
        new = ids_at_scm(simulator)[-1]
        await pass_time(3 * MINUTE, mount)
        response = await mount.read(f"certs/web/{old}")
        assert answered(response)["cert_unique_id"] == old
        text = warnings_of(response)
        assert f"its renewal {new} is not stored any more, and it is not renewed automatically again" in text
        assert f"fetch/web/{new.partition('_')[0]} brings it back, and renew/web/{old} orders another one" in text
        warnings = answered(await mount.read("status"))["warnings"]
        assert any(warning.startswith(f"web/{old}: its renewal {new} is not stored") for warning in warnings)
        assert len(simulator.orders) == 2

    async def test_a_fetch_brings_it_back(self, old: str, mount: Mount, simulator: Simulator) -> None:
        new = ids_at_scm(simulator)[-1]
        await mount.write(f"fetch/web/{new.partition('_')[0]}", {})
        response = await mount.read(f"certs/web/{old}")
        assert answered(response)["cert_unique_id"] == new
        assert "not stored any more" not in warnings_of(response)
        assert len(simulator.orders) == 2

    @pytest.mark.parametrize("is_pending", [False, True])
    async def test_a_renew_write_orders_another_one(
        self, is_pending: bool, old: str, mount: Mount, simulator: Simulator
    ) -> None:
        simulator.settings.never_issue = is_pending
        await mount.write(f"renew/web/{old}", {"sectigo_max_timeout": 5})
        simulator.settings.never_issue = False
        await pass_time(3 * MINUTE, mount)
        response = await mount.read(f"certs/web/{old}")
        assert answered(response)["cert_unique_id"] == ids_at_scm(simulator)[-1]
        assert not warnings_of(response)
        with pytest.raises(BadRequestError, match="renewed already"):
            await mount.write(f"renew/web/{old}", {})
        assert len(simulator.orders) == 3

    async def test_whose_answer_is_lost_is_found(self, old: str, mount: Mount, simulator: Simulator) -> None:
        simulator.faults.add("renew", "drop_after")
        await mount.write(f"renew/web/{old}", {})
        await pass_time(15 * MINUTE, mount)
        assert (await read(mount, old))["cert_unique_id"] == ids_at_scm(simulator)[-1]
        assert len(simulator.orders) == 3

    async def test_that_scm_refuses_leaves_automatic_renewals_off(
        self, old: str, mount: Mount, simulator: Simulator
    ) -> None:
        simulator.faults.add("renew", "status", status=400, code=-180, description="not renewable")
        with pytest.raises(BadRequestError):
            await mount.write(f"renew/web/{old}", {})
        for _ in range(48):
            await mount.tick(3600)
        assert len(simulator.orders) == 2


class TestPendingTwins:
    """A client certificate under two entries: SCM's list does not say that it was renewed, and no key shows yet."""

    @pytest.fixture
    async def twin(self, mount: Mount, simulator: Simulator) -> str:
        for name in ("pa", "pb"):
            await configured(mount, "client_cert", name)
        data = await mount.enroll_client("pa", sectigo_client_cert_validity=365)
        unique_id = str(data["cert_unique_id"])
        key = {"sectigo_private_key": data["private_key"]}
        await mount.write(f"fetch/pb/{unique_id.partition('_')[0]}", key)
        mount.clock.advance(days=360)
        simulator.settings.never_issue = True
        return unique_id

    async def test_the_second_is_held_and_takes_the_firsts_renewal_once_that_is_issued(
        self, twin: str, mount: Mount, simulator: Simulator
    ) -> None:
        assert "is being renewed as" in warnings_of(await mount.read(f"certs/pa/{twin}"))
        for _ in range(3):
            text = warnings_of(await mount.read(f"certs/pb/{twin}"))
            assert "whether one of them is the renewal shows when it is" in text
            await mount.tick(60)
        assert len(simulator.orders) == 2
        simulator.settings.never_issue = False
        await pass_time(65 * MINUTE, mount)
        new = ids_at_scm_of_clients(simulator)[-1]
        for name in ("pa", "pb"):
            assert (await read(mount, twin, name))["cert_unique_id"] == new
        assert len(simulator.orders) == 2

    async def test_both_read_at_once_order_once(self, twin: str, mount: Mount, simulator: Simulator) -> None:
        simulator.settings.latency = 0.2
        await asyncio.gather(*(read(mount, twin, name) for name in ("pa", "pb", "pa", "pb")))
        assert len(simulator.orders) == 2

    async def test_the_firsts_renewal_brought_in_by_its_number_is_waited_for(
        self, twin: str, mount: Mount, simulator: Simulator
    ) -> None:
        await read(mount, twin, "pa")
        new = ids_at_scm_of_clients(simulator)[-1]
        await mount.write(f"fetch/pb/{new.partition('_')[0]}", {"sectigo_max_timeout": 0})
        await read(mount, twin, "pb")
        assert len(simulator.orders) == 2
        simulator.settings.never_issue = False
        await pass_time(65 * MINUTE, mount)
        assert (await read(mount, twin, "pb"))["cert_unique_id"] == new
        assert len(simulator.orders) == 2

    async def test_what_stays_open_does_not_let_the_second_expire(
        self, twin: str, mount: Mount, simulator: Simulator
    ) -> None:
        await read(mount, twin, "pa")
        orders = []
        for _ in range(4 * 24):
            await mount.tick(3600)
            orders.append(len(simulator.orders))
        assert (orders[47], orders[-1]) == (2, 3)

    async def test_a_renew_write_is_not_held(self, twin: str, mount: Mount, simulator: Simulator) -> None:
        await read(mount, twin, "pa")
        await read(mount, twin, "pb")
        await mount.write(f"renew/pb/{twin}", {"sectigo_max_timeout": 0})
        assert len(simulator.orders) == 3

    async def test_of_one_day_dated_back_the_second_is_renewed_with_time_left(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        for name in ("pa", "pb"):
            await configured(mount, "client_cert", name)
            await mount.write(f"configs/{name}", {"sectigo_suspend_renewals": True})
        simulator.settings.backdated_seconds = 72_000
        day = {"sectigo_client_cert_type": 603, "sectigo_client_cert_validity": 1}
        unique_id = str((await mount.enroll_client("pa", **day))["cert_unique_id"])
        await mount.write(f"fetch/pb/{unique_id.partition('_')[0]}", {})
        simulator.settings.backdated_seconds, simulator.settings.never_issue = 0, True
        for name in ("pa", "pb"):
            await mount.write(f"configs/{name}", {"sectigo_suspend_renewals": False, "sectigo_max_timeout": 0})
            await mount.read(f"certs/{name}/{unique_id}")
        await pass_time(115 * MINUTE, mount)
        assert len(simulator.orders) == 2
        await pass_time(10 * MINUTE, mount)
        assert len(simulator.orders) == 3, "it expires in less than two hours"


class TestOddIds:
    """An SCM that gives one id twice: what is stored is not overwritten, and nobody is told that it is his."""

    async def test_of_an_enrolment_that_is_anothers_already(self, mount: Mount, simulator: Simulator) -> None:
        first = await mount.enroll(sectigo_csr_domain="a.example.test")
        scm_id = first["cert_unique_id"].partition("_")[0]
        simulator.faults.add("enroll", "body", status=200, body=f'{{"sslId": {scm_id}}}', booked=False)
        response = await mount.write("enroll/web", {**ORDER, "sectigo_csr_domain": "b.example.test"})
        assert answered(response)["status"] == "Unsettled"
        assert "its id could not be stored" in warnings_of(response)
        await pass_time(3 * MINUTE, mount)
        held = await read(mount, first["cert_unique_id"])
        assert (held["domain"], held["private_key"]) == ("a.example.test", first["private_key"])

    async def test_of_a_renewal_that_is_anothers_already(self, mount: Mount, simulator: Simulator) -> None:
        first = await mount.enroll(sectigo_csr_domain="a.example.test", sectigo_auto_renew=False)
        unique_id = await due(mount, sectigo_csr_domain="d.example.test")
        scm_id = first["cert_unique_id"].partition("_")[0]
        simulator.faults.add("renew", "body", status=200, body=f'{{"sslId": {scm_id}}}', booked=True)
        response = await mount.read(f"certs/web/{unique_id}")
        assert answered(response)["cert_unique_id"] == unique_id
        await pass_time(30 * MINUTE, mount)
        data = await read(mount, unique_id)
        assert (data["cert_unique_id"], data["domain"]) == (ids_at_scm(simulator)[-1], "d.example.test")
        assert (await read(mount, first["cert_unique_id"]))["private_key"] == first["private_key"]
        assert len(simulator.orders) == 3


class TestWrongIdsOfRenewals:
    """What SCM names cannot be the renewal: the answer counts as lost."""

    @pytest.mark.parametrize("whose", ["its own", "an older one", "a fetched one", "one of another entry"])
    @pytest.mark.parametrize("is_booked", [False, True])
    async def test_it_is_not_taken_and_the_right_one_is_found_or_ordered(
        self, whose: str, is_booked: bool, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure("other")
        older = (await mount.enroll("other", sectigo_csr_domain="a.example.test"))["cert_unique_id"]
        unique_id = str((await mount.enroll())["cert_unique_id"])
        newer = (await mount.enroll("other", sectigo_csr_domain="b.example.test"))["cert_unique_id"]
        named = {"its own": unique_id, "an older one": older}.get(whose, newer).partition("_")[0]
        if whose == "a fetched one":
            await mount.write(f"fetch/web/{named}", {"sectigo_auto_renew": False})
        await mount.write("configs/other", {"sectigo_suspend_renewals": True})
        mount.clock.advance(days=359)
        simulator.faults.add("renew", "body", status=200, body=f'{{"sslId": {named}}}', booked=is_booked)
        await read(mount, unique_id)
        for _ in range(5 * 24):
            await mount.tick(3600)
        held = await read(mount, unique_id)
        assert held["cert_unique_id"] == ids_at_scm(simulator)[-1]
        assert held["domain"] == "web.example.test"
        assert len(simulator.orders) == 4

    async def test_while_it_is_open_the_status_says_so(self, mount: Mount, simulator: Simulator) -> None:
        await mount.configure("other", sectigo_suspend_renewals=True)
        unique_id = str((await mount.enroll())["cert_unique_id"])
        newer = (await mount.enroll("other", sectigo_csr_domain="b.example.test"))["cert_unique_id"]
        mount.clock.advance(days=359)
        wrong = f'{{"sslId": {newer.partition("_")[0]}}}'
        simulator.faults.add("renew", "body", status=200, body=wrong, booked=False)
        await read(mount, unique_id)
        await pass_time(5 * MINUTE, mount)
        warnings = answered(await mount.read("status"))["warnings"]
        assert any(text.startswith(f"web/{unique_id}: its renewal {newer} could not be") for text in warnings)
        assert renewals_of(simulator) == []


class TestRenewWrites:
    async def test_beside_somebody_elses_order_one_is_ordered_once_it_is_known_that_none_was_taken(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        await mount.configure("other")
        unique_id = await due(mount)
        simulator.faults.add("renew", "status", status=502)
        await read(mount, unique_id)
        foreign = (await mount.enroll("other"))["cert_unique_id"]
        await pass_time(5 * MINUTE, mount)
        early = answered(await mount.write(f"renew/web/{unique_id}", {}))
        assert early["status"] == "Unsettled", "SCM may take the first one still"
        assert len(renewals_of(simulator)) == 0
        await pass_time(10 * MINUTE, mount)
        data = answered(await mount.write(f"fetch/web/{foreign.partition('_')[0]}", {"sectigo_auto_renew": False}))
        assert data["private_key"] == ""
        held = await read(mount, unique_id)
        assert held["cert_unique_id"] not in {unique_id, foreign}
        assert len(renewals_of(simulator)) == 1

    async def test_two_at_once_order_one_renewal(self, mount: Mount, simulator: Simulator) -> None:
        unique_id = str((await mount.enroll())["cert_unique_id"])
        simulator.settings.latency = 0.5
        flags: list[Mapping[str, object]] = [{}, {"sectigo_max_timeout": 5}, {"sectigo_auto_renew": True}]
        writes = [mount.write(f"renew/web/{unique_id}", flag) for flag in flags]
        results = await asyncio.gather(*writes, return_exceptions=True)
        assert len(simulator.orders) == 2
        assert any(isinstance(result, Response) for result in results)


class TestFetchedAgain:
    """A certificate whose record was deleted, and that is brought in anew beside its renewal."""

    @pytest.mark.parametrize("certificate_type", ["ssl_cert", "client_cert"])
    async def test_it_is_linked_with_the_renewal_that_is_stored(
        self, certificate_type: str, mount: Mount, simulator: Simulator
    ) -> None:
        name = await configured(mount, certificate_type)
        old = await enrolled_and_due(mount, name)
        new = (await read(mount, old, name))["cert_unique_id"]
        for _ in range(3):
            await mount.delete(f"certs/{name}/{old}")
            await mount.write(f"fetch/{name}/{old.partition('_')[0]}", {})
            response = await mount.read(f"certs/{name}/{old}")
            assert answered(response)["cert_unique_id"] == new
            assert "not known here" not in warnings_of(response)
        held = await read(mount, old, name, sectigo_read_renewed_cert=False)
        assert (held["cert_unique_id"], held["renewed_to"]) == (old, new)
        assert len(simulator.orders) == 2

    @pytest.mark.parametrize("certificate_type", ["ssl_cert", "client_cert"])
    async def test_it_is_linked_with_one_that_is_not_issued_yet(
        self, certificate_type: str, mount: Mount, simulator: Simulator
    ) -> None:
        name = await configured(mount, certificate_type)
        old = await enrolled_and_due(mount, name)
        simulator.settings.never_issue = True
        await mount.tick(60)
        await mount.delete(f"certs/{name}/{old}")
        await mount.write(f"fetch/{name}/{old.partition('_')[0]}", {})
        response = await mount.read(f"certs/{name}/{old}")
        assert "is being renewed as" in warnings_of(response)
        simulator.settings.never_issue = False
        await pass_time(3 * MINUTE, mount)
        assert (await read(mount, old, name))["cert_unique_id"] != old
        assert len(simulator.orders) == 2

    async def test_it_is_linked_with_the_newest_of_a_chain_whose_middle_is_gone(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        name = await configured(mount, "client_cert")
        old = await enrolled_and_due(mount, name)
        middle = (await read(mount, old, name))["cert_unique_id"]
        newest = answered(await mount.write(f"renew/{name}/{middle}", {}))["cert_unique_id"]
        for unique_id in (old, middle):
            await mount.delete(f"certs/{name}/{unique_id}")
        await mount.write(f"fetch/{name}/{old.partition('_')[0]}", {})
        assert (await read(mount, old, name))["cert_unique_id"] == newest
        assert len(simulator.orders) == 3

    async def test_the_renewal_of_another_certificate_with_its_key_is_not_taken(
        self, mount: Mount, simulator: Simulator
    ) -> None:
        name = await configured(mount, "client_cert")
        one = await mount.enroll_client(name)
        two = await mount.enroll_client(name, sectigo_csr=one["csr"], sectigo_private_key=one["private_key"])
        new = answered(await mount.write(f"renew/{name}/{two['cert_unique_id']}", {}))["cert_unique_id"]
        mount.clock.advance(days=360)
        held = await read(mount, one["cert_unique_id"], name)
        assert held["cert_unique_id"] not in {one["cert_unique_id"], two["cert_unique_id"], new}
