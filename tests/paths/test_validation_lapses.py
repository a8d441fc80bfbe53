"""Warnings about validations that end before a certificate is renewed, and what they cost at SCM."""

import asyncio
from datetime import timedelta

import pytest

from sectigo_vault_pki.vault_plugin.logical import Response
from tests.support.mount import Mount, answered


@pytest.fixture
async def issued(ready: Mount) -> Mount:
    """A certificate of which 365 days are left, so that it is due in 358, and a validation that ends in 100."""
    end = ready.clock.now() + timedelta(days=100)
    ready.simulator.domains.validate("example.test", at=ready.clock.now(), ends_at=end)
    await ready.enroll()
    await ready.tick()
    ready.simulator.calls.clear()
    return ready


async def first_id(mount: Mount) -> str:
    return (await mount.list("certs/web"))[0]


async def warnings(mount: Mount, path: str = "certs") -> list[str]:
    before = len(mount.simulator.calls)
    response = await mount.read(f"{path}/web/{await first_id(mount)}")
    assert isinstance(response, Response)
    assert len(mount.simulator.calls) == before, "a read never asks for this"
    return [warning for warning in response.warnings if "validation" in warning]


async def test_a_read_names_the_domain_and_the_days(issued: Mount) -> None:
    expected = (
        "the validation of example.test ends on 2027-03-03, and this certificate is due for renewal on 2027-11-16: "
        "the renewal is not issued until the domain is validated again; domains/web/example.test shows its state"
    )
    assert await warnings(issued) == [expected]
    assert await warnings(issued, "readcert") == [expected]
    issued.clock.advance(days=101)
    assert "example.test ended on 2027-03-03" in (await warnings(issued))[0]


async def test_status_says_it_once_for_all_certificates_of_a_domain(issued: Mount) -> None:
    await issued.enroll(sectigo_csr_domain="shop.example.test")
    found = [text for text in answered(await issued.read("status"))["warnings"] if "validation" in text]
    (text,) = found
    assert text == (
        "config entry web: the validation of example.test ends on 2027-03-03; certificates that are due for "
        f"renewal after that: 2, {await first_id(issued)} first, on 2027-11-16"
    )


async def test_scm_is_asked_once_a_day_for_all_domains_of_a_login(issued: Mount) -> None:
    await issued.configure("shop")
    for number in range(20):
        await issued.enroll("shop", sectigo_csr_domain=f"s{number}.example.test")
    issued.simulator.calls.clear()
    for _ in range(3):
        await issued.tick(60)
    assert issued.simulator.calls.operations() == []
    issued.clock.advance(days=1)
    for _ in range(3):
        await issued.tick(60)
    assert issued.simulator.calls.operations() == ["validations"]


async def test_a_validation_that_was_renewed_ends_the_warning_at_the_next_check_or_list(issued: Mount) -> None:
    end = issued.clock.now() + timedelta(days=400)
    issued.simulator.domains.validate("example.test", ends_at=end)
    assert await warnings(issued)
    await issued.list("domains/web")
    assert await warnings(issued) == []
    issued.simulator.domains.validate("example.test", ends_at=end - timedelta(days=200))
    issued.clock.advance(days=1)
    await issued.tick()
    assert await warnings(issued)


@pytest.mark.parametrize("change", ["by hand", "wide window", "revoked"])
async def test_only_a_renewal_that_comes_counts(issued: Mount, change: str) -> None:
    path = f"certs/web/{await first_id(issued)}"
    if change == "by hand":
        await issued.write(path, {"sectigo_auto_renew": False})
    elif change == "revoked":
        await issued.write(path.replace("certs/", "revoke/"), {"sectigo_reason": "superseded"})
    else:  # the entry's window: due in 244 days, and the validation ends in 300
        end = issued.clock.now() + timedelta(days=300)
        issued.simulator.domains.validate("example.test", ends_at=end)
        await issued.list("domains/web")
        assert await warnings(issued)
        await issued.write("configs/web", {"sectigo_expiry_window": 200})
    assert await warnings(issued) == []


async def test_the_window_of_a_short_certificate_is_cut_and_a_long_validation_is_enough(ready: Mount) -> None:
    ready.simulator.domains.validate("example.test", ends_at=ready.clock.now() + timedelta(days=198))
    await ready.enroll(sectigo_ssl_cert_type=502, sectigo_ssl_cert_validity=199)
    await ready.tick()
    assert await warnings(ready) == []


@pytest.mark.parametrize("refusal", ["privilege", "older"])
async def test_an_scm_that_does_not_tell_causes_no_warning_and_no_error_and_is_asked_once_a_day(
    issued: Mount, refusal: str
) -> None:
    if refusal == "privilege":
        issued.simulator.accounts.add_administrator("demo-user", "demo-password", privileges=())
    else:
        issued.simulator.faults.add("validations", "page", status=404, times=None)
    issued.clock.advance(days=1)
    for _ in range(70):
        await issued.tick(60)
    assert issued.simulator.calls.operations() == ["validations"]
    assert await warnings(issued) == []
    assert answered(await issued.read("status"))["background"]["last_error"] == ""


async def test_an_scm_that_does_not_answer_is_asked_again_an_hour_later_and_what_is_known_stays(issued: Mount) -> None:
    issued.simulator.faults.add("validations", "status", status=503, times=None)
    issued.clock.advance(days=1)
    await issued.tick()
    assert await warnings(issued)
    issued.simulator.faults.clear()
    issued.simulator.calls.clear()
    for _ in range(50):
        await issued.tick(60)
    assert issued.simulator.calls.operations() == []
    for _ in range(20):
        await issued.tick(60)
    assert issued.simulator.calls.operations() == ["validations"]


async def test_a_login_that_scm_refuses_is_left_alone(issued: Mount) -> None:
    issued.simulator.accounts.add_administrator("demo-user", "another")
    issued.clock.advance(days=1)
    for _ in range(59):
        await issued.tick(60)
    assert len(issued.simulator.calls) == 1


async def test_an_entry_without_certificates_asks_nothing(ready: Mount) -> None:
    await ready.tick()
    assert ready.simulator.calls.operations() == []


async def test_client_certificates_ask_nothing(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure_client()
    await mount.enroll_client()
    mount.simulator.calls.clear()
    await mount.tick()
    assert mount.simulator.calls.operations() == []


async def test_after_a_restart_the_next_tick_asks_again(issued: Mount) -> None:
    await issued.restart()
    assert await warnings(issued) == []
    await issued.tick()
    assert await warnings(issued)


async def test_concurrent_ticks_and_reads_stay_within_one_call(issued: Mount) -> None:
    issued.clock.advance(days=1)
    issued.simulator.settings.latency = 10
    path = f"certs/web/{await first_id(issued)}"
    await asyncio.gather(*(issued.tick(60) for _ in range(3)), *(issued.read(path) for _ in range(20)))
    assert issued.simulator.calls.operations() == ["validations"]


async def test_a_certificate_of_a_private_ca_needs_no_validation(ready: Mount) -> None:
    end = ready.clock.now() + timedelta(days=100)
    ready.simulator.domains.validate("example.test", at=ready.clock.now(), ends_at=end)
    await ready.enroll(sectigo_ssl_cert_type=507)
    await ready.tick()
    assert await warnings(ready) == []
    assert not any("validation" in text for text in answered(await ready.read("status"))["warnings"])
