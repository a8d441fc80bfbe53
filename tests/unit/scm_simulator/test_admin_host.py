"""The admin host, which tokens reach: its generations, its ids, and what it lacks (scm-api.md 9, 13.1 and 13.2)."""

import base64

import httpx
import pytest
from cryptography import x509

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    CLIENT_V1,
    CLIENT_V2,
    SSL,
    SSL_V2,
    Clock,
    client_enrolment,
    enrolled,
    enrolment,
    make_csr,
    refusal,
    token_of,
)


@pytest.mark.parametrize("prefix", [SSL, SSL_V2])
async def test_both_generations_order_collect_renew_replace_and_revoke(admin: httpx.AsyncClient, prefix: str) -> None:
    ssl_id = (await admin.post(f"{prefix}/enroll", json=enrolment())).json()["sslId"]
    first = await admin.get(f"{prefix}/collect/{ssl_id}", params={"format": "x509CO"})
    assert (await admin.post(f"{prefix}/replace/{ssl_id}", json={"csr": make_csr(), "reason": "r"})).status_code == 204
    second = await admin.get(f"{prefix}/collect/{ssl_id}", params={"format": "x509CO"})
    assert first.content != second.content
    renewed = (await admin.post(f"{prefix}/renewById/{ssl_id}", json={})).json()["sslId"]
    assert renewed != ssl_id
    assert (await admin.post(f"{prefix}/revoke/{ssl_id}", json={"reason": "r"})).status_code == 204
    assert {row["sslId"] for row in (await admin.get(prefix)).json()} == {ssl_id, renewed}


@pytest.mark.parametrize(("versions", "old", "new"), [(("v1",), 200, 404), (("v2",), 404, 200), ((), 404, 404)])
async def test_which_generations_there_are_is_a_setting(
    admin: httpx.AsyncClient, simulator: Simulator, versions: tuple[str, ...], old: int, new: int
) -> None:
    simulator.settings.admin_ssl_versions = versions  # type: ignore[assignment]  # words of the parameters
    assert (await admin.get(f"{SSL}/types")).status_code == old
    assert (await admin.get(f"{SSL_V2}/types")).status_code == new
    assert (await admin.get(f"{CLIENT_V2}/types")).status_code == 200


