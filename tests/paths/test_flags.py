"""Waiting and renewal fields of a certificate can be changed later: by a write of their own, and with operations."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, NotFoundError, ReadOnlyError
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.mount import Mount, answered


async def enrolled(mount: Mount, **flags: object) -> str:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    return str((await mount.enroll(**flags))["cert_unique_id"])  # type: ignore[arg-type]  # fields


async def change(mount: Mount, unique_id: str, **flags: object) -> Mapping[str, Any]:
    return answered(await mount.write(f"certs/web/{unique_id}", flags))


def stored(mount: Mount, unique_id: str) -> Mapping[str, Any]:
    record = json.loads(mount.storage.snapshot()[f"cert/web/{unique_id}"])
    waiting = record.get("requested", {}).get("waiting", {})
    return {name: value for name, value in waiting.items() if value is not None}


async def test_a_write_stores_what_it_carries_and_answers_what_is_stored(mount: Mount, simulator: Simulator) -> None:
    unique_id = await enrolled(mount, sectigo_expiry_window=14)
    simulator.calls.clear()
    assert await change(mount, unique_id, sectigo_auto_renew="false", sectigo_max_timeout="90s") == {
        "sectigo_auto_renew": False,
        "sectigo_max_timeout": 90,
        "sectigo_expiry_window": 14,
    }
    assert stored(mount, unique_id) == {"expiry_window": 14 * 86_400.0, "auto_renew": False, "max_timeout": 90.0}
    assert len(simulator.calls) == 0


async def test_a_write_of_nothing_changes_nothing_and_answers_what_is_stored(mount: Mount) -> None:
    unique_id = await enrolled(mount, sectigo_auto_renew=True)
    before = mount.storage.snapshot()
    assert await change(mount, unique_id) == {"sectigo_auto_renew": True}
    assert mount.storage.snapshot() == before


async def test_empty_text_removes_a_field_so_that_the_entrys_value_holds_again(
    mount: Mount, simulator: Simulator
) -> None:
    unique_id = await enrolled(mount, sectigo_auto_renew=False, sectigo_expiry_window=1)
    mount.clock.advance(days=360)
    await mount.tick(60)
    assert len(simulator.orders) == 1
    assert await change(mount, unique_id, sectigo_auto_renew="", sectigo_expiry_window="") == {}
    assert stored(mount, unique_id) == {}
    await mount.tick(60)
    assert len(simulator.orders) == 2


async def test_a_certificate_whose_owner_says_no_is_not_renewed_any_more(mount: Mount, simulator: Simulator) -> None:
    unique_id = await enrolled(mount)
    await change(mount, unique_id, sectigo_auto_renew=False)
    mount.clock.advance(days=362)
    for _ in range(3):
        await mount.tick(60)
        await mount.read(f"certs/web/{unique_id}")
    assert len(simulator.orders) == 1


async def test_a_wider_window_is_heeded_by_the_background_at_once(mount: Mount, simulator: Simulator) -> None:
    unique_id = await enrolled(mount)
    mount.clock.advance(days=340)
    await mount.tick(60)
    await change(mount, unique_id, sectigo_expiry_window="30d")
    await mount.tick(60)
    assert len(simulator.orders) == 2


async def test_what_is_stored_goes_over_to_the_renewal(mount: Mount, simulator: Simulator) -> None:
    unique_id = await enrolled(mount)
    await change(mount, unique_id, sectigo_expiry_window="30d", sectigo_loop_period=5)
    mount.clock.advance(days=340)
    await mount.tick(60)
    newest = f"{list(simulator.orders)[-1].id}_demo-customer"
    assert stored(mount, newest) == {"expiry_window": 30 * 86_400.0, "loop_period": 5.0}


@pytest.mark.parametrize("operation", ["renew", "replace", "fetch"])
async def test_what_an_operation_carries_is_stored(operation: str, mount: Mount, simulator: Simulator) -> None:
    unique_id = await enrolled(mount, sectigo_loop_period=7)
    flags = {"sectigo_auto_renew": False, "sectigo_expiry_window": "20d", "sectigo_max_timeout": 40}
    reason = {"sectigo_reason": "key rotation"} if operation == "replace" else {}
    target = unique_id.partition("_")[0] if operation == "fetch" else unique_id
    data = answered(await mount.write(f"{operation}/web/{target}", {**reason, **flags}))
    assert stored(mount, data["cert_unique_id"]) == {
        "auto_renew": False,
        "expiry_window": 20 * 86_400.0,
        "loop_period": 7.0,
        "max_timeout": 40.0,
    }
    mount.clock.advance(days=361)
    number = len(simulator.orders)
    for _ in range(3):
        await mount.tick(60)
    assert len(simulator.orders) == number


@pytest.mark.parametrize("operation", ["renew", "replace", "fetch"])
async def test_what_an_operation_carries_empty_is_the_same_as_absent(operation: str, mount: Mount) -> None:
    """As in the guide's own samples; only the write of the fields alone removes any."""
    unique_id = await enrolled(mount, sectigo_auto_renew=False, sectigo_loop_period=7)
    reason = {"sectigo_reason": "key rotation"} if operation == "replace" else {}
    target = unique_id.partition("_")[0] if operation == "fetch" else unique_id
    data = answered(await mount.write(f"{operation}/web/{target}", {**reason, "sectigo_auto_renew": ""}))
    assert stored(mount, data["cert_unique_id"]) == {"auto_renew": False, "loop_period": 7.0}


