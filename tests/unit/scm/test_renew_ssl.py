import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmRefusedError
from sectigo_vault_pki.scm import SSL, Accepted, ScmClient, Unnamed
from sectigo_vault_pki.scm.ssl import RenewAnswer
from tests.unit.scm.script import BASE_URL, Script, refusal, ssl_order


async def test_a_renewal_is_a_new_order_with_a_new_id(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json={"sslId": 56}))
    assert await SSL.renew(client, 55, ssl_order(csr="")) == Accepted(56)
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}/api/ssl/v1/renewById/55")
    assert request.headers["Content-Type"] == "application/json;charset=UTF-8"


@pytest.mark.parametrize(("csr", "body"), [("", {}), ("PEM\n", {"csr": "PEM\n"})])
async def test_a_renewal_brings_a_csr_only_where_there_is_one(
    csr: str, body: dict[str, str], script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, json={"sslId": 56}))
    await SSL.renew(client, 55, ssl_order(csr=csr))
    assert json.loads(script.requests[0].content) == body


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(204),
        httpx.Response(200),
        httpx.Response(201, text=" \r\n"),
        httpx.Response(202, text="null"),
        httpx.Response(200, json={"code": 0, "description": "Success"}),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"sslId": None}),
        httpx.Response(200, json={"sslId": 0}),
        httpx.Response(200, json={"sslId": -1}),
        httpx.Response(200, json={"sslId": True}),
        httpx.Response(200, json={"sslId": "soon"}),
        httpx.Response(200, json={"sslId": "9" * 400}),
        httpx.Response(200, json={"sslId": 55}),
    ],
)
async def test_a_renewal_without_a_new_id_is_accepted_all_the_same(
    answer: httpx.Response, script: Script, client: ScmClient
) -> None:
    script.answers(answer)
    assert await SSL.renew(client, 55, ssl_order(csr="")) == Unnamed()


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b'"done"', b"OK", b"\xff", b"[" * 100_000, b'{"message": "Log in first"}', b'{"error": "no"}'],
)
async def test_a_renewal_answered_by_something_else_than_scm_is_lost(
    body: bytes, script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, content=body))
    with pytest.raises(ScmAnswerLostError, match="renew was lost"):
        await SSL.renew(client, 55, ssl_order(csr=""))


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (-105, "only an issued certificate can be renewed: enroll a new one"),
        (-123, "check the certificate's id"),
        (-124, "check the certificate's id"),
        (-180, "the certificate profile forbids renewal: enroll a new one"),
        (-111, "the certificate profile is gone: enroll a new certificate with another one"),
        (-10, "check the CSR"),
    ],
)
async def test_a_refused_renewal_says_what_to_do(code: int, hint: str, script: Script, client: ScmClient) -> None:
    script.answers(refusal(400, code, "No"))
    with pytest.raises(ScmRefusedError) as caught:
        await SSL.renew(client, 55, ssl_order(csr=""))
    assert str(caught.value) == f"SCM refused renew: No (code {code}); {hint}"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_whatever_stands_for_an_id_is_a_positive_number_or_none(value: object) -> None:
    found = RenewAnswer.model_validate_json(json.dumps({"sslId": value})).ssl_id
    written = f"{value:.0f}" if isinstance(value, float) else str(value)
    assert found is None or (0 < found < 10**18 and str(found) == written.lstrip("0"))
