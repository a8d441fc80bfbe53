"""Domains, their validation, and orders that wait for it (scm-api.md 13.3)."""

from datetime import timedelta

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import PRIVATE, SSL, Clock, collected, enrolled, enrolment, make_csr, refusal

VALIDATION = "/api/dcv/v2/validation"


async def test_the_list_shows_every_domain_and_its_end(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.domains.validate("Example.test", method="HTTP")
    simulator.domains.validate("old.test", at=clock.now() - timedelta(days=198))
    simulator.domains.add("*.new.test")
    answer = await client.get(VALIDATION)
    assert answer.headers["x-total-count"] == "3"
    assert answer.json() == [
        {
            "domain": "example.test",
            "dcvStatus": "Validated",
            "dcvMethod": "HTTP_CSR_HASH",
            "dcvOrderStatus": "Not initiated",
            "expirationDate": "2027-06-09T12:00:00.250Z",
        },
        {
            "domain": "old.test",
            "dcvStatus": "Expired",
            "dcvMethod": "CNAME_CSR_HASH",
            "dcvOrderStatus": "Not initiated",
            "expirationDate": "2026-11-23T12:00:00.250Z",
        },
        {"domain": "new.test", "dcvStatus": "Not validated", "dcvOrderStatus": "Not initiated"},
    ]


async def test_the_list_is_cut_into_pages_and_counted(client: httpx.AsyncClient, simulator: Simulator) -> None:
    for number in range(5):
        simulator.domains.validate(f"{number}.test")
    page = await client.get(VALIDATION, params={"size": 2, "position": 3})
    assert [row["domain"] for row in page.json()] == ["3.test", "4.test"]
    assert page.headers["x-total-count"] == "5"
    assert (await client.head(VALIDATION)).headers["x-total-count"] == "5"
    assert refusal(await client.get(VALIDATION, params={"size": 201})) == (400, -1601)


async def test_domains_are_chosen_by_the_days_that_are_left(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    for name, days in (("gone.test", 0), ("soon.test", 10), ("later.test", 60)):
        simulator.domains.validate(name, ends_at=clock.now() + timedelta(days=days))
    simulator.domains.add("new.test")
    clock.advance(seconds=1)
    found = {
        days: [row["domain"] for row in (await client.get(VALIDATION, params={"expiresIn": days})).json()]
        for days in (5, 10, 60)
    }
    assert found == {5: [], 10: ["soon.test"], 60: ["soon.test", "later.test"]}
    expired = await client.get(VALIDATION, params={"dcvStatus": "Expired", "domain": "GONE"})
    assert [row["domain"] for row in expired.json()] == ["gone.test"]


@pytest.mark.parametrize("days", [198, 100, 10])
async def test_a_validation_ends_after_its_reuse(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock, days: int
) -> None:
    simulator.settings.dcv_days = days
    simulator.domains.validate("example.test")
    clock.advance(days=days, seconds=-1)
    answer = await client.post(f"{VALIDATION}/status", json={"domain": "EXAMPLE.test"})
    assert answer.json()["status"] == "Validated"
    clock.advance(seconds=1)
    answer = await client.post(f"{VALIDATION}/status", json={"domain": "example.test"})
    assert answer.json()["status"] == "Expired"


async def test_an_unknown_domain_is_not_found(client: httpx.AsyncClient) -> None:
    assert refusal(await client.post(f"{VALIDATION}/status", json={"domain": "nowhere.test"})) == (404, -727)
    assert refusal(await client.post(f"{VALIDATION}/status", json={})) == (400, -7)


@pytest.mark.parametrize(
    ("mode", "parts"),
    [
        ("CNAME", {"host", "point"}),
        ("HTTP", {"url", "firstLine", "secondLine"}),
        ("TXT", {"host", "point"}),
        ("EMAIL", set()),
    ],
)
async def test_a_domain_that_is_being_validated_says_what_to_publish(
    client: httpx.AsyncClient, simulator: Simulator, mode: str, parts: set[str]
) -> None:
    simulator.settings.dcv = "wait"
    await enrolled(client, dcvMode=mode, dcvEmail="admin@example.test")
    status = (await client.post(f"{VALIDATION}/status", json={"domain": "web.example.test"})).json()
    assert status.keys() == {"status", "orderStatus", "orderMode", *parts}
    assert (status["status"], status["orderStatus"], status["orderMode"]) == ("Not validated", "Submitted", mode)


async def test_an_order_waits_for_its_validation(client: httpx.AsyncClient, simulator: Simulator, clock: Clock) -> None:
    simulator.settings.dcv = "wait"
    ssl_id = await enrolled(client, subjAltNames="www.other.test")
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}")) == (400, 0)
    assert (await client.get(f"{SSL}/{ssl_id}")).json()["status"] == "Applied"
    simulator.domains.validate("example.test")
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}")) == (400, 0)
    clock.advance(hours=3)
    simulator.domains.validate("other.test")
    clock.advance(hours=1)
    leaf, *_ = await collected(client, ssl_id)
    assert leaf.not_valid_before_utc == (clock.now() - timedelta(hours=1)).replace(microsecond=0)


