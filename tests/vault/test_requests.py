"""What users type and programs send, through the real server."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.certificates import key_fits, pem_of
from tests.support.vault import ORDER, VaultMount

pytestmark = pytest.mark.vault


def as_arguments(fields: Mapping[str, object]) -> list[str]:
    return [f"{name}={value}" for name, value in fields.items()]


def test_a_config_entry_is_written_read_listed_and_deleted_over_http(mount: VaultMount) -> None:
    assert mount.configure().status == 204
    shown = mount.api("GET", "configs/web").expect(200).data
    assert shown["sectigo_cm_user"] == mount.scm.user
    assert shown["sectigo_cm_org_id"] == mount.scm.org_id
    assert "sectigo_cm_password" not in shown
    assert mount.api("LIST", "configs").expect(200).data == {"keys": ["web"]}
    assert mount.api("GET", "configs?list=true").expect(200).data == {"keys": ["web"]}
    assert mount.api("DELETE", "configs/web").status == 204
    assert mount.api("GET", "configs/web").status == 404


def test_a_config_entry_is_written_read_listed_and_deleted_on_the_command_line(mount: VaultMount) -> None:
    written = mount.cli("write", "{mount}/configs/web", *as_arguments(mount.scm.config()))
    assert written.stdout == f"Success! Data written to: {mount.path}/configs/web\n"
    assert mount.cli("read", "-field=sectigo_cm_uri", "{mount}/configs/web").stdout == mount.scm.customer_uri
    assert json.loads(mount.cli("list", "-format=json", "{mount}/configs").stdout) == ["web"]
    assert mount.cli("delete", "{mount}/configs/web").stdout.startswith("Success!")
    read = mount.cli("read", "{mount}/configs/web")
    assert read.returncode == 2


def test_a_certificate_is_ordered_read_listed_and_deleted_over_http(mount: VaultMount) -> None:
    mount.configure()
    enrolled = mount.enroll(sectigo_csr_key_algo=None).expect(200)
    unique_id = enrolled.data["cert_unique_id"]
    assert unique_id == f"{mount.scm.order()['id']}_{mount.scm.customer_uri}"
    assert enrolled.data["private_key_type"] == "rsa"
    assert key_fits(enrolled.data)
    assert enrolled.body["lease_id"] == ""
    assert mount.read(unique_id).expect(200).data == enrolled.data
    assert mount.api("LIST", "certs/web").expect(200).data == {"keys": [unique_id]}
    assert mount.api("GET", "certs/web?list=true").expect(200).data == {"keys": [unique_id]}
    assert mount.api("DELETE", f"certs/web/{unique_id}").status == 204
    assert mount.read(unique_id).status == 404
    assert mount.api("LIST", "certs/web").status == 404


def test_a_certificate_is_ordered_read_listed_and_deleted_on_the_command_line(mount: VaultMount) -> None:
    mount.configure()
    fields = {
        "sectigo_csr_domain": "cli.example.test",
        "sectigo_csr_key_size": "2048",
        "sectigo_ssl_cert_type": "501",
        "sectigo_ssl_cert_validity": "365",
        "sectigo_ssl_cert_subject_alt_names": "www.example.test,api.example.test",
    }
    enrolled = json.loads(mount.cli("write", "-format=json", "{mount}/enroll/web", *as_arguments(fields)).stdout)
    unique_id = enrolled["data"]["cert_unique_id"]
    assert key_fits(enrolled["data"])
    certificate = mount.cli("read", "-field=certificate", f"{{mount}}/certs/web/{unique_id}").stdout
    assert certificate == enrolled["data"]["certificate"]
    assert mount.cli("list", "{mount}/certs/web").stdout.split() == ["Keys", "----", unique_id]
    assert mount.cli("delete", f"{{mount}}/certs/web/{unique_id}").returncode == 0
    assert mount.cli("list", "{mount}/certs/web").returncode == 2


def test_fields_from_a_file_and_a_password_from_standard_input_are_taken(mount: VaultMount, tmp_path: Path) -> None:
    config = as_arguments({**mount.scm.config(), "sectigo_cm_password": "-"})
    assert mount.cli("write", "{mount}/configs/web", *config, stdin=mount.scm.password).returncode == 0
    file = tmp_path / "order.json"
    file.write_text(json.dumps(ORDER))
    enrolled = mount.cli("write", "-format=json", "{mount}/enroll/web", f"@{file}")
    assert json.loads(enrolled.stdout)["data"]["domain"] == ORDER["sectigo_csr_domain"]


def test_the_command_line_shows_a_certificate_as_table_json_and_yaml(mount: VaultMount) -> None:
    data = mount.enrolled()
    path = f"{{mount}}/certs/web/{data['cert_unique_id']}"
    table = dict(line.split(maxsplit=1) for line in mount.cli("read", path).stdout.splitlines() if "   " in line)
    assert table["cert_unique_id"] == data["cert_unique_id"]
    assert table["ssl_id"] == str(data["ssl_id"])
    assert json.loads(mount.cli("read", "-format=json", path).stdout)["data"] == data
    assert f"  serial_number: {data['serial_number']}\n" in mount.cli("read", "-format=yaml", path).stdout


@pytest.mark.parametrize("path", ["configs/absent", "certs/web/1_absent"])
def test_deleting_what_is_not_there_succeeds(mount: VaultMount, path: str) -> None:
    mount.configure()
    assert mount.api("DELETE", path).status == 204


def test_deleting_a_config_entry_warns_of_the_certificates_that_stay(mount: VaultMount) -> None:
    data = mount.enrolled()
    deleted = mount.api("DELETE", "configs/web").expect(200)
    assert "stay stored and readable" in deleted.warnings[0]
    assert mount.read(data["cert_unique_id"]).expect(200).data == data
    assert mount.ids() == [data["cert_unique_id"]]


@pytest.mark.parametrize("path", ["configs", "certs/web", "certs/absent"])
def test_an_empty_list_is_not_found(mount: VaultMount, path: str) -> None:
    if path == "certs/web":
        mount.configure()
    answer = mount.api("LIST", path)
    assert answer.status == 404
    assert answer.data == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "enroll/web"),
        ("DELETE", "enroll/web"),
        ("POST", "configs"),
        ("POST", "certs/web"),
    ],
)
def test_an_operation_that_a_path_does_not_have_is_unsupported(mount: VaultMount, method: str, path: str) -> None:
    mount.configure()
    answer = mount.api(method, path, {"a": "b"} if method == "POST" else None)
    assert answer.status == 405
    assert "unsupported operation" in answer.errors[0]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["nothing/here", "certs/web/1_x/more", "configs/-web", "configs/we b", "enroll"])
def test_a_path_that_does_not_exist_is_unsupported(mount: VaultMount, method: str, path: str) -> None:
    answer = mount.api(method, path, {"a": "b"} if method == "POST" else None)
    assert answer.status == 404
    assert "unsupported path" in answer.errors[0]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "certs/web/{id}"),
        ("PATCH", "certs/web/{id}"),
        ("SCAN", "certs/web"),
        ("GET", "certs/web?scan=true"),
    ],
)
def test_head_patch_and_scan_do_nothing_and_ask_scm_nothing(mount: VaultMount, method: str, path: str) -> None:
    mount.configure()
    mount.scm.set(never_issue=True)
    pending = mount.enroll(sectigo_max_timeout=0).expect(200).data["cert_unique_id"]
    patch = {"Content-Type": "application/merge-patch+json"}
    body: Mapping[str, object] | None = {} if method == "PATCH" else None
    assert mount.api(method, path.format(id=pending), body, headers=patch).status == 405
    assert mount.scm.order()["collects"] == 0
    assert mount.read(pending).expect(200).data["status"] == "TimeoutStateSaved"
    assert mount.scm.order()["collects"] == 1


def test_a_wrapped_read_is_unwrapped_once(mount: VaultMount) -> None:
    data = mount.enrolled()
    wrapped = mount.cli("read", "-wrap-ttl=60s", "-format=json", f"{{mount}}/certs/web/{data['cert_unique_id']}")
    token = json.loads(wrapped.stdout)["wrap_info"]["token"]
    assert data["serial_number"] not in wrapped.stdout
    assert json.loads(mount.cli("unwrap", "-format=json", token).stdout)["data"] == data
    assert mount.cli("unwrap", token).returncode == 2


def test_a_read_takes_the_file_of_the_enrolment(mount: VaultMount, tmp_path: Path) -> None:
    data = mount.enrolled()
    file = tmp_path / "ssl_cert.json"
    file.write_text(json.dumps({**ORDER, "sectigo_ssl_cert_format_type": "base64", "sectigo_max_timeout": 5}))
    read = json.loads(
        mount.cli("read", "-format=json", f"{{mount}}/certs/web/{data['cert_unique_id']}", f"@{file}").stdout
    )
    assert read["warnings"] is None
    assert read["data"] == {**data, "ssl_format": "base64", "certificate": read["data"]["certificate"]}


def test_secrets_among_a_reads_parameters_are_ignored_with_a_warning(mount: VaultMount, tmp_path: Path) -> None:
    data = mount.enrolled()
    file = tmp_path / "ssl_cert.json"
    key = pem_of(ec.generate_private_key(ec.SECP256R1()))
    mount.secrets.add_private_key(key)
    file.write_text(json.dumps({**ORDER, "sectigo_private_key": key}))
    read = json.loads(
        mount.cli("read", "-format=json", f"{{mount}}/certs/web/{data['cert_unique_id']}", f"@{file}").stdout
    )
    assert read["data"] == data
    (warning,) = read["warnings"]
    assert "sectigo_private_key was ignored" in warning
    assert "URL" in warning


def test_unknown_fields_and_fields_of_the_path_in_the_body_are_warned_of(mount: VaultMount) -> None:
    answer = mount.configure(sectigo_nonsense="x", config_name="other").expect(200)
    assert answer.body["data"] is None
    assert any("sectigo_nonsense" in warning for warning in answer.warnings)
    assert any("config_name" in warning for warning in answer.warnings)
    assert mount.api("LIST", "configs").data == {"keys": ["web"]}
