"""Client certificates; what they share with SSL ones is tried there for both."""

import json
from collections.abc import Mapping

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import SMIME, Accepted, Collected, Listed, ScmClient, Standing, StillProcessing, Unnamed
from sectigo_vault_pki.scm.smime import ClientRenewAnswer
from tests.unit.scm.script import BASE_URL, MARK, Script, client_order, refusal

ORDER = client_order(csr="PEM")
NUMBERS: list[Mapping[str, object]] = [
    {"orderNumber": 1923182777, "backendCertId": "1923182777"},
    {"orderNumber": "1923182777"},
    {"orderNumber": 0, "backendCertId": "1923182777"},
    {"orderNumber": None, "backendCertId": 1923182777},
    {"id": 7, "backendCertId": "1923182777"},
]
NO_NUMBERS: list[Mapping[str, object]] = [
    {},
    {"orderNumber": 0, "backendCertId": None},
    {"orderNumber": -5, "backendCertId": ""},
    {"orderNumber": True, "backendCertId": "ABC-1"},
    {"id": 7},
]


@pytest.mark.parametrize("body", NUMBERS)
async def test_an_accepted_order_has_a_number(body: Mapping[str, object], script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json=body))
    assert await SMIME.enroll(client, ORDER) == Accepted(1923182777)


@pytest.mark.parametrize(
    "answer", [*(httpx.Response(200, json=body) for body in [*NO_NUMBERS, []]), httpx.Response(204)]
)
async def test_an_order_without_a_number_is_lost(answer: httpx.Response, script: Script, client: ScmClient) -> None:
    script.answers(answer)
    with pytest.raises(ScmAnswerLostError, match="enroll was lost"):
        await SMIME.enroll(client, ORDER)


async def test_a_short_order_sends_only_what_it_has(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json=NUMBERS[0]))
    await SMIME.enroll(client, ORDER)
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}/api/smime/v1/enroll")
    assert json.loads(request.content) == {
        "orgId": 42,
        "csr": "PEM",
        "certType": 90,
        "term": 365,
        "email": "jane@a.test",
        "firstName": "Jane",
        "lastName": "Doe",
        "comments": MARK,
    }


async def test_a_full_order_sends_everything(script: Script, client: ScmClient) -> None:
    fields = {"first_name": "Jöran", "middle_name": "M.", "custom_fields": (("cost centre", "7"), ("empty", ""))}
    full = client_order(csr="PEM", fields=fields)
    script.answers(httpx.Response(200, json=NUMBERS[0]))
    await SMIME.enroll(client, full)
    assert json.loads(script.requests[0].content) == {
        "orgId": 42,
        "csr": "PEM",
        "certType": 90,
        "term": 365,
        "email": "jane@a.test",
        "firstName": "Jöran",
        "lastName": "Doe",
        "middleName": "M.",
        "comments": MARK,
        "customFields": [{"name": "cost centre", "value": "7"}, {"name": "empty", "value": ""}],
    }


async def test_a_ready_certificate_is_collected_as_scm_hands_it_out_unasked(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, content=b"-----BEGIN PKCS7-----\n"))
    assert await SMIME.collect(client, 1923182777) == Collected(b"-----BEGIN PKCS7-----\n")
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("GET", f"{BASE_URL}/api/smime/v1/collect/1923182777")


@pytest.mark.parametrize("code", [0, -183, -1400])
async def test_a_pending_certificate_is_a_value(code: int, script: Script, client: ScmClient) -> None:
    script.answers(refusal(400, code, "Certificate is not collectable."))
    assert await SMIME.collect(client, 55) == StillProcessing(code, "Certificate is not collectable.")


@pytest.mark.parametrize(
    ("code", "hint"),
    [(-192, "the certificate was revoked: order a new one"), (-1104, "check the certificate's id")],
)
async def test_a_refused_collect_says_what_to_do(code: int, hint: str, script: Script, client: ScmClient) -> None:
    script.answers(refusal(400, code, "No"))
    with pytest.raises(ScmRefusedError) as caught:
        await SMIME.collect(client, 55)
    assert str(caught.value) == f"SCM refused collect: No (code {code}); {hint}"


async def test_trouble_with_a_collect_is_reported_at_once(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(503))
    with pytest.raises(ScmUnavailableError):
        await SMIME.collect(client, 55)
    assert not script.pauses


@pytest.mark.parametrize("body", NUMBERS)
async def test_a_renewal_is_a_new_order_with_a_new_number(
    body: Mapping[str, object], script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, json=body))
    assert await SMIME.renew(client, 55, client_order()) == Accepted(1923182777)
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}/api/smime/v2/renew/order/55")
    assert request.content == b""
    assert request.headers["Content-Length"] == "0"


@pytest.mark.parametrize(
    "answer",
    [
        *(httpx.Response(200, json=body) for body in NO_NUMBERS),
        httpx.Response(200, json={"orderNumber": 55, "backendCertId": "55"}),
        httpx.Response(204),
        httpx.Response(200, text="\r\n"),
    ],
)
async def test_a_renewal_without_a_new_number_is_accepted_all_the_same(
    answer: httpx.Response, script: Script, client: ScmClient
) -> None:
    script.answers(answer)
    assert await SMIME.renew(client, 55, client_order()) == Unnamed()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["orderNumber", "backendCertId", "x"]), inner),
    )
)
def test_any_answer_to_a_renewal_has_a_positive_number_or_none_or_is_unreadable(value: object) -> None:
    try:
        found = ClientRenewAnswer.model_validate_json(json.dumps(value)).order_number
    except ValueError:
        assert not isinstance(value, dict)
    else:
        assert found is None or 0 < found < 10**18


@pytest.mark.parametrize("revoke", [True, False])
async def test_a_replacement_keeps_its_number_and_answers_nothing(
    revoke: bool, script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(204))
    await SMIME.replace(client, 55, client_order(csr="PEM", reason="lost", revoke_replaced=revoke))
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}/api/smime/v2/replace/order/55")
    assert json.loads(request.content) == {"csr": "PEM", "reason": "lost", "revoke": revoke}


async def test_a_list_takes_rows_as_sparse_as_they_come(script: Script, client: ScmClient) -> None:
    rows: list[Mapping[str, object]] = [
        {
            "id": 1,
            "state": "issued",
            "certificateDetails": {"subject": "CN=Jane Doe"},
            "serialNumber": "0A:FF",
            "orderNumber": 1923182777,
            "backendCertId": "1923182777",
            "expires": "2027-11-22",
            "comments": "ours [vault:1]",
        },
        {"id": 2, "state": "rejected", "orderNumber": 0, "backendCertId": None, "expires": None, "comments": None},
        {"orderNumber": "12", "serialNumber": None, "surprise": [1, {}]},
    ]
    script.answers(*[httpx.Response(200, json=rows)] * 2)
    email = "jane+a&size=1@a.test"
    assert await SMIME.listed(client, email) == ([Listed(1923182777, "ours [vault:1]"), Listed(12, None)], False)
    assert await SMIME.standing(client, 1923182777, email) == Standing("issued", "0A:FF")
    for request in script.requests:
        assert request.url.copy_with(query=None) == f"{BASE_URL}/api/smime/v2"
        assert dict(request.url.params) == {"email": email, "size": "200", "position": "0"}


async def test_the_standing_of_an_order_that_is_not_listed_is_empty(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json=[]))
    assert await SMIME.standing(client, 55, "jane@a.test") == Standing()
    assert dict(script.requests[0].url.params) == {"email": "jane@a.test", "size": "200", "position": "0"}
