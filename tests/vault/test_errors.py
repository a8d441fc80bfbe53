"""What goes wrong: the right status, one clear sentence, nothing stored, and no secret."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from scripts.openbao import free_port
from scripts.server_api import Answer
from tests.support.certificates import pem_of
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault


def assert_refused(mount: VaultMount, answer: Answer, status: int, *parts: str) -> None:
    """An error of one sentence that holds these parts, after which nothing was ordered nor stored."""
    assert answer.status == status, answer.errors
    (text,) = answer.errors
    assert all(part in text for part in parts), text
    assert "\n" not in text
    assert "Traceback" not in text
    assert mount.scm.password not in text
    assert mount.ids() == []
    assert mount.scm.orders() == []


def csr_of(key: ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "given.example.test")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return csr.public_bytes(Encoding.PEM).decode()


def test_a_wrong_password_is_scms_refusal_with_its_code(mount: VaultMount) -> None:
    mount.configure(sectigo_cm_password="canary-of-a-wrong-password")
    assert_refused(mount, mount.enroll(), 400, "SCM refused", "Unknown user", "(code -16)")


def test_an_scm_that_is_down_is_unavailable_and_keeps_no_order(mount: VaultMount) -> None:
    mount.configure(sectigo_cm_base_url=f"http://127.0.0.1:{free_port()}")
    assert_refused(mount, mount.enroll(), 502, "SCM")


def test_an_scm_that_has_too_much_to_do_took_nothing(mount: VaultMount) -> None:
    mount.configure()
    mount.scm.fault("enroll", "status", status=429, times=None)
    assert_refused(mount, mount.enroll(), 502, "SCM")


def test_a_refused_order_says_what_scm_said(mount: VaultMount) -> None:
    mount.configure()
    answer = mount.enroll(sectigo_ssl_cert_custom_fields=[{"name": "Colour", "value": "blue"}])
    assert_refused(mount, answer, 400, "SCM refused enroll", "Custom field cannot be found", "(code -135)")


def test_an_order_that_scm_cannot_take_is_refused_before_it_is_sent(mount: VaultMount) -> None:
    mount.configure()
    answer = mount.enroll(sectigo_ssl_cert_type=999)
    assert_refused(mount, answer, 400, "sectigo_ssl_cert_type must be one of 501", "no certificate profile 999")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"sectigo_csr": "no CSR at all"}, ["sectigo_csr"]),
        (
            {"sectigo_csr": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"},
            ["sectigo_csr"],
        ),
        ({"sectigo_private_key": "canary-that-is-no-key"}, ["sectigo_private_key"]),
        ({"sectigo_csr_domain": None}, ["sectigo_csr_domain is required"]),
        ({"sectigo_ssl_cert_type": None}, ["sectigo_ssl_cert_type is required"]),
        ({"sectigo_ssl_cert_validity": ""}, ["sectigo_ssl_cert_validity is required"]),
        ({"sectigo_ssl_cert_type": "web"}, ["sectigo_ssl_cert_type"]),
        ({"sectigo_ssl_cert_type": 501.5}, ["sectigo_ssl_cert_type"]),
        ({"sectigo_ssl_cert_type": True}, ["sectigo_ssl_cert_type"]),
        ({"sectigo_ssl_cert_type": [501, 502]}, ["sectigo_ssl_cert_type"]),
        ({"sectigo_ssl_cert_validity": "36h"}, ["sectigo_ssl_cert_validity"]),
        ({"sectigo_csr_key_size": 1024}, ["sectigo_csr_key_size", "256, 384 or 521"]),
        ({"sectigo_csr_key_algo": "DSA"}, ["sectigo_csr_key_algo", "RSA", "EC"]),
        ({"sectigo_csr_country": "Canada"}, ["sectigo_csr_country"]),
        ({"sectigo_max_timeout": -1}, ["sectigo_max_timeout"]),
        ({"sectigo_client_cert_email": "a@example.test"}, ["sectigo_client_cert_email"]),
    ],
    ids=lambda value: (
        "+".join(f"{name}={field!r:.12}" for name, field in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_a_bad_value_is_refused_by_its_name(mount: VaultMount, changes: dict[str, object], parts: list[str]) -> None:
    mount.configure()
    answer = mount.enroll(**changes)
    assert_refused(mount, answer, 400, *parts)
    assert "canary" not in answer.errors[0]


def test_a_key_that_does_not_fit_the_csr_is_refused(mount: VaultMount) -> None:
    mount.configure()
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    answer = mount.enroll(sectigo_csr=csr_of(key), sectigo_private_key=pem_of(other))
    assert_refused(mount, answer, 400, "sectigo_private_key", "sectigo_csr")


def test_an_unknown_certificate_is_not_found_and_said_so(mount: VaultMount) -> None:
    mount.configure()
    assert_refused(mount, mount.read("1_demo-customer"), 404, 'no certificate "1_demo-customer"', '"web"')


@pytest.mark.parametrize("unique_id", ["order-00000000-0000-4000-8000-000000000000", "nonsense", "1_other%2Fthing"])
def test_any_id_that_nothing_has_is_not_found(mount: VaultMount, unique_id: str) -> None:
    mount.configure()
    assert mount.read(unique_id).status == 404


def test_an_id_with_a_file_stuck_to_it_is_a_bad_request(mount: VaultMount) -> None:
    assert_refused(mount, mount.read("1_demo-customer@order.json"), 400, "put a space before @file")


def test_an_unknown_config_entry_is_a_bad_request_on_a_write_with_a_hint(mount: VaultMount) -> None:
    answer = mount.enroll("absent")
    assert_refused(mount, answer, 400, 'no config entry named "absent"', "write configs/absent first")


def test_an_unknown_config_entry_is_not_found_on_a_read(mount: VaultMount) -> None:
    assert_refused(mount, mount.api("GET", "configs/absent"), 404, 'no config entry named "absent"')


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"sectigo_cm_uri": ""}, "the last part of your portal address"),
        ({"sectigo_cm_password": ""}, "sectigo_cm_password is required"),
        ({"sectigo_cm_org_id": "seven"}, "sectigo_cm_org_id"),
        ({"sectigo_cm_base_url": "http://scm.example.test"}, "sectigo_cm_base_url"),
        ({"sectigo_config_type": "code_signing"}, "ssl_cert"),
        ({"sectigo_cm_ca_cert": "no certificate"}, "sectigo_cm_ca_cert"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_bad_config_entry_is_refused_and_not_stored(mount: VaultMount, changes: dict[str, object], part: str) -> None:
    answer = mount.configure(**changes)
    assert answer.status == 400
    assert part in answer.errors[0]
    assert mount.api("LIST", "configs").status == 404


def test_a_stored_password_is_not_sent_to_another_address(mount: VaultMount) -> None:
    mount.configure()
    answer = mount.api("POST", "configs/web", {"sectigo_cm_base_url": "https://elsewhere.example.test"})
    assert_refused(mount, answer, 400, "sectigo_cm_password is required in the same write")
    assert mount.api("GET", "configs/web").data["sectigo_cm_base_url"] == mount.scm.url


def test_a_body_that_is_no_json_is_refused_by_the_server(mount: VaultMount) -> None:
    done = mount.cli("write", "{mount}/enroll/web", "-", stdin="{")
    assert done.returncode == 1
