"""Certificates that are not what was ordered: nothing that was bought is lost, and what is wrong is said."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.certificates import key_fits
from tests.support.mount import ORDER, Mount, answered


async def waiting(mount: Mount, **changes: object) -> Mapping[str, Any]:
    """Order a certificate that SCM issues when somebody says so."""
    await mount.configure()
    mount.simulator.settings.never_issue = True
    return await mount.enroll("web", sectigo_max_timeout=0, **changes)


async def status_warnings(mount: Mount) -> list[str]:
    warnings: list[str] = answered(await mount.read("status"))["warnings"]
    return warnings


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("web.example.test",), "lacks names that were ordered: shop.example.test"),
        (("web.example.test", "shop.example.test", "other.test"), "has names that were not ordered: other.test"),
    ],
)
async def test_other_names_than_ordered_are_a_warning_and_stand_in_the_status(
    mount: Mount, names: tuple[str, ...], words: str
) -> None:
    data = await waiting(mount, sectigo_ssl_cert_subject_alt_names="shop.example.test")
    (order,) = mount.simulator.orders
    assert order.in_flight is not None
    order.in_flight.request = replace(order.in_flight.request, names=names)
    mount.simulator.orders.issue(order)
    path = f"certs/web/{data['cert_unique_id']}"
    for _ in range(2):
        response = await mount.read(path)
        assert response is not None
        assert answered(response)["status"] == "Issued"
        assert len([warning for warning in response.warnings if words in warning]) == 1
    assert [warning for warning in await status_warnings(mount) if words in warning]


@pytest.mark.parametrize("operation", ["enroll", "renew", "replace"])
async def test_the_answer_to_an_order_says_that_names_differ(mount: Mount, operation: str) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    held = None if operation == "enroll" else await mount.enroll()
    path = "enroll/web" if held is None else f"{operation}/web/{held['cert_unique_id']}"
    fields = {"enroll": ORDER, "replace": {"sectigo_reason": "lost"}}.get(operation, {})
    mount.simulator.settings.never_issue = True
    ordering = asyncio.create_task(mount.write(path, {**fields, "sectigo_max_timeout": 30, "sectigo_loop_period": 1}))
    await asyncio.sleep(5)
    (order,) = [order for order in mount.simulator.orders if order.in_flight is not None]
    assert order.in_flight is not None
    order.in_flight.request = replace(order.in_flight.request, names=("web.example.test", "other.test"))
    mount.simulator.orders.issue(order)
    response = await ordering
    assert answered(response)["status"] == "Issued"
    assert response is not None
    assert len([text for text in response.warnings if "has names that were not ordered: other.test" in text]) == 1


async def test_the_new_common_name_of_a_replacement_is_ordered(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    held = await mount.enroll(sectigo_ssl_cert_subject_alt_names="shop.example.test")
    response = await mount.write(
        f"replace/web/{held['cert_unique_id']}",
        {
            "sectigo_reason": "lost",
            "sectigo_common_name": "own.example.test",
            "sectigo_ssl_cert_subject_alt_names": "shop.example.test",
        },
    )
    assert response is not None
    assert response.warnings == ()


@pytest.mark.parametrize("domain", ["example.test", "www.example.test"])
async def test_the_www_that_a_ca_adds_or_leaves_out_is_no_warning(mount: Mount, domain: str) -> None:
    data = await waiting(mount, sectigo_csr_domain=domain)
    (order,) = mount.simulator.orders
    assert order.in_flight is not None
    order.in_flight.request = replace(order.in_flight.request, names=("example.test", "www.example.test"))
    mount.simulator.orders.issue(order)
    response = await mount.read(f"certs/web/{data['cert_unique_id']}")
    assert response is not None
    assert response.warnings == ()


async def test_a_certificate_without_its_issuers_is_asked_for_once_more_and_then_taken_with_a_warning(
    mount: Mount,
) -> None:
    data = await waiting(mount)
    (order,) = mount.simulator.orders
    mount.simulator.orders.issue(order)
    assert order.current is not None
    alone = order.current.certificate.public_bytes(Encoding.PEM).decode()
    mount.simulator.faults.add("collect", "body", status=200, body=alone, times=2)
    path = f"certs/web/{data['cert_unique_id']}"
    assert answered(await mount.read(path))["status"] == "TimeoutStateSaved"
    response = await mount.read(path)
    assert response is not None
    assert answered(response)["status"] == "Issued"
    assert key_fits(answered(response))
    assert "without the certificates of its issuers" in answered(await mount.read("status"))["warnings"][0]
    again = await mount.read(path)
    assert again is not None
    assert "without the certificates of its issuers" in again.warnings[0]


async def test_issuers_that_come_a_moment_later_are_taken(mount: Mount) -> None:
    data = await waiting(mount)
    (order,) = mount.simulator.orders
    mount.simulator.orders.issue(order)
    assert order.current is not None
    alone = order.current.certificate.public_bytes(Encoding.PEM).decode()
    mount.simulator.faults.add("collect", "body", status=200, body=alone)
    response = await mount.read(f"certs/web/{data['cert_unique_id']}", {"sectigo_max_timeout": 30})
    assert response is not None
    assert len(answered(response)["ca_chain"]) == 2
    assert response.warnings == ()


@pytest.mark.parametrize("body", ["<html>login</html>", "-----BEGIN CERTIFICATE-----\nMIIB", "\x30\x03\x02\x01\x01"])
async def test_what_cannot_be_read_as_a_certificate_leaves_the_order_and_its_key(mount: Mount, body: str) -> None:
    data = await waiting(mount)
    (order,) = mount.simulator.orders
    mount.simulator.orders.issue(order)
    mount.simulator.faults.add("collect", "body", status=200, body=body)
    path = f"certs/web/{data['cert_unique_id']}"
    odd = answered(await mount.read(path))
    assert odd["private_key"] == data["private_key"]
    assert odd["leaf_certificate"] == ""
    assert answered(await mount.read(path))["status"] == "Issued"


async def test_what_was_revoked_before_it_was_collected_says_so_and_keeps_key_and_csr(mount: Mount) -> None:
    data = await waiting(mount)
    (order,) = mount.simulator.orders
    mount.simulator.orders.issue(order)
    assert order.current is not None
    order.current.revoke(mount.clock.now(), reason="too late", code=4)
    path = f"certs/web/{data['cert_unique_id']}"
    for _ in range(2):
        seen = answered(await mount.read(path))
        assert seen["status"] == "Revoked"
        assert seen["certificate"].startswith("ErrorCode -110: ")
        assert (seen["private_key"], seen["csr"]) == (data["private_key"], data["csr"])


async def test_what_was_declined_says_so_and_keeps_key_and_csr(mount: Mount) -> None:
    data = await waiting(mount)
    (order,) = mount.simulator.orders
    mount.simulator.orders.decline(order)
    seen = answered(await mount.read(f"certs/web/{data['cert_unique_id']}"))
    assert seen["certificate"].startswith("ErrorCode -1112: ")
    assert (seen["private_key"], seen["csr"]) == (data["private_key"], data["csr"])


async def test_one_certificate_that_makes_the_work_fail_ends_its_own_turn_only(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is raised, a fault of ours included, is named in the status and hides nobody else."""
    await mount.configure()
    mount.simulator.settings.never_issue = True
    ids = [(await mount.enroll(sectigo_max_timeout=0))["cert_unique_id"] for _ in range(5)]
    mount.simulator.settings.never_issue = False
    mount.simulator.settings.pending_polls = 0
    get = mount.storage.get

    async def get_but_one(key: str) -> Any:
        if key == f"cert/web/{ids[0]}":
            raise KeyError("odd")
        return await get(key)

    await mount.restart()
    monkeypatch.setattr(mount.storage, "get", get_but_one)
    await mount.tick()
    collected = mount.simulator.calls.count("collect")
    monkeypatch.undo()
    told = answered(await mount.read("status"))["background"]["last_error"]
    assert f"web/{ids[0]}" in told
    assert collected == len(ids) - 1
    assert [answered(await mount.read(f"certs/web/{one}"))["status"] for one in ids] == ["Issued"] * 5


async def test_a_history_of_alternating_refusals_stays_small(mount: Mount) -> None:
    data = await waiting(mount)
    path = f"certs/web/{data['cert_unique_id']}"
    for number in range(300):
        code = -20 - number % 2
        mount.simulator.faults.add("collect", "status", status=400, code=code, description="x" * 500)
        await mount.read(path)
    (order,) = mount.simulator.orders
    mount.simulator.orders.issue(order)
    state = answered(await mount.read(path))["state"]
    assert state[0]["status"] == "Applied"
    assert state[-1]["status"] == "Issued"
    assert len(state) <= 10
