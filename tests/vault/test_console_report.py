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
