"""Files of certificates, as a user takes them out of a real server."""

import base64
import json
from pathlib import Path
from secrets import token_urlsafe

import pytest

from tests.support.certificates import key_of, pem_of
from tests.support.openssl import openssl
from tests.support.vault import CLIENT, SSL, Kind, VaultMount

pytestmark = pytest.mark.vault


@pytest.mark.parametrize("kind", [SSL, CLIENT], ids=lambda kind: kind.name)
def test_a_file_from_the_command_line_opens_with_its_password_which_stands_nowhere_else(
    mount: VaultMount, tmp_path: Path, kind: Kind
) -> None:
    data = mount.of(kind).enrolled()
    password = f"canary-{token_urlsafe(15)}"
    mount.secrets.add_password(password)
    path = f"{{mount}}/export/web/{data['cert_unique_id']}"
    printed = mount.cli("write", "-field=pkcs12", path, "format=pkcs12", f"password={password}").stdout
    mount.secrets.note({"pkcs12": printed.strip()})
    file = tmp_path / "web.p12"
    file.write_bytes(base64.b64decode(printed, validate=False))
    (tmp_path / "password").write_text(password)
    given = f"file:{tmp_path / 'password'}"
    said = openssl("pkcs12", "-in", str(file), "-passin", given, "-nodes")
    assert f"friendlyName: {data['domain']}" in said
    assert data["leaf_certificate"] in said
    assert all(issuer in said for issuer in data["ca_chain"])
    assert pem_of(key_of(data)) in said
    assert mount.secrets.found_in(mount.server.log()) == []


def test_the_servers_answers_have_the_formats_that_were_asked_for(mount: VaultMount) -> None:
    data = mount.enrolled()
    path = f"export/web/{data['cert_unique_id']}"
    der = mount.api("POST", path, {"format": "der"}).expect(200).data
    leaf = base64.b64decode(der["certificate"], validate=True)
    assert openssl("x509", "-inform", "DER", given=leaf) == data["leaf_certificate"]
    key = base64.b64decode(der["private_key"], validate=True)
    assert openssl("pkey", "-inform", "DER", "-traditional", given=key) == data["private_key"]
    assert mount.api("POST", path, {"format": "pkcs8"}).expect(200).data["private_key"] == pem_of(key_of(data))
    assert mount.api("POST", path).expect(200).data["certificate"] == data["certificate_bundle"]


def test_an_earlier_version_comes_back_after_a_replacement(mount: VaultMount) -> None:
    old = mount.enrolled()
    new = mount.replace(old["cert_unique_id"]).expect(200).data
    path = f"export/web/{old['cert_unique_id']}"
    current, earlier = (mount.api("POST", path, {"version": version}).expect(200).data for version in (0, 1))
    assert (current["serial_number"], earlier["serial_number"]) == (new["serial_number"], old["serial_number"])
    assert (current["private_key"], earlier["private_key"]) == (new["private_key"], old["private_key"])
    refused = mount.api("POST", path, {"version": 2})
    assert (refused.status, refused.errors) == (400, ["there is no version 2: 1 earlier ones are kept"])


def test_a_refused_password_is_not_repeated(mount: VaultMount) -> None:
    data = mount.enrolled()
    refused = mount.api(
        "POST", f"export/web/{data['cert_unique_id']}", {"format": "pkcs12", "password": "ümlaut-canary"}
    )
    assert refused.status == 400
    assert "canary" not in json.dumps(refused.body)
    in_url = mount.api("GET", f"export/web/{data['cert_unique_id']}?format=pkcs12&password=canary-in-url")
    assert in_url.status == 405
    assert "canary" not in json.dumps(in_url.body)


def test_the_answer_can_be_wrapped(mount: VaultMount) -> None:
    data = mount.enrolled()
    path = f"{{mount}}/export/web/{data['cert_unique_id']}"
    wrapped = json.loads(mount.cli("write", "-format=json", "-wrap-ttl=60s", "-force", path).stdout)
    token = wrapped["wrap_info"]["token"]
    assert wrapped["data"] is None
    unwrapped = json.loads(mount.cli("unwrap", "-format=json", token).stdout)
    assert unwrapped["data"]["private_key"] == data["private_key"]
