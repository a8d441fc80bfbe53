"""`sectigo-vault-pki report` of a real mount: what it lists is what is stored, and no key."""

from pathlib import Path

import pytest

from tests.support.console import run
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault


def test_a_report_lists_what_is_stored_and_no_key(mount: VaultMount, tmp_path: Path) -> None:
    first = mount.enrolled("web")
    mount.configure("shop")
    revoked = mount.enroll("shop").expect(200).data
    reason = {"sectigo_reason": "superseded"}
    mount.api("POST", f"revoke/shop/{revoked['cert_unique_id']}", reason).expect(200)
    renewed = mount.renew(first["cert_unique_id"]).expect(200).data
    mount.scm.set(never_issue=True)
    pending = mount.enroll("web", sectigo_max_timeout=0).expect(200).data
    mount.scm.set(never_issue=False)

    environ = mount.server.client_environment()
    ran = run("report", f"-mount={mount.path}", "-format=json", home=tmp_path, **environ)
    assert (ran.status, ran.errors) == (0, "")
    rows = {row["unique_id"]: row for row in ran.json["certificates"]}
    assert {unique_id: row["state"] for unique_id, row in rows.items()} == {
        first["cert_unique_id"]: "renewed",
        renewed["cert_unique_id"]: "valid",
        revoked["cert_unique_id"]: "revoked",
        pending["cert_unique_id"]: "pending",
    }
    row = rows[renewed["cert_unique_id"]]
    assert row["serial_number"] == renewed["serial_number"]
    assert row["not_after"] == renewed["not_after"]
    assert row["renewed_from"] == first["cert_unique_id"]
    assert (row["config"], row["common_name"], row["key_type"]) == ("web", "web.example.test", "ec")
    assert row["requested_by"]
    assert ran.json["summary"]["states"]["valid"] == 1

    page = tmp_path / "page.html"
    assert run("report", f"-mount={mount.path}", f"-output={page}", home=tmp_path, **environ).status == 0
    for text in (ran.output, page.read_text()):
        assert "PRIVATE KEY" not in text
        assert "BEGIN CERTIFICATE" not in text


def test_a_report_needs_lists_and_the_status_alone(mount: VaultMount, tmp_path: Path) -> None:
    mount.enrolled("web")
    policy = f"""
        path "{mount.path}/configs" {{ capabilities = ["list"] }}
        path "{mount.path}/certs/+/detailed" {{ capabilities = ["list"] }}
        path "{mount.path}/status" {{ capabilities = ["read"] }}
    """
    name = f"reporter-{mount.path}"
    mount.server.api("PUT", f"sys/policies/acl/{name}", {"policy": policy}).expect(200, 204)
    created = mount.server.api("POST", "auth/token/create", {"policies": [name], "no_default_policy": True})
    environ = {**mount.server.client_environment(), "BAO_TOKEN": created.body["auth"]["client_token"]}
    ran = run("report", f"-mount={mount.path}", "-format=csv", home=tmp_path, **environ)
    assert (ran.status, ran.errors) == (0, "")
    assert len(ran.output.splitlines()) == 2


def test_a_wrong_mount_or_entry_is_an_error_and_an_empty_entry_is_not(mount: VaultMount, tmp_path: Path) -> None:
    environ = mount.server.client_environment()
    mount.configure("web")
    empty = run("report", f"-mount={mount.path}", "-format=csv", "-config=web", home=tmp_path, **environ)
    assert (empty.status, empty.errors, len(empty.output.splitlines())) == (0, "", 1)
    wrong = ("-mount=foo", "-mount=sys", "-mount=cubbyhole", f"-mount={mount.path}/certs", "-config=nope")
    for option in wrong:
        ran = run("report", f"-mount={mount.path}", "-format=csv", option, home=tmp_path, **environ)
        assert (ran.status > 0, ran.output) == (True, ""), option
        assert ran.errors.startswith("Error: "), option


def test_what_a_deleted_entry_leaves_is_counted_and_listed_by_its_name(mount: VaultMount, tmp_path: Path) -> None:
    environ = mount.server.client_environment()
    mount.enrolled("web")
    mount.enrolled("shop")
    mount.api("DELETE", "configs/shop").expect(200, 204)
    ran = run("report", f"-mount={mount.path}", "-format=json", home=tmp_path, **environ)
    assert ran.errors.startswith("1 certificate of a deleted config entry is left out")
    assert (len(ran.json["certificates"]), ran.json["left_out"]) == (1, 1)
    both = ("-config=web", "-config=shop")
    named = run("report", f"-mount={mount.path}", "-format=json", *both, home=tmp_path, **environ)
    assert (named.errors, len(named.json["certificates"]), named.json["left_out"]) == ("", 2, 0)
