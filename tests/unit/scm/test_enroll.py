import json

import httpx
import pytest

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import SSL, Accepted, Order, ScmClient
from tests.unit.scm.script import BASE_URL, MARK, PASSWORD, Script, Step, account_at, refusal, ssl_order, too_long

ACCEPTED = {"sslId": 55, "renewId": "gu03sW6WENt7GTvDTuOP"}


async def test_an_accepted_order_gives_scm_ids(script: Script, client: ScmClient, order: Order) -> None:
    script.answers(httpx.Response(200, json=ACCEPTED))
    assert await SSL.enroll(client, order) == Accepted(55, "gu03sW6WENt7GTvDTuOP")


@pytest.mark.parametrize("body", [{"sslId": 55}, {"sslId": "55", "renewId": None, "new": {}}])
async def test_an_accepted_order_may_lack_a_renew_id(
    body: dict[str, object], script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(httpx.Response(200, json=body))
    assert await SSL.enroll(client, order) == Accepted(55, "")


async def test_a_short_order_sends_only_what_it_has(script: Script, client: ScmClient, order: Order) -> None:
    script.answers(httpx.Response(200, json=ACCEPTED))
    await SSL.enroll(client, order)
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}/api/ssl/v1/enroll")
    assert request.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert json.loads(request.content) == {
        "orgId": 42,
        "csr": order.csr,
        "certType": 224,
        "term": 199,
        "comments": MARK,
    }


async def test_a_full_order_sends_everything(script: Script, client: ScmClient) -> None:
    fields = {
        "subject_alt_names": ("a.test", "b.test"),
        "comments": "for us",
        "external_requester": "a@b.test,c@b.test",
        "custom_fields": (("cost centre", "7"), ("empty", "")),
        "number_servers": 0,
        "server_type": -1,
    }
    full = ssl_order(fields=fields, common_name="C.test", subject_alt_names=("c.test", "b.test", "d.test"))
    script.answers(httpx.Response(200, json=ACCEPTED))
    await SSL.enroll(client, full)
    assert json.loads(script.requests[0].content) == {
        "orgId": 42,
        "csr": full.csr,
        "certType": 224,
        "term": 199,
        "subjAltNames": "a.test,b.test,d.test",
        "comments": f"for us {MARK}",
        "externalRequester": "a@b.test,c@b.test",
        "customFields": [{"name": "cost centre", "value": "7"}, {"name": "empty", "value": ""}],
        "numberServers": 0,
        "serverType": -1,
    }


async def test_the_login_is_in_the_headers_and_nowhere_else(script: Script, client: ScmClient, order: Order) -> None:
    script.answers(httpx.Response(200, json=ACCEPTED))
    await SSL.enroll(client, order)
    (request,) = script.requests
    raw = dict(request.headers.raw)
    assert raw[b"login"] == b"api-user"
    assert raw[b"password"] == PASSWORD.encode()
    assert raw[b"customerUri"] == b"acme"
    assert "api-user" not in str(request.url)
    assert PASSWORD.encode() not in request.content


async def test_a_private_login_keeps_its_path(script: Script, order: Order) -> None:
    client = ScmClient(account_at(f"{BASE_URL}/private"), transport=httpx.MockTransport(script.handle))
    script.answers(httpx.Response(200, json=ACCEPTED))
    await SSL.enroll(client, order)
    assert str(script.requests[0].url) == f"{BASE_URL}/private/api/ssl/v1/enroll"
    await client.aclose()


