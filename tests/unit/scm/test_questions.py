from collections.abc import Awaitable, Callable
from datetime import date

import httpx
import pytest

from sectigo_vault_pki.errors import ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import Page, ScmClient, SslDetails, SslProfile, SslRow
from tests.unit.scm.script import BASE_URL, Script, refusal

Question = Callable[[ScmClient], Awaitable[object]]
QUESTIONS: list[Question] = [
    lambda client: client.list_ssl(common_name="web.example.test"),
    lambda client: client.list_ssl_by_status("Applied"),
    lambda client: client.ssl_details(55),
    lambda client: client.list_client(email="jane@a.test"),
]


async def test_a_list_takes_rows_as_sparse_as_they_come(script: Script, client: ScmClient) -> None:
    script.answers(
        httpx.Response(
            200,
            json=[
                {
                    "sslId": 7,
                    "commonName": "web.example.test",
                    "subjectAlternativeNames": ["a.test"],
                    "serialNumber": "0A:FF",
                },
                {"sslId": 8, "commonName": "web.example.test", "subjectAlternativeNames": None, "serialNumber": None},
                {"id": 9, "surprise": [1, {}]},
            ],
        )
    )
    assert await client.list_ssl(common_name="web.example.test", size=3, position=6) == Page(
        (
            SslRow(7, "web.example.test", ("a.test",), "0A:FF"),
            SslRow(8, "web.example.test", (), ""),
            SslRow(9, "", (), ""),
        )
    )
    (request,) = script.requests
    assert request.url.copy_with(query=None) == f"{BASE_URL}/api/ssl/v1"
    assert dict(request.url.params) == {"commonName": "web.example.test", "size": "3", "position": "6"}


async def test_a_common_name_cannot_smuggle_parameters(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json=[]))
    assert await client.list_ssl(common_name="a&size=1#x ✓") == Page(())
    assert dict(script.requests[0].url.params) == {"commonName": "a&size=1#x ✓", "size": "200", "position": "0"}


async def test_the_list_of_a_status_is_that_of_the_own_organization(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json=[{"sslId": 7}]))
    assert await client.list_ssl_by_status("Applied", size=3, position=6) == Page((SslRow(7, "", (), ""),))
    (request,) = script.requests
    org_id = request.url.params["orgId"]
    assert org_id.isdigit()
    assert dict(request.url.params) == {"status": "Applied", "orgId": org_id, "size": "3", "position": "6"}


@pytest.mark.parametrize(("header", "count"), [("2017", 2017), ("0", 0), ("many", None), ("", None), ("-1", None)])
async def test_the_count_of_a_status_is_taken_from_its_header(
    script: Script, client: ScmClient, header: str, count: int | None
) -> None:
    script.answers(httpx.Response(200, headers={"X-Total-Count": header}))
    assert await client.count_ssl_by_status("Applied") == count
    (request,) = script.requests
    assert request.method == "HEAD"
    assert request.url.params["status"] == "Applied"


async def test_details_of_an_issued_certificate_are_read(script: Script, client: ScmClient) -> None:
    script.answers(
        httpx.Response(
            200,
            json={
                "id": 55,
                "sslId": 55,
                "commonName": "web.example.test",
                "status": "Issued",
                "comments": "ours [vault:1]",
                "externalRequester": "a@b.test",
                "requested": "11/01/2026",
                "approved": "",
                "issued": "11/02/2026",
                "expires": "2027-05-20",
                "replaced": "11/05/2026",
                "revoked": "",
                "renewed": True,
                "serialNumber": "A9:3E",
                "subjectAlternativeNames": ["web.example.test"],
                "certType": {"id": 224},
            },
        )
    )
    assert await client.ssl_details(55) == SslDetails(
        ssl_id=55,
        status="Issued",
        common_name="web.example.test",
        subject_alt_names=("web.example.test",),
        serial_number="A9:3E",
        comments="ours [vault:1]",
        external_requester="a@b.test",
        requested=date(2026, 11, 1),
        issued=date(2026, 11, 2),
        expires=date(2027, 5, 20),
        replaced=date(2026, 11, 5),
        revoked=None,
        renewed=True,
    )
    assert str(script.requests[0].url) == f"{BASE_URL}/api/ssl/v1/55"


async def test_a_status_is_one_short_line(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json={"sslId": 55, "status": "SA\r\nApproved" + "x" * 100}))
    assert (await client.ssl_details(55)).status == f"SA Approved{'x' * 53}"


async def test_details_may_lack_everything_but_the_id(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json={"sslId": 55, "status": None, "expires": None, "issued": "someday"}))
    details = await client.ssl_details(55)
    assert (details.ssl_id, details.status, details.comments, details.expires, details.issued) == (
        55,
        "",
        "",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), ("true", True), (False, False), ("False", False), (None, None), ("", None), ([], None), (1, None)],
)
async def test_whether_it_was_renewed_is_read_from_anything(
    value: object, expected: object, script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, json={"sslId": 55, "status": "Issued", "renewed": value}))
    assert (await client.ssl_details(55)).renewed is expected


