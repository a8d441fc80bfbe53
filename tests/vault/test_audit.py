"""The audit settings of docs/teams.md: the log shows who asked for which name, and no secret."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.openbao import OpenBaoServer
from scripts.server_binary import product
from tests.support import recipes
from tests.support.cluster import AUDIT
from tests.support.issuing import request
from tests.support.secrecy import Secrets
from tests.support.vault import CLIENT, PLUGIN, TALKATIVE, VaultMount, install, watched

pytestmark = pytest.mark.vault

PAGE = Path(__file__).resolve().parents[2] / "docs" / "teams.md"
_NEVER = re.compile(r"^\| never list \| .*\n\|[-|]+\|\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE)


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(recipes.written_file("audit.json"))
    return found


def never_listed() -> set[str]:
    table = _NEVER.search(PAGE.read_text())
    assert table is not None
    return {name for row in table["rows"].splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}


@pytest.fixture(scope="module")
def server(secrets: Secrets) -> Iterator[OpenBaoServer]:
    """A server whose log has the audit log in it, which is searched for secrets at the end."""
    configured = AUDIT if product().is_openbao else ""
    with watched(OpenBaoServer.dev(log_level="trace", env=TALKATIVE, settings=configured), secrets) as server:
        if not configured:
            server.api("PUT", "sys/audit/log", {"type": "file", "options": {"file_path": "stdout"}}).expect(204)
        install(server)
        server.enable(PLUGIN, path="keeper")
        yield server


def audited(mount: VaultMount, path: str) -> list[Mapping[str, Any]]:
    """Return the answers to requests for a path, as the audit log has them, newest last."""
    lines = (line for line in mount.server.log().splitlines() if line.startswith('{"time"'))
    entries = [json.loads(line) for line in lines]
    return [one for one in entries if one["type"] == "response" and one["request"]["path"] == f"{mount.path}/{path}"]


def test_the_settings_list_no_field_that_may_hold_a_secret() -> None:
    listed = {name for names in settings().values() for name in names}
    assert len(listed) > 20
    assert never_listed() >= {"private_key", "certificate", "sectigo_cm_password", "password", "pkcs12"}
    assert listed & never_listed() == set()


def test_the_audit_log_has_names_and_ids_in_clear_and_no_secret(mount: VaultMount) -> None:
    mount.server.api("POST", f"sys/mounts/{mount.path}/tune", settings()).expect(204)
    tuned = mount.server.api("GET", f"sys/mounts/{mount.path}/tune").expect(200).data
    assert {name: tuned[name] for name in settings()} == settings()
    data = mount.enrolled()
    mount.of(CLIENT).configure("people")
    mount.of(CLIENT).enroll("people").expect(200)
    mount.api("POST", f"export/web/{data['cert_unique_id']}", {"format": "pkcs12", "password": "correct-horse-battery"})
    mount.api("POST", "config/roles", {"config": "web", "certificate_type": 501, "validity": 365}).expect(200)
    mount.api(
        "POST", "roles/web", {"allowed_domains": "example.test", "allow_subdomains": True, "key_type": "any"}
    ).expect(200)
    name = {"common_name": "a.example.test", "format": "pem_bundle", "key_type": "ec"}
    mount.secrets.add_private_key(mount.api("POST", "issue/web", name).expect(200).data["certificate"])
    mount.api("POST", "sign/web", {"csr": request()}).expect(200)
    mount.renew(data["cert_unique_id"]).expect(200)
    mount.revoke(data["cert_unique_id"], "key compromise").expect(200)
    (enrolled,) = audited(mount, "enroll/web")
    assert enrolled["request"]["data"]["sectigo_csr_domain"] == mount.kind.order["sectigo_csr_domain"]
    answer = enrolled["response"]["data"]
    for field in ("cert_unique_id", "serial_number", "status", "domain", "not_after"):
        assert answer[field] == data[field], field
    assert answer["private_key"].startswith("hmac-sha256:")
    (issued,) = audited(mount, "issue/web")
    assert issued["request"]["data"]["common_name"] == "a.example.test"
    assert issued["response"]["data"]["certificate"].startswith("hmac-sha256:")
    (revoked,) = audited(mount, f"revoke/web/{data['cert_unique_id']}")
    assert revoked["request"]["data"]["sectigo_reason"] == "key compromise"
    assert mount.secrets.found_in(mount.server.log()) == []
