"""`status`: what an operator sees of the whole mount."""

from typing import Any

import pytest

from sectigo_vault_pki import __version__
from sectigo_vault_pki.lifecycle.inventory import report
from tests.support.mount import Mount, answered

NO_COUNTS = {
    "by_status": {},
    "certificates": 0,
    "due": 0,
    "expired": 0,
    "expiring_7_days": 0,
    "expiring_30_days": 0,
    "expiring_90_days": 0,
}
WELL = {
    **NO_COUNTS,
    "breaker": "closed",
    "clock_difference": 0,
    "last_failure": {},
    "last_success": "",
    "login_refused_until": "",
    "max_orders_per_day": 0,
    "orders_in_24_hours": 0,
    "suspended": False,
    "trouble": "",
}


async def status_of(mount: Mount) -> Any:
    calls = len(mount.simulator.calls)
    data = answered(await mount.read("status"))
    assert len(mount.simulator.calls) == calls
    return data


async def account_of(mount: Mount) -> Any:
    """Return how SCM answers the entry `web`; its certificates, and the times of its calls, are another matter."""
    account = (await status_of(mount))["accounts"]["web"]
    return {**account, **NO_COUNTS, "last_success": "", "last_failure": {}}


async def test_a_new_mount_has_nothing(mount: Mount) -> None:
    assert await status_of(mount) == {
        **NO_COUNTS,
        "accounts": {},
        "background": {
            "enabled": True,
            "started_at": "",
            "ended_at": "",
            "calls": 0,
            "last_error": "",
            "next_run": "",
        },
        "deleted_entries": [],
        "held_renewals": [],
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
    assert (seen["certificates"], seen["by_status"], seen["unsettled"]) == (2, {"Issued": 2}, 1)
    assert seen["unreadable"] == [
        f'the stored entry "cert/web/{first["cert_unique_id"]}" is damaged and was left as it is',
        'the stored entry "config/damaged" is damaged and was left as it is',
        f'the stored entry "{order}" was written by a newer version and was left as it is',
    ]


async def test_of_very_many_certificates_those_that_matter_are_looked_into_and_all_are_counted(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MAX_READ", 1)
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    for _ in range(3):
        await mount.enroll()
    mount.simulator.faults.add("renew", "status", status=400, code=-180, description="not now")
    mount.clock.advance(days=359)
    await mount.tick()
    seen = await status_of(mount)
    assert (seen["certificates"], seen["by_status"]) == (5, {"Issued": 3, "Renewed": 2})
    (held,) = seen["held_renewals"]
    assert "not now" in held["reason"]
    assert held["next_try"]
    assert any("not now" in warning for warning in seen["warnings"])


async def test_what_is_due_and_what_ends_soon_is_counted_for_each_entry(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    await mount.configure("byhand", sectigo_auto_renew=False)
    await mount.enroll()
    await mount.enroll("byhand")
    mount.clock.advance(days=340)
    seen = await status_of(mount)
    assert (seen["expiring_7_days"], seen["expiring_30_days"], seen["expiring_90_days"], seen["due"]) == (0, 2, 2, 0)
    mount.clock.advance(days=20)
    seen = await status_of(mount)
    assert (seen["expiring_7_days"], seen["due"], seen["expired"]) == (2, 1, 0)
    assert {name: account["due"] for name, account in seen["accounts"].items()} == {"byhand": 0, "web": 1}
    mount.clock.advance(days=20)
    seen = await status_of(mount)
    assert (seen["expiring_7_days"], seen["expired"]) == (0, 2)
    assert seen["accounts"]["byhand"]["expired"] == 1


async def test_the_numbers_are_those_of_a_new_count(mount: Mount) -> None:
    """What is kept in memory while certificates come, change and go, is what the next process counts."""
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    assert (await status_of(mount))["certificates"] == 0
    first, second, third = [(await mount.enroll())["cert_unique_id"] for _ in range(3)]
    await mount.write(f"renew/web/{first}", {})
    await mount.write(f"revoke/web/{second}", {"sectigo_reason": "superseded"})
    await mount.write(f"certs/web/{third}", {"sectigo_auto_renew": False})
    mount.simulator.settings.never_issue = True
    await mount.enroll(sectigo_max_timeout=0)
    await mount.delete(f"certs/web/{third}")
    seen = await status_of(mount)
    await mount.restart()
    again = await status_of(mount)
    counted = ("by_status", "certificates", "expired", "expiring_90_days", "due", "pending")
    assert {name: seen[name] for name in counted} == {name: again[name] for name in counted}
    assert seen["by_status"] == {"Issued": 1, "Renewed": 1, "Revoked": 1, "TimeoutStateSaved": 1}


async def test_the_last_success_and_the_last_failure_of_an_entry_are_told(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    pending = (await mount.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    succeeded = (await status_of(mount))["accounts"]["web"]["last_success"]
    mount.clock.advance(hours=1)
    mount.simulator.faults.add("collect", "status", status=400, code=-20, description="odd")
    await mount.read(f"certs/web/{pending}")
    told = (await status_of(mount))["accounts"]["web"]
    assert told["last_success"] == succeeded
    failure = told["last_failure"]
    assert (failure["unique_id"], failure["code"]) == (pending, -20)
    assert "odd" in failure["error"]
    assert failure["at"] > succeeded


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
    assert await account_of(mount) == {**WELL, "orders_in_24_hours": 1}
    mount.simulator.settings.never_issue = True
    mount.simulator.faults.add("collect", "status", status=503, times=None)
    pending = await mount.enroll(sectigo_max_timeout=0)
    for _ in range(10):
        await mount.read(f"certs/web/{pending['cert_unique_id']}")
    assert await account_of(mount) == {**WELL, "breaker": "open", "trouble": "HTTP 503", "orders_in_24_hours": 2}


async def test_an_account_that_scm_asks_to_wait_is_told_and_left_alone_until_then(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    pending = await mount.enroll(sectigo_max_timeout=0)
    mount.simulator.faults.add("collect", "status", status=429, retry_after=100)
    for _ in range(5):
        await mount.read(f"certs/web/{pending['cert_unique_id']}")
    assert await account_of(mount) == {**WELL, "breaker": "open", "trouble": "HTTP 429", "orders_in_24_hours": 1}
    asked = mount.simulator.calls.count("collect")
    for _ in range(2):
        await mount.tick(seconds=50)
        assert mount.simulator.calls.count("collect") == asked
    await mount.tick(seconds=50)
    assert mount.simulator.calls.count("collect") == asked + 1
    assert await account_of(mount) == {**WELL, "orders_in_24_hours": 1}


async def test_a_mount_whose_background_work_is_off_says_so(mount: Mount) -> None:
    mount.background = False
    await mount.restart()
    assert (await status_of(mount))["background"]["enabled"] is False


async def test_certificates_of_a_deleted_entry_are_counted_and_warned_of(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    await mount.configure("old")
    await mount.enroll()
    await mount.enroll("old")
    await mount.delete("configs/old")
    seen = await status_of(mount)
    assert (seen["certificates"], seen["deleted_entries"]) == (2, ["old"])
    (warning,) = seen["warnings"]
    assert warning.startswith("config entry old is deleted: its certificates (1) are not renewed")
    await mount.configure("old")
    seen = await status_of(mount)
    assert (seen["deleted_entries"], seen["warnings"]) == ([], [])
