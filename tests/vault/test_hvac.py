"""hvac's methods for Vault's own pki against our mount; the script of docs/recipes.md is run with the page."""

from typing import Any

import hvac
import pytest
from cryptography import x509

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
        if isinstance(called, str):
            return called
        if not isinstance(called, dict):
            return called.status_code
        self.mount.secrets.note(called["data"])
        return called["data"]

    def request(self, method: str, path: str, **options: object) -> Any:
        """Call what hvac has no method for, by its adapter."""
        return self.whole.adapter.request(method, f"/v1/{self.mount.path}/{path}", **options)["data"]


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


def test_a_role_is_written_with_the_fields_of_pki_alone(client: Client) -> None:
    own = {name: ROLE[name] for name in ("config", "certificate_type", "validity")}
    client.whole.write_data(f"{client.mount.path}/config/roles", data=own)
    client.pki("create_or_update_role", "plain", {"allowed_domains": "example.test", "allow_subdomains": True})
    read = client.pki("read_role", "plain")
    assert {name: read[name] for name in own} == own
    assert client.pki("generate_certificate", "plain", "a.example.test")["private_key_type"] == "rsa"


def test_a_role_is_patched(client: Client) -> None:
    before = client.pki("read_role", "shop")
    merge = {"Content-Type": "application/merge-patch+json"}
    patched = client.request("patch", "roles/shop", json={"allow_bare_domains": True}, headers=merge)
    assert patched == {**before, "allow_bare_domains": True} == client.pki("read_role", "shop")


def test_lists_are_read_in_pages(client: Client) -> None:
    for name in ("a", "b", "c"):
        client.pki("create_or_update_role", name, dict(ROLE))
        client.pki("generate_certificate", "shop", f"{name}.example.test")
    assert client.request("list", "roles", params={"limit": 2})["keys"] == ["a", "b"]
    assert client.request("list", "roles", params={"after": "b", "limit": 2})["keys"] == ["c", "shop"]
    serial_numbers = client.pki("list_certificates")["keys"]
    first = client.request("list", "certs", params={"limit": 1})["keys"]
    rest = client.request("list", "certs", params={"after": first[0], "limit": 9})["keys"]
    assert [first, rest] == [serial_numbers[:1], serial_numbers[1:]]


def test_the_ca_is_read(client: Client) -> None:
    issued = client.pki("generate_certificate", "shop", "a.example.test")
    issuer = x509.load_pem_x509_certificate(issued["issuing_ca"].encode())
    assert x509.load_pem_x509_certificate(client.pki("read_ca_certificate").encode()) == issuer
    chain = x509.load_pem_x509_certificates(client.pki("read_ca_certificate_chain").encode())
    assert chain == [x509.load_pem_x509_certificate(pem.encode()) for pem in issued["ca_chain"]]
    assert client.pki("read_certificate", "ca")["certificate"].strip() == issued["issuing_ca"]
    assert x509.load_pem_x509_certificates(client.pki("read_certificate", "ca_chain")["ca_chain"].encode()) == chain
    (issuer_id,) = (name for name, info in client.pki("list_issuers")["key_info"].items() if info["is_default"])
    read = client.pki("read_issuer", issuer_id)
    assert (read["issuer_id"], read["certificate"].strip()) == (issuer_id, issued["issuing_ca"])


def test_the_crl_is_the_cas_and_a_read_says_where(client: Client) -> None:
    """`read_crl` expects PEM, and gets JSON: the recipes read the path."""
    issued = client.pki("generate_certificate", "shop", "a.example.test")
    leaf = x509.load_pem_x509_certificate(issued["certificate"].encode())
    (point,) = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name
    (url,) = point.full_name
    read = client.whole.read(f"{client.mount.path}/crl")
    assert read["data"]["crl_distribution_points"] == [url.value]
    with pytest.raises(AttributeError):
        client.pki("read_crl")


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
