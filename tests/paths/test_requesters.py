"""Who asked for a certificate: kept with it, from the request that ordered it or brought it in."""

import asyncio

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.store import CertificateRecord, OrderRecord, Repository, UniqueId
from sectigo_vault_pki.store.cache import RecordCache
from tests.support.mount import ENTITY, ORDER, Mount, answered

CI = f"token-ci (entity {ENTITY})"
DUE_IN_DAYS = 359  # of the 365 days that ORDER asks for, with a window of 7


async def never() -> bool:
    return False


def repository(mount: Mount) -> Repository:
    return Repository(mount.storage, RecordCache(never))


async def stored(mount: Mount, unique_id: str) -> CertificateRecord:
    record = await repository(mount).certificate("web", UniqueId(unique_id))
    assert record is not None
    return record


async def open_order(mount: Mount) -> OrderRecord:
    (uuid,) = await repository(mount).order_uuids("web")
    order = await repository(mount).order("web", uuid)
    assert order is not None
    return order


async def test_an_enrolment_is_its_callers(ready: Mount) -> None:
    data = await ready.enroll()
    assert (await stored(ready, data["cert_unique_id"])).requested_by == CI


async def test_a_certificate_under_a_role_is_its_callers(ready: Mount) -> None:
    await ready.write(
        "roles/web",
        {
            "config": "web",
            "certificate_type": 501,
            "validity": 365,
            "allowed_domains": "example.test",
            "allow_subdomains": True,
        },
    )
    answered(await ready.write("issue/web", {"common_name": "web.example.test"}))
    (unique_id,) = await ready.list("certs/web")
    assert (await stored(ready, unique_id)).requested_by == CI


async def test_the_requester_is_kept_while_scms_answer_is_lost(ready: Mount) -> None:
    ready.simulator.faults.add("enroll", "drop_after")
    await ready.enroll()
    assert (await open_order(ready)).requested_by == CI
    ready.display_name, ready.entity_id = "root", ""
    await ready.restart()
    await ready.tick()
    (unique_id,) = await ready.list("certs/web")
    assert (await stored(ready, unique_id)).requested_by == CI


async def test_a_renewal_is_its_callers_and_the_renewed_one_stays_the_first_callers(ready: Mount) -> None:
    old = (await ready.enroll())["cert_unique_id"]
    ready.display_name, ready.entity_id = "root", ""
    new = answered(await ready.write(f"renew/web/{old}", {}))["cert_unique_id"]
    assert (await stored(ready, new)).requested_by == "root"
    assert (await stored(ready, old)).requested_by == CI


@pytest.mark.parametrize("by", ["a read", "the background"])
async def test_a_due_renewal_is_automatic(ready: Mount, by: str) -> None:
    old = (await ready.enroll())["cert_unique_id"]
    ready.clock.advance(days=DUE_IN_DAYS)
    if by == "a read":
        await ready.read(f"certs/web/{old}")
    else:
        await ready.tick()
    (new,) = {*await ready.list("certs/web")} - {old}
    assert (await stored(ready, new)).requested_by == "automatic"


async def test_a_replacement_makes_the_certificate_its_callers(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    ready.display_name, ready.entity_id = "root", ""
    answered(await ready.write(f"replace/web/{unique_id}", {"sectigo_reason": "new key"}))
    assert (await stored(ready, unique_id)).requested_by == "root"


async def test_a_revocation_orders_nothing(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    ready.display_name, ready.entity_id = "root", ""
    answered(await ready.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"}))
    assert (await stored(ready, unique_id)).requested_by == CI


async def test_a_fetched_certificate_is_of_the_one_who_brought_it_in(ready: Mount, elsewhere: Mount) -> None:
    data = await elsewhere.enroll()
    ready.display_name, ready.entity_id = "root", ""
    answered(await ready.write(f"fetch/web/{data['ssl_id']}", {}))
    assert (await stored(ready, data["cert_unique_id"])).requested_by == "root"


async def test_what_sync_imports_is_of_the_one_who_began_it(ready: Mount, elsewhere: Mount) -> None:
    data = await elsewhere.enroll()
    answered(await ready.write("sync/web", {"dry_run": False, "import_missing": True}))
    assert (await stored(ready, data["cert_unique_id"])).requested_by == CI


async def test_equal_requests_of_two_people_are_one_order(ready: Mount, simulator: Simulator) -> None:
    old = (await ready.enroll())["cert_unique_id"]

    async def renewed_by(name: str) -> str:
        ready.display_name, ready.entity_id = name, ""
        return str(answered(await ready.write(f"renew/web/{old}", {}))["cert_unique_id"])

    first, second = await asyncio.gather(renewed_by("ann"), renewed_by("bob"))
    assert first == second
    assert len(list(simulator.orders)) == 2


async def test_a_request_id_is_one_order_whoever_repeats_it(ready: Mount, simulator: Simulator) -> None:
    first = await ready.enroll(sectigo_request_id="deploy-7")
    ready.display_name = "token-other"
    again = answered(await ready.write("enroll/web", {**ORDER, "sectigo_request_id": "deploy-7"}))
    assert again["cert_unique_id"] == first["cert_unique_id"]
    assert len(list(simulator.orders)) == 1
    assert (await stored(ready, first["cert_unique_id"])).requested_by == CI


@pytest.mark.parametrize(
    ("display_name", "entity_id", "shown"),
    [
        ("root", "", "root"),
        ("", "", ""),
        ("", "7a3", "entity 7a3"),
        ("oidc-ann@example.test", "7a3", "oidc-ann@example.test (entity 7a3)"),
        ("bob (entity 7a3)", "", "bob _entity 7a3_"),
        ("bob\n\x1b[31mroot\u202e", "", "bob___31mroot_"),
        ("x" * 1000, "", "x" * 127 + "…"),
    ],
)
async def test_a_requester_is_short_and_plain(ready: Mount, display_name: str, entity_id: str, shown: str) -> None:
    ready.display_name, ready.entity_id = display_name, entity_id
    data = await ready.enroll()
    assert (await stored(ready, data["cert_unique_id"])).requested_by == shown
