import asyncio
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, ReadOnlyError, UnavailableError
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.certificates import key_fits, leaf_of, pem_of, public_bytes
from tests.support.mount import Mount, answered

DUE_IN_DAYS = 359  # of the 365 days that ORDER asks for, with a window of 7


async def issued(mount: Mount, **changes: Any) -> dict[str, Any]:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    return dict(await mount.enroll(**changes))


def statuses(data: Any) -> list[str]:
    return [entry["status"] for entry in data["state"]]


async def read(mount: Mount, data: Any, **parameters: object) -> Any:
    return answered(await mount.read(f"certs/web/{data['cert_unique_id']}", parameters))


async def renew(mount: Mount, data: Any, **parameters: object) -> Any:
    return answered(await mount.write(f"renew/web/{data['cert_unique_id']}", parameters))


async def test_a_renewal_has_a_new_id_and_the_old_key(mount: Mount) -> None:
    old = await issued(mount)
    new = await renew(mount, old)
    assert new["cert_unique_id"] != old["cert_unique_id"]
    assert new["private_key"] == old["private_key"]
    assert new["csr"] == old["csr"]
    assert new["serial_number"] != old["serial_number"]
    assert key_fits(new)
    assert statuses(new) == ["Applied", "Issued"]
    assert new["renewed_from"] == old["cert_unique_id"]
    assert new["renew_id"] == ""


async def test_the_old_certificate_turns_renewed_and_answers_its_successor(mount: Mount) -> None:
    old = await issued(mount)
    new = await renew(mount, old)
    assert await read(mount, old) == new
    kept = await read(mount, old, sectigo_read_renewed_cert="0")
    assert statuses(kept) == ["Applied", "Issued", "Renewed"]
    assert kept["renewed_to"] == new["cert_unique_id"]
    assert kept["serial_number"] == old["serial_number"]


async def test_a_chain_of_renewals_answers_the_newest(mount: Mount) -> None:
    first = await issued(mount)
    newest = first
    for _ in range(3):
        newest = await renew(mount, newest)
    assert await read(mount, first) == newest
    assert len(await mount.list("certs/web")) == 4


async def test_a_chain_is_answered_as_far_as_it_is_stored(mount: Mount) -> None:
    first = await issued(mount)
    second = await renew(mount, first)
    await mount.delete(f"certs/web/{second['cert_unique_id']}")
    assert (await read(mount, first))["cert_unique_id"] == first["cert_unique_id"]


async def test_renewing_a_renewed_one_names_its_successor(mount: Mount) -> None:
    old = await issued(mount)
    new = await renew(mount, old)
    with pytest.raises(BadRequestError, match=f"its successor is {new['cert_unique_id']}"):
        await renew(mount, old)


async def test_a_new_key_is_made_when_asked_for(mount: Mount) -> None:
    old = await issued(mount)
    new = await renew(mount, old, sectigo_renew_new_key=True)
    assert public_bytes(new) != public_bytes(old)
    assert new["private_key_type"] == old["private_key_type"] == "ec"
    assert key_fits(new)


async def test_a_given_key_takes_the_place_of_the_old_one(mount: Mount) -> None:
    old = await issued(mount)
    pem = pem_of(ec.generate_private_key(ec.SECP384R1()))
    new = await renew(mount, old, sectigo_private_key=pem)
    assert new["private_key"] == pem
    assert key_fits(new)
    assert leaf_of(new).subject == leaf_of(old).subject


