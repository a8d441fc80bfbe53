"""`sync/:config` where SCM's answers are old, odd or endless, or an order is under way: nothing in hand suffers."""

import asyncio
import json
from typing import Any

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.paths.test_sync import IMPORT, REAL, cert, sync
from tests.support.mount import Mount, answered


def report_of(mount: Mount, **rows: Any) -> None:
    """Let every report say this of the first order."""
    row = {"sslId": next(iter(mount.simulator.orders)).ssl_id, "status": "Issued", "expires": "2027-11-01", **rows}
    body = json.dumps({"statusCode": 0, "reports": [row]})
    mount.simulator.faults.add("ssl_report", "body", status=200, body=body, times=None)


@pytest.mark.parametrize("imports", [False, True])
async def test_a_certificate_of_another_organization_is_not_imported(ready: Mount, *, imports: bool) -> None:
    ours = await ready.enroll()
    rows = [{"sslId": ours["ssl_id"], "orgId": 7001}, {"sslId": 424242, "orgId": 7002}]
    body = json.dumps({"statusCode": 0, "reports": rows})
    ready.simulator.faults.add("ssl_report", "body", status=200, body=body, times=None)
    data = await sync(ready, **REAL, import_missing=imports)
    assert (data["compared"], data["counts"]) == (2, {})
    assert ready.simulator.calls.count("collect") == 1


async def test_a_client_certificate_of_another_organization_is_not_imported(ready: Mount) -> None:
    await ready.configure_client()
    rows = [{"orderNumber": 424242, "organization": {"id": "7002", "name": "Other"}}]
    body = json.dumps({"statusCode": 0, "reports": rows})
    ready.simulator.faults.add("client_report", "body", status=200, body=body, times=None)
    assert (await sync(ready, "people"))["counts"] == {}


async def test_a_report_that_is_about_an_error_is_not_all_that_scm_has(ready: Mount) -> None:
    await ready.enroll()
    good, bad = {"statusCode": 0, "reports": []}, {"statusCode": -14, "message": "Unknown error.", "reports": []}
    ready.simulator.faults.add("ssl_report", "body", status=200, body=json.dumps(good))
    ready.simulator.faults.add("ssl_report", "body", status=200, body=json.dumps(bad), times=None)
    data = await sync(ready)
    assert (data["by"], data["whole"], data["counts"]) == ("reports", False, {})
    assert "SCM refused report: Unknown error. (code -14)" in data["errors"][0]


async def test_an_scm_whose_first_report_is_about_an_error_is_asked_by_lists(ready: Mount) -> None:
    await ready.enroll()
    body = json.dumps({"statusCode": -3, "message": "no", "reports": []})
    ready.simulator.faults.add("ssl_report", "body", status=200, body=body, times=None)
    data = await sync(ready)
    assert (data["by"], data["whole"], data["counts"]) == ("lists", True, {})


async def test_a_change_of_the_organization_ends_a_run(ready: Mount) -> None:
    await ready.enroll()
    ready.simulator.faults.add("ssl_report", "body", status=200, body='{"statusCode": 0, "reports": []}')
    ready.simulator.faults.add("ssl_report", "status", status=503, times=None)
    assert (await sync(ready, **IMPORT))["status"] == "waiting"
    await ready.write("configs/web", {"sectigo_cm_org_id": 7002})
    ready.simulator.faults.clear()
    ready.simulator.calls.clear()
    for _ in range(3):
        await ready.tick(60)
    data = answered(await ready.read("sync/web"))
    assert (data["status"], data["counts"]) == ("ended", {})
    assert data["errors"] == ["sectigo_cm_org_id was changed during the run, which has ended: begin another one"]
    assert ready.simulator.calls.count("ssl_report") == 0
    assert (await sync(ready))["status"] == "ended"


async def test_an_order_whose_answer_is_yet_to_come_is_neither_lost_nor_imported(ready: Mount) -> None:
    ready.simulator.faults.add("enroll", "slow", seconds=100)
    writing = asyncio.ensure_future(ready.enroll())
    await asyncio.sleep(3)
    data = await sync(ready, **IMPORT)
    assert data["counts"] == {}
    ours = await cert(ready, (await writing)["cert_unique_id"])
    assert ours["private_key"]