async def test_the_classic_host_has_no_v2_of_ssl(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.admin_ssl_versions = ()
    assert (await client.get(f"{SSL}/types")).status_code == 200
    assert refusal(await client.get(f"{SSL_V2}/types")) == (404, -1)


async def test_the_details_of_v2_have_times_the_csr_and_fingerprints(admin: httpx.AsyncClient) -> None:
    csr = make_csr()
    ssl_id = await enrolled(admin, csr=csr)
    details = (await admin.get(f"{SSL_V2}/{ssl_id}")).json()
    assert details["issued"] == "2026-11-23T12:00:00.250Z"
    assert details["expires"] == "2027-11-23T12:00:00.000Z"
    assert "revoked" not in details
    sent = x509.load_pem_x509_csr(csr.encode())
    assert x509.load_der_x509_csr(base64.b64decode(details["csrDetails"]["csr"])) == sent
    assert details["sha256Fingerprint"] == details["certificateDetails"]["sha256Hash"]
    assert (await admin.get(f"{SSL}/{ssl_id}")).json()["issued"] == "11/23/2026"


async def test_the_list_of_v2_is_filtered_by_times(admin: httpx.AsyncClient, clock: Clock) -> None:
    old = await enrolled(admin)
    clock.advance(days=170)
    admin.headers["authorization"] = f"Bearer {await token_of(admin)}"
    new = await enrolled(admin, csr=make_csr("other.example.test"))
    renewed = (await admin.post(f"{SSL}/renewById/{old}", json={})).json()["sslId"]
    digest = (await admin.get(f"{SSL_V2}/{new}")).json()["sha256Fingerprint"]
    expected: list[tuple[str, str, set[int]]] = [
        ("requestedIn", "10", {new, renewed}),
        ("issuedIn", "200", {old, new, renewed}),
        ("expiresIn", "200", {old}),
        ("expiresIn", "10", set()),
        ("renewedIn", "1", {old}),
        ("renewed", "true", {old}),
        ("renewed", "false", {new, renewed}),
        ("sha256Hash", digest, {new}),
    ]
    found = [
        (name, value, {row["sslId"] for row in (await admin.get(SSL_V2, params={name: value})).json()})
        for name, value, _ in expected
    ]
    assert found == expected


@pytest.mark.parametrize("value", ["0", "201", "-1", "soon", ""])
async def test_a_window_is_1_to_200_days(admin: httpx.AsyncClient, value: str) -> None:
    await enrolled(admin)
    assert refusal(await admin.get(SSL_V2, params={"expiresIn": value})) == (400, -1601)


async def test_client_certificates_are_called_by_the_id_of_scm(admin: httpx.AsyncClient) -> None:
    enrolled_ = (await admin.post(f"{CLIENT_V2}/enroll", json=client_enrolment())).json()
    assert enrolled_.keys() == {"id", "backendCertId"}
    by_id = await admin.get(f"{CLIENT_V2}/collect/{enrolled_['id']}")
    by_order = await admin.get(f"{CLIENT_V2}/collect/order/{enrolled_['backendCertId']}")
    assert by_id.status_code == by_order.status_code == 200
    assert by_id.content == by_order.content
    assert refusal(await admin.get(f"{CLIENT_V2}/collect/{enrolled_['backendCertId']}")) == (404, -5101)
    renewed = (await admin.post(f"{CLIENT_V2}/renew/order/{enrolled_['backendCertId']}")).json()
    assert renewed["id"] != enrolled_["id"]
    answer = await admin.post(f"{CLIENT_V2}/revoke/{enrolled_['id']}", json={"reason": ""})
    assert answer.status_code == 204
    assert refusal(await admin.get(f"{CLIENT_V2}/collect/{enrolled_['id']}")) == (400, -192)


async def test_in_25_9_client_certificates_are_called_by_their_order_number(
    admin: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.admin_smime_ids = "order"
    order = (await admin.post(f"{CLIENT_V2}/enroll", json=client_enrolment())).json()
    assert order == {"orderNumber": int(order["backendCertId"]), "backendCertId": order["backendCertId"]}
    assert (await admin.get(f"{CLIENT_V2}/collect/{order['orderNumber']}")).status_code == 200
    assert (await admin.get(f"{CLIENT_V2}/collect/order/{order['orderNumber']}")).status_code == 404
    assert (await admin.post(f"{CLIENT_V2}/revoke/{order['orderNumber']}", json={"reason": ""})).status_code == 404
    answer = await admin.post(f"{CLIENT_V2}/revoke/order/{order['orderNumber']}", json={"reason": ""})
    assert answer.status_code == 204


async def test_client_certificates_have_neither_v1_nor_a_replacement(admin: httpx.AsyncClient) -> None:
    assert refusal(await admin.get(f"{CLIENT_V1}/types")) == (404, -1)
    body = {"csr": make_csr(None), "reason": "r"}
    assert refusal(await admin.post(f"{CLIENT_V2}/replace/order/1", json=body)) == (404, -1)


async def test_unknown_client_certificates_are_404_except_for_a_renewal(admin: httpx.AsyncClient) -> None:
    for path in ("collect/1", "collect/order/1", "1"):
        assert refusal(await admin.get(f"{CLIENT_V2}/{path}")) == (404, -5101)
    for path in ("revoke/1", "revoke/order/1"):
        assert refusal(await admin.post(f"{CLIENT_V2}/{path}", json={"reason": ""})) == (404, -5101)
    assert refusal(await admin.post(f"{CLIENT_V2}/renew/order/1")) == (400, -1104)
