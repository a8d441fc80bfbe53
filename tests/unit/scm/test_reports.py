"""Reports and lists of whole rows: what is sent, and how tolerantly rows are read."""

import json
from datetime import date
from typing import Any

import httpx
import pytest

from sectigo_vault_pki.errors import ScmAnswerTooLongError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import BreakerState, ByDate, Reported, ScmClient, listed_entries, report
from sectigo_vault_pki.scm.results import Page
from tests.unit.scm.script import Script, refusal, too_long

FIRST, LAST = date(2027, 1, 1), date(2027, 1, 31)


def reports(*rows: object) -> httpx.Response:
    return httpx.Response(200, json={"statusCode": 0, "message": "OK", "reports": rows})


async def asked(client: ScmClient, kind: str = "ssl_cert", **how: Any) -> Page[Reported]:
    return await report(client, kind, how.pop("by", ByDate.EXPIRES), FIRST, LAST, **how)


async def test_a_report_names_the_organization_the_days_and_which_date_they_are(
    client: ScmClient, script: Script
) -> None:
    script.answers(reports(), reports(), reports())
    await asked(client)
    await asked(client, by=ByDate.REQUESTED, pending=True)
    await asked(client, "client_cert")
    bodies = [json.loads(request.content) for request in script.requests]
    assert bodies[0] == {
        "from": "2027-01-01",
        "to": "2027-01-31",
        "organizationIds": [42],
        "certificateStatus": "0",
        "certificateDateAttribute": "3",
        "serialNumberFormat": "HEXWithLeadingZeros",
    }
    assert (bodies[1]["certificateStatus"], bodies[1]["certificateDateAttribute"]) == ("1", "4")
    assert "serialNumberFormat" not in bodies[2]
    assert [request.url.path for request in script.requests] == [
        "/api/report/v1/ssl-certificates",
        "/api/report/v1/ssl-certificates",
        "/api/report/v1/client-certificates",
    ]


@pytest.mark.parametrize(
    ("kind", "row", "read"),
    [
        ("ssl_cert", {"id": 7}, Reported(7)),
        ("ssl_cert", {"sslId": "7", "status": "Issued"}, Reported(7, status="issued")),
        ("ssl_cert", {"id": 7, "serialNumber": "0A", "comments": "x"}, Reported(7, serial_number="0A", comments="x")),
        ("ssl_cert", {"id": 7, "expires": "2027-01-02T03:04:05.000Z"}, Reported(7, expires=date(2027, 1, 2))),
        ("ssl_cert", {"id": 7, "expires": "01/02/2027"}, Reported(7, expires=date(2027, 1, 2))),
        ("ssl_cert", {"id": 7, "expires": "soon", "comments": []}, Reported(7)),
        ("ssl_cert", {"id": 7, "status": "Revoked"}, Reported(7, status="revoked", is_revoked=True)),
        ("ssl_cert", {"id": 7, "revoked": "whenever"}, Reported(7, is_revoked=True)),
        ("ssl_cert", {"id": 7, "orgId": 42}, Reported(7, org_id=42)),
        ("ssl_cert", {"id": 7, "orgId": "42"}, Reported(7, org_id=42)),
        ("ssl_cert", {"id": 7, "orgId": []}, Reported(7)),
        ("client_cert", {"orderNumber": 7, "organization": {"id": "42"}}, Reported(7, org_id=42)),
        ("client_cert", {"id": 3, "orderNumber": 7, "expire": "2027-01-02"}, Reported(7, expires=date(2027, 1, 2))),
        ("client_cert", {"backendCertId": "7", "state": "issued"}, Reported(7, status="issued")),
    ],
)
async def test_a_row_is_read_as_far_as_it_can_be(
    client: ScmClient, script: Script, kind: str, row: object, read: Reported
) -> None:
    script.answers(reports(row, {"commonName": "no id"}, "no row"))
    page = await asked(client, kind)
    assert (page.rows, page.unreadable) == ((read,), 2)


async def test_an_answer_that_is_too_long_is_said_to_be_and_not_asked_for_again(
    client: ScmClient, script: Script
) -> None:
    for _ in range(12):
        script.answers(too_long())
        with pytest.raises(ScmAnswerTooLongError):
            await asked(client)
    assert script.pauses == []
    assert client.availability.breaker is BreakerState.CLOSED


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200, json={"statusCode": 0}), httpx.Response(200, json=[]), httpx.Response(404, text="<html>")],
)
async def test_what_is_no_report_is_an_unusable_answer(
    client: ScmClient, script: Script, answer: httpx.Response
) -> None:
    script.answers(answer)
    with pytest.raises(ScmUnavailableError) as caught:
        await asked(client)
    assert caught.value.answered


@pytest.mark.parametrize(("code", "is_error"), [(0, False), ("0", False), (200, False), (None, False), (-14, True)])
async def test_a_report_says_by_its_status_code_whether_it_is_one(
    client: ScmClient, script: Script, code: object, *, is_error: bool
) -> None:
    script.answers(httpx.Response(200, json={"statusCode": code, "message": "x", "reports": [{"id": 7}]}))
    if not is_error:
        assert (await asked(client)).rows == (Reported(7),)
        return
    with pytest.raises(ScmRefusedError, match=r"SCM refused report: x \(code -14\)") as caught:
        await asked(client)
    assert not caught.value.login_refused


async def test_a_refused_report_is_a_refusal(client: ScmClient, script: Script) -> None:
    script.answers(refusal(403, -3, "Access denied"))
    with pytest.raises(ScmRefusedError):
        await asked(client)


async def test_a_page_of_the_ssl_list_gets_its_status_from_the_question(client: ScmClient, script: Script) -> None:
    script.answers(httpx.Response(200, json=[{"sslId": 7, "serialNumber": "0A:0B"}], headers={"X-Total-Count": "9"}))
    page = await listed_entries(client, "ssl_cert", "Revoked", 200)
    assert page.rows == (Reported(7, status="revoked", serial_number="0A:0B", is_revoked=True),)
    assert page.total == 9
    assert dict(script.requests[0].url.params) == {"size": "200", "position": "200", "status": "Revoked", "orgId": "42"}


def test_what_can_be_collected_is_live() -> None:
    assert Reported(7).is_live(FIRST)
    assert Reported(7, expires=FIRST, status="issued").is_live(FIRST)
    assert not Reported(7, expires=FIRST).is_live(LAST)
    assert not Reported(7, status="declined").is_live(FIRST)
    assert not Reported(7, is_revoked=True).is_live(FIRST)
