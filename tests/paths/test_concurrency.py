"""Many callers of one certificate: equal wishes share one run, different ones follow each other."""

import asyncio
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.audit import assert_answer_fits, assert_fits, entries_of, records_of, unique_id_of
from tests.support.mount import Mount, answered
from tests.support.orders import ORDERS

CERTIFICATE_TYPES = ["ssl_cert", "client_cert"]
CLIENTS = 50


async def issued(mount: Mount, certificate_type: str) -> str:
    await mount.configure(sectigo_config_type=certificate_type)
    data = answered(await mount.write("enroll/web", ORDERS[certificate_type]()))
    assert data["status"] == "Issued"
    return str(data["cert_unique_id"])


async def asked(mount: Mount, operation: str, unique_id: str, data: Mapping[str, object]) -> Mapping[str, Any] | None:
    """Return what was answered, or nothing where it was refused for what another caller did before."""
    try:
        return answered(await mount.write(f"{operation}/web/{unique_id}", data))
    except BadRequestError:
        return None


@pytest.mark.parametrize("certificate_type", CERTIFICATE_TYPES)
@pytest.mark.parametrize("fault", ["slow", "drop_after"])
async def test_fifty_reads_of_a_due_certificate_order_once_whatever_happens_to_the_answer(
    mount: Mount, certificate_type: str, fault: Any
) -> None:
    unique_id = await issued(mount, certificate_type)
    mount.clock.advance(days=360)
    mount.simulator.faults.add("renew", fault, seconds=70)
    answers = await asyncio.gather(*(mount.read(f"certs/web/{unique_id}") for _ in range(CLIENTS)))
    for answer in answers:
        assert answered(answer)["leaf_certificate"]
    await asyncio.sleep(600)
    again = await asyncio.gather(*(mount.read(f"certs/web/{unique_id}") for _ in range(CLIENTS)))
    assert mount.simulator.calls.count("renew") == 1
    assert len({answered(answer)["serial_number"] for answer in again}) == 1


@pytest.mark.parametrize("certificate_type", CERTIFICATE_TYPES)
async def test_fifty_equal_renewals_are_one(mount: Mount, certificate_type: str) -> None:
    unique_id = await issued(mount, certificate_type)
    answers = await asyncio.gather(*(mount.write(f"renew/web/{unique_id}", {}) for _ in range(CLIENTS)))
    assert mount.simulator.calls.count("renew") == 1
    (one,) = {answered(answer)["cert_unique_id"] for answer in answers}
    assert one != unique_id


async def test_a_call_that_the_host_sends_again_orders_once_and_another_call_orders_anew(mount: Mount) -> None:
    await mount.configure()
    ids = ["a", "a", "b", "a", ""]
    answers = [answered(await mount.write("enroll/web", ORDERS["ssl_cert"](), host_id=host_id)) for host_id in ids]
    first, again, other, late, unnamed = (answer["cert_unique_id"] for answer in answers)
    assert first == again == late
    assert len({first, other, unnamed}) == len(mount.simulator.orders) == 3


@pytest.mark.parametrize("certificate_type", CERTIFICATE_TYPES)
@pytest.mark.parametrize("sequence", list(permutations(["renew", "replace", "revoke"])), ids="-".join)
async def test_different_operations_at_once_follow_each_other_and_never_order_twice(
    mount: Mount, certificate_type: str, sequence: tuple[str, ...]
) -> None:
    unique_id = await issued(mount, certificate_type)
    of_client = {"sectigo_client_cert_revoked_on_replace": False} if certificate_type == "client_cert" else {}
    data: Mapping[str, Mapping[str, object]] = {
        "renew": {},
        "replace": {"sectigo_reason": "key rotation", **of_client},
        "revoke": {"sectigo_reason": "superseded"},
    }
    answers = await asyncio.gather(
        *(asked(mount, operation, unique_id, data[operation]) for operation in sequence for _ in range(5))
    )
    await asyncio.sleep(600)
    for answer in answers:
        if answer is not None:
            assert_answer_fits(answer)
    book = {unique_id_of(order): order for order in mount.simulator.orders}
    assert len(book) <= 2
    assert mount.simulator.calls.count("renew") <= 1
    assert mount.simulator.calls.count("replace") <= 1
    records = await records_of(mount, "web")
    assert set(records) == set(book)
    assert await entries_of(mount, "web") == []
    for name, record in records.items():
        assert_fits(record, book[name])
    revoked = records[unique_id].revoked_at is not None
    assert revoked == (book[unique_id].issued[-1].revoked_at is not None)
