import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sectigo_vault_pki.lifecycle.rules.renewal_rule import shown_time
from sectigo_vault_pki.scm_simulator.faults import FaultKind
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, UnavailableError
from tests.support.certificates import key_fits
from tests.support.mount import Mount, answered

REASON = {"sectigo_reason": "superseded"}


async def issued(mount: Mount) -> dict[str, Any]:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    return dict(await mount.enroll())


async def revoke(mount: Mount, data: Any, **parameters: object) -> Any:
    return answered(await mount.write(f"revoke/web/{data['cert_unique_id']}", {**REASON, **parameters}))


async def test_a_revoked_certificate_stays_stored_and_says_so(mount: Mount) -> None:
    old = await issued(mount)
    answer = await revoke(mount, old)
    assert answer["status"] == "Revoked"
    assert answer["private_key"] == ""
    data = answered(await mount.read(f"certs/web/{old['cert_unique_id']}"))
    assert [entry["status"] for entry in data["state"]] == ["Applied", "Issued", "Revoked"]
    assert data["private_key"] == old["private_key"]
    assert data["serial_number"] == old["serial_number"]
    (order,) = mount.simulator.orders
    assert order.issued[0].revoked_at is not None
    assert order.issued[0].reason == "superseded"
    assert order.issued[0].reason_code == 4


async def test_a_text_that_is_no_word_of_rfc_5280_sets_no_code(mount: Mount) -> None:
    old = await issued(mount)
    await revoke(mount, old, sectigo_reason="the shop closed")
    (order,) = mount.simulator.orders
    assert order.issued[0].reason == "the shop closed"
    assert not order.issued[0].reason_code


async def test_revoking_twice_succeeds_and_asks_once(mount: Mount) -> None:
    old = await issued(mount)
    first = await revoke(mount, old)
    assert await revoke(mount, old) == first
    assert mount.simulator.calls.count("revoke") == 1


