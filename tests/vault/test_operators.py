"""What the tools of docs/recipes-operators.md send, and how they read the answers."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support import recipes
from tests.support.scm_process import ScmProcess
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault


@pytest.fixture(autouse=True)
def role(mount: VaultMount) -> None:
    """The page's role, as Terraform writes it."""
    mount.configure()
    mount.api("POST", "roles/web", json.loads(recipes.json_of("web_role", mount))).expect(200)


class TestCertManager:
    def csr(self) -> str:
        """Return a CSR with what cert-manager puts into one: names and key usages."""
        names = [x509.DNSName("www.example.com"), x509.DNSName("shop.example.com")]
        usage = dict.fromkeys(
            ("content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False
        )
        return (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.example.com")]))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, key_encipherment=True, encipher_only=False, decipher_only=False, **usage
                ),
                critical=True,
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
            .public_bytes(Encoding.PEM)
            .decode()
        )

    def body(self, **changes: str) -> dict[str, str]:
        return {
            "common_name": "www.example.com",
            "alt_names": "www.example.com,shop.example.com",
            "ip_sans": "",
            "uri_sans": "",
            "ttl": "8760h0m0s",
            "csr": self.csr(),
            "exclude_cn_from_sans": "true",
            **changes,
        }

    def path(self, mount: VaultMount) -> str:
        (line,) = (line for line in recipes.block("yaml", "kind: Issuer", mount).splitlines() if "/sign/" in line)
        return line.split()[1].removeprefix(f"{mount.path}/")

    def test_its_request_is_signed_without_a_warning_and_its_chain_is_one(self, mount: VaultMount) -> None:
        answer = mount.api("POST", self.path(mount), self.body()).expect(200)
        assert answer.warnings == []
        data = answer.data
        pems = [*data["ca_chain"], data["issuing_ca"], data["certificate"]]
        leaf, issuer, root = chain_of([x509.load_pem_x509_certificate(pem.encode()) for pem in pems])
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["www.example.com", "shop.example.com"]
        leaf.verify_directly_issued_by(issuer)
        assert root.subject == root.issuer

    def test_its_usual_ninety_days_get_the_shortest_term_there_is(self, mount: VaultMount) -> None:
        answer = mount.api("POST", self.path(mount), self.body(ttl="2160h0m0s")).expect(200)
        assert answer.data["expiration"] - answer.data["not_before"] == 365 * 86_400

    def test_a_certificate_that_is_not_there_in_time_is_an_error_it_takes_for_final(
        self, mount: VaultMount, scm: ScmProcess
    ) -> None:
        mount.configure(sectigo_wait_limit=1)
        scm.set(never_issue=True)
        refused = mount.api("POST", self.path(mount), self.body())
        assert refused.status == 400
        assert refused.errors[0].startswith("pending: ")
        scm.set(never_issue=False)
        mount.api("POST", self.path(mount), self.body()).expect(200)
        assert len(scm.orders()) == 2, "another CSR is another wish"


def chain_of(certificates: list[x509.Certificate]) -> list[x509.Certificate]:
    """Put certificates into the one chain that they must make, leaf first; each may come several times."""
    issuers = {certificate.issuer for certificate in certificates}
    (leaf,) = (certificate for certificate in certificates if certificate.subject not in issuers)
    by_subject = {certificate.subject: certificate for certificate in certificates}
    chain = [leaf]
    while chain[-1].issuer != chain[-1].subject:
        chain.append(by_subject[chain[-1].issuer])
    assert {*chain} == {*certificates}
    return chain


class TestVaultSecretsOperator:
    BODY: dict[str, Any] = {  # noqa: RUF012  never changed
        "common_name": "www.example.com",
        "alt_names": "shop.example.com",
        "ip_sans": "",
        "uri_sans": "",
        "other_sans": "",
        "user_ids": "",
        "ttl": "8760h",
        "not_after": "",
        "exclude_cn_from_sans": False,
        "remove_roots_from_chain": True,
    }

    TYPES: dict[str, type] = {  # noqa: RUF012  never changed
        "ca_chain": list,
        "certificate": str,
        "expiration": int,
        "issuing_ca": str,
        "private_key": str,
        "private_key_type": str,
        "serial_number": str,
    }

    def test_its_request_is_answered_without_a_warning_and_as_it_reads_it(self, mount: VaultMount) -> None:
        answer = mount.api("POST", "issue/web", self.BODY).expect(200)
        assert answer.warnings == []
        assert {name: type(answer.data[name]) for name in self.TYPES} == self.TYPES
        tls_crt = "\n".join((answer.data["certificate"], *answer.data["ca_chain"]))
        leaf, issuer = x509.load_pem_x509_certificates(tls_crt.encode())
        leaf.verify_directly_issued_by(issuer)

    def test_another_synchronization_gets_the_same_certificate_and_buys_nothing(
        self, mount: VaultMount, scm: ScmProcess
    ) -> None:
        first, second = (mount.api("POST", "issue/web", self.BODY).expect(200).data for _ in range(2))
        assert first == second
        assert len(scm.orders()) == 1

    def test_it_revokes_by_serial_number_and_gets_a_new_one_afterwards(self, mount: VaultMount) -> None:
        first = mount.api("POST", "issue/web", self.BODY).expect(200).data
        mount.api("POST", "revoke", {"serial_number": first["serial_number"]}).expect(200)
        second = mount.api("POST", "issue/web", self.BODY).expect(200).data
        assert second["serial_number"] != first["serial_number"]