@pytest.mark.parametrize("ask", QUESTIONS)
@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("no"), httpx.ReadError("cut"), httpx.Response(429), httpx.Response(502)]
)
async def test_a_question_is_asked_again_and_then_given_up(
    ask: Question, failure: Exception | httpx.Response, script: Script, client: ScmClient
) -> None:
    script.answers(failure, failure, failure)
    with pytest.raises(ScmUnavailableError):
        await ask(client)
    assert len(script.requests) == 3
    assert len(script.pauses) == 2


async def test_the_second_answer_counts(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(503, headers={"Retry-After": "3"}), httpx.Response(200, json=[]))
    assert await client.list_ssl(common_name="a.test") == Page(())
    assert 3.0 <= script.pauses[0] <= 3.3


@pytest.mark.parametrize("ask", QUESTIONS)
async def test_a_refused_question_is_not_asked_again(ask: Question, script: Script, client: ScmClient) -> None:
    script.answers(refusal(400, -3, "You are not authorized to perform this"))
    with pytest.raises(ScmRefusedError, match="lacks a privilege"):
        await ask(client)


@pytest.mark.parametrize("ask", QUESTIONS)
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"<html>", b'"text"', b'{"content": []}', b'{"code": 0}', b"\xff\xfe", b"[" * 100_000],
)
async def test_an_answer_that_cannot_be_read_is_no_answer(
    ask: Question, body: bytes, script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, content=body))
    with pytest.raises(ScmUnavailableError, match=r"HTTP 200 with (no body|a body that cannot be read)") as caught:
        await ask(client)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("total", [None, 2017])
async def test_rows_are_read_one_by_one_and_those_without_a_usable_id_are_counted(
    total: int | None, script: Script, client: ScmClient
) -> None:
    odd: list[object] = [
        {},
        "row",
        None,
        [],
        {"sslId": -1},
        {"sslId": 0},
        {"sslId": True},
        {"sslId": "x"},
        {"sslId": 10**18},
    ]
    good: list[dict[str, object]] = [
        {"sslId": "7"},
        {"sslId": None, "id": 8.0},
        {"sslId": 9, "commonName": ["x"], "subjectAlternativeNames": "a.test, b.test", "serialNumber": {}},
        {"sslId": 10, "commonName": 5, "subjectAlternativeNames": ["a.test", None, 7]},
    ]
    headers = {} if total is None else {"X-Total-Count": str(total)}
    script.answers(httpx.Response(200, json=[*odd, *good], headers=headers))
    page = await client.list_ssl(common_name="web.example.test")
    assert page == Page(
        (
            SslRow(7, "", (), ""),
            SslRow(8, "", (), ""),
            SslRow(9, "", ("a.test", "b.test"), ""),
            SslRow(10, "5", ("a.test",), ""),
        ),
        unreadable=len(odd),
        total=total,
    )
    assert page.length == len(odd) + len(good)


async def test_a_client_row_whose_comments_cannot_be_read_is_counted(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json=[{"orderNumber": 1, "comments": ["x"]}, 7, {"orderNumber": 2}]))
    page = await client.list_client(email="jane@a.test")
    assert (page.unreadable, [row.order_number for row in page.rows]) == (2, [2])


async def test_details_whose_comments_cannot_be_read_are_no_answer(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json={"sslId": 55, "comments": {"text": "ours"}}))
    with pytest.raises(ScmUnavailableError, match="cannot be read"):
        await client.ssl_details(55)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-28T10:00:00.000Z", date(2026, 11, 28)),
        ("2027-11-28T00:00:00+0000", date(2027, 11, 28)),
        ("12/31/9999", date.max),
        ("0000-00-00", None),
        ("13/13/2026", None),
        ("1" * 5000, None),
        (20261128, None),
    ],
)
async def test_a_day_is_read_from_each_form_or_is_none(
    text: object, expected: date | None, script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, json={"sslId": 55, "requested": text}))
    assert (await client.ssl_details(55)).requested == expected


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([365, 199, 365], (199, 365)),
        (["365", " 199 "], (199, 365)),
        ([365.0], (365,)),
        ("365,199", (199, 365)),
        (47, (47,)),
        (None, ()),
        ([], ()),
        ([365, "a year"], ()),
        ([365, -1], ()),
        ({"days": 365}, ()),
    ],
)
async def test_the_terms_of_a_profile_are_read_in_each_form_or_are_unknown(
    terms: object, expected: tuple[int, ...], script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, json=[{"id": "501", "terms": terms}, {"id": 0}, "odd"]))
    assert await client.ssl_profiles() == Page((SslProfile(501, expected),), unreadable=2)
