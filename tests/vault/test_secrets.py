"""Secrets stay where they belong. What every test used is searched for when the servers end (conftest.py)."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.certificates import pem_of
from tests.support.secrecy import Secrets
from tests.support.vault import ORDER, VaultMount

CANARY = "canary-4f0c1d9e-of-a-password"


@pytest.mark.vault
@pytest.mark.parametrize("output", [["-format=table"], ["-format=json"], ["-format=yaml"]])
def test_a_config_entry_never_shows_its_password(mount: VaultMount, output: Sequence[str]) -> None:
    mount.configure(sectigo_cm_password=CANARY)
    shown = mount.cli("read", *output, "{mount}/configs/web").stdout
    assert mount.scm.user in shown
    assert CANARY not in shown
    assert "sectigo_cm_password" not in shown


@pytest.mark.vault
def test_the_password_can_be_changed_and_still_is_not_shown(mount: VaultMount) -> None:
    mount.configure(sectigo_cm_password=CANARY)
    assert mount.enroll().status == 400
    changed = mount.api("POST", "configs/web", {"sectigo_cm_password": mount.scm.password})
    assert (changed.status, changed.body) == (204, {})
    assert mount.enroll().expect(200).data["status"] == "Issued"


@pytest.mark.vault
def test_a_talkative_log_tells_what_happened_and_no_secret(mount: VaultMount) -> None:
    key = pem_of(rsa.generate_private_key(65537, 2048))
    mount.secrets.add_private_key(key)
    data = mount.enrolled(sectigo_private_key=key)
    mount.enroll(sectigo_private_key=key, sectigo_csr_key_size="no size", sectigo_ssl_cert_type="no number")
    mount.configure("wrong", sectigo_cm_password=CANARY)
    mount.enroll("wrong", sectigo_private_key=key)
    mount.scm.fault("enroll", "drop_after")
    mount.enroll(sectigo_private_key=key)
    log = mount.server.log()
    said = [line for line in log.splitlines() if data["cert_unique_id"] in line]
    assert any("certificate issued" in line for line in said)
    assert any("[DEBUG]" in line and "SCM call" in line for line in log.splitlines())
    assert CANARY not in log
    assert mount.secrets.found_in(log) == []


@pytest.mark.vault
@pytest.mark.parametrize("field", ["sectigo_csr", "sectigo_csr_country", "sectigo_ssl_cert_type", "sectigo_nonsense"])
def test_a_secret_in_the_wrong_field_is_not_repeated(mount: VaultMount, field: str) -> None:
    mount.configure()
    mount.secrets.add_password(CANARY)
    answer = mount.enroll(**{field: CANARY})
    assert CANARY not in json.dumps(answer.body)
    assert CANARY not in mount.server.log()


@pytest.mark.vault
def test_a_forbidden_request_reaches_no_handler(mount: VaultMount) -> None:
    mount.configure()
    mount.scm.set(never_issue=True)
    pending = mount.enroll(sectigo_max_timeout=0).expect(200).data["cert_unique_id"]
    made = mount.server.api("POST", "auth/token/create", {"policies": ["default"]}).expect(200)
    token = made.body["auth"]["client_token"]
    lines_before = [line for line in mount.server.log().splitlines() if "@module=sectigo_vault_pki" in line]
    assert mount.api("GET", f"certs/web/{pending}", token=token).status == 403
    assert mount.api("POST", "enroll/web", ORDER, token=token).status == 403
    assert mount.api("POST", "configs/other", mount.scm.config(), token=token).status == 403
    assert mount.api("DELETE", f"certs/web/{pending}", token=token).status == 403
    assert mount.scm.order()["collects"] == 0
    assert mount.ids() == [pending]
    assert mount.api("LIST", "configs").data == {"keys": ["web"]}
    lines = [line for line in mount.server.log().splitlines() if "@module=sectigo_vault_pki" in line]
    assert lines == lines_before


def test_the_search_finds_passwords_in_clear_and_encoded() -> None:
    secrets = Secrets()
    secrets.note({"sectigo_cm_password": CANARY, "sectigo_cm_user": "somebody"})
    assert secrets.found_in(f"login failed for somebody:{CANARY}!") == ["a password"]
    assert secrets.found_in("Y2FuYXJ5LTRmMGMxZDllLW9mLWEtcGFzc3dvcmQ=") == ["a password"]
    assert secrets.found_in("login failed for somebody") == []


def test_the_search_finds_keys_whole_and_in_json_and_no_public_parts(tmp_path: Path) -> None:
    secrets = Secrets()
    key = ec.generate_private_key(ec.SECP256R1())
    secrets.note({"private_key": pem_of(key), "csr": "of no matter"})
    (tmp_path / "log").write_text(f"2026-11-23 [TRACE] {json.dumps({'key': pem_of(key)})}")
    (tmp_path / "store").write_bytes(b"\x00\xff" + pem_of(key).encode() + b"\x00")
    (tmp_path / "other").write_text(pem_of(ec.generate_private_key(ec.SECP256R1())))
    assert secrets.found_below(tmp_path) == {str(tmp_path / name): ["a private key"] for name in ("log", "store")}
    secrets.note_said("not allowed", pem_of(key))
    assert secrets.found_in_what_was_said() == ["a private key"]
