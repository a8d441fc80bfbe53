import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, ReadOnlyError, UnavailableError
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support import der
from tests.support.audit import entries_of
from tests.support.certificates import key_fits, key_of, leaf_of, names_of, pem_of, public_bytes
from tests.support.mount import ORDER, Mount


def csr_for(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *names: str) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    csr = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    return csr.public_bytes(Encoding.PEM).decode()


async def test_an_enrolment_answers_the_issued_certificate_with_its_key(mount: Mount) -> None:
    await mount.configure()
    data = await mount.enroll()
    (order,) = mount.simulator.orders
    assert data["cert_unique_id"] == f"{order.ssl_id}_demo-customer"
    assert data["ssl_id"] == order.ssl_id
    assert data["renew_id"] == order.renew_id
    assert data["domain"] == "web.example.test"
    assert data["certificate_type"] == "ssl_cert"
    assert data["status"] == "Issued"
    assert [entry["status"] for entry in data["state"]] == ["Applied", "Issued"]
    assert data["private_key_type"] == "ec"
    assert key_fits(data)
    assert data["renewed_to"] == data["renewed_from"] == ""


async def test_the_answer_splits_the_chain_whatever_the_format(mount: Mount) -> None:
    await mount.configure()
    data = await mount.enroll(sectigo_ssl_cert_format_type="BIN")
    leaf = leaf_of(data)
    issuers = [x509.load_pem_x509_certificate(pem.encode()) for pem in data["ca_chain"]]
    for certificate, issuer in pairwise([leaf, *issuers]):
        certificate.verify_directly_issued_by(issuer)
    assert data["ssl_format"] == "bin"
    assert data["issuing_ca"] == data["ca_chain"][0]
    assert data["certificate_bundle"] == data["leaf_certificate"] + "".join(data["ca_chain"])
    assert int(data["serial_number"].replace(":", ""), 16) == leaf.serial_number
    assert data["expiration"] == int(leaf.not_valid_after_utc.timestamp())
    assert data["not_after"] == leaf.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_time_stamps_are_of_the_moment(mount: Mount) -> None:
    await mount.configure()
    data = await mount.enroll()
    assert data["state"][0] == {"status": "Applied", "time_stamp": "2026-11-23T18:00:00Z"}
    assert data["state"][1] == {"status": "Issued", "time_stamp": "2026-11-23T18:00:03Z"}