@pytest.mark.parametrize(("own_limit", "expected"), [(60.0, 300.0), (400.0, 400.0)])
async def test_an_order_is_given_five_minutes_to_be_answered(
    own_limit: float, expected: float, script: Script, order: Order
) -> None:
    account = account_at(BASE_URL, request_timeout=own_limit)
    client = ScmClient(account, transport=httpx.MockTransport(script.handle))
    script.answers(httpx.Response(200, json=ACCEPTED))
    await SSL.enroll(client, order)
    timeout = script.requests[0].extensions["timeout"]
    assert timeout == {"connect": own_limit, "pool": own_limit, "write": own_limit, "read": expected}
    await client.aclose()


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("no"), httpx.ConnectTimeout("no"), httpx.PoolTimeout("no"), httpx.Response(429)]
)
async def test_an_order_that_was_not_taken_is_sent_again(
    failure: Exception | httpx.Response, script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(failure, failure, httpx.Response(200, json=ACCEPTED))
    assert (await SSL.enroll(client, order)).scm_id == 55
    first, second = script.pauses
    assert 0.25 <= first <= 0.5 <= second <= 1.0


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (httpx.ConnectError("no"), f"the connection failed ({BASE_URL})"),
        (httpx.PoolTimeout("no"), f"too many calls are under way ({BASE_URL})"),
        (httpx.Response(429), "HTTP 429 Too Many Requests"),
    ],
)
async def test_an_order_that_is_not_taken_three_times_is_given_up(
    failure: Exception | httpx.Response, words: str, script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(failure, failure, failure)
    with pytest.raises(ScmUnavailableError) as caught:
        await SSL.enroll(client, order)
    assert str(caught.value) == f"SCM is not available for enroll: {words}"
    assert len(script.pauses) == 2


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "30"}, 30.0),
        (
            {"Retry-After": "Mon, 23 Nov 2026 10:00:09 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"},
            9.0,
        ),
        ({"Retry-After": "Mon, 23 Nov 2026 09:00:00 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 0.0),
    ],
)
async def test_the_pause_a_busy_scm_asks_for_is_kept(
    headers: dict[str, str], pause: float, script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(httpx.Response(429, headers=headers), httpx.Response(200, json=ACCEPTED))
    await SSL.enroll(client, order)
    assert len(script.pauses) == 1
    assert pause <= script.pauses[0] <= 1.1 * pause


@pytest.mark.parametrize("retry_after", ["31", "9" * 400])
async def test_a_pause_that_is_longer_than_anybody_waits_is_not_waited_for(
    retry_after: str, script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(httpx.Response(429, headers={"Retry-After": retry_after}))
    with pytest.raises(ScmUnavailableError, match="HTTP 429"):
        await SSL.enroll(client, order)
    with pytest.raises(ScmUnavailableError, match=r"asks to be left alone for \d+ s more \(HTTP 429\)"):
        await SSL.collect(client, 55)
    assert (len(script.requests), script.pauses) == (1, [])


@pytest.mark.parametrize("retry_after", ["soon", "-5", "1e3", "²", "Mon, 23 Nov 2026 10:00:09 GMT", ""])
async def test_a_wish_that_cannot_be_read_is_passed_over(
    retry_after: str, script: Script, client: ScmClient, order: Order
) -> None:
    busy = httpx.Response(429, headers={b"Retry-After": retry_after.encode()})
    script.answers(busy, httpx.Response(200, json=ACCEPTED))
    await SSL.enroll(client, order)
    assert 0.25 <= script.pauses[0] <= 0.5


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal(400, -139, "External Requester is required."), -139),
        (refusal(400, 0, "Being processed by Sectigo"), 0),
        (refusal(401, -16, "Unknown user"), -16),
        (refusal(400, -195, "CA is not available now"), -195),
        (httpx.Response(403, json={"description": "Go away"}), None),
    ],
)
async def test_a_refused_order_is_not_sent_again(
    answer: httpx.Response, code: int | None, script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(answer)
    with pytest.raises(ScmRefusedError) as caught:
        await SSL.enroll(client, order)
    assert caught.value.code == code
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "outcome",
    [
        httpx.ReadTimeout("late"),
        httpx.ReadError("cut"),
        httpx.WriteError("cut"),
        httpx.WriteTimeout("late"),
        httpx.RemoteProtocolError("odd"),
        httpx.Response(408),
        httpx.Response(500, json={"code": -14, "description": "Unknown error."}),
        httpx.Response(502, text="<html>Bad Gateway</html>"),
        httpx.Response(503, headers={"Retry-After": "1"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"sslId": 0}),
        httpx.Response(200, json={"sslId": None}),
        httpx.Response(204),
        too_long,
        httpx.Response(200, content=b"{}", headers={"Content-Encoding": "zstd"}),
    ],
)
async def test_an_order_without_a_clear_answer_is_lost_and_not_sent_again(
    outcome: Step, script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(outcome)
    with pytest.raises(ScmAnswerLostError, match="was lost, and it may have taken the order"):
        await SSL.enroll(client, order)
    assert len(script.requests) == 1
    assert not script.pauses


async def test_an_order_is_lost_too_if_only_its_second_sending_stays_unanswered(
    script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(httpx.ConnectError("no"), httpx.ReadTimeout("late"))
    with pytest.raises(ScmAnswerLostError):
        await SSL.enroll(client, order)


async def test_a_closed_client_takes_no_orders(script: Script, client: ScmClient, order: Order) -> None:
    await client.aclose()
    with pytest.raises(ScmUnavailableError, match="settings changed"):
        await SSL.enroll(client, order)
    assert not script.requests