async def test_a_renewal_with_another_key_that_is_under_way_is_not_taken_for_somebody_elses(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    ready.simulator.faults.add("renew", "slow", seconds=20)
    writing = asyncio.ensure_future(ready.write(f"renew/web/{unique_id}", {"sectigo_renew_new_key": True}))
    await asyncio.sleep(3)
    assert (await sync(ready, **IMPORT))["counts"] == {}
    assert answered(await writing)["renewed_from"] == unique_id


async def test_a_replacement_ordered_after_a_run_saw_another_one_is_not_pushed_aside(
    ready: Mount,
    elsewhere: Mount,
) -> None:
    ours = await ready.enroll()
    unique_id, wish = ours["cert_unique_id"], {"sectigo_reason": "again", "sectigo_common_name": "web.example.test"}
    await elsewhere.write(f"fetch/web/{ours['ssl_id']}", {})
    await elsewhere.write(f"replace/web/{unique_id}", {**wish, "sectigo_csr": ours["csr"]})
    ready.simulator.faults.add("collect", "status", status=503, times=3)
    assert (await sync(ready, **REAL))["status"] == "waiting"
    ready.simulator.settings.never_issue = True
    replacing = answered(
        await ready.write(f"replace/web/{unique_id}", {"sectigo_reason": "mine", "sectigo_max_timeout": 0})
    )
    ready.simulator.faults.add("collect", "stale", times=2)
    for _ in range(3):
        await ready.tick(60)
    ready.simulator.settings.never_issue = False
    for _ in range(5):
        await ready.tick(60)
    assert (await cert(ready, unique_id))["private_key"] == replacing["private_key"] != ours["private_key"]


async def test_a_revoked_row_about_another_serial_number_revokes_nothing(ready: Mount) -> None:
    first = await ready.enroll()
    wish = {"sectigo_reason": "new key", "sectigo_common_name": "web.example.test"}
    await ready.write(f"replace/web/{first['cert_unique_id']}", wish)
    report_of(ready, serialNumber=first["serial_number"], revoked="2026-11-01")
    assert (await sync(ready, **REAL))["counts"] == {}
    assert (await cert(ready, first["cert_unique_id"]))["status"] == "Issued"


async def test_a_row_that_denies_a_revocation_revokes_nothing(ready: Mount) -> None:
    ours = await ready.enroll()
    report_of(ready, serialNumber=ours["serial_number"], revoked=False)
    assert (await sync(ready, **REAL))["counts"] == {}


async def test_a_renewal_elsewhere_that_ends_earlier_does_not_take_the_certificates_place(
    ready: Mount,
    elsewhere: Mount,
) -> None:
    ours = await ready.enroll(sectigo_ssl_cert_type=508, sectigo_ssl_cert_validity=200)
    await elsewhere.write(f"fetch/web/{ours['ssl_id']}", {})
    ready.simulator.settings.longest_term = 47
    theirs = answered(await elsewhere.write(f"renew/web/{ours['cert_unique_id']}", {}))
    assert (await sync(ready, **REAL))["found"] == {"only_at_scm": [theirs["cert_unique_id"]]}
    assert (await cert(ready, ours["cert_unique_id"]))["serial_number"] == ours["serial_number"]


@pytest.mark.parametrize("rows", [1, 200], ids=["short pages", "full pages"])
async def test_a_list_that_never_ends_costs_few_calls(ready: Mount, rows: int) -> None:
    ready.simulator.faults.add("ssl_report", "status", status=404, times=None)
    body = json.dumps([{"sslId": 5 + number, "commonName": "x"} for number in range(rows)])
    ready.simulator.faults.add("list", "body", status=200, body=body, times=None)
    data = await sync(ready)
    assert data["status"] == "ended"
    assert ready.simulator.calls.count("list") <= 10


@pytest.mark.parametrize("days", [{"to": "9999-12-31"}, {"from": "0001-01-01"}, {"from": "9998-01-01"}])
async def test_days_on_which_no_certificate_can_end_are_refused(ready: Mount, days: dict[str, str]) -> None:
    with pytest.raises(BadRequestError, match="must not be"):
        await ready.write("sync/web", days)
    assert len(ready.simulator.calls) == 0