@pytest.mark.parametrize("size", ["2048", 3072, "4096"])
async def test_rsa_keys_are_made_in_the_size_asked_for(mount: Mount, size: object) -> None:
    await mount.configure()
    data = await mount.enroll(sectigo_csr_key_algo="rsa", sectigo_csr_key_size=size)
    key = key_of(data)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == int(str(size))
    assert data["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert key_fits(data)


@pytest.mark.parametrize("size", ["256", "P-384", "p256"])
async def test_ec_keys_are_made_on_the_curve_asked_for(mount: Mount, size: str) -> None:
    await mount.configure()
    key = key_of(await mount.enroll(sectigo_csr_key_algo="ec", sectigo_csr_key_size=size))
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert str(key.curve.key_size) in size


async def test_without_a_word_the_key_is_rsa_2048(mount: Mount) -> None:
    await mount.configure()
    key = key_of(await mount.enroll(sectigo_csr_key_algo=None))
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048


async def test_the_subject_and_the_names_stand_in_the_csr_and_in_the_order(mount: Mount) -> None:
    await mount.configure()
    data = await mount.enroll(
        sectigo_csr_country="ca",
        sectigo_csr_state="Ontario",
        sectigo_csr_location="Ottawa",
        sectigo_csr_organization="Example Inc",
        sectigo_csr_organization_unit="IT",
        sectigo_csr_email_address="it@example.test",
        sectigo_ssl_cert_subject_alt_names="www.example.test, 192.0.2.7",
    )
    csr = x509.load_pem_x509_csr(data["csr"].encode())
    subject = {attribute.rfc4514_attribute_name: attribute.value for attribute in csr.subject}
    assert subject["C"] == "CA"
    assert subject["O"] == "Example Inc"
    assert names_of(csr) == {"web.example.test", "www.example.test", "192.0.2.7"}
    assert {"web.example.test", "www.example.test"} <= names_of(leaf_of(data))


async def test_a_given_csr_is_used_as_it_is_and_its_names_join_the_order(mount: Mount) -> None:
    await mount.configure()
    key = ec.generate_private_key(ec.SECP256R1())
    csr = csr_for(key, "given.example.test", "other.example.test")
    data = await mount.enroll(sectigo_csr=csr.replace("\n", "\\n"), sectigo_csr_domain="ignored.example.test")
    assert data["csr"] == csr
    assert data["private_key"] == ""
    assert data["domain"] == "given.example.test"
    assert names_of(leaf_of(data)) == {"given.example.test", "other.example.test"}
    assert leaf_of(data).public_key() == key.public_key()


async def test_a_given_csr_is_stored_with_the_given_key(mount: Mount) -> None:
    await mount.configure()
    key = rsa.generate_private_key(65537, 2048)
    data = await mount.enroll(sectigo_csr=csr_for(key, "given.example.test"), sectigo_private_key=pem_of(key))
    assert data["private_key"] == pem_of(key)
    assert key_fits(data)


@pytest.mark.parametrize("private_format", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
async def test_a_given_key_signs_the_csr(mount: Mount, private_format: PrivateFormat) -> None:
    await mount.configure()
    key = ec.generate_private_key(ec.SECP384R1())
    pem = pem_of(key, private_format)
    data = await mount.enroll(sectigo_private_key=pem.replace("\n", "\r\n"), sectigo_csr_key_algo="RSA")
    assert data["private_key"] == pem
    assert key_fits(data)


async def test_everything_asked_for_reaches_scm(mount: Mount) -> None:
    await mount.configure()
    await mount.enroll(
        sectigo_ssl_cert_external_requester="a@example.test,b@example.test",
        sectigo_ssl_cert_comments="for the shop",
        sectigo_ssl_cert_num_servers="2",
        sectigo_ssl_cert_server_type="-1",
        sectigo_ssl_cert_custom_fields='[{"name": "Ticket", "value": "T-1"}]',
    )
    (order,) = mount.simulator.orders
    assert order.subscription.term == 365
    assert order.subscription.external_requester == "a@example.test,b@example.test"
    assert order.subscription.comments.startswith("for the shop [vault:")
    assert order.subscription.custom_fields == (("Ticket", "T-1"),)


async def test_key_and_csr_are_stored_before_the_order_is_sent_and_its_id_before_the_first_collect(
    mount: Mount,
) -> None:
    await mount.configure()
    await mount.read("profile/web/501")  # so that the order is the next call
    mount.storage.writes.clear()
    mount.simulator.calls.clear()
    seen: list[tuple[str, ...]] = []
    mount.on_scm_call = lambda: seen.append(tuple(mount.storage.writes))
    data = await mount.enroll()
    assert mount.storage.writes.pop(0) == "put index/orders/web"
    uuid = mount.storage.writes[0].removeprefix("put order/web/")
    before_enroll, before_collect = seen[0][1:], seen[1][1:]
    assert before_enroll == (f"put order/web/{uuid}",)
    assert before_collect == (
        f"put order/web/{uuid}",
        f"put cert/web/{data['cert_unique_id']}",
        f"put index/order/web/{uuid}",
    )
    assert mount.storage.writes[3:] == [
        f"put index/pending/web/{data['cert_unique_id']}",
        f"delete order/web/{uuid}",
        f"put cert/web/{data['cert_unique_id']}",
        f"put index/expiry/{data['not_after'][:10]}/web/{data['cert_unique_id']}",
        f"put index/serial/{data['serial_number'].replace(':', '-')}/web/{data['cert_unique_id']}",
        f"put index/summary/web/{data['cert_unique_id']},Issued,{data['not_after'][:10]},",
        f"delete index/pending/web/{data['cert_unique_id']}",
        "put index/chain/web",
    ]


async def test_a_certificate_that_is_there_at_once_was_never_on_the_agenda(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    mount.storage.writes.clear()
    data = await mount.enroll()
    assert not any("index/pending/" in write for write in mount.storage.writes)
    assert mount.storage.writes[-1].startswith("delete order/web/")
    assert data["status"] == "Issued"


@pytest.mark.parametrize("patience", [0, 5])
async def test_a_certificate_that_is_not_there_yet_is_on_the_agenda_before_its_write_ahead_entry_goes(
    mount: Mount, patience: int
) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    mount.storage.writes.clear()
    data = await mount.enroll(sectigo_max_timeout=patience)
    pending = mount.storage.writes.index(f"put index/pending/web/{data['cert_unique_id']}")
    (gone,) = (number for number, write in enumerate(mount.storage.writes) if write.startswith("delete order/"))
    assert pending < gone
    assert await entries_of(mount, "web") == []


async def test_the_record_holds_what_a_renewal_needs(mount: Mount) -> None:
    await mount.configure()
    data = await mount.enroll(sectigo_expiry_window=14, sectigo_auto_renew="false")
    record = json.loads(mount.storage.snapshot()[f"cert/web/{data['cert_unique_id']}"])
    assert record["v"] == 1
    assert record["renew_id"] == data["renew_id"]
    assert record["requested"]["waiting"] == {"expiry_window": 1209600.0, "auto_renew": False}
    assert record["requested"]["ssl"]["validity_days"] == 365
    assert record["current"]["csr"] == data["csr"]
    assert record["current"]["private_key"] == data["private_key"]


async def test_a_hundred_parallel_enrolments_each_get_their_own_key(mount: Mount) -> None:
    await mount.configure()
    answers = await asyncio.gather(*(mount.enroll(sectigo_csr_domain=f"h{n}.example.test") for n in range(100)))
    assert {answer["status"] for answer in answers} == {"Issued"}
    assert all(key_fits(answer) for answer in answers)
    assert len({public_bytes(answer) for answer in answers}) == 100
    assert set(await mount.list("certs/web")) == {f"{order.ssl_id}_demo-customer" for order in mount.simulator.orders}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sectigo_ssl_cert_type": None}, "sectigo_ssl_cert_type is required"),
        ({"sectigo_ssl_cert_validity": ""}, "sectigo_ssl_cert_validity is required"),
        ({"sectigo_csr_domain": None}, "sectigo_csr_domain is required if no sectigo_csr is given"),
        ({"sectigo_ssl_cert_type": "premium"}, "sectigo_ssl_cert_type must be a whole number of at least 1"),
        ({"sectigo_ssl_cert_validity": "36h"}, "sectigo_ssl_cert_validity must be whole days"),
        ({"sectigo_csr_key_size": "1024"}, "sectigo_csr_key_size cannot be used"),
        ({"sectigo_csr_key_algo": "DSA"}, "sectigo_csr_key_algo must be one of RSA, EC"),
        ({"sectigo_csr_country": "CAN"}, "sectigo_csr_country must be two letters"),
        ({"sectigo_csr_domain": "d" * 65}, "sectigo_csr_domain must have at most 64 characters"),
        ({"sectigo_csr_domain": "https://web.example.test/"}, "not a URL: did you mean web.example.test?"),
        ({"sectigo_csr_domain": "x@host/\ud800"}, "sectigo_csr_domain must be"),
        ({"sectigo_csr_key_algo": "ECDSA"}, "sectigo_csr_key_algo must be one of RSA, EC; did you mean EC?"),
        ({"sectigo_csr_key_algo": "rsa", "sectigo_csr_key_size": "2048-bit"}, "did you mean 2048?"),
        ({"sectigo_csr": "no CSR"}, "sectigo_csr cannot be used"),
        ({"sectigo_csr": "own.csr.pem"}, "did you mean sectigo_csr=@own.csr.pem?"),
        ({"sectigo_private_key": "s3cret.key"}, "did you mean sectigo_private_key=@<file>?"),
        ({"sectigo_private_key": "no key"}, "sectigo_private_key cannot be used"),
        ({"sectigo_ssl_cert_subject_alt_names": "a b"}, "sectigo_ssl_cert_subject_alt_names cannot be used"),
        ({"sectigo_ssl_cert_external_requester": "nobody"}, "must contain e-mail addresses only"),
        ({"sectigo_ssl_cert_custom_fields": "{"}, "sectigo_ssl_cert_custom_fields must be a list such as"),
        ({"sectigo_ssl_cert_custom_fields": [{"name": "x"}]}, "must be a list such as"),
        ({"sectigo_ssl_cert_custom_fields": "[" * 60_000}, "must be a list such as"),
        ({"sectigo_ssl_cert_custom_fields": " " * 70_000}, "must have at most 65536 characters"),
        ({"sectigo_ssl_cert_custom_fields": [{"name": "x", "value": "\ud800"}]}, "in Unicode"),
        ({"sectigo_ssl_cert_comments": "\ud800"}, "must be Unicode text"),
        ({"sectigo_csr_organization": "two\nlines"}, "sectigo_csr_organization must be one line"),
        ({"sectigo_csr_domain": "m\u00fcnchen.example"}, "sectigo_csr_domain must be ASCII"),
        ({"sectigo_csr_email_address": "nobody"}, "sectigo_csr_email_address cannot be used: not an e-mail address"),
        ({"sectigo_ssl_cert_format_type": "jks"}, "sectigo_ssl_cert_format_type must be one of x509"),
        ({"sectigo_ssl_cert_comments": "c" * 971}, "must have at most 970 characters"),
        ({"sectigo_ssl_cert_server_type": -2}, "sectigo_ssl_cert_server_type must be at least -1, it is -2"),
        ({"sectigo_max_timeout": "-5"}, "sectigo_max_timeout must be at least 0 seconds, it is -5"),
        (
            {"sectigo_client_cert_email": "a@example.test"},
            "sectigo_client_cert_email does not go with a config entry of type ssl_cert",
        ),
        ({"sectigo_request_id": "r" * 65}, "sectigo_request_id must have at most 64 characters"),
    ],
)
async def test_a_bad_request_is_refused_by_name_and_leaves_nothing(
    mount: Mount, change: dict[str, Any], complaint: str
) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError) as refused:
        await mount.enroll(**change)
    assert complaint in str(refused.value)
    assert set(mount.storage.snapshot()) == {"config/web"}
    assert len(mount.simulator.calls) == 0


