"""hvac's methods for Vault's own pki against our mount; the script of docs/recipes.md is run with the page."""

from typing import Any

import hvac
import pytest

from tests.support.issuing import request
from tests.support.scm_process import ScmProcess
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault

ROLE = {
    "config": "web",
    "certificate_type": 501,
    "validity": 365,
    "allowed_domains": ["example.test"],
    "allow_subdomains": True,
    "key_type": "ec",
}


class Client:
    """hvac's client for one mount; its answers are noted as secrets."""

    def __init__(self, mount: VaultMount) -> None:
        self.mount = mount
        self.whole = hvac.Client(url=mount.server.address, token=mount.server.token)

    def pki(self, method: str, *arguments: object, **options: object) -> Any:
        called = getattr(self.whole.secrets.pki, method)(*arguments, mount_point=self.mount.path, **options)
        if not isinstance(called, dict):
            return called.status_code
        self.mount.secrets.note(called["data"])
        return called["data"]


@pytest.fixture
def client(mount: VaultMount) -> Client:
    mount.configure()
    client = Client(mount)
    client.pki("create_or_update_role", "shop", extra_params=dict(ROLE))
    return client


def test_roles_are_written_read_listed_and_deleted(client: Client) -> None:
    read = client.pki("read_role", "shop")
    assert {name: read[name] for name in ROLE} == ROLE
    assert client.pki("list_roles") == {"keys": ["shop"]}
    assert client.pki("delete_role", "shop") == 204
    with pytest.raises(hvac.exceptions.InvalidPath):
        client.pki("read_role", "shop")


def test_certificates_are_issued_signed_read_listed_and_revoked(client: Client) -> None:
    issued = client.pki("generate_certificate", "shop", "a.example.test", extra_params={"alt_names": "b.example.test"})
    signed = client.pki("sign_certificate", "shop", request("c.example.test"), "c.example.test")
    assert issued["private_key"]
    assert "private_key" not in signed
    serial_numbers = {data["serial_number"] for data in (issued, signed)}
    assert {*client.pki("list_certificates")["keys"]} == serial_numbers
    assert client.pki("read_certificate", signed["serial_number"])["certificate"] == signed["certificate"]
    revoked = client.pki("revoke_certificate", issued["serial_number"])
    assert revoked["state"] == "revoked"
    read = client.pki("read_certificate", issued["serial_number"])
    assert read["revocation_time"] == revoked["revocation_time"]


def test_the_guides_paths_are_written_and_read(client: Client) -> None:
    mount = client.mount
    enrolled = client.whole.write_data(f"{mount.path}/enroll/web", data=mount.kind.order)["data"]
    mount.secrets.note(enrolled)
    unique_id = enrolled["cert_unique_id"]
    assert client.whole.list(f"{mount.path}/certs/web")["data"]["keys"] == [unique_id]
    assert client.whole.read(f"{mount.path}/certs/web/{unique_id}")["data"] == enrolled
    exported = client.whole.write_data(f"{mount.path}/export/web/{unique_id}", data={"format": "pkcs8"})["data"]
    mount.secrets.note(exported)
    assert exported["private_key"].startswith("-----BEGIN PRIVATE KEY-----")


def test_an_order_that_is_pending_is_a_request_to_repeat(client: Client, scm: ScmProcess) -> None:
    client.mount.configure(sectigo_wait_limit=1)
    scm.set(never_issue=True)
    with pytest.raises(hvac.exceptions.InvalidRequest, match=r"^pending: "):
        client.pki("generate_certificate", "shop", "a.example.test")
    scm.set(never_issue=False)
    client.mount.configure(sectigo_wait_limit=50)
    assert client.pki("generate_certificate", "shop", "a.example.test")["private_key"]
    assert len(scm.orders()) == 1