@pytest.mark.parametrize("operation", ["renew", "replace", "fetch"])
async def test_an_operation_that_carries_none_leaves_them_alone(operation: str, mount: Mount) -> None:
    unique_id = await enrolled(mount, sectigo_auto_renew=False)
    reason = {"sectigo_reason": "key rotation"} if operation == "replace" else {}
    target = unique_id.partition("_")[0] if operation == "fetch" else unique_id
    data = answered(await mount.write(f"{operation}/web/{target}", reason))
    assert stored(mount, data["cert_unique_id"]) == {"auto_renew": False}


async def test_a_certificate_that_is_fetched_for_the_first_time_keeps_its_flags(
    mount: Mount, simulator: Simulator
) -> None:
    unique_id = await enrolled(mount)
    await mount.delete(f"certs/web/{unique_id}")
    await mount.write(f"fetch/web/{unique_id.partition('_')[0]}", {"sectigo_auto_renew": False})
    assert stored(mount, unique_id) == {"auto_renew": False}
    mount.clock.advance(days=361)
    await mount.tick(60)
    assert len(simulator.orders) == 1


async def test_what_a_read_says_holds_for_that_read_only(mount: Mount, simulator: Simulator) -> None:
    unique_id = await enrolled(mount, sectigo_auto_renew=False)
    mount.clock.advance(days=360)
    data = answered(await mount.read(f"certs/web/{unique_id}", {"sectigo_auto_renew": "1", "sectigo_loop_period": "9"}))
    assert data["renewed_from"] == unique_id
    assert stored(mount, unique_id) == stored(mount, data["cert_unique_id"]) == {"auto_renew": False}


async def test_a_refused_operation_stores_its_flags_or_not_but_orders_nothing_later(
    mount: Mount, simulator: Simulator
) -> None:
    """Whoever says no with a renewal that SCM refuses has said no."""
    unique_id = await enrolled(mount)
    mount.clock.advance(days=360)
    simulator.faults.add("renew", "status", status=400, code=-105, description="no")
    with pytest.raises(BadRequestError):
        await mount.write(f"renew/web/{unique_id}", {"sectigo_auto_renew": False})
    mount.clock.advance(hours=2)
    await mount.tick(60)
    assert len(simulator.orders) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sectigo_expiry_window", "soon"),
        ("sectigo_expiry_window", -1),
        ("sectigo_expiry_window", 36_501),
        ("sectigo_expiry_window", 2**70),
        ("sectigo_expiry_window", True),
        ("sectigo_expiry_window", [7, 8]),
        ("sectigo_expiry_window", {}),
        ("sectigo_expiry_window", "<window>"),
        ("sectigo_auto_renew", "perhaps"),
        ("sectigo_auto_renew", [True, False]),
        ("sectigo_loop_period", 0),
        ("sectigo_max_timeout", "1h1x"),
        ("sectigo_read_renewed_cert", 2),
    ],
)
async def test_bad_input_names_the_field_and_stores_nothing(field: str, value: object, mount: Mount) -> None:
    unique_id = await enrolled(mount)
    before = mount.storage.snapshot()
    with pytest.raises(BadRequestError, match=field):
        await mount.write(f"certs/web/{unique_id}", {"sectigo_max_timeout": 11, field: value})
    assert mount.storage.snapshot() == before


