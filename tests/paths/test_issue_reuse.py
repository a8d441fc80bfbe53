"""Certificates under a role: when a request buys nothing, and how much a role may buy."""

import asyncio
import itertools
import json
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.issuing import NAME, issue, leaf_of, leave_pending, prepared, request, sign, written
from tests.support.mount import Mount, answered


class TestReuse:
    async def test_each_request_orders_a_certificate_of_its_own(self, mount: Mount) -> None:
        await prepared(mount, min_remaining=0)
        first, second = await issue(mount), await issue(mount)
        assert first["serial_number"] != second["serial_number"]
        assert first["private_key"] != second["private_key"]

    async def test_while_enough_life_is_left_the_stored_one_is_answered_again(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        first = await issue(mount, alt_names="b.example.test,c.example.test")
        assert await issue(mount, alt_names="c.example.test,b.example.test") == first
        await mount.restart()
        mount.clock.advance(days=334)
        assert await issue(mount, alt_names="b.example.test,c.example.test") == first
        mount.clock.advance(days=2)
        assert (await issue(mount, alt_names="b.example.test,c.example.test"))["serial_number"] != first[
            "serial_number"
        ]
        assert len(list(mount.simulator.orders)) == 2

    @pytest.mark.parametrize("changed", [{"common_name": "b.example.test"}, {"alt_names": "b.example.test"}])
    async def test_another_name_is_another_wish(self, mount: Mount, changed: dict[str, object]) -> None:
        await prepared(mount, min_remaining="30d")
        await issue(mount)
        await issue(mount, **changed)
        assert len(list(mount.simulator.orders)) == 2

    async def test_another_role_is_another_wish(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        await written(mount, "other", key_type="ec", min_remaining="30d")
        await issue(mount)
        await mount.write("issue/other", NAME)
        assert len(list(mount.simulator.orders)) == 2

    async def test_a_revoked_certificate_is_not_answered_again(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        first = await issue(mount)
        await mount.write("revoke", {"serial_number": first["serial_number"]})
        assert (await issue(mount))["serial_number"] != first["serial_number"]

    async def test_a_forgotten_certificate_is_not_answered_again(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        await issue(mount)
        (unique_id,) = await mount.list("certs/web")
        await mount.delete(f"certs/web/{unique_id}")
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 2

    async def test_one_csr_is_signed_once_while_enough_life_is_left(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        csr = request()
        assert await sign(mount, csr) == await sign(mount, csr)
        await sign(mount, request())
        assert len(list(mount.simulator.orders)) == 2


class TestRenewedByHand:
    """A `renew` write of a stored certificate, and equal requests after it."""

    @pytest.mark.parametrize("reads_renewed", [True, False])
    async def test_the_newest_renewal_is_answered(self, mount: Mount, reads_renewed: bool) -> None:
        await prepared(mount, min_remaining="30d")
        await mount.write("configs/web", {"sectigo_read_renewed_cert": reads_renewed})
        first = await issue(mount)
        (unique_id,) = await mount.list("certs/web")
        mount.clock.advance(days=340)
        renewed = answered(await mount.write(f"renew/web/{unique_id}", {}))
        for _ in range(5):
            data = await issue(mount)
            assert data["serial_number"] == renewed["serial_number"] != first["serial_number"]
            assert leaf_of(data).public_key() == load_pem_private_key(data["private_key"].encode(), None).public_key()
            mount.clock.advance(days=30)
        await mount.write(f"renew/web/{renewed['cert_unique_id']}", {})
        await mount.restart()
        assert (await issue(mount))["serial_number"] not in {first["serial_number"], renewed["serial_number"]}
        assert len(list(mount.simulator.orders)) == 3
        mount.clock.advance(days=336)
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 4

    async def test_a_renewal_under_way_is_not_bought_again(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        first = await issue(mount)
        (unique_id,) = await mount.list("certs/web")
        mount.clock.advance(days=340)
        mount.simulator.settings.never_issue = True
        await mount.write(f"renew/web/{unique_id}", {"sectigo_max_timeout": 0})
        assert await issue(mount) == first
        mount.simulator.settings.never_issue = False
        assert (await issue(mount))["serial_number"] != first["serial_number"]
        assert len(list(mount.simulator.orders)) == 2

    async def test_without_min_remaining_it_is_answered_once(self, mount: Mount) -> None:
        await prepared(mount, min_remaining=0)
        await leave_pending(mount)
        (unique_id,) = await mount.list("certs/web")
        await mount.read(f"certs/web/{unique_id}")
        renewed = answered(await mount.write(f"renew/web/{unique_id}", {}))
        assert (await issue(mount))["serial_number"] == renewed["serial_number"]
        assert (await issue(mount))["serial_number"] != renewed["serial_number"]
        assert len(list(mount.simulator.orders)) == 3

    async def test_a_csr_is_answered_with_a_renewal_of_its_own_key_only(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        csr = request()
        first = await sign(mount, csr)
        (unique_id,) = await mount.list("certs/web")
        renewed = answered(await mount.write(f"renew/web/{unique_id}", {}))
        assert (await sign(mount, csr))["serial_number"] == renewed["serial_number"]
        await mount.write(f"renew/web/{renewed['cert_unique_id']}", {"sectigo_csr": request()})
        again = await sign(mount, csr)
        assert leaf_of(again).public_key() == leaf_of(first).public_key()
        assert len(list(mount.simulator.orders)) == 4

    async def test_a_renewal_that_was_revoked_is_not_answered(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        await issue(mount)
        (unique_id,) = await mount.list("certs/web")
        renewed = answered(await mount.write(f"renew/web/{unique_id}", {}))
        await mount.write("revoke", {"serial_number": renewed["serial_number"]})
        data = await issue(mount)
        assert data["serial_number"] != renewed["serial_number"]
        assert await issue(mount) == data


class TestTerms:
    """A ttl tells no wish from another, as SCM's terms change; what is answered says what it is."""

    async def test_what_was_ordered_is_said_by_the_request_that_ordered_it_only(self, mount: Mount) -> None:
        await prepared(mount, certificate_type=502, validity=199)
        first = await mount.write("issue/shop", {**NAME, "ttl": "40d"})
        again = await mount.write("issue/shop", {**NAME, "ttl": "40d"})
        longer = await mount.write("issue/shop", {**NAME, "ttl": "190d"})
        assert first is not None
        assert again is not None
        assert longer is not None
        assert any("47 days were ordered" in warning for warning in first.warnings)
        for response in (again, longer):
            assert answered(response)["serial_number"] == answered(first)["serial_number"]
            assert not any("were ordered" in warning for warning in response.warnings)
        assert not any("nothing was ordered" in warning for warning in again.warnings)
        said = (
            "the answered certificate was ordered for 47 days by an equal request, and this one would have ordered 199"
        )
        assert any(f"nothing was ordered: {said}" in warning for warning in longer.warnings)
        assert len(list(mount.simulator.orders)) == 1

    async def test_a_certificate_of_the_profile_that_the_role_had_is_answered_with_a_warning(
        self, mount: Mount
    ) -> None:
        await prepared(mount, certificate_type=502, validity=199)
        first = await issue(mount)
        await mount.patch("roles/shop", {"certificate_type": 501, "validity": 365})
        response = await mount.write("issue/shop", NAME)
        assert response is not None
        assert answered(response)["serial_number"] == first["serial_number"]
        (warning,) = (warning for warning in response.warnings if "nothing was ordered" in warning)
        assert "ordered with certificate_type 502 by an equal request, and the role has 501 now" in warning
        assert len(list(mount.simulator.orders)) == 1

    async def test_terms_that_change_buy_nothing(self, mount: Mount) -> None:
        await prepared(mount, certificate_type=502, validity=199, min_remaining="20d")
        first = await issue(mount)
        for longest in (100, 199, 47, 100):
            mount.simulator.settings.longest_term = longest
            mount.clock.advance(hours=2)
            for ttl in ("40d", "99d", "190d"):
                assert await issue(mount, ttl=ttl) == first
        assert len(list(mount.simulator.orders)) == 1


class TestPending:
    async def test_an_order_that_is_not_issued_in_time_is_pending_and_adopted_by_an_equal_request(
        self, mount: Mount
    ) -> None:
        await prepared(mount)
        mount.simulator.settings.never_issue = True
        with pytest.raises(BadRequestError, match=r"^pending: SCM has not issued the certificate yet") as refused:
            await issue(mount)
        (unique_id,) = await mount.list("certs/web")
        assert unique_id in str(refused.value)
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        mount.simulator.settings.never_issue = False
        data = await issue(mount)
        assert leaf_of(data).public_key() == load_pem_private_key(data["private_key"].encode(), None).public_key()
        assert len(list(mount.simulator.orders)) == 1

    async def test_it_is_adopted_also_when_scm_offers_other_terms_by_then(self, mount: Mount) -> None:
        await prepared(mount, certificate_type=502, validity=199)
        mount.simulator.settings.never_issue = True
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        mount.simulator.settings.longest_term = 100
        mount.clock.advance(hours=2)
        mount.simulator.settings.never_issue = False
        await issue(mount, ttl="47d")
        assert len(list(mount.simulator.orders)) == 1

    async def test_one_that_the_background_collected_is_answered_and_not_bought_again(self, mount: Mount) -> None:
        await prepared(mount, min_remaining=0)
        await leave_pending(mount)
        await mount.tick(120)
        await mount.restart()
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 1
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 2

    async def test_many_equal_requests_at_once_are_one_order(self, mount: Mount) -> None:
        await prepared(mount)
        mount.simulator.settings.pending_polls = 2
        answers = await asyncio.gather(*(issue(mount) for _ in range(20)))
        assert len({answer["serial_number"] for answer in answers}) == 1
        assert len(list(mount.simulator.orders)) == 1

    async def test_an_order_whose_answer_was_lost_is_pending_and_settled_by_an_equal_request(
        self, mount: Mount
    ) -> None:
        await prepared(mount)
        mount.simulator.faults.add("enroll", "drop_after")
        with pytest.raises(BadRequestError, match=r"^pending: .*certs/web/order-"):
            await issue(mount)
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 1

    async def test_an_order_that_was_declined_says_why_and_when_another_is_possible(self, mount: Mount) -> None:
        await prepared(mount)
        await leave_declined(mount)
        for _ in range(2):
            with pytest.raises(BadRequestError, match=r"SCM took the order and does not issue it.* from 20.* on"):
                await issue(mount)
        (unique_id,) = await mount.list("certs/web")
        await mount.delete(f"certs/web/{unique_id}")
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 2

    async def test_a_refused_order_leaves_nothing_and_may_be_repeated(self, mount: Mount) -> None:
        await prepared(mount)
        mount.simulator.faults.add("enroll", "status", status=400, code=-727, description="no such domain")
        with pytest.raises(BadRequestError, match="SCM refused enroll"):
            await issue(mount)
        assert await mount.list("certs/web") == []
        await issue(mount)


class TestNothingBought:
    """What certainly came to nothing is ordered anew, and never in a loop."""

    async def test_an_order_that_scm_never_had_is_ordered_anew_after_an_hour(self, mount: Mount) -> None:
        await prepared(mount)
        mount.simulator.faults.add("enroll", "drop_before", times=1)
        with pytest.raises(BadRequestError, match=r"^pending: SCM has not named the order yet; .* orders nothing else"):
            await issue(mount)
        for _ in range(4):
            mount.clock.advance(minutes=14)
            with pytest.raises(BadRequestError, match=r"^pending: "):
                await issue(mount)
        assert len(list(mount.simulator.orders)) == 0
        with pytest.raises(BadRequestError, match="nothing was bought; an equal request orders another one from 20"):
            await issue(mount)
        mount.clock.advance(minutes=5)
        first = await issue(mount)
        assert await issue(mount) == first
        assert len(list(mount.simulator.orders)) == 1
        assert len(await mount.list("certs/web")) == 2, "what is known of the lost one stays readable"

    async def test_as_long_as_scm_cannot_be_asked_it_stays_pending(self, mount: Mount) -> None:
        await prepared(mount)
        mount.simulator.faults.add("enroll", "drop_before", times=1)
        mount.simulator.faults.add("list", "status", status=500, times=None)
        for _ in range(10):
            with pytest.raises(BadRequestError, match=r"^pending: SCM has not named the order yet"):
                await issue(mount)
            mount.clock.advance(days=1)
        assert len(list(mount.simulator.orders)) == 0

    async def test_one_that_scm_books_late_is_taken_up(self, mount: Mount) -> None:
        await prepared(mount)
        mount.simulator.faults.add("enroll", "drop_after", times=1)
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        mount.clock.advance(days=30)
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 1

    async def test_what_scm_declines_again_and_again_is_ordered_ever_less_often(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=0)
        mount.simulator.settings.never_issue = True
        placed: list[int] = []
        for minute in range(0, 5 * 24 * 60, 10):
            with pytest.raises(BadRequestError, match=r"^pending"):
                await issue(mount)
            if len(list(mount.simulator.orders)) > len(placed):
                placed.append(minute)
                mount.simulator.orders.decline(list(mount.simulator.orders)[-1])
            mount.clock.advance(minutes=10)
            if minute % 500 == 0:
                await mount.restart()
        hours = [round((later - earlier) / 60) for earlier, later in itertools.pairwise(placed)]
        assert hours == [1, 2, 4, 8, 16, 24, 24, 24]
        mount.simulator.settings.never_issue = False
        mount.clock.advance(days=1)
        first = await issue(mount)
        assert await issue(mount) == first

    async def test_a_success_ends_the_pauses(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        await leave_declined(mount)
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        mount.clock.advance(hours=1, minutes=1)
        await issue(mount)
        mount.clock.advance(days=340)
        await leave_declined(mount)
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        mount.clock.advance(hours=1, minutes=1)
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 4

    async def test_an_order_that_the_role_has_no_room_for_begins_no_new_count(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=1)
        await leave_declined(mount)
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        mount.clock.advance(hours=2)
        with pytest.raises(BadRequestError, match="max_orders_per_day is 1"):
            await issue(mount)
        mount.clock.advance(days=1)
        await leave_declined(mount)
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        await written(mount, key_type="ec")
        mount.clock.advance(hours=1, minutes=30)
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        mount.clock.advance(minutes=31)
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 3

    async def test_many_at_once_order_one(self, mount: Mount) -> None:
        await prepared(mount)
        await leave_declined(mount)
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        mount.clock.advance(hours=2)
        answers = await asyncio.gather(*(issue(mount) for _ in range(20)))
        assert len({answer["serial_number"] for answer in answers}) == 1
        assert len(list(mount.simulator.orders)) == 2

    async def test_a_clock_that_goes_back_does_not_hold_it_for_ever(self, mount: Mount) -> None:
        await prepared(mount)
        mount.clock.advance(days=300)
        await leave_declined(mount)
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        mount.clock.advance(days=-300)
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 2


async def leave_declined(mount: Mount) -> None:
    """Ask for a certificate that somebody declines at SCM."""
    mount.simulator.settings.never_issue = True
    with pytest.raises(BadRequestError, match=r"^pending"):
        await issue(mount)
    mount.simulator.orders.decline(list(mount.simulator.orders)[-1], message="no")
    mount.simulator.settings.never_issue = False


class TestQuota:
    async def test_no_more_are_ordered_than_the_role_has_for_the_day(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=2, min_remaining=0)
        await issue(mount)
        await issue(mount)
        with pytest.raises(BadRequestError, match="has ordered 2 certificates today"):
            await issue(mount)
        await mount.restart()
        with pytest.raises(BadRequestError, match="max_orders_per_day is 2"):
            await issue(mount)
        mount.clock.advance(days=1)
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 3

    async def test_many_at_once_do_not_slip_through(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=3)
        hosts = [f"h{number}.example.test" for number in range(12)]
        ends = await asyncio.gather(*(issue(mount, common_name=host) for host in hosts), return_exceptions=True)
        assert sum(isinstance(end, BadRequestError) for end in ends) == 9
        assert len(list(mount.simulator.orders)) == 3

    async def test_an_answer_from_storage_and_a_refused_order_do_not_count(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=1, min_remaining="30d")
        mount.simulator.faults.add("enroll", "status", status=400, code=-727, description="no such domain")
        with pytest.raises(BadRequestError, match="SCM refused"):
            await issue(mount)
        await issue(mount)
        await issue(mount)
        with pytest.raises(BadRequestError, match="max_orders_per_day"):
            await issue(mount, common_name="b.example.test")

    async def test_a_lost_answer_counts(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=1)
        mount.simulator.faults.add("enroll", "drop_after")
        with pytest.raises(BadRequestError, match=r"^pending"):
            await issue(mount)
        with pytest.raises(BadRequestError, match="max_orders_per_day"):
            await issue(mount, common_name="b.example.test")

    async def test_zero_lifts_the_limit_that_is_there_by_default(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=0)
        for number in range(12):
            await issue(mount, common_name=f"h{number}.example.test")
        assert len(list(mount.simulator.orders)) == 12

    async def test_deleting_or_rewriting_a_role_gives_it_no_second_budget(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=2)
        for number in range(2):
            await issue(mount, common_name=f"h{number}.example.test")
        await written(mount, key_type="ec", max_orders_per_day=2)
        with pytest.raises(BadRequestError, match="max_orders_per_day is 2"):
            await issue(mount)
        await mount.delete("roles/shop")
        await written(mount, key_type="ec", max_orders_per_day=2)
        with pytest.raises(BadRequestError, match="max_orders_per_day is 2"):
            await issue(mount)
        mount.clock.advance(days=1)
        await issue(mount)

    async def test_the_refusal_says_when_the_next_order_is_possible(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=1, min_remaining=0)
        await issue(mount)
        said = "has ordered 1 certificate today .* the next order is possible from 00:00 UTC on"
        with pytest.raises(BadRequestError, match=said):
            await issue(mount)

    async def test_a_clock_that_flips_between_two_days_frees_nothing(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=2, min_remaining=0)
        for _ in range(10):
            for days in (1, -1):
                with suppress(BadRequestError):
                    await issue(mount)
                mount.clock.advance(days=days)
            await mount.restart()
        assert len(list(mount.simulator.orders)) == 2 + 2

    async def test_a_count_of_an_earlier_version_holds(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=2, min_remaining=0)
        today = mount.clock.now().date().isoformat()
        await mount.overwrite("index/role/shop", json.dumps({"v": 1, "day": today, "orders": 1}).encode())
        await mount.restart()
        await issue(mount)
        with pytest.raises(BadRequestError, match="has ordered 2 certificates today"):
            await issue(mount)

    async def test_what_a_role_ordered_without_a_limit_counts_when_it_gets_one(self, mount: Mount) -> None:
        await prepared(mount, max_orders_per_day=0)
        for number in range(3):
            await issue(mount, common_name=f"h{number}.example.test")
        await written(mount, key_type="ec", max_orders_per_day=3)
        with pytest.raises(BadRequestError, match="has ordered 3 certificates today"):
            await issue(mount)


class TestLoops:
    """A client that asks again and again: an agent whose template fails begins anew at once."""

    async def test_a_thousand_equal_requests_under_a_new_role_are_one_order(self, mount: Mount) -> None:
        await prepared(mount)
        answers = {(await issue(mount))["serial_number"] for _ in range(1000)}
        assert len(answers) == len(list(mount.simulator.orders)) == 1

    async def test_a_thousand_requests_for_new_names_are_ten_orders_a_day(self, mount: Mount) -> None:
        await prepared(mount)
        for number in range(1000):
            with suppress(BadRequestError):
                await issue(mount, common_name=f"h{number}.example.test")
        assert len(list(mount.simulator.orders)) == 10

    @pytest.mark.parametrize("says_so", ["request", "SCM"])
    async def test_a_life_shorter_than_min_remaining_is_answered_while_it_lasts(
        self, mount: Mount, says_so: str
    ) -> None:
        await prepared(mount, certificate_type=502, validity=199, min_remaining="60d", max_orders_per_day=0)
        wish: dict[str, object] = {"ttl": "47d"} if says_so == "request" else {}
        if says_so == "SCM":
            mount.simulator.settings.validity_seconds = 47 * 86_400
        for _ in range(46):
            response = await mount.write("issue/shop", {**NAME, **wish})
            mount.clock.advance(days=1)
        assert response is not None
        assert any("lives no longer than the role's min_remaining" in warning for warning in response.warnings)
        assert len(list(mount.simulator.orders)) == 1
        mount.clock.advance(days=2)
        await issue(mount, **wish)
        assert len(list(mount.simulator.orders)) == 2

    async def test_without_a_stored_key_no_life_is_promised(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="60d", no_store_key=True)
        mount.simulator.settings.validity_seconds = 47 * 86_400
        response = await mount.write("issue/shop", NAME)
        assert response is not None
        assert not any("answered to equal requests" in warning for warning in response.warnings)
        signed = await mount.write("sign/shop", {"csr": request()})
        assert signed is not None
        assert any("answered to equal requests" in warning for warning in signed.warnings)

    async def test_a_life_a_little_longer_than_min_remaining_serves_a_third_of_it(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="60d", max_orders_per_day=0)
        mount.simulator.settings.validity_seconds = 61 * 86_400
        for _ in range(61):
            await issue(mount)
            mount.clock.advance(days=1)
        assert len(list(mount.simulator.orders)) == 3