async def test_a_renewal_that_runs_into_its_limit_answers_the_new_record(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    new = await renew(mount, old, sectigo_max_timeout=5)
    assert new["cert_unique_id"] != old["cert_unique_id"]
    assert new["certificate"] == "TimeoutStateSaved"
    response = await mount.read(f"certs/web/{old['cert_unique_id']}")
    meanwhile = answered(response)
    assert meanwhile["serial_number"] == old["serial_number"]
    assert response is not None
    assert f"is being renewed as {new['cert_unique_id']}" in response.warnings[0]
    mount.simulator.settings.never_issue = False
    assert (await read(mount, old))["cert_unique_id"] == new["cert_unique_id"]
    assert statuses(await read(mount, old, sectigo_read_renewed_cert=False))[-1] == "Renewed"


async def test_a_renewal_under_way_is_carried_on_and_never_ordered_twice(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    first = await renew(mount, old, sectigo_max_timeout=5)
    await asyncio.sleep(1)
    mount.simulator.settings.never_issue = False
    second = await renew(mount, old)
    assert second["cert_unique_id"] == first["cert_unique_id"]
    assert second["status"] == "Issued"
    assert len(list(mount.simulator.orders)) == 2


async def test_a_renewal_that_scm_rejected_is_ordered_again_by_a_write_only(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    rejected = await renew(mount, old, sectigo_max_timeout=0)
    order = mount.simulator.orders.get(rejected["ssl_id"])
    assert order is not None
    mount.simulator.orders.decline(order, message="no")
    assert (await read(mount, old))["serial_number"] == old["serial_number"]
    assert len(list(mount.simulator.orders)) == 2
    mount.simulator.settings.never_issue = False
    again = await renew(mount, old, sectigo_max_timeout=600)
    assert again["status"] == "Issued"
    assert again["cert_unique_id"] != rejected["cert_unique_id"]
    assert await read(mount, old) == again


async def test_what_cannot_be_renewed_says_why(mount: Mount) -> None:
    await mount.configure()
    pending = await mount.enroll(sectigo_max_timeout=0)
    with pytest.raises(BadRequestError, match="not issued yet, so there is nothing to renew"):
        await renew(mount, pending)
    mount.simulator.settings.pending_polls = 0
    revoked = await mount.enroll()
    await mount.write(f"revoke/web/{revoked['cert_unique_id']}", {"sectigo_reason": "gone"})
    with pytest.raises(BadRequestError, match="is revoked: order a new one"):
        await renew(mount, revoked)
    with pytest.raises(BadRequestError, match='no certificate "1_demo-customer"'):
        await renew(mount, {"cert_unique_id": "1_demo-customer"})


async def test_a_profile_that_forbids_renewals_is_told_and_leaves_the_old_certificate(mount: Mount) -> None:
    old = await issued(mount, sectigo_ssl_cert_type=505)
    with pytest.raises(BadRequestError, match=r"SCM refused renew: .* \(code -180\)"):
        await renew(mount, old)
    assert (await read(mount, old))["serial_number"] == old["serial_number"]
    assert not [key for key in mount.storage.snapshot() if key.startswith("order/")]


async def test_an_scm_that_takes_nothing_leaves_nothing(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("renew", "status", status=429, times=None)
    with pytest.raises(UnavailableError):
        await renew(mount, old)
    assert not [key for key in mount.storage.snapshot() if key.startswith("order/")]


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
async def test_a_lost_answer_is_settled_by_the_ids_listed_beforehand(mount: Mount, fault: Any) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("renew", fault)
    lost = await renew(mount, old)
    assert lost["status"] == "Unsettled"
    assert lost["cert_unique_id"].startswith("order-")
    mount.clock.advance(minutes=11)
    after = await read(mount, old)
    booked = fault == "drop_after"
    assert len(list(mount.simulator.orders)) == (2 if booked else 1)
    assert (after["cert_unique_id"] != old["cert_unique_id"]) is booked
    assert after["private_key"] == old["private_key"]
    assert not [key for key in mount.storage.snapshot() if key.startswith("order/")]


async def test_an_enrolment_of_the_same_name_is_not_taken_for_the_renewal(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("renew", "drop_before")
    await renew(mount, old)
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll()
    mount.clock.advance(minutes=11)
    assert (await read(mount, old))["cert_unique_id"] == old["cert_unique_id"]
    assert (await read(mount, lost))["private_key"] == lost["private_key"]


async def test_a_renewal_that_scm_accepts_without_naming_it_is_found(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("renew", "empty")
    await renew(mount, old)
    new = await read(mount, old)
    assert new["renewed_from"] == old["cert_unique_id"]
    assert new["status"] == "Issued"


async def test_a_due_certificate_is_renewed_by_a_read(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=357)
    mount.simulator.calls.clear()
    assert (await read(mount, old))["cert_unique_id"] == old["cert_unique_id"]
    assert len(mount.simulator.calls) == 0
    mount.clock.advance(days=2)
    new = await read(mount, old)
    assert new["renewed_from"] == old["cert_unique_id"]
    assert leaf_of(new).not_valid_after_utc > leaf_of(old).not_valid_after_utc


@pytest.mark.parametrize(
    ("enrolment", "parameters", "renewed"),
    [
        ({}, {}, True),
        ({"sectigo_auto_renew": False}, {}, False),
        ({"sectigo_auto_renew": False}, {"sectigo_auto_renew": "1"}, True),
        ({}, {"sectigo_auto_renew": "0"}, False),
        ({"sectigo_expiry_window": 3}, {}, False),
        ({"sectigo_expiry_window": 3}, {"sectigo_expiry_window": "10"}, True),
        ({}, {"sectigo_expiry_window": "1d"}, False),
    ],
)
async def test_a_reads_own_flags_win_over_the_stored_ones(
    mount: Mount, enrolment: dict[str, Any], parameters: dict[str, Any], renewed: bool
) -> None:
    old = await issued(mount, **enrolment)
    mount.clock.advance(days=DUE_IN_DAYS)
    after = await read(mount, old, **parameters)
    assert (after["cert_unique_id"] != old["cert_unique_id"]) is renewed


async def test_the_config_entrys_flags_hold_where_nobody_else_says_anything(mount: Mount) -> None:
    old = await issued(mount)
    await mount.write("configs/web", {"sectigo_auto_renew": False})
    mount.clock.advance(days=DUE_IN_DAYS)
    assert (await read(mount, old))["cert_unique_id"] == old["cert_unique_id"]
    await mount.write("configs/web", {"sectigo_auto_renew": True, "sectigo_expiry_window": 1})
    assert (await read(mount, old))["cert_unique_id"] == old["cert_unique_id"]
    await mount.write("configs/web", {"sectigo_expiry_window": ""})
    assert (await read(mount, old))["cert_unique_id"] != old["cert_unique_id"]


async def test_a_read_that_does_not_want_the_renewed_one_still_renews(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=DUE_IN_DAYS)
    kept = await read(mount, old, sectigo_read_renewed_cert="0")
    assert kept["serial_number"] == old["serial_number"]
    assert kept["status"] == "Renewed"


async def test_fifty_reads_of_a_due_certificate_are_one_order(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.pending_polls = 2
    mount.clock.advance(days=DUE_IN_DAYS)
    answers = await asyncio.gather(*(read(mount, old) for _ in range(50)))
    assert len({answer["cert_unique_id"] for answer in answers}) == 1
    assert answers[0]["cert_unique_id"] != old["cert_unique_id"]
    assert len(list(mount.simulator.orders)) == 2


async def test_a_failed_renewal_answers_the_valid_certificate_and_is_tried_again_later_and_later(mount: Mount) -> None:
    old = await issued(mount, sectigo_ssl_cert_type=505)
    mount.clock.advance(days=DUE_IN_DAYS)
    path = f"certs/web/{old['cert_unique_id']}"

    async def asked() -> int:
        mount.simulator.calls.clear()
        response = await mount.read(path)
        assert answered(response)["serial_number"] == old["serial_number"]
        assert response is not None
        assert "refused" in response.warnings[0]
        return mount.simulator.calls.count("renew")

    assert await asked() == 1
    mount.clock.advance(minutes=59)
    assert await asked() == 0
    mount.clock.advance(minutes=2)
    assert await asked() == 1
    mount.clock.advance(minutes=61)
    assert await asked() == 0
    mount.clock.advance(minutes=61)
    assert await asked() == 1


async def test_an_scm_that_is_down_does_not_fail_a_read(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=DUE_IN_DAYS)
    mount.simulator.faults.add("*", "status", status=503, times=None)
    response = await mount.read(f"certs/web/{old['cert_unique_id']}")
    assert answered(response)["serial_number"] == old["serial_number"]
    assert response is not None
    assert "is due and could not be renewed" in response.warnings[0]
    mount.simulator.faults.clear()
    assert (await read(mount, old))["renewed_from"] == old["cert_unique_id"]


async def test_an_expired_certificate_is_renewed_too(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=400)
    assert (await read(mount, old))["renewed_from"] == old["cert_unique_id"]


async def test_a_due_certificate_of_a_deleted_entry_is_answered_with_a_warning(mount: Mount) -> None:
    old = await issued(mount)
    await mount.delete("configs/web")
    mount.clock.advance(days=DUE_IN_DAYS)
    response = await mount.read(f"certs/web/{old['cert_unique_id']}")
    assert answered(response)["serial_number"] == old["serial_number"]
    assert response is not None
    assert 'no config entry named "web"' in response.warnings[0]


async def test_a_standby_forwards_a_due_renewal_before_anything_happens(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=DUE_IN_DAYS)
    mount.system.state = STANDBY
    await mount.restart()
    mount.simulator.calls.clear()
    mount.storage.writes.clear()
    with pytest.raises(ReadOnlyError):
        await read(mount, old)
    assert len(mount.simulator.calls) == 0
    assert mount.storage.writes == []


async def test_a_caller_who_hangs_up_leaves_the_renewal_to_go_on(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.pending_seconds = 20
    request = asyncio.create_task(renew(mount, old))
    await asyncio.sleep(2)
    request.cancel()
    await asyncio.sleep(60)
    mount.simulator.calls.clear()
    assert (await read(mount, old))["renewed_from"] == old["cert_unique_id"]
    assert len(mount.simulator.calls) == 0