class TestTerraform:
    BODY: Mapping[str, object] = {"common_name": "www.example.com"}

    def test_what_it_reads_back_of_the_role_is_what_it_wrote(self, mount: VaultMount) -> None:
        written = json.loads(recipes.json_of("web_role", mount))
        read = mount.api("GET", "roles/web").expect(200).data
        assert {name: read[name] for name in written} == written

    def test_a_certificate_comes_with_the_fields_that_the_page_keeps(self, mount: VaultMount) -> None:
        resource = recipes.block("hcl", 'resource "vault_generic_endpoint" "www" {', mount)
        (kept,) = (line.partition("=")[2] for line in resource.splitlines() if "write_fields" in line)
        answer = mount.api("POST", "issue/web", json.loads(recipes.json_of("www", mount))).expect(200)
        assert {*json.loads(kept)} <= {*answer.data}

    def test_a_certificate_that_the_engine_renews_is_read_as_a_secret(self, mount: VaultMount) -> None:
        enrolled = mount.enroll().expect(200).data
        where = f"sys/internal/ui/mounts/{mount.path}/certs/web/{enrolled['cert_unique_id']}"
        assert not (mount.server.api("GET", where).expect(200).data["options"] or {}).get("version")
        assert mount.read(enrolled["cert_unique_id"]).expect(200).data == enrolled

    def test_a_role_is_deleted_as_it_is_destroyed(self, mount: VaultMount) -> None:
        mount.api("DELETE", "roles/web").expect(204)
        assert mount.api("GET", "roles/web").status == 404


class TestTerraformsPkiResources:
    """`vault_pki_secret_backend_role`, which knows the fields of pki alone, as it creates and reads a role."""

    LISTS = ("allowed_domains", "key_usage", "ext_key_usage", "allowed_serial_numbers", "policy_identifiers")
    ALWAYS_SENT: Mapping[str, bool] = {
        "allow_localhost": True,
        "allow_bare_domains": False,
        "allow_subdomains": True,
        "allow_glob_domains": False,
        "allow_any_name": False,
        "enforce_hostnames": True,
        "allow_ip_sans": True,
        "use_csr_common_name": True,
        "use_csr_sans": True,
        "generate_lease": False,
        "no_store": False,
        "require_cn": True,
        "basic_constraints_valid_for_non_ca": False,
    }
    SENT_IF_SET: Mapping[str, object] = {
        "allowed_domains": ["example.com"],
        "max_ttl": "31622400",
        "server_flag": True,
        "client_flag": True,
        "key_type": "rsa",
        "key_bits": 2048,
    }

    @pytest.fixture
    def sent(self, mount: VaultMount) -> Mapping[str, object]:
        """What the provider sends for a role, after the page's defaults were written."""
        defaults = json.loads(recipes.json_of("role_defaults", mount))
        assert mount.api("POST", "config/roles", defaults).expect(200).data == defaults
        assert mount.api("GET", "config/roles").expect(200).data == defaults
        sent = {**self.ALWAYS_SENT, **self.SENT_IF_SET}
        mount.api("POST", "roles/plain", sent).expect(200)
        return sent

    def test_a_role_is_created_and_read_without_a_difference_to_plan(
        self, mount: VaultMount, sent: Mapping[str, object]
    ) -> None:
        read = mount.api("GET", "roles/plain").expect(200).data
        assert {name: read[name] for name in sent} == {**sent, "max_ttl": 31_622_400}
        assert [type(read[name]) for name in self.LISTS] == [list] * len(self.LISTS)

    def test_a_certificate_is_issued_under_the_role_twice_in_a_run_and_ordered_once(
        self, mount: VaultMount, sent: Mapping[str, object], scm: ScmProcess
    ) -> None:
        plan, apply = (mount.api("POST", "issue/plain", TestTerraform.BODY).expect(200).data for _ in range(2))
        assert plan == apply
        assert len(scm.orders()) == 1
