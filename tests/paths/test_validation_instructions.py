"""`dcv` in answers about an order that waits: what is to be published so that its domains can be validated."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.mount import Mount, answered

NOTHING = dict.fromkeys(("dcv_mode", "domain", "email", "first_line", "host", "point", "second_line", "url"), "")


@pytest.fixture
async def waiting(ready: Mount) -> Mount:
    ready.simulator.settings.dcv = "wait"
    return ready


async def test_an_enrolment_that_waits_for_validation_says_what_to_publish(waiting: Mount) -> None:
    data = await waiting.enroll(
        sectigo_max_timeout=20, sectigo_dcv_mode="CNAME", sectigo_ssl_cert_subject_alt_names="shop.example.test"
    )
    assert data["certificate"] == "TimeoutStateSaved"
    assert [(each["domain"], each["dcv_mode"]) for each in data["dcv"]] == [
        ("web.example.test", "CNAME"),
        ("shop.example.test", "CNAME"),
    ]
    assert all(each["host"] and each["point"] and not each["url"] for each in data["dcv"])
    assert waiting.simulator.calls.operations().count("dcv") == 1, "at the end of the wait, not at each poll"
    assert waiting.simulator.calls.operations().count("collect") > 3


async def test_an_instruction_has_one_shape_for_every_method(waiting: Mount) -> None:
    by_file = await waiting.enroll(sectigo_max_timeout=5, sectigo_dcv_mode="HTTP")
    (instruction,) = by_file["dcv"]
    assert instruction["url"].startswith("http://web.example.test/.well-known/pki-validation/")
    assert (len(instruction["first_line"]), instruction["second_line"]) == (64, "sectigo.com")
    email = {"sectigo_dcv_mode": "EMAIL", "sectigo_dcv_email": "admin@example.test"}
    by_email = await waiting.enroll(sectigo_max_timeout=5, **email)
    shown = {"dcv_mode": "EMAIL", "domain": "web.example.test", "email": "admin@example.test"}
    assert by_email["dcv"] == [{**NOTHING, **shown}]


async def test_each_read_of_it_asks_once_and_an_issued_one_has_none(waiting: Mount) -> None:
    unique_id = (await waiting.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    waiting.simulator.calls.clear()
    data = answered(await waiting.read(f"certs/web/{unique_id}"))
    assert [each["domain"] for each in data["dcv"]] == ["web.example.test"]
    assert waiting.simulator.calls.operations() == ["collect", "dcv"]
    waiting.simulator.domains.validate("example.test")
    assert answered(await waiting.read(f"certs/web/{unique_id}"))["dcv"] == []
    assert waiting.simulator.calls.operations() == ["collect", "dcv", "collect"]


async def test_a_caller_that_leaves_before_the_wait_ends_gets_them_too(waiting: Mount) -> None:
    await waiting.configure(sectigo_wait_limit=10)
    data = await waiting.enroll(sectigo_max_timeout=300)
    assert [each["domain"] for each in data["dcv"]] == ["web.example.test"]
    assert waiting.simulator.calls.operations().count("dcv") == 1


async def test_an_order_that_was_not_asked_for_says_nothing(waiting: Mount) -> None:
    data = await waiting.enroll(sectigo_max_timeout=0)
    assert data["dcv"] == []
    assert "dcv" not in waiting.simulator.calls.operations()


async def test_a_renewal_that_waits_is_shown_with_the_certificate_that_it_renews(waiting: Mount) -> None:
    domains = waiting.simulator.domains
    domains.validate("example.test", ends_at=waiting.clock.now() + timedelta(days=100))
    unique_id = (await waiting.enroll())["cert_unique_id"]
    waiting.clock.advance(days=360)
    data = answered(await waiting.read(f"certs/web/{unique_id}"))
    assert (data["cert_unique_id"], data["status"]) == (unique_id, "Issued")
    assert [each["domain"] for each in data["dcv"]] == ["web.example.test"]
    again = answered(await waiting.read(f"certs/web/{unique_id}"))
    assert again["dcv"] == data["dcv"]
    domains.validate("example.test")
    assert answered(await waiting.read(f"certs/web/{unique_id}"))["dcv"] == []


async def test_a_renewal_write_shows_them(waiting: Mount) -> None:
    domain = waiting.simulator.domains.validate("example.test")
    unique_id = (await waiting.enroll())["cert_unique_id"]
    domain.ends_at = waiting.clock.now()
    flags = {"sectigo_max_timeout": 5}
    renewal = answered(await waiting.write(f"renew/web/{unique_id}", flags))
    assert [each["domain"] for each in renewal["dcv"]] == ["web.example.test"]


async def test_a_replacement_shows_them_with_the_certificate_that_is_still_in_hand(waiting: Mount) -> None:
    domain = waiting.simulator.domains.validate("example.test")
    old = await waiting.enroll()
    path = f"certs/web/{old['cert_unique_id']}"
    assert answered(await waiting.read(path))["dcv"] == []
    domain.ends_at = waiting.clock.now()
    reason = {"sectigo_reason": "superseded", "sectigo_max_timeout": 5}
    replacement = answered(await waiting.write(path.replace("certs/", "replace/"), reason))
    read = answered(await waiting.read(path))
    assert read["serial_number"] == old["serial_number"]
    assert read["dcv"] == replacement["dcv"] != []
    waiting.simulator.domains.validate("example.test")
    new = answered(await waiting.read(path))
    assert (new["dcv"], new["serial_number"] != old["serial_number"]) == ([], True)


async def test_a_fetched_order_shows_them(waiting: Mount) -> None:
    unique_id = (await waiting.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    await waiting.delete(f"certs/web/{unique_id}", {"sectigo_force": True})
    scm_id = unique_id.partition("_")[0]
    waiting.simulator.calls.clear()
    data = answered(await waiting.write(f"fetch/web/{scm_id}", {"sectigo_max_timeout": 0}))
    assert [each["domain"] for each in data["dcv"]] == ["web.example.test"]
    assert waiting.simulator.calls.operations() == ["collect", "dcv"]


async def test_readcert_and_the_background_never_ask(waiting: Mount) -> None:
    unique_id = (await waiting.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    assert answered(await waiting.read(f"readcert/web/{unique_id}"))["dcv"] == []
    for _ in range(3):
        await waiting.tick(60)
    assert "dcv" not in waiting.simulator.calls.operations()


@pytest.mark.parametrize("fault", ["drop_before", "page", "empty", "status"])
async def test_a_failure_is_a_warning(waiting: Mount, fault: Any) -> None:
    waiting.simulator.faults.add("dcv", fault, status=500, times=None)
    unique_id = (await waiting.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    response = await waiting.read(f"certs/web/{unique_id}")
    assert answered(response)["dcv"] == []
    assert response is not None
    assert any("what the order's domain validation waits for" in warning for warning in response.warnings)


async def test_a_slow_answer_keeps_nobody_waiting(waiting: Mount) -> None:
    unique_id = (await waiting.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    waiting.simulator.faults.add("dcv", "slow", seconds=30)
    began = waiting.clock.now()
    response = await waiting.read(f"certs/web/{unique_id}")
    assert waiting.clock.now() - began < timedelta(seconds=2)
    assert response is not None
    assert any(warning.endswith("it has not answered yet") for warning in response.warnings)


async def test_an_scm_that_does_not_answer_a_collect_is_not_asked_for_them(waiting: Mount) -> None:
    unique_id = (await waiting.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    waiting.simulator.faults.add("collect", "drop_before", times=None)
    await waiting.read(f"certs/web/{unique_id}")
    assert "dcv" not in waiting.simulator.calls.operations()


async def test_client_certificates_have_none(mount: Mount) -> None:
    mount.simulator.settings.never_issue = True
    await mount.configure_client()
    data = await mount.enroll_client(sectigo_max_timeout=5)
    assert "dcv" not in data
    assert "dcv" not in mount.simulator.calls.operations()
