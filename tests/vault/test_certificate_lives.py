"""The whole life of a certificate of either type over HTTP: replaced, revoked, deleted and fetched again."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.certificates import key_fits, leaf_of, names_of
from tests.support.vault import CLIENT, SSL, Kind, VaultMount

pytestmark = pytest.mark.vault


@pytest.fixture(params=[SSL, CLIENT], ids=lambda kind: kind.name)
def of_kind(mount: VaultMount, request: pytest.FixtureRequest) -> VaultMount:
    kind: Kind = request.param
    return mount.of(kind)


def statuses(data: dict[str, Any]) -> list[str]:
    return [entry["status"] for entry in data["state"]]


def test_a_certificate_is_enrolled_renewed_replaced_revoked_deleted_and_fetched(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.enrolled()
    new = mount.renew(old["cert_unique_id"]).expect(200).data
    unique_id = new["cert_unique_id"]
    replaced = mount.replace(unique_id).expect(200).data
    assert replaced["cert_unique_id"] == unique_id
    assert replaced["private_key"] != new["private_key"]
    assert replaced["serial_number"] != new["serial_number"]
    assert key_fits(replaced)
    assert statuses(replaced) == ["Applied", "Issued", "Replaced", "Issued"]
    assert mount.read(old["cert_unique_id"]).expect(200).data == replaced
    revoked = mount.revoke(unique_id).expect(200).data
    assert revoked["private_key"] == ""
    assert statuses(revoked) == [*statuses(replaced), "Revoked"]
    assert mount.revoke(unique_id, "once more").expect(200).data == revoked
    assert mount.read(unique_id).expect(200).data == {**revoked, "private_key": replaced["private_key"]}
    assert mount.api("DELETE", f"certs/web/{unique_id}").status == 204
    assert mount.read(unique_id).status == 404
    refused = mount.fetch(new[mount.kind.scm_id])
    assert refused.status == 400
    assert "evoked" in refused.errors[0]
    assert mount.ids() == [old["cert_unique_id"]]
    assert [order["status"] for order in mount.scm.orders()][-1] == "Revoked"
    assert len(mount.scm.orders()) == 2


def test_a_deleted_certificate_is_fetched_without_its_key(of_kind: VaultMount) -> None:
    mount = of_kind
    data = mount.enrolled()
    mount.api("DELETE", f"certs/web/{data['cert_unique_id']}")
    fetched = mount.fetch(data[mount.kind.scm_id]).expect(200).data
    for name in ("cert_unique_id", "certificate", "certificate_type", "serial_number", "ca_chain", mount.kind.scm_id):
        assert fetched[name] == data[name], name
    assert (fetched["private_key"], fetched["csr"]) == ("", "")
    assert statuses(fetched) == ["Issued"]
    assert mount.fetch(data[mount.kind.scm_id]).expect(200).data == fetched
    assert mount.fetch(data["cert_unique_id"]).expect(200).data == fetched
    assert mount.read(data["cert_unique_id"]).expect(200).data == fetched


def test_a_deleted_certificate_is_fetched_with_the_key_that_belongs_to_it(of_kind: VaultMount) -> None:
    mount = of_kind
    data, other = mount.enrolled(), mount.enrolled()
    mount.api("DELETE", f"certs/web/{data['cert_unique_id']}")
    refused = mount.fetch(data[mount.kind.scm_id], sectigo_private_key=other["private_key"])
    assert refused.status == 400
    assert "sectigo_private_key" in refused.errors[0]
    assert mount.ids() == [other["cert_unique_id"]]
    fetched = mount.fetch(data[mount.kind.scm_id], sectigo_private_key=data["private_key"]).expect(200).data
    assert fetched["private_key"] == data["private_key"]
    assert fetched["serial_number"] == data["serial_number"]


def test_a_certificate_that_scm_does_not_know_is_not_fetched(of_kind: VaultMount) -> None:
    mount = of_kind
    mount.configure()
    refused = mount.fetch(1)
    assert refused.status == 400
    assert refused.errors[0].startswith("SCM refused collect: ")
    assert mount.ids() == []


def test_a_fetched_certificate_that_is_not_issued_yet_is_collected_by_a_read(of_kind: VaultMount) -> None:
    mount = of_kind
    mount.configure()
    mount.scm.set(never_issue=True)
    ordered = mount.enroll(sectigo_max_timeout=0).expect(200).data
    mount.api("DELETE", f"certs/web/{ordered['cert_unique_id']}")
    pending = mount.fetch(ordered[mount.kind.scm_id], sectigo_max_timeout=0).expect(200)
    assert pending.data["certificate"] == pending.data["status"] == "TimeoutStateSaved"
    assert pending.warnings
    mount.scm.issue(ordered[mount.kind.scm_id])
    collected = mount.read(ordered["cert_unique_id"]).expect(200).data
    assert statuses(collected) == ["TimeoutStateSaved", "Issued"]
    assert collected["private_key"] == ""


def test_a_replacement_that_is_late_is_collected_by_a_read(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.enrolled()
    mount.scm.set(never_issue=True)
    late = mount.replace(old["cert_unique_id"], sectigo_max_timeout=0).expect(200)
    assert late.data["certificate"] == "TimeoutStateSaved"
    assert late.data["cert_unique_id"] == old["cert_unique_id"]
    assert late.data["private_key"] not in {"", old["private_key"]}
    assert late.data["csr"] not in {"", old["csr"]}
    assert f"reading certs/web/{old['cert_unique_id']} collects it" in late.warnings[0]
    meanwhile = mount.read(old["cert_unique_id"]).expect(200)
    assert meanwhile.data == {**old, "state": late.data["state"], "status": "TimeoutStateSaved"}
    assert meanwhile.warnings
    second = mount.replace(old["cert_unique_id"])
    assert second.status == 400
    mount.scm.issue(old[mount.kind.scm_id])
    collected = mount.read(old["cert_unique_id"]).expect(200)
    assert collected.warnings == []
    assert (collected.data["private_key"], collected.data["csr"]) == (late.data["private_key"], late.data["csr"])
    assert collected.data["serial_number"] != old["serial_number"]
    assert key_fits(collected.data)
    assert statuses(collected.data) == ["Applied", "Issued", "TimeoutStateSaved", "Replaced", "Issued"]
    assert len(mount.scm.order()["serials"]) == 2


def test_a_replacement_waits_while_scm_still_answers_the_old_certificate(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.enrolled()
    mount.scm.fault("collect", "stale")
    replaced = mount.replace(old["cert_unique_id"]).expect(200).data
    assert replaced["serial_number"] != old["serial_number"]
    assert key_fits(replaced)
    assert mount.scm.order()["collects"] >= 3


def test_a_replacement_whose_answer_was_lost_is_found_by_a_read_and_not_ordered_again(of_kind: VaultMount) -> None:
    mount = of_kind
    old = mount.enrolled()
    mount.scm.fault("replace", "drop_after")
    lost = mount.replace(old["cert_unique_id"]).expect(200)
    assert lost.data["status"] == "Unsettled"
    assert lost.data["private_key"] not in {"", old["private_key"]}
    found = mount.read(old["cert_unique_id"]).expect(200).data
    assert found["private_key"] == lost.data["private_key"]
    assert key_fits(found)
    assert [serial.lower() for serial in mount.scm.order()["serials"]] == [old["serial_number"], found["serial_number"]]
    assert mount.ids() == [old["cert_unique_id"]]


def test_an_ssl_certificate_is_replaced_under_another_name_and_with_a_key_of_the_users(mount: VaultMount) -> None:
    old, other = mount.enrolled(), mount.enrolled()
    named = mount.replace(
        old["cert_unique_id"],
        sectigo_common_name="new.example.test",
        sectigo_ssl_cert_subject_alt_names="other.example.test",
        sectigo_private_key=other["private_key"],
    )
    data = named.expect(200).data
    assert data["domain"] == "new.example.test"
    assert names_of(leaf_of(data)) == {"new.example.test", "other.example.test"}
    assert data["private_key"] == other["private_key"]
    assert key_fits(data)
    again = mount.replace(old["cert_unique_id"]).expect(200).data
    assert again["domain"] == "new.example.test"
    assert names_of(leaf_of(again)) == names_of(leaf_of(data))
    mount.scm.fault("renew", "drop_after")
    mount.renew(old["cert_unique_id"]).expect(200)
    renewed = mount.read(old["cert_unique_id"]).expect(200).data
    assert renewed["renewed_from"] == old["cert_unique_id"]  # found at SCM by its new name
    assert renewed["domain"] == "new.example.test"


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        ("revoke", {}, "sectigo_reason"),
        ("revoke", {"sectigo_reason": ""}, "sectigo_reason"),
        ("revoke", {"sectigo_reason": "x" * 513}, "sectigo_reason"),
        ("replace", {"sectigo_client_cert_revoked_on_replace": True}, "sectigo_reason"),
        (
            "replace",
            {
                "sectigo_reason": "new key",
                "sectigo_client_cert_revoked_on_replace": False,
                "sectigo_common_name": "ann.example.test",
            },
            "sectigo_common_name",
        ),
        ("replace", {"sectigo_reason": "new key"}, "sectigo_client_cert_revoked_on_replace"),
    ],
)
def test_a_field_that_is_missing_or_wrong_is_refused_by_its_name(
    mount: VaultMount, path: str, fields: dict[str, object], named: str
) -> None:
    old = mount.of(CLIENT).enrolled()
    refused = mount.api("POST", f"{path}/web/{old['cert_unique_id']}", fields)
    assert refused.status == 400
    assert named in refused.errors[0]
    assert mount.read(old["cert_unique_id"]).expect(200).data == old


@pytest.mark.parametrize("revoke", [True, False])
def test_a_replaced_client_certificate_is_revoked_where_that_is_asked_for(mount: VaultMount, *, revoke: bool) -> None:
    mount = mount.of(CLIENT)
    old = mount.enrolled()
    data = mount.replace(old["cert_unique_id"], sectigo_client_cert_revoked_on_replace=revoke).expect(200).data
    assert data["status"] == "Issued"
    assert data["serial_number"] != old["serial_number"]
    assert key_fits(data)
    replaced, current = (mount.api("GET", f"cert/{one['serial_number']}").expect(200).data for one in (old, data))
    assert bool(replaced["revocation_time"]) is revoke
    assert bool(replaced["revocation_time_rfc3339"]) is revoke
    assert current["revocation_time"] == 0


@pytest.mark.parametrize("path", ["renew", "replace", "revoke"])
def test_nothing_is_done_with_an_order_that_is_pending(of_kind: VaultMount, path: str) -> None:
    mount = of_kind
    mount.configure()
    mount.scm.set(never_issue=True)
    pending = mount.enroll(sectigo_max_timeout=0).expect(200).data["cert_unique_id"]
    refused = mount.api("POST", f"{path}/web/{pending}", fields_of(path, mount))
    assert refused.status == 400
    assert "not issued yet" in refused.errors[0]
    assert len(mount.scm.orders()) == 1


@pytest.mark.parametrize("path", ["renew", "replace"])
def test_nothing_is_ordered_in_place_of_a_revoked_certificate(of_kind: VaultMount, path: str) -> None:
    mount = of_kind
    old = mount.aged()
    mount.revoke(old["cert_unique_id"]).expect(200)
    refused = mount.api("POST", f"{path}/web/{old['cert_unique_id']}", fields_of(path, mount))
    assert refused.status == 400
    assert "revoked" in refused.errors[0]
    assert mount.read(old["cert_unique_id"], query="?sectigo_expiry_window=400").expect(200).data["status"] == "Revoked"
    assert len(mount.scm.orders()) == 1


@pytest.mark.parametrize("path", ["renew", "replace", "revoke"])
def test_an_unknown_certificate_is_a_bad_request(of_kind: VaultMount, path: str) -> None:
    mount = of_kind
    mount.configure()
    refused = mount.api("POST", f"{path}/web/1_{mount.scm.customer_uri}", fields_of(path, mount))
    assert refused.status == 400
    assert "no certificate" in refused.errors[0]


def fields_of(path: str, mount: VaultMount) -> Mapping[str, object]:
    return mount.kind.replacement if path == "replace" else {"sectigo_reason": "left"} if path == "revoke" else {}
