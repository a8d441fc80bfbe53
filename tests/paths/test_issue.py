"""Certificates under a role: what is answered, and what the role forbids."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key, pkcs12
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.pki import format_serial_number
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, ReadOnlyError, UnavailableError
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support import der
from tests.support.issuing import NAME, issue, leaf_of, names_in, prepared, request, sign, written
from tests.support.mount import Mount, answered

A = (("2.5.4.3", der.UTF8_STRING, b"a.example.test"),)
CA_TRUE = der.extension("2.5.29.19", der.value(der.SEQUENCE, der.value(der.BOOLEAN, b"\xff")))


class TestAnswers:
    async def test_a_certificate_comes_as_from_vaults_own_pki(self, mount: Mount) -> None:
        await prepared(mount)
        data = await issue(mount, alt_names="b.example.test,*.c.example.test", ip_sans="192.0.2.7")
        leaf = leaf_of(data)
        assert set(data) == {
            "authority_key_id",
            "ca_chain",
            "certificate",
            "expiration",
            "issuing_ca",
            "not_before",
            "private_key",
            "private_key_type",
            "serial_number",
        }
        assert data["certificate"].count("BEGIN") == 1
        assert data["ca_chain"][0] == data["issuing_ca"]
        assert data["expiration"] == int(leaf.not_valid_after_utc.timestamp())
        assert data["not_before"] == int(leaf.not_valid_before_utc.timestamp())
        assert data["serial_number"] == format_serial_number(leaf.serial_number)
        issuer = x509.load_pem_x509_certificate(data["issuing_ca"].encode())
        issuer_key_id = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).key_identifier
        assert data["authority_key_id"] == issuer_key_id.hex(":")
        assert data["private_key_type"] == "ec"
        key = load_pem_private_key(data["private_key"].encode(), None)
        assert key.public_key() == leaf.public_key()
        assert names_in(leaf) == {"a.example.test", "b.example.test", "*.c.example.test", "192.0.2.7"}
        for pem in (data["certificate"], data["issuing_ca"], *data["ca_chain"], data["private_key"]):
            assert pem == pem.strip()

    async def test_der_is_base64_and_a_bundle_begins_with_the_key(self, mount: Mount) -> None:
        await prepared(mount)
        as_der = await issue(mount, format="der", private_key_format="pkcs8")
        x509.load_der_x509_certificate(base64.b64decode(as_der["certificate"]))
        load_der_private_key(base64.b64decode(as_der["private_key"]), None)
        bundle = await issue(mount, format="pem_bundle")
        assert bundle["certificate"] == "\n".join((bundle["private_key"], leaf_pem(bundle), *bundle["ca_chain"]))

    async def test_roots_may_be_left_out_of_the_chain(self, mount: Mount) -> None:
        await prepared(mount)
        whole = await issue(mount)
        less = await issue(mount, remove_roots_from_chain=True)
        assert less["ca_chain"] == whole["ca_chain"][:-1]

    async def test_a_pkcs12_file_has_key_certificate_and_issuers(self, mount: Mount) -> None:
        await prepared(mount)
        data = await issue(mount, format="pkcs12", password="correct horse")
        key, certificate, issuers = pkcs12.load_key_and_certificates(base64.b64decode(data["pkcs12"]), b"correct horse")
        assert key is not None
        assert certificate == leaf_of(data)
        assert len(issuers) == len(data["ca_chain"])
        assert data["private_key"] == ""

    async def test_a_pkcs12_file_without_a_password_is_refused_before_anything_is_ordered(self, mount: Mount) -> None:
        await prepared(mount)
        with pytest.raises(BadRequestError, match="password is required for format pkcs12"):
            await issue(mount, format="pkcs12")
        assert not list(mount.simulator.orders)

    async def test_a_csr_is_signed_and_no_key_is_answered(self, mount: Mount) -> None:
        await prepared(mount)
        data = await sign(mount, request("a.example.test", x509.DNSName("b.example.test")))
        assert "private_key" not in data
        assert names_in(leaf_of(data)) == {"a.example.test", "b.example.test"}
        with pytest.raises(BadRequestError, match="csr is required"):
            await mount.write("sign/shop", NAME)

    async def test_what_the_csr_decides_is_said_where_the_request_says_otherwise(self, mount: Mount) -> None:
        await prepared(mount)
        fields = {"common_name": "b.example.test", "alt_names": "c.example.test", "ip_sans": "192.0.2.7"}
        response = await mount.write("sign/shop", {"csr": request(), **fields})
        assert response is not None
        assert [warning.split()[1] for warning in response.warnings] == ["common_name", "alt_names", "ip_sans"]
        same = await mount.write("sign/shop", {"csr": request(), "common_name": "A.example.test"})
        assert same is not None
        assert same.warnings == ()

    async def test_the_certificate_stands_among_the_others_and_is_not_renewed_by_itself(self, mount: Mount) -> None:
        await prepared(mount)
        data = await issue(mount)
        (unique_id,) = await mount.list("certs/web")
        mount.clock.advance(days=364)
        stored = answered(await mount.read(f"certs/web/{unique_id}"))
        assert stored["serial_number"] == data["serial_number"]
        await mount.tick()
        assert len(list(mount.simulator.orders)) == 1


def leaf_pem(bundle: Mapping[str, Any]) -> str:
    """Return the second block of a bundle."""
    blocks = bundle["certificate"].split("-----END ")
    return str(blocks[1].split("\n", 1)[1] + "-----END CERTIFICATE-----")


class TestPolicy:
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"common_name": "evil.test"}, "common name evil.test not allowed by this role"),
            ({"common_name": "example.test"}, "common name example.test not allowed by this role"),
            ({"common_name": "evilexample.test"}, "not allowed by this role"),
            ({"common_name": "a.example.test.evil"}, "not allowed by this role"),
            ({"alt_names": "b.example.test,evil.test"}, "subject alternate name evil.test not allowed"),
            ({"alt_names": "ann@example.test"}, "email address ann@example.test not allowed"),
            ({"ip_sans": "b.example.test"}, "ip_sans must contain IP addresses only"),
            ({"ip_sans": "192.0.2.300"}, "ip_sans must contain IP addresses only"),
            ({"uri_sans": "spiffe://x"}, "URI Subject Alternative Names are not allowed in this role"),
            ({"serial_number": "7"}, "serial_number is not allowed"),
            ({"not_before": "2027-01-01T00:00:00Z"}, "not_before cannot be asked for"),
            ({"other_sans": "1.2.3;UTF8:x"}, "other_sans are not allowed"),
            ({"common_name": None}, "the common_name field is required"),
            ({"common_name": "ann@example.test"}, "not allowed by this role"),
            ({"common_name": "w*.example.test"}, "common_name cannot be used"),
            ({"format": "jks"}, "format must be one of pem, der, pem_bundle, pkcs12"),
            ({"private_key_format": "p8"}, "private_key_format must be one of"),
            ({"ttl": "soon"}, "ttl must be"),
        ],
    )
    async def test_what_the_role_forbids_is_not_ordered(
        self, mount: Mount, fields: dict[str, object], words: str
    ) -> None:
        await prepared(mount)
        with pytest.raises(BadRequestError, match=words):
            await issue(mount, **fields)
        assert not list(mount.simulator.orders)

    @pytest.mark.parametrize(
        ("csr", "words"),
        [
            (request("evil.test"), "common name evil.test not allowed"),
            (request("a.example.test", x509.DNSName("evil.test")), "subject alternate name evil.test not allowed"),
            (request("a.example.test", x509.RFC822Name("ann@example.test")), "email address ann@example.test"),
            (request("a.example.test", x509.UniformResourceIdentifier("spiffe://x")), "of a kind that no role allows"),
            (
                request("a.example.test", subject=(x509.NameAttribute(NameOID.COMMON_NAME, "evil.test"),)),
                "evil.test|of a kind",
            ),
            (
                request("a.example.test", subject=(x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@evil.test"),)),
                "email_address a@evil.test in the CSR's subject is not allowed by this role",
            ),
            (request("192.0.2.7"), "common name 192.0.2.7 not allowed by this role"),
            (der.csr_pem(der.extension_request(CA_TRUE), subject=A), "basicConstraints CA:TRUE, which no role allows"),
            (
                der.csr_pem(der.attribute("1.2.840.113549.1.9.2", der.value(0x0C, b"evil.test")), subject=A),
                "attribute unstructuredName",
            ),
            (der.csr_pem(subject=[("2.5.4.5", 0x13, b"7"), *A]), "serial_number 7 in the CSR's subject"),
            (request("", x509.DNSName("a.example.test")), "the CSR has no common name"),
            (request("The Shop"), "no host name and no IP address"),
        ],
    )
    async def test_every_name_of_a_csr_is_held_against_the_role(self, mount: Mount, csr: str, words: str) -> None:
        await prepared(mount)
        with pytest.raises(BadRequestError, match=words):
            await sign(mount, csr)
        assert not list(mount.simulator.orders)

    async def test_a_csr_needs_a_key_of_the_role(self, mount: Mount) -> None:
        await prepared(mount, key_type="rsa")
        with pytest.raises(BadRequestError, match="role requires keys of type rsa"):
            await sign(mount, request())
        await written(mount, key_type="any")
        await sign(mount, request())
        with pytest.raises(BadRequestError, match="only signing"):
            await issue(mount)

    async def test_an_unknown_role_or_a_missing_config_entry_orders_nothing(self, mount: Mount) -> None:
        with pytest.raises(BadRequestError, match="unknown role: shop"):
            await issue(mount)
        await written(mount)
        with pytest.raises(BadRequestError, match="write configs/web first"):
            await issue(mount)

    async def test_the_terms_on_offer_decide_how_long_it_is_valid(self, mount: Mount) -> None:
        await prepared(mount, certificate_type=502, validity=199, max_ttl="200d")
        response = await mount.write("issue/shop", {**NAME, "ttl": "90d"})
        assert response is not None
        assert response.warnings == (
            "certificates of this profile are valid for 47 or 100 or 199 days: 100 days were ordered",
        )
        leaf = leaf_of(answered(response))
        assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days in {99, 100}
        capped = await mount.write("issue/shop", {**NAME, "ttl": "400d"})
        assert capped is not None
        assert capped.warnings[0].startswith('TTL "9600h0m0s" is longer than permitted maxTTL "4800h0m0s"')
        assert mount.simulator.calls.count("types") == 1

    async def test_a_profile_that_scm_does_not_offer_is_named_before_anything_is_ordered(self, mount: Mount) -> None:
        await prepared(mount, certificate_type=999)
        with pytest.raises(
            BadRequestError, match="no certificate profile 999: certificate_type must be one of 501, 502"
        ):
            await issue(mount)
        assert mount.simulator.calls.count("enroll") == 0

    @pytest.mark.parametrize(
        "said", ['[{"id": 501, "terms": [365]}]', '[{"id": 501, "terms": [365]}, {"id": 502, "terms": [199]}]']
    )
    async def test_no_role_is_refused_by_what_scm_said_long_ago(self, mount: Mount, said: str) -> None:
        await prepared(mount, min_remaining=0)
        mount.simulator.faults.add("types", "body", status=200, body=said)
        await issue(mount)
        await written(mount, key_type="ec", certificate_type=502, validity=47, max_ttl="50d")
        mount.clock.advance(minutes=5)
        assert (await issue(mount, common_name="b.example.test"))["certificate"]
        assert mount.simulator.calls.count("types") == 2

    async def test_a_profile_that_scm_may_offer_by_now_is_not_refused_while_it_cannot_be_asked(
        self, mount: Mount
    ) -> None:
        await prepared(mount, min_remaining=0)
        await issue(mount)
        mount.clock.advance(minutes=5)
        await written(mount, key_type="ec", certificate_type=999)
        mount.simulator.faults.add("types", "status", status=503, times=None)
        with pytest.raises(UnavailableError, match="SCM is not available for types"):
            await issue(mount, common_name="b.example.test")

    async def test_an_scm_that_takes_long_to_list_its_profiles_holds_nothing_up(self, mount: Mount) -> None:
        await prepared(mount, min_remaining=0)
        mount.simulator.faults.add("types", "slow", seconds=1000, times=None)
        began = asyncio.get_running_loop().time()
        for number in range(4):
            await issue(mount, common_name=f"a{number}.example.test")
        assert asyncio.get_running_loop().time() - began < 15

    async def test_the_wait_for_profiles_counts_towards_the_time_that_a_request_may_take(self, mount: Mount) -> None:
        await prepared(mount)
        mount.simulator.faults.add("types", "slow", seconds=1000, times=None)
        mount.simulator.settings.pending_polls = 1000
        began = asyncio.get_running_loop().time()
        with pytest.raises(BadRequestError, match="pending"):
            await issue(mount)
        assert asyncio.get_running_loop().time() - began <= 50.5

    async def test_a_request_may_wait_as_long_as_the_config_entry_says(self, mount: Mount) -> None:
        await prepared(mount)
        await mount.write("configs/web", {"sectigo_wait_limit": "1h", "sectigo_max_timeout": "1h"})
        mount.simulator.settings.pending_polls = 40
        began = asyncio.get_running_loop().time()
        assert (await issue(mount))["certificate"]
        assert asyncio.get_running_loop().time() - began > 600

    async def test_an_account_that_may_not_ask_for_profiles_orders_the_roles_validity(self, mount: Mount) -> None:
        await prepared(mount)
        mount.simulator.faults.add("types", "status", status=400, code=-3, description="no", times=None)
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 1

    async def test_an_scm_that_is_down_is_said_before_anything_is_ordered(self, mount: Mount) -> None:
        await prepared(mount)
        mount.simulator.faults.add("types", "status", status=503, times=None)
        with pytest.raises(UnavailableError, match="SCM is not available for types"):
            await issue(mount)
        assert await mount.list("certs/web") == []

    async def test_profiles_that_were_known_are_good_enough_while_scm_does_not_tell(self, mount: Mount) -> None:
        await prepared(mount, min_remaining=0)
        await issue(mount)
        mount.clock.advance(hours=2)
        mount.simulator.faults.add("types", "status", status=503, times=None)
        await issue(mount)
        assert len(list(mount.simulator.orders)) == 2


async def test_a_standby_forwards_before_anything_happens(mount: Mount) -> None:
    await prepared(mount)
    mount.system.state = STANDBY
    await mount.restart()
    for path, fields in {
        "issue/shop": NAME,
        "sign/shop": {"csr": request()},
        "revoke": {"serial_number": "01"},
    }.items():
        with pytest.raises(ReadOnlyError):
            await mount.write(path, fields)
    assert len(mount.simulator.calls) == 0
