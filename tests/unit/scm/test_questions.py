from collections.abc import Awaitable, Callable
from datetime import date

import httpx
import pytest

from sectigo_vault_pki.errors import ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import SMIME, SSL, Listed, Pending, Remarks, ScmClient, Standing
from sectigo_vault_pki.scm.call import Call
from sectigo_vault_pki.scm.ssl import PENDING, ListRow
from tests.unit.scm.script import BASE_URL, Script, refusal

Question = Callable[[ScmClient], Awaitable[object]]
QUESTIONS: list[Question] = [
    lambda client: SSL.listed(client, "web.example.test"),
    SSL.pending,
    lambda client: SSL.remarks(client, Listed(55, None)),
    lambda client: SMIME.listed(client, "jane@a.test"),
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
    listed, is_whole = await SSL.listed(client, "web.example.test")
    assert (listed, is_whole) == ([Listed(9, None), Listed(8, None), Listed(7, None)], True)
    (request,) = script.requests
    assert request.url.copy_with(query=None) == f"{BASE_URL}/api/ssl/v1"
    assert dict(request.url.params) == {"commonName": "web.example.test", "size": "200", "position": "0"}


async def test_a_common_name_cannot_smuggle_parameters(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json=[]))
    assert await SSL.listed(client, "a&size=1#x ✓") == ([], True)
    assert dict(script.requests[0].url.params) == {"commonName": "a&size=1#x ✓", "size": "200", "position": "0"}


async def test_the_lists_of_statuses_are_those_of_the_own_organization(script: Script, client: ScmClient) -> None:
    script.answers(*[httpx.Response(200, json=[{"sslId": 7}])] * len(PENDING))
    assert await SSL.pending(client) == Pending(frozenset({7}), calls=len(PENDING))
    for status, request in zip(PENDING, script.requests, strict=True):
        assert dict(request.url.params) == {"status": status, "orgId": "42", "size": "200", "position": "0"}


@pytest.mark.parametrize(("header", "count"), [("2017", 2017), ("0", 0), ("many", None), ("", None), ("-1", None)])
async def test_the_count_of_a_status_is_taken_from_its_header(
    script: Script, client: ScmClient, header: str, count: int | None
) -> None:
    script.answers(*[httpx.Response(200, headers={"X-Total-Count": header})] * len(PENDING))
    assert await SSL.count_pending(client) == (count,) * len(PENDING)
    for status, request in zip(PENDING, script.requests, strict=True):
        assert request.method == "HEAD"
        assert request.url.params["status"] == status


async def test_details_of_an_issued_certificate_are_read(script: Script, client: ScmClient) -> None:
    answer = httpx.Response(
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
    script.answers(answer, answer)
    assert await SSL.remarks(client, Listed(55, None)) == Remarks("ours [vault:1]", date(2026, 11, 1))
    assert await SSL.standing(client, 55, "") == Standing("Issued", "A9:3E", renewed=True)
    assert str(script.requests[0].url) == f"{BASE_URL}/api/ssl/v1/55"


async def test_a_status_is_one_short_line(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json={"sslId": 55, "status": "SA\r\nApproved" + "x" * 100}))
    assert (await SSL.standing(client, 55, "")).status == f"SA Approved{'x' * 53}"


async def test_details_may_lack_everything_but_the_id(script: Script, client: ScmClient) -> None:
    answer = httpx.Response(200, json={"sslId": 55, "status": None, "serialNumber": None, "requested": "someday"})
    script.answers(answer, answer)
    assert await SSL.remarks(client, Listed(55, None)) == Remarks("", None)
    assert await SSL.standing(client, 55, "") == Standing()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), ("true", True), (False, False), ("False", False), (None, None), ("", None), ([], None), (1, None)],
)
async def test_whether_it_was_renewed_is_read_from_anything(
    value: object, expected: object, script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, json={"sslId": 55, "status": "Issued", "renewed": value}))
    assert (await SSL.standing(client, 55, "")).renewed is expected


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
    assert await SSL.listed(client, "a.test") == ([], True)
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
    page = await client.listed(Call("list", "GET", "/api/ssl/v1"), ListRow)
    names = [(row.ssl_id, row.common_name) for row in page.rows]
    assert names == [(7, ""), (8, ""), (9, ""), (10, "5")]
    assert (page.unreadable, page.total) == (len(odd), total)
    assert page.length == len(odd) + len(good)


async def test_a_client_row_whose_comments_cannot_be_read_is_counted(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json=[{"orderNumber": 1, "comments": ["x"]}, 7, {"orderNumber": 2}]))
    assert await SMIME.listed(client, "jane@a.test") == ([Listed(2, None)], False)


async def test_details_whose_comments_cannot_be_read_are_no_answer(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json={"sslId": 55, "comments": {"text": "ours"}}))
    with pytest.raises(ScmUnavailableError, match="cannot be read"):
        await SSL.remarks(client, Listed(55, None))


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
    assert (await SSL.remarks(client, Listed(55, None))).requested == expected


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
    page = await SSL.profiles(client)
    assert [(profile.id, profile.terms) for profile in page.rows] == [(501, expected)]
    assert page.unreadable == 2
