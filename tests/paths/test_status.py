"""`status`: what an operator sees of the whole mount."""

from typing import Any

import pytest

from sectigo_vault_pki import __version__
from sectigo_vault_pki.lifecycle.inventory import report
from tests.support.mount import Mount, answered

WELL = {"login_refused_until": "", "clock_difference": 0, "orders_in_24_hours": 0, "max_orders_per_day": 0}


async def status_of(mount: Mount) -> Any:
    calls = len(mount.simulator.calls)
    data = answered(await mount.read("status"))
    assert len(mount.simulator.calls) == calls
    return data


async def test_a_new_mount_has_nothing(mount: Mount) -> None:
    assert await status_of(mount) == {
        "accounts": {},
        "background": {"enabled": True, "started_at": "", "ended_at": "", "calls": 0, "last_error": ""},
        "by_status": {},
        "certificates": 0,
        "pending": 0,
        "unreadable": [],
        "unsettled": 0,
        "version": __version__,
        "warnings": [],
    }


async def test_certificates_are_counted_by_their_newest_status(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    first = await mount.enroll()
    await mount.write(f"renew/web/{first['cert_unique_id']}", {})
    second = await mount.enroll()
    await mount.write(f"revoke/web/{second['cert_unique_id']}", {"sectigo_reason": "superseded"})
    mount.simulator.settings.never_issue = True
    await mount.enroll(sectigo_max_timeout=0)
    mount.simulator.faults.add("enroll", "drop_after")
    await mount.enroll()
    seen = await status_of(mount)
    assert seen["by_status"] == {"Issued": 1, "Renewed": 1, "Revoked": 1, "TimeoutStateSaved": 1}
    assert (seen["certificates"], seen["pending"], seen["unsettled"]) == (4, 1, 1)


@pytest.mark.parametrize("operation", ["enroll", "replace"])
async def test_a_declined_order_says_only_that_and_is_not_pending(mount: Mount, operation: str) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    mount.simulator.settings.never_issue = operation == "enroll"
    held = await mount.enroll(sectigo_max_timeout=0 if operation == "enroll" else 60)
    if operation == "replace":
        mount.simulator.settings.never_issue = True
        fields = {"sectigo_reason": "lost", "sectigo_max_timeout": 0}
        await mount.write(f"replace/web/{held['cert_unique_id']}", fields)
    assert (await status_of(mount))["pending"] == 1
    (order,) = mount.simulator.orders
    mount.simulator.orders.decline(order)
    response = await mount.read(f"certs/web/{held['cert_unique_id']}")
    assert response is not None
    (warning,) = response.warnings
    assert warning.startswith("the certificate does not come: SCM refused collect: ")
    assert warning.endswith("the order was declined: order again")
    assert (await status_of(mount))["pending"] == 0


async def test_what_cannot_be_read_is_named_and_hides_nothing_else(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    first, _ = await mount.enroll(), await mount.enroll()
    await mount.overwrite(f"cert/web/{first['cert_unique_id']}", b"no JSON")
    await mount.overwrite("config/damaged", b"no JSON")
    order = "order/web/00000000-0000-4000-8000-000000000000"
    await mount.overwrite(order, b'{"v": 2}')
    seen = await status_of(mount)
    assert (seen["certificates"], seen["by_status"], seen["unsettled"]) == (2, {"Issued": 1}, 1)
    assert seen["unreadable"] == [
        f'the stored entry "cert/web/{first["cert_unique_id"]}" is damaged and was left as it is',
        'the stored entry "config/damaged" is damaged and was left as it is',
        f'the stored entry "{order}" was written by a newer version and was left as it is',
    ]


async def test_more_certificates_than_are_read_are_counted_by_number(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MAX_COUNTED", 1)
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    await mount.enroll()
    assert (await status_of(mount))["by_status"] == {"Issued": 1}
    await mount.enroll()
    seen = await status_of(mount)
    assert (seen["certificates"], seen["by_status"]) == (2, {})


async def test_the_last_background_run_is_told_with_its_error(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    pending = await mount.enroll(sectigo_max_timeout=0)
    await mount.tick()
    told = (await status_of(mount))["background"]
    assert (told["calls"], told["last_error"]) == (2, ""), "one for the order, one for the entry's domains"
    assert told["started_at"] <= told["ended_at"]
    await mount.overwrite(f"cert/web/{pending['cert_unique_id']}", b"no JSON")
    await mount.tick()
    told = (await status_of(mount))["background"]
    assert told["last_error"].startswith(
        f'background work failed: the stored entry "cert/web/{pending["cert_unique_id"]}"'
    )


async def test_a_due_renewal_that_fails_is_told(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    await mount.enroll()
    mount.simulator.faults.add("renew", "status", status=400, code=-180, description="not now", times=None)
    mount.clock.advance(days=359)
    await mount.tick()
    told = (await status_of(mount))["background"]
    assert told["last_error"].startswith(
        "a due certificate could not be renewed: SCM refused renew: not now (code -180)"
    )


async def test_an_account_whose_scm_does_not_answer_is_told_with_the_reason(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    await mount.enroll()
    assert (await status_of(mount))["accounts"] == {
        "web": {"breaker": "closed", "trouble": "", **WELL, "orders_in_24_hours": 1}
    }
    mount.simulator.settings.never_issue = True
    mount.simulator.faults.add("collect", "status", status=503, times=None)
    pending = await mount.enroll(sectigo_max_timeout=0)
    for _ in range(10):
        await mount.read(f"certs/web/{pending['cert_unique_id']}")
    assert (await status_of(mount))["accounts"] == {
        "web": {"breaker": "open", "trouble": "HTTP 503", **WELL, "orders_in_24_hours": 2}
    }


async def test_an_account_that_scm_asks_to_wait_is_told_and_left_alone_until_then(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    pending = await mount.enroll(sectigo_max_timeout=0)
    mount.simulator.faults.add("collect", "status", status=429, retry_after=100)
    for _ in range(5):
        await mount.read(f"certs/web/{pending['cert_unique_id']}")
    assert (await status_of(mount))["accounts"] == {
        "web": {"breaker": "open", "trouble": "HTTP 429", **WELL, "orders_in_24_hours": 1}
    }
    asked = mount.simulator.calls.count("collect")
    for _ in range(2):
        await mount.tick(seconds=50)
        assert mount.simulator.calls.count("collect") == asked
    await mount.tick(seconds=50)
    assert mount.simulator.calls.count("collect") == asked + 1
    assert (await status_of(mount))["accounts"] == {
        "web": {"breaker": "closed", "trouble": "", **WELL, "orders_in_24_hours": 1}
    }


async def test_a_mount_whose_background_work_is_off_says_so(mount: Mount) -> None:
    mount.background = False
    await mount.restart()
    assert (await status_of(mount))["background"]["enabled"] is False