async def test_a_key_that_does_not_fit_the_csr_is_refused(mount: Mount) -> None:
    await mount.configure()
    csr = csr_for(ec.generate_private_key(ec.SECP256R1()), "given.example.test")
    other = pem_of(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(BadRequestError, match="the private key does not belong to the CSR") as refused:
        await mount.enroll(sectigo_csr=csr, sectigo_private_key=other)
    assert "PRIVATE KEY" not in str(refused.value)
    assert set(mount.storage.snapshot()) == {"config/web"}


NAMES_BESIDES = der.extension_request(
    der.alt_names(der.dns_name("other.example.test"), der.value(0x86, b"urn:a"), der.value(0x88, b"\x2a\x03"))
)


async def test_names_of_a_csr_that_are_not_ordered_are_told(mount: Mount) -> None:
    await mount.configure()
    subject = [("2.5.4.3", der.UTF8_STRING, b"first.example.test"), der.COMMON_NAME]
    csr = der.csr_pem(NAMES_BESIDES, subject=subject)
    answer = await mount.write("enroll/web", {**ORDER, "sectigo_csr": csr})
    assert answer is not None
    assert list(answer.warnings) == [
        "names of sectigo_csr that are not ordered: URI urn:a, registeredID 1.2.3, common name first.example.test"
    ]
    (order,) = mount.simulator.orders
    assert set(order.request.names) == {"web.example.test", "other.example.test"}


async def test_a_long_list_of_names_that_are_not_ordered_is_cut(mount: Mount) -> None:
    await mount.configure()
    names = [der.value(0x86, f"urn:{number}".encode()) for number in range(1000)]
    answer = await mount.write(
        "enroll/web", {**ORDER, "sectigo_csr": der.csr_pem(der.extension_request(der.alt_names(*names)))}
    )
    assert answer is not None
    (warning,) = answer.warnings
    assert warning.endswith("URI urn:4 and 995 more")


async def test_the_csr_of_the_vendors_former_plugin_is_taken_without_its_empty_name(mount: Mount) -> None:
    await mount.configure()
    csr = der.csr_pem(der.extension_request(der.alt_names(der.dns_name(""))))
    data = await mount.enroll(sectigo_csr=csr)
    assert data["status"] == "Issued"
    (order,) = mount.simulator.orders
    assert order.request.names == ("web.example.test",)


async def test_a_csr_without_a_common_name_is_refused_where_scm_requires_one(mount: Mount) -> None:
    await mount.configure()
    await mount.configure_client()
    csr = der.csr_pem(der.extension_request(der.alt_names(der.dns_name("web.example.test"))), subject=())
    with pytest.raises(BadRequestError, match=r"^sectigo_csr has no common name, which SCM requires$"):
        await mount.enroll(sectigo_csr=csr)
    assert not mount.simulator.calls.count("enroll")
    assert (await mount.enroll_client(sectigo_csr=csr))["status"] == "Issued"


@pytest.mark.parametrize("name", ["ü" * 64, "山" * 64])
async def test_a_name_has_as_many_characters_as_x_520_says_however_many_bytes(mount: Mount, name: str) -> None:
    await mount.configure_client()
    data = await mount.enroll_client(
        sectigo_csr_domain=name, sectigo_client_cert_first_name=name[:31], sectigo_client_cert_last_name=name[:32]
    )
    assert (data["status"], data["domain"]) == ("Issued", name)
    assert (await mount.enroll_client())["status"] == "Issued"


async def test_an_unknown_config_entry_is_named_with_what_to_do(mount: Mount) -> None:
    with pytest.raises(BadRequestError, match='no config entry named "web"; write configs/web first'):
        await mount.enroll()


async def test_an_entry_for_client_certificates_enrols_none_of_ssl(mount: Mount) -> None:
    await mount.configure(sectigo_config_type="client_cert")
    with pytest.raises(
        BadRequestError, match="sectigo_ssl_cert_type does not go with a config entry of type client_cert"
    ):
        await mount.enroll()


async def test_what_scm_refuses_is_told_with_code_and_leaves_nothing(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.external_requester_required = True
    with pytest.raises(BadRequestError, match=r"SCM refused enroll: External Requester.* \(code -139\)"):
        await mount.enroll()
    assert set(mount.storage.snapshot()) == {"config/web"}
    assert await mount.list("certs/web") == []


async def test_a_wrong_password_is_told_and_not_shown(mount: Mount) -> None:
    await mount.configure(sectigo_cm_password="hunter2")
    with pytest.raises(BadRequestError, match=r"SCM refused enroll: Unknown user \(code -16\)") as refused:
        await mount.enroll()
    assert "hunter2" not in str(refused.value)
    assert set(mount.storage.snapshot()) == {"config/web", "index/login/web"}


async def test_an_scm_that_is_too_busy_took_nothing_and_leaves_nothing(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "status", status=429, retry_after=1, times=None)
    with pytest.raises(UnavailableError, match="SCM is not available for enroll: HTTP 429"):
        await mount.enroll()
    assert set(mount.storage.snapshot()) == {"config/web"}
    assert len(list(mount.simulator.orders)) == 0


async def test_an_scm_that_was_busy_once_gets_the_order_once(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "status", status=429, retry_after=1)
    assert (await mount.enroll())["status"] == "Issued"
    assert len(list(mount.simulator.orders)) == 1


async def test_a_standby_forwards_before_anything_happens(mount: Mount) -> None:
    await mount.configure()
    mount.system.state = STANDBY
    await mount.restart()
    mount.storage.writes.clear()
    with pytest.raises(ReadOnlyError, match="cannot write to readonly storage"):
        await mount.enroll()
    assert mount.storage.writes == []
    assert len(mount.simulator.calls) == 0


async def test_a_repeated_request_id_answers_the_first_enrolment(mount: Mount) -> None:
    await mount.configure()
    first = await mount.enroll(sectigo_request_id="deploy-7")
    again = await mount.enroll(sectigo_request_id="deploy-7")
    assert again == first
    assert len(list(mount.simulator.orders)) == 1


async def test_fifty_equal_enrolments_with_one_request_id_are_one_order(mount: Mount) -> None:
    await mount.configure()
    answers = await asyncio.gather(*(mount.enroll(sectigo_request_id="deploy-7") for _ in range(50)))
    assert len({answer["cert_unique_id"] for answer in answers}) == 1
    assert len(list(mount.simulator.orders)) == 1


async def test_a_request_id_with_other_fields_is_refused(mount: Mount) -> None:
    await mount.configure()
    await mount.enroll(sectigo_request_id="deploy-7")
    with pytest.raises(BadRequestError, match="sectigo_request_id belongs to an enrolment with other fields"):
        await mount.enroll(sectigo_request_id="deploy-7", sectigo_csr_domain="other.example.test")


async def test_a_request_id_is_free_again_after_a_refusal_and_after_a_delete(mount: Mount) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match="sectigo_ssl_cert_validity must be one of 365, 398"):
        await mount.enroll(sectigo_request_id="deploy-7", sectigo_ssl_cert_validity=2)
    unknown = [{"name": "Colour", "value": "blue"}]
    with pytest.raises(BadRequestError, match="code -135"):
        await mount.enroll(sectigo_request_id="deploy-7", sectigo_ssl_cert_custom_fields=unknown)
    first = await mount.enroll(sectigo_request_id="deploy-7")
    await mount.delete(f"certs/web/{first['cert_unique_id']}")
    second = await mount.enroll(sectigo_request_id="deploy-7")
    assert second["cert_unique_id"] != first["cert_unique_id"]


async def test_two_equal_enrolments_without_a_request_id_are_two_orders(mount: Mount) -> None:
    await mount.configure()
    first, second = await mount.enroll(), await mount.enroll()
    assert first["cert_unique_id"] != second["cert_unique_id"]