@pytest.mark.parametrize(
    "name", ["4711_demo-customer", "nonsense", "order-11111111-2222-4333-8444-555555555555", "a b"]
)
async def test_a_certificate_that_is_not_stored_gets_no_flags(name: str, mount: Mount) -> None:
    await mount.configure()
    before = mount.storage.snapshot()
    with pytest.raises((BadRequestError, NotFoundError)) as refused:
        await mount.write(f"certs/web/{name}", {"sectigo_auto_renew": False})
    assert isinstance(refused.value, BadRequestError), "a write to nothing is a 400 with a hint"
    assert mount.storage.snapshot() == before


async def test_an_unknown_field_is_told_and_a_misspelt_flag_is_not_stored_as_another(mount: Mount) -> None:
    unique_id = await enrolled(mount)
    response = await mount.write(f"certs/web/{unique_id}", {"sectigo_auto_renewal": False})
    assert response is not None
    assert any("sectigo_auto_renewal" in warning for warning in response.warnings)
    assert stored(mount, unique_id) == {}


async def test_names_keys_and_csrs_do_not_change_by_a_write(mount: Mount) -> None:
    unique_id = await enrolled(mount)
    before = answered(await mount.read(f"certs/web/{unique_id}"))
    fields = {"sectigo_csr_domain": "evil.example.test", "sectigo_private_key": "x", "sectigo_csr": "y"}
    await mount.write(f"certs/web/{unique_id}", {**fields, "sectigo_auto_renew": False})
    after = answered(await mount.read(f"certs/web/{unique_id}"))
    assert after == before


async def test_a_write_while_the_certificate_is_pending_holds_when_it_is_issued(
    mount: Mount, simulator: Simulator
) -> None:
    await mount.configure()
    simulator.settings.never_issue = True
    unique_id = (await mount.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    await change(mount, unique_id, sectigo_auto_renew=False)
    simulator.settings.never_issue = False
    simulator.settings.pending_polls = 0
    await mount.tick(60)
    mount.clock.advance(days=361)
    await mount.tick(60)
    assert len(simulator.orders) == 1
    assert stored(mount, unique_id) == {"max_timeout": 0.0, "auto_renew": False}


async def test_a_write_beside_a_renewal_is_not_lost(mount: Mount, simulator: Simulator) -> None:
    """The owner says no while the renewal is at SCM: the certificate says no from then on."""
    unique_id = await enrolled(mount)
    mount.clock.advance(days=360)
    simulator.settings.latency = 2.0
    await mount.tick(8)
    await change(mount, unique_id, sectigo_auto_renew=False)
    simulator.settings.latency = 0
    await mount.tick(60)
    assert stored(mount, unique_id) == {"auto_renew": False}
    assert len(simulator.orders) <= 2


async def test_the_certificates_of_a_deleted_entry_keep_their_flags_and_can_change_them(mount: Mount) -> None:
    unique_id = await enrolled(mount, sectigo_auto_renew=True)
    await mount.delete("configs/web")
    assert (await change(mount, unique_id, sectigo_auto_renew=False))["sectigo_auto_renew"] is False


async def test_a_standby_forwards_a_write_before_anything_is_stored(mount: Mount) -> None:
    unique_id = await enrolled(mount)
    mount.system.state = STANDBY
    await mount.restart()
    before = mount.storage.snapshot()
    with pytest.raises(ReadOnlyError):
        await change(mount, unique_id, sectigo_auto_renew=False)
    assert mount.storage.snapshot() == before