async def test_a_replacement_that_scm_has_issued_is_collected_first_as_that_is_what_scm_revokes(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    await mount.write(f"replace/web/{old['cert_unique_id']}", {"sectigo_reason": "rekey", "sectigo_max_timeout": 0})
    (order,) = mount.simulator.orders
    mount.simulator.orders.issue(order)
    answer = await revoke(mount, old)
    assert [entry["status"] for entry in answer["state"]][-3:] == ["Replaced", "Issued", "Revoked"]
    assert [one.revoked_at is not None for one in order.issued] == [False, True]
    data = answered(await mount.read(f"certs/web/{old['cert_unique_id']}"))
    assert int(data["serial_number"].replace(":", ""), 16) == order.issued[-1].serial_number
    assert key_fits(data)


@pytest.mark.parametrize("is_issued", [True, False])
async def test_while_a_replacement_cannot_be_collected_nothing_is_revoked(mount: Mount, is_issued: bool) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    await mount.write(f"replace/web/{old['cert_unique_id']}", {"sectigo_reason": "rekey", "sectigo_max_timeout": 0})
    (order,) = mount.simulator.orders
    if is_issued:
        mount.simulator.orders.issue(order)
        mount.simulator.faults.add("collect", "status", status=500)
    with pytest.raises(BadRequestError, match="a replacement is under way"):
        await revoke(mount, old)
    assert mount.simulator.calls.count("revoke") == 0
    mount.simulator.orders.issue(order)
    assert (await revoke(mount, old))["status"] == "Revoked"
    assert [one.revoked_at is not None for one in order.issued] == [False, True]


async def test_beside_a_replacement_that_scm_has_rejected_the_certificate_in_hand_is_asked_for(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    await mount.write(f"replace/web/{old['cert_unique_id']}", {"sectigo_reason": "rekey", "sectigo_max_timeout": 0})
    (order,) = mount.simulator.orders
    mount.simulator.orders.decline(order)
    with pytest.raises(BadRequestError, match="SCM refused revoke"):
        await revoke(mount, old)


async def test_one_that_was_revoked_at_scm_is_corrected(mount: Mount) -> None:
    old = await issued(mount)
    await mount.configure("other")
    fetched = answered(await mount.write(f"fetch/other/{old['ssl_id']}", {}))
    await revoke(mount, old)
    answer = answered(await mount.write(f"revoke/other/{fetched['cert_unique_id']}", REASON))
    assert answer["status"] == "Revoked"


async def test_a_pending_order_is_not_revoked_and_says_what_to_do(mount: Mount) -> None:
    await mount.configure()
    pending = await mount.enroll(sectigo_max_timeout=0)
    with pytest.raises(BadRequestError, match="decline the order in SCM"):
        await revoke(mount, pending)


async def test_an_scm_that_is_down_leaves_the_certificate_as_it_was(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("revoke", "status", status=503, times=None)
    with pytest.raises(UnavailableError, match="SCM is not available for revoke"):
        await revoke(mount, old)
    assert answered(await mount.read(f"certs/web/{old['cert_unique_id']}")) == old
    assert not [key for key in mount.storage.snapshot() if key.startswith("order/")]


async def test_a_revoked_certificate_is_not_renewed_when_it_is_due(mount: Mount) -> None:
    old = await issued(mount)
    await revoke(mount, old)
    mount.clock.advance(days=360)
    mount.simulator.calls.clear()
    assert answered(await mount.read(f"certs/web/{old['cert_unique_id']}"))["status"] == "Revoked"
    assert len(mount.simulator.calls) == 0


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
@pytest.mark.parametrize("is_issued", [True, False])
async def test_a_renewal_whose_answer_was_lost_is_no_obstacle_and_is_settled_later(
    mount: Mount, fault: FaultKind, is_issued: bool
) -> None:
    old = await issued(mount)
    path = old["cert_unique_id"]
    mount.simulator.settings.never_issue = not is_issued
    mount.simulator.faults.add("renew", fault)
    await mount.write(f"renew/web/{path}", {"sectigo_max_timeout": 0})
    mount.simulator.faults.add("list", "status", status=500, times=None)
    response = await mount.write(f"revoke/web/{path}", {"sectigo_reason": "keyCompromise"})
    assert answered(response)["status"] == "Revoked"
    assert response is not None
    assert any("the renewal of" in warning and "not revoked with this one" in warning for warning in response.warnings)
    first, *renewals = mount.simulator.orders
    assert first.issued[0].revoked_at is not None
    mount.simulator.faults.clear()
    mount.clock.advance(minutes=11)
    await mount.read(f"certs/web/{path}")
    for order in renewals:
        if not order.issued:
            mount.simulator.orders.issue(order)
        renewed = answered(await mount.read(f"certs/web/{order.ssl_id}_demo-customer"))
        assert (renewed["status"], renewed["renewed_from"]) == ("Issued", path)
        assert key_fits(renewed)
    data = answered(await mount.read(f"certs/web/{path}", {"sectigo_read_renewed_cert": "0"}))
    assert "Revoked" in [entry["status"] for entry in data["state"]]
    assert bool(data["renewed_to"]) is bool(renewals)
    mount.clock.advance(days=360)
    await mount.read(f"certs/web/{path}", {"sectigo_read_renewed_cert": "0"})
    assert len(list(mount.simulator.orders)) == 1 + (fault == "drop_after")
    assert not [key for key in mount.storage.snapshot() if key.startswith("order/")]


async def test_a_revocation_by_serial_number_tells_of_an_open_renewal_too(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("renew", "drop_before")
    await mount.write(f"renew/web/{old['cert_unique_id']}", {"sectigo_max_timeout": 0})
    response = await mount.write("revoke", {"serial_number": old["serial_number"]})
    assert answered(response)["state"] == "revoked"
    assert response is not None
    assert ["what became of the renewal of" in warning for warning in response.warnings] == [True]


async def test_a_revocation_beside_an_open_renewal_whose_answer_is_lost_is_made_up_for_by_asking_again(
    mount: Mount,
) -> None:
    old = await issued(mount)
    path = old["cert_unique_id"]
    mount.simulator.faults.add("renew", "drop_before")
    await mount.write(f"renew/web/{path}", {"sectigo_max_timeout": 0})
    mount.simulator.faults.add("revoke", "drop_after")
    mount.simulator.faults.add("revoke", "drop_before", times=None)
    with pytest.raises(UnavailableError, match="not available for revoke"):
        await revoke(mount, old)
    mount.simulator.faults.clear()
    assert (await revoke(mount, old))["status"] == "Revoked"


async def test_a_replacement_whose_answer_was_lost_is_an_obstacle_and_says_until_when(mount: Mount) -> None:
    old = await issued(mount)
    path = old["cert_unique_id"]
    mount.simulator.faults.add("replace", "drop_before")
    asked_at = mount.clock.now()
    await mount.write(f"replace/web/{path}", {"sectigo_reason": "rekey", "sectigo_max_timeout": 0})
    with pytest.raises(BadRequestError) as caught:
        await revoke(mount, old)
    text = str(caught.value)
    assert f"what became of the replacement of {shown_time(asked_at)} is not known yet" in text
    assert f"from {shown_time(asked_at + timedelta(minutes=10))} on" in text
    assert f"at the latest at {shown_time(asked_at + timedelta(days=3))}" in text
    assert mount.simulator.calls.count("revoke") == 0
    mount.clock.advance(minutes=10)
    assert (await revoke(mount, old))["status"] == "Revoked"


async def test_equal_revocations_at_once_ask_once(mount: Mount) -> None:
    old = await issued(mount)
    answers = await asyncio.gather(*(revoke(mount, old) for _ in range(10)))
    assert {answer["status"] for answer in answers} == {"Revoked"}
    assert mount.simulator.calls.count("revoke") == 1


async def test_different_operations_at_once_follow_each_other(mount: Mount) -> None:
    old = await issued(mount)
    renewing = asyncio.create_task(mount.write(f"renew/web/{old['cert_unique_id']}", {}))
    revoking = asyncio.create_task(revoke(mount, old))
    await asyncio.gather(renewing, revoking)
    data = answered(await mount.read(f"certs/web/{old['cert_unique_id']}", {"sectigo_read_renewed_cert": "0"}))
    assert {entry["status"] for entry in data["state"]} == {"Applied", "Issued", "Renewed", "Revoked"}
    assert len(list(mount.simulator.orders)) == 2
