"""Renewals on the real server: by a write and by reads, in time and late, refused, and with SCM's answer lost."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.certificates import key_fits
from tests.support.vault import CLIENT, SSL, Kind, VaultMount

pytestmark = pytest.mark.vault

DUE = "?sectigo_expiry_window=400"
"""A window of which a third of each certificate's life counts, as of every longer one."""
READS = 20


@pytest.fixture(params=[SSL, CLIENT], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    wanted: Kind = request.param
    return wanted


@pytest.fixture
def of_kind(mount: VaultMount, kind: Kind) -> VaultMount:
    return mount.of(kind)


def statuses(data: dict[str, Any]) -> list[str]:
    return [entry["status"] for entry in data["state"]]


def renewals_ordered(mount: VaultMount) -> int:
    """Return how many orders there are besides the first."""
    return len(mount.scm.orders()) - 1


def scm_id(unique_id: str) -> int:
    return int(unique_id.partition("_")[0])


def test_a_renewed_certificate_has_a_new_id_and_is_answered_in_place_of_the_old_one(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.enrolled()
    new = mount.renew(old["cert_unique_id"]).expect(200).data
    assert new["status"] == "Issued"
    assert new["cert_unique_id"] != old["cert_unique_id"]
    assert new["cert_unique_id"] == f"{new[mount.kind.scm_id]}_{mount.scm.customer_uri}"
    assert new["renewed_from"] == old["cert_unique_id"]
    assert new["serial_number"] != old["serial_number"]
    assert new["private_key"] == old["private_key"]
    assert key_fits(new)
    assert mount.read(old["cert_unique_id"]).expect(200).data == new
    asked_for = mount.read(old["cert_unique_id"], query="?sectigo_read_renewed_cert=false").expect(200).data
    assert asked_for["serial_number"] == old["serial_number"]
    assert asked_for["renewed_to"] == new["cert_unique_id"]
    assert statuses(asked_for) == ["Applied", "Issued", "Renewed"]
    assert asked_for["state"][:2] == old["state"]
    assert sorted(mount.ids()) == sorted([old["cert_unique_id"], new["cert_unique_id"]])
    assert renewals_ordered(mount) == 1


def test_a_renewed_certificate_is_not_renewed_again_but_its_successor_is_named(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.enrolled()
    new = mount.renew(old["cert_unique_id"]).expect(200).data
    refused = mount.renew(old["cert_unique_id"])
    assert refused.status == 400
    assert new["cert_unique_id"] in refused.errors[0]
    newest = mount.renew(new["cert_unique_id"]).expect(200).data
    assert mount.read(old["cert_unique_id"]).expect(200).data == newest
    assert renewals_ordered(mount) == 2


def test_a_renewal_gets_a_new_key_where_that_is_asked_for(mount: VaultMount) -> None:
    old = mount.enrolled()
    new = mount.renew(old["cert_unique_id"], sectigo_renew_new_key=True).expect(200).data
    assert new["private_key"] != old["private_key"]
    assert new["private_key_type"] == old["private_key_type"]
    assert key_fits(new)


def test_a_client_certificate_is_not_renewed_with_another_key(mount: VaultMount) -> None:
    old = mount.of(CLIENT).enrolled()
    refused = mount.renew(old["cert_unique_id"], sectigo_renew_new_key=True)
    assert refused.status == 400
    assert "replace" in refused.errors[0]
    assert renewals_ordered(mount) == 0


def test_a_renewal_that_is_late_is_collected_by_a_read_of_either_id(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.aged()
    mount.scm.set(never_issue=True)
    late = mount.renew(old["cert_unique_id"], sectigo_max_timeout=0).expect(200)
    assert late.data["certificate"] == "TimeoutStateSaved"
    assert late.data["private_key"] == old["private_key"]
    assert late.data["renewed_from"] == old["cert_unique_id"]
    assert f"reading certs/web/{late.data['cert_unique_id']} collects it" in late.warnings[0]
    meanwhile = mount.read(old["cert_unique_id"]).expect(200)
    assert meanwhile.data == old
    assert late.data["cert_unique_id"] in meanwhile.warnings[0]
    carried_on = mount.renew(old["cert_unique_id"], sectigo_max_timeout=0).expect(200).data
    assert carried_on["cert_unique_id"] == late.data["cert_unique_id"]
    mount.scm.issue(scm_id(late.data["cert_unique_id"]))
    collected = mount.read(old["cert_unique_id"]).expect(200)
    assert collected.warnings == []
    assert collected.data["cert_unique_id"] == late.data["cert_unique_id"]
    assert statuses(collected.data) == ["Applied", "TimeoutStateSaved", "Issued"]
    assert key_fits(collected.data)
    assert mount.read(late.data["cert_unique_id"]).expect(200).data == collected.data
    assert renewals_ordered(mount) == 1


def test_a_late_renewal_with_a_new_key_answers_that_key_and_its_csr(mount: VaultMount) -> None:
    old = mount.enrolled()
    mount.scm.set(never_issue=True)
    late = mount.renew(old["cert_unique_id"], sectigo_max_timeout=0, sectigo_renew_new_key=True).expect(200).data
    assert late["certificate"] == "TimeoutStateSaved"
    assert late["private_key"] not in {"", old["private_key"]}
    assert late["csr"] not in {"", old["csr"]}
    mount.scm.issue(scm_id(late["cert_unique_id"]))
    collected = mount.read(late["cert_unique_id"]).expect(200).data
    assert (collected["private_key"], collected["csr"]) == (late["private_key"], late["csr"])
    assert key_fits(collected)


async def read_at_once(mount: VaultMount, unique_id: str) -> list[dict[str, Any]]:
    """Read a certificate many times at the same time; return the bodies of the answers."""
    async with httpx.AsyncClient(
        base_url=f"{mount.server.address}/v1/{mount.path}/",
        headers={"X-Vault-Token": mount.server.token},
        timeout=60,
        trust_env=False,
    ) as client:
        answers = await asyncio.gather(*(client.get(f"certs/web/{unique_id}") for _ in range(READS)))
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


def enrolled_for_a_day(mount: VaultMount) -> dict[str, Any]:
    """Enrol a certificate that is due: one of a day, of which four hours are left."""
    of_a_day = {mount.kind.profile_field: mount.kind.private_profile, mount.kind.validity_field: 1}
    return mount.aged("web", timedelta(hours=20), **of_a_day)


async def test_many_reads_of_a_due_certificate_order_one_renewal_and_answer_it(of_kind: VaultMount) -> None:
    mount = of_kind
    old = enrolled_for_a_day(mount)
    mount.scm.fault("renew", "slow", seconds=2)  # until the last read has come
    bodies = await read_at_once(mount, old["cert_unique_id"])
    (renewal,) = mount.scm.orders()[1:]
    new = [body["data"] for body in bodies if body["data"]["cert_unique_id"] != old["cert_unique_id"]]
    assert new
    assert all(data == new[0] for data in new)
    assert new[0]["cert_unique_id"] == f"{renewal['id']}_{mount.scm.customer_uri}"
    assert key_fits(new[0])
    others = [body for body in bodies if body["data"]["cert_unique_id"] == old["cert_unique_id"]]
    assert all(body["data"] == old and body["warnings"] for body in others)


async def test_many_reads_of_a_due_certificate_order_one_renewal_that_is_late(of_kind: VaultMount) -> None:
    mount = of_kind
    mount.configure(sectigo_wait_limit=2)
    old = enrolled_for_a_day(mount)
    mount.scm.set(never_issue=True)
    for body in await read_at_once(mount, old["cert_unique_id"]):
        assert body["data"] == old
        assert len(body["warnings"]) >= 1
    (renewal,) = mount.scm.orders()[1:]
    mount.scm.issue(renewal["id"])
    new = mount.read(old["cert_unique_id"], query="?sectigo_auto_renew=false").expect(200).data
    assert new["cert_unique_id"] == f"{renewal['id']}_{mount.scm.customer_uri}"
    assert renewals_ordered(mount) == 1


def test_a_certificate_inside_its_window_is_renewed_by_a_read_and_one_outside_is_not(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.aged()
    assert mount.read(old["cert_unique_id"]).expect(200).data == old
    assert mount.read(old["cert_unique_id"], query=f"{DUE}&sectigo_auto_renew=false").expect(200).data == old
    assert renewals_ordered(mount) == 0
    renewed = mount.read(old["cert_unique_id"], query=DUE).expect(200)
    assert renewed.warnings == []
    assert renewed.data["renewed_from"] == old["cert_unique_id"]
    assert renewals_ordered(mount) == 1


def test_a_window_of_the_config_entry_and_of_the_enrolment_hold_for_reads(mount: VaultMount) -> None:
    mount.configure(sectigo_expiry_window=400)
    of_entry = mount.aged()
    of_its_own = mount.aged(sectigo_expiry_window=3)
    assert mount.read(of_its_own["cert_unique_id"]).expect(200).data == of_its_own
    assert mount.read(of_entry["cert_unique_id"]).expect(200).data["renewed_from"] == of_entry["cert_unique_id"]


def test_a_renewal_that_scm_forbids_answers_the_valid_certificate_with_a_warning(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.aged(**{mount.kind.profile_field: mount.kind.one_time_profile})
    refused = mount.read(old["cert_unique_id"], query=DUE).expect(200)
    assert refused.data == old
    assert "SCM refused renew" in refused.warnings[0]
    mount.scm.fault("renew", "drop_after", times=None)  # which no read runs into: SCM is not asked again so soon
    again = mount.read(old["cert_unique_id"], query=DUE).expect(200)
    assert again.data == old
    assert "tried again from" in again.warnings[0]
    assert renewals_ordered(mount) == 0


def test_a_renewal_that_scm_forbids_is_an_error_for_who_asks_for_it(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.enrolled(**{mount.kind.profile_field: mount.kind.one_time_profile})
    refused = mount.renew(old["cert_unique_id"])
    assert refused.status == 400
    assert refused.errors[0].startswith("SCM refused renew: ")
    assert mount.ids() == [old["cert_unique_id"]]
    assert mount.read(old["cert_unique_id"]).expect(200).data == old


@pytest.mark.parametrize("status", [429, 503])
def test_an_scm_that_is_down_answers_the_valid_certificate_with_a_warning(of_kind: VaultMount, status: int) -> None:
    mount = of_kind
    old = mount.aged()
    mount.scm.fault("*", "status", status=status, times=None)
    answer = mount.read(old["cert_unique_id"], query=DUE).expect(200)
    assert answer.data == old
    assert "could not be renewed" in answer.warnings[0]
    assert renewals_ordered(mount) == 0


def test_a_renewal_is_ordered_by_the_first_read_after_scm_is_back(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.aged()
    mount.scm.fault("list", "status", status=503, times=3)
    assert mount.read(old["cert_unique_id"], query=DUE).expect(200).data == old
    assert mount.read(old["cert_unique_id"], query=DUE).expect(200).data["renewed_from"] == old["cert_unique_id"]
    assert renewals_ordered(mount) == 1


@pytest.mark.parametrize("kind_of_loss", ["drop_after", "empty", "unnamed"])
@pytest.mark.parametrize("asked_by", ["write", "read"])
def test_a_renewal_whose_answer_was_lost_is_found_and_not_ordered_again(
    of_kind: VaultMount, kind_of_loss: str, asked_by: str
) -> None:
    mount = of_kind
    old = mount.aged()
    if kind_of_loss == "unnamed":
        mount.scm.set(renew_answers_id=False)
    else:
        mount.scm.fault("renew", kind_of_loss)
    if asked_by == "write":
        lost = mount.renew(old["cert_unique_id"]).expect(200)
        assert lost.data["status"] == "Unsettled"
        assert lost.data["cert_unique_id"] in mount.ids()
    else:
        lost = mount.read(old["cert_unique_id"], query=DUE).expect(200)
        assert lost.data == old
    assert lost.warnings
    found = mount.read(old["cert_unique_id"]).expect(200).data
    (renewal,) = mount.scm.orders()[1:]
    assert found["cert_unique_id"] == f"{renewal['id']}_{mount.scm.customer_uri}"
    assert found["renewed_from"] == old["cert_unique_id"]
    assert found["status"] == "Issued"
    assert key_fits(found)
    assert sorted(mount.ids()) == sorted([old["cert_unique_id"], found["cert_unique_id"]])


def test_a_renewal_whose_answer_was_lost_is_carried_on_by_a_second_write(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.enrolled()
    mount.scm.fault("renew", "drop_after")
    unsettled = mount.renew(old["cert_unique_id"]).expect(200).data["cert_unique_id"]
    new = mount.renew(old["cert_unique_id"]).expect(200).data
    assert new["renewed_from"] == old["cert_unique_id"]
    assert new["status"] == "Issued"
    assert mount.read(unsettled).expect(200).data == new
    assert renewals_ordered(mount) == 1