async def test_a_validated_domain_covers_the_names_below_it(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.dcv = "wait"
    simulator.domains.validate("example.test")
    below = await enrolled(client, csr=make_csr("*.a.example.test"), subjAltNames="example.test,192.0.2.1")
    beside = await enrolled(client, csr=make_csr("notexample.test"))
    assert (await client.get(f"{SSL}/collect/{below}")).status_code == 200
    assert refusal(await client.get(f"{SSL}/collect/{beside}")) == (400, 0)


async def test_a_renewal_and_a_replacement_wait_when_the_validation_has_ended(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.settings.dcv = "wait"
    simulator.domains.validate("example.test")
    ssl_id = await enrolled(client)
    assert len(await collected(client, ssl_id)) == 3
    clock.advance(days=198)
    renewed = (await client.post(f"{SSL}/renewById/{ssl_id}", json={})).json()["sslId"]
    await client.post(f"{SSL}/replace/{ssl_id}", json={"csr": make_csr(), "reason": "r"})
    for waiting in (renewed, ssl_id):
        assert refusal(await client.get(f"{SSL}/collect/{waiting}")) == (400, 0)
    simulator.domains.validate("example.test")
    for issued in (renewed, ssl_id):
        assert len(await collected(client, issued)) == 3


async def test_orders_of_a_private_ca_need_no_validation(client: httpx.AsyncClient, simulator: Simulator) -> None:
    for mode in ("wait", "refuse"):
        simulator.settings.dcv = "wait" if mode == "wait" else "refuse"
        ssl_id = await enrolled(client, certType=PRIVATE)
        assert len(await collected(client, ssl_id)) == 3


async def test_a_tenant_may_refuse_what_is_not_validated(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.dcv = "refuse"
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment())) == (400, -724)
    simulator.domains.validate("example.test")
    assert await enrolled(client)


async def test_the_validation_of_one_order_is_shown_and_looked_at_again(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.dcv, simulator.settings.dcv_rechecks = "wait", 2
    simulator.domains.validate("other.test")
    ssl_id = await enrolled(client, subjAltNames="www.other.test", dcvMode="EMAIL", dcvEmail="admin@example.test")
    (shown,) = (await client.get(f"{SSL}/{ssl_id}/dcv")).json()
    assert [(row["domainName"], row["dcvStatus"]) for row in shown["dcvLog"]["log"]] == [
        ("web.example.test", "Not validated"),
        ("www.other.test", "Validated"),
    ]
    assert shown["instructions"] == [
        {"domainName": "web.example.test", "dcvMode": "EMAIL", "dcvEmail": "admin@example.test"}
    ]
    first = await client.post(f"{SSL}/{ssl_id}/dcv/recheck")
    assert first.status_code == 202
    assert first.json()["dcvLog"]["log"][0]["lastCheck"] == "2026-11-23T12:00:00.250Z"
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}")) == (400, 0)
    second = await client.post(f"{SSL}/{ssl_id}/dcv/recheck")
    assert second.json()["instructions"] == []
    assert (await client.get(f"{SSL}/collect/{ssl_id}")).status_code == 200


@pytest.mark.parametrize("mode", ["CNAME", "HTTP", "HTTPS", "AUTO", "TXT", "PERSISTENT_TXT"])
async def test_every_mode_has_instructions(client: httpx.AsyncClient, simulator: Simulator, mode: str) -> None:
    simulator.settings.dcv = "wait"
    ssl_id = await enrolled(client, dcvMode=mode)
    (shown,) = (await client.get(f"{SSL}/{ssl_id}/dcv")).json()
    (instruction,) = shown["instructions"]
    assert instruction["dcvMode"] == mode
    assert instruction.keys() >= ({"url", "file"} if mode.startswith("HTTP") else {"host", "point"})


async def test_where_validation_has_no_say_everything_is_validated(client: httpx.AsyncClient) -> None:
    ssl_id = await enrolled(client)
    (shown,) = (await client.get(f"{SSL}/{ssl_id}/dcv")).json()
    assert shown == {
        "dcvLog": {"log": [{"dcvStatus": "Validated", "domainName": "web.example.test"}]},
        "instructions": [],
    }


async def test_the_validation_of_an_unknown_order_is_not_found(client: httpx.AsyncClient) -> None:
    assert refusal(await client.get(f"{SSL}/1/dcv")) == (404, -5101)
    assert refusal(await client.post(f"{SSL}/1/dcv/recheck")) == (404, -5101)


async def test_the_mode_is_kept_on_enroll_renew_and_replace(
    client: httpx.AsyncClient, control: httpx.AsyncClient
) -> None:
    ssl_id = await enrolled(client, dcvMode="EMAIL", dcvEmail="admin@example.test")
    renewed = [
        (await client.post(f"{SSL}/renewById/{ssl_id}", json=body)).json()["sslId"] for body in ({}, {"dcvMode": "TXT"})
    ]
    body = {"csr": make_csr(), "reason": "r", "dcvMode": "HTTP"}
    assert (await client.post(f"{SSL}/replace/{ssl_id}", json=body)).status_code == 204
    shown = {order["id"]: order for order in (await control.get("/orders")).json()}
    assert [(shown[each].get("dcv_mode"), shown[each].get("dcv_email")) for each in (ssl_id, *renewed)] == [
        ("HTTP", None),
        ("EMAIL", "admin@example.test"),
        ("TXT", None),
    ]


async def test_a_tenant_without_validated_domains_refuses_an_order_without_a_mode(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    unmoded = await enrolled(client)
    simulator.settings.dcv_mode_required = True
    answer = await client.post(f"{SSL}/enroll", json=enrolment())
    assert answer.json() == {"code": -7, "description": "dcvMode is required but missing."}
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment(dcvMode="EMAIL"))) == (400, -7)
    assert refusal(await client.post(f"{SSL}/renewById/{unmoded}", json={})) == (400, -7)
    replacement = {"csr": make_csr(), "reason": "r"}
    assert refusal(await client.post(f"{SSL}/replace/{unmoded}", json=replacement)) == (400, -7)
    ssl_id = await enrolled(client, dcvMode="CNAME")
    assert (await client.post(f"{SSL}/renewById/{ssl_id}", json={})).status_code == 200
    assert (await client.post(f"{SSL}/renewById/{unmoded}", json={"dcvMode": "HTTP"})).status_code == 200
