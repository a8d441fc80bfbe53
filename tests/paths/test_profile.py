"""Certificate profiles: what they answer, and the orders that they refuse before anything is stored or sent."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.scm_simulator.model.tenant import CustomField
from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    NotFoundError,
    ReadOnlyError,
    Response,
    UnavailableError,
)
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.certificates import pem_of
from tests.support.mount import CLIENT_ORDER, CONFIG, ORDER, Mount, answered

MANDATORY = CustomField(90, "Cost centre", mandatories=("REST_API",))
PROFILE_508 = {
    "custom_fields": [],
    "description": "As sold in 2026, no RSA 3072",
    "id": 508,
    "key_types": {"EC": ["P-256", "P-384"], "RSA": ["2048", "4096", "8192"]},
    "name": "Simulated Public SSL",
    "terms": [47, 200, 397],
}


def csr_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web.example.test")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return csr.public_bytes(Encoding.PEM).decode()


def asked(mount: Mount) -> Mapping[str, int]:
    """Return how often SCM was asked what it offers."""
    return {word: mount.simulator.calls.count(word) for word in ("types", "custom_fields")}


P_521 = {"sectigo_csr_key_algo": "EC", "sectigo_csr_key_size": 521}
OF_398_DAYS = {**ORDER, "sectigo_ssl_cert_validity": 398}
ONCE = {"types": 1, "custom_fields": 1}


async def refusal(mount: Mount, changes: Mapping[str, object], *, path: str = "enroll/web") -> str:
    """Return why an order is refused; nothing of it is stored or sent."""
    stored = mount.storage.snapshot()
    orders = len(mount.simulator.orders)
    with pytest.raises(BadRequestError) as refused:
        await mount.write(path, {**(ORDER if path == "enroll/web" else {}), **changes})
    assert mount.storage.snapshot() == stored
    assert len(mount.simulator.orders) == orders
    sent = sum(mount.simulator.calls.count(word) for word in ("enroll", "renew", "replace"))
    assert sent == orders
    return str(refused.value)


class TestThePath:
    async def test_a_profile_is_read_with_what_an_order_needs(self, mount: Mount) -> None:
        await mount.configure()
        assert answered(await mount.read("profile/web/508")) == PROFILE_508
        mount.simulator.custom_fields.put(
            CustomField(90, "Cost centre", input_type="TEXT_OPTION", options=("1", "2"), mandatories=("REST_API",))
        )
        mount.simulator.custom_fields.put(CustomField(91, "Ticket", mandatories=("ADMIN_UI",)))
        written = answered(await mount.write("profile/web/508", {}))
        assert written["custom_fields"] == [{"name": "Cost centre", "options": ["1", "2"], "type": "TEXT_OPTION"}]

    async def test_client_entries_have_the_profiles_of_their_kind(self, mount: Mount) -> None:
        await mount.configure_client()
        assert await mount.list("profile/people/") == ["601", "602", "603"]
        assert answered(await mount.read("profile/people/601"))["terms"] == [365, 730, 1095]
        with pytest.raises(NotFoundError, match="no certificate profile 501: it offers 601, 602, 603"):
            await mount.read("profile/people/501")

    async def test_the_list_comes_in_pages_with_what_is_known_of_each(self, mount: Mount) -> None:
        await mount.configure()
        page = answered(await mount.listing("profile/web/", after="507", limit=2))
        assert page["keys"] == ["508", "509"]
        assert page["key_info"]["508"] == {
            name: value for name, value in PROFILE_508.items() if name not in {"id", "custom_fields"}
        }
        assert len(await mount.list("profile/web/")) == 10

    async def test_write_read_list_and_delete_go_by_the_profiles_id(self, mount: Mount) -> None:
        await mount.configure()
        assert answered(await mount.write("profile/web/501", {}))["id"] == 501
        assert answered(await mount.read("profile/web/501"))["id"] == 501
        assert "501" in await mount.list("profile/web/")
        assert asked(mount) == ONCE
        assert await mount.delete("profile/web/501") is None
        assert await mount.delete("profile/nobody/1") is None
        assert answered(await mount.read("profile/web/501"))["id"] == 501
        assert asked(mount) == {"types": 2, "custom_fields": 2}

    async def test_what_scm_said_is_kept_for_an_hour_and_a_write_asks_again(self, mount: Mount) -> None:
        await mount.configure()
        await mount.read("profile/web/501")
        mount.simulator.settings.longest_term = 365
        mount.clock.advance(minutes=59)
        assert answered(await mount.read("profile/web/501"))["terms"] == [365, 398]
        assert answered(await mount.write("profile/web/501", {}))["terms"] == [365]
        mount.clock.advance(hours=1)
        await mount.read("profile/web/501")
        assert asked(mount) == {"types": 3, "custom_fields": 3}

    async def test_an_older_service_is_shown_as_far_as_it_says(self, mount: Mount) -> None:
        await mount.configure()
        mount.simulator.settings.types_with_keys = False
        mount.simulator.faults.add("custom_fields", "status", status=404, code=-1, description="no")
        response = await mount.read("profile/web/501")
        assert answered(response)["key_types"] == {}
        assert answered(response)["description"] == ""
        assert response is not None
        assert response.warnings == (
            "SCM does not say which custom fields an order needs: orders are not checked for them",
        )

    async def test_what_cannot_be_shown_is_an_error(self, mount: Mount) -> None:
        with pytest.raises(NotFoundError, match='no config entry named "web"'):
            await mount.read("profile/web/501")
        await mount.configure()
        with pytest.raises(NotFoundError, match="no certificate profile 999: it offers 501, "):
            await mount.read("profile/web/999")
        with pytest.raises(BadRequestError, match="no certificate profile 999"):
            await mount.write("profile/web/999", {})
        for odd in ("0501", "0", "web", "1.5"):
            with pytest.raises(BadRequestError, match="profile_id must be a whole number of at least 1"):
                await mount.read(f"profile/web/{odd}")
        await mount.delete("profile/web/501")
        mount.simulator.faults.add("types", "status", status=400, code=-3, description="You are not authorized")
        with pytest.raises(BadRequestError, match="SCM refused types: You are not authorized"):
            await mount.read("profile/web/501")
        mount.simulator.faults.add("types", "status", status=503, times=None)
        with pytest.raises(UnavailableError, match="SCM is not available for types"):
            await mount.write("profile/web/501", {})

    async def test_a_wrong_password_is_noted_as_on_any_call(self, mount: Mount) -> None:
        await mount.configure(sectigo_cm_password="wrong")
        with pytest.raises(BadRequestError, match="Unknown user"):
            await mount.read("profile/web/501")
        assert "index/login/web" in mount.storage.snapshot()

    async def test_a_standby_forwards(self, mount: Mount) -> None:
        await mount.configure()
        mount.system.state = STANDBY
        await mount.restart()
        for request in (
            mount.read("profile/web/501"),
            mount.write("profile/web/501", {}),
            mount.delete("profile/web/501"),
            mount.list("profile/web/"),
        ):
            with pytest.raises(ReadOnlyError):
                await request
        assert len(mount.simulator.calls) == 0


class TestEnrolments:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            (
                {"sectigo_ssl_cert_type": 999},
                ["no certificate profile 999: sectigo_ssl_cert_type must be one of 501, "],
            ),
            ({"sectigo_ssl_cert_validity": 90}, ["sectigo_ssl_cert_validity must be one of 365, 398"]),
            ({"sectigo_csr_key_size": 521}, ["sectigo_csr_key_algo and sectigo_csr_key_size must be one of RSA 2048"]),
            (
                {"sectigo_ssl_cert_type": 509, "sectigo_csr_key_algo": "RSA"},
                ["sectigo_ssl_cert_validity must be one of 47, 200, 397", "must be one of EC 384:", "no RSA keys"],
            ),
            (
                {
                    "sectigo_ssl_cert_type": 508,
                    "sectigo_ssl_cert_validity": 200,
                    "sectigo_csr_key_algo": "RSA",
                    "sectigo_csr_key_size": 3072,
                },
                ["must be one of RSA 2048, RSA 4096, EC 256, EC 384: certificate profile 508 offers no RSA 3072"],
            ),
        ],
    )
    async def test_what_scm_does_not_offer_is_refused_by_its_field(
        self, mount: Mount, changes: dict[str, object], words: Sequence[str]
    ) -> None:
        await mount.configure()
        text = await refusal(mount, changes)
        assert all(part in text for part in words), text
        await refusal(mount, changes)
        assert asked(mount) == ONCE

    async def test_a_given_key_and_a_csr_are_checked_too(self, mount: Mount) -> None:
        await mount.configure()
        key = ec.generate_private_key(ec.SECP521R1())
        assert "sectigo_private_key must be one of" in await refusal(mount, {"sectigo_private_key": pem_of(key)})
        of_csr = await refusal(mount, {"sectigo_csr": csr_pem(key)})
        assert of_csr.startswith("the key of sectigo_csr must be one of RSA 2048")
        large = rsa.generate_private_key(65537, 2048)
        await mount.enroll(sectigo_csr=csr_pem(large))

    async def test_a_mandatory_custom_field_is_asked_for_by_its_name(self, mount: Mount) -> None:
        await mount.configure()
        await mount.configure_client()
        mount.simulator.custom_fields.put(MANDATORY)
        text = await refusal(mount, {})
        assert text == (
            'sectigo_ssl_cert_custom_fields must have "Cost centre": SCM requires that of every order over its API'
        )
        text = await refusal(mount, CLIENT_ORDER, path="enroll/people")
        assert text.startswith('sectigo_client_cert_custom_fields must have "Cost centre"')
        await mount.enroll(sectigo_ssl_cert_custom_fields=[{"name": "Cost centre", "value": "4711"}])

    async def test_the_profiles_of_client_certificates_are_checked(self, mount: Mount) -> None:
        await mount.configure_client()
        changes: dict[str, object] = {"sectigo_client_cert_validity": 200, "sectigo_csr_key_size": 521}
        lines = (await refusal(mount, {**CLIENT_ORDER, **changes}, path="enroll/people")).splitlines()
        assert [line.split()[0] for line in lines] == ["sectigo_client_cert_validity", "sectigo_csr_key_algo"]

    async def test_a_refused_request_id_is_free_and_a_repeated_one_is_answered_whatever_scm_offers_now(
        self, mount: Mount
    ) -> None:
        await mount.configure()
        await refusal(mount, {"sectigo_request_id": "deploy-7", "sectigo_ssl_cert_validity": 90})
        first = await mount.enroll(sectigo_request_id="deploy-7", sectigo_ssl_cert_validity=398)
        mount.simulator.settings.longest_term = 200
        await mount.write("profile/web/501", {})
        again = await mount.enroll(sectigo_request_id="deploy-7", sectigo_ssl_cert_validity=398)
        assert again["cert_unique_id"] == first["cert_unique_id"]
        assert len(mount.simulator.orders) == 1

    async def test_enrolments_ask_once_an_hour_and_together(self, mount: Mount) -> None:
        await mount.configure()
        await asyncio.gather(*(mount.enroll() for _ in range(20)))
        assert asked(mount) == ONCE
        mount.clock.advance(minutes=50)
        await mount.enroll()
        assert asked(mount) == ONCE
        mount.clock.advance(minutes=20)
        await mount.enroll()
        assert asked(mount) == {"types": 2, "custom_fields": 2}

    async def test_roles_and_enrolments_share_what_scm_said(self, mount: Mount) -> None:
        await mount.configure()
        role = {"config": "web", "certificate_type": 501, "validity": 365, "key_type": "ec"}
        await mount.write("roles/shop", {**role, "allowed_domains": "example.test", "allow_subdomains": True})
        mount.simulator.settings.pending_polls = 0
        await mount.write("issue/shop", {"common_name": "a.example.test"})
        await mount.enroll()
        assert asked(mount) == ONCE

    async def test_an_entry_that_was_written_is_asked_about_again(self, mount: Mount) -> None:
        await mount.configure()
        await mount.enroll()
        await mount.write("configs/web", {"sectigo_loop_period": 5})
        await mount.enroll()
        assert asked(mount)["types"] == 2

    async def test_nothing_is_refused_by_what_scm_said_long_ago(self, mount: Mount) -> None:
        await mount.configure()
        mount.simulator.settings.longest_term = 365
        await mount.enroll()
        mount.simulator.settings.longest_term = None
        mount.clock.advance(minutes=5)
        await mount.enroll(sectigo_ssl_cert_validity=398)
        assert asked(mount)["types"] == 2

    @pytest.mark.parametrize("by_role", [True, False])
    async def test_after_a_refusal_that_contradicts_what_scm_said_it_is_asked_again(
        self, mount: Mount, *, by_role: bool
    ) -> None:
        await mount.configure()
        mount.simulator.settings.pending_polls = 0
        role = {"config": "web", "certificate_type": 501, "validity": 398, "key_type": "ec"}
        await mount.write("roles/shop", {**role, "allowed_domains": "example.test", "allow_subdomains": True})
        order = ("issue/shop", {"common_name": "a.example.test"}) if by_role else ("enroll/web", OF_398_DAYS)
        await mount.enroll()
        mount.simulator.settings.longest_term = 365
        with pytest.raises(BadRequestError, match=r"code -36"):
            await mount.write(*order)
        assert asked(mount)["types"] == 1
        if by_role:
            await mount.write(*order)
            assert mount.simulator.calls.count("enroll") == 3
        else:
            with pytest.raises(BadRequestError, match="sectigo_ssl_cert_validity must be one of"):
                await mount.write(*order)
            assert mount.simulator.calls.count("enroll") == 2
        assert asked(mount)["types"] == 2

    async def test_any_other_refusal_leaves_what_scm_said(self, mount: Mount) -> None:
        await mount.configure()
        await mount.enroll()
        mount.simulator.faults.add("enroll", "status", status=400, code=-843, description="not validated")
        with pytest.raises(BadRequestError, match="code -843"):
            await mount.enroll()
        await mount.enroll()
        assert asked(mount) == ONCE


class TestAnScmThatDoesNotSay:
    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "status", "status": 503, "times": None},
            {"kind": "status", "status": 400, "code": -3, "description": "You are not authorized"},
            {"kind": "page", "status": 200},
            {"kind": "body", "status": 200, "body": "{}"},
            {"kind": "body", "status": 200, "body": "[]"},
            {"kind": "body", "status": 200, "body": '[{"id": 999, "name": "Older"}]'},
            {"kind": "body", "status": 200, "body": '[{"id": 1, "terms": [1]}, {"name": "unreadable"}]'},
            {"kind": "body", "status": 200, "body": '[{"id": 999, "terms": [1]}, {"id": 999, "terms": [2]}]'},
            {"kind": "drop_before", "times": 3},
        ],
        ids=str,
    )
    async def test_an_order_goes_out_unchecked(self, mount: Mount, fault: dict[str, Any]) -> None:
        await mount.configure()
        mount.simulator.faults.add("types", **fault)
        with pytest.raises(BadRequestError, match=r"SCM refused enroll: .* \(code -111\)"):
            await mount.enroll(sectigo_ssl_cert_type=999)

    async def test_custom_fields_that_are_not_told_are_not_checked(self, mount: Mount) -> None:
        await mount.configure()
        mount.simulator.custom_fields.put(MANDATORY)
        mount.simulator.faults.add("custom_fields", "status", status=401)
        with pytest.raises(BadRequestError, match="SCM refused enroll"):
            await mount.enroll()
        assert "index/login/web" not in mount.storage.snapshot()

    async def test_one_that_cannot_be_asked_is_left_alone_for_a_minute(self, mount: Mount) -> None:
        await mount.configure()
        mount.simulator.faults.add("types", "status", status=503, times=None)
        for _ in range(3):
            await mount.enroll(sectigo_max_timeout=0)
        assert asked(mount)["types"] == 3
        mount.clock.advance(minutes=1)
        await mount.enroll(sectigo_max_timeout=0)
        assert asked(mount)["types"] == 6
        assert len(mount.simulator.orders) == 4

    async def test_one_that_refuses_to_list_is_left_alone_for_an_hour(self, mount: Mount) -> None:
        await mount.configure()
        mount.simulator.faults.add("types", "status", status=400, code=-3, description="no", times=None)
        for _ in range(3):
            await mount.enroll(sectigo_max_timeout=0)
        assert asked(mount)["types"] == 1

    async def test_one_that_takes_long_to_say_holds_no_order_up(self, mount: Mount) -> None:
        await mount.configure()
        mount.simulator.faults.add("types", "slow", seconds=50, times=None)
        mount.simulator.settings.pending_polls = 0
        began = asyncio.get_running_loop().time()
        await mount.enroll()
        await mount.enroll()
        assert asyncio.get_running_loop().time() - began < 15

    async def test_what_was_said_before_refuses_nothing_once_it_is_old(self, mount: Mount) -> None:
        await mount.configure()
        await mount.enroll()
        mount.clock.advance(hours=2)
        mount.simulator.faults.add("types", "status", status=503, times=None)
        with pytest.raises(BadRequestError, match="SCM refused enroll"):
            await mount.enroll(sectigo_ssl_cert_validity=90)


class TestARefusedLogin:
    async def test_a_wrong_password_costs_one_refused_login_and_reads_as_the_orders_own(self, mount: Mount) -> None:
        await mount.configure(sectigo_cm_password="wrong")
        answers = await asyncio.gather(*(mount.write("enroll/web", ORDER) for _ in range(5)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {BadRequestError}
        assert all(str(answer).startswith("SCM refused enroll: Unknown user (code -16); check") for answer in answers)
        assert len(mount.simulator.calls) == 1
        assert set(mount.storage.snapshot()) == {"config/web", "index/login/web"}

    async def test_every_further_try_costs_one_more(self, mount: Mount) -> None:
        await mount.configure(sectigo_cm_password="wrong")
        for number in (1, 2, 3):
            with pytest.raises(BadRequestError, match="SCM refused enroll: Unknown user"):
                await mount.enroll()
            assert len(mount.simulator.calls) == number

    async def test_a_password_that_is_corrected_is_used_at_once(self, mount: Mount) -> None:
        await mount.configure(sectigo_cm_password="wrong")
        with pytest.raises(BadRequestError, match="Unknown user"):
            await mount.enroll()
        await mount.write("configs/web", {"sectigo_cm_password": CONFIG["sectigo_cm_password"]})
        assert (await mount.enroll())["status"] == "Issued"
        assert asked(mount) == ONCE  # beside the call whose login was refused


def warnings_of(response: Response | None) -> tuple[str, ...]:
    assert response is not None
    return tuple(response.warnings)


class TestRenewalsAndReplacements:
    async def test_a_renewal_whose_term_is_gone_is_ordered_and_says_so(self, mount: Mount) -> None:
        await mount.configure()
        old = await mount.enroll(sectigo_ssl_cert_validity=398)
        mount.simulator.settings.longest_term = 365
        mount.clock.advance(days=200)
        response = await mount.write(f"renew/web/{old['cert_unique_id']}", {})
        assert answered(response)["status"] == "Issued"
        assert warnings_of(response) == (
            "certificate profile 501 no longer offers 398 days: SCM renews for the longest of its terms, 365 days",
        )
        assert len(mount.simulator.orders) == 2

    async def test_a_renewal_with_its_old_term_says_nothing(self, mount: Mount) -> None:
        await mount.configure()
        old = await mount.enroll()
        assert warnings_of(await mount.write(f"renew/web/{old['cert_unique_id']}", {})) == ()

    @pytest.mark.parametrize("by_tick", [True, False])
    async def test_an_automatic_renewal_asks_for_no_profile_and_is_never_stopped(
        self, mount: Mount, *, by_tick: bool
    ) -> None:
        await mount.configure()
        old = await mount.enroll(sectigo_ssl_cert_validity=398)
        mount.simulator.settings.longest_term = 365
        mount.simulator.custom_fields.put(MANDATORY)
        before = asked(mount)
        mount.clock.advance(days=395)
        if by_tick:
            await mount.tick(120)
        else:
            await mount.read(f"certs/web/{old['cert_unique_id']}")
        assert len(mount.simulator.orders) == 2
        assert asked(mount) == before

    async def test_a_renewal_goes_out_where_scm_does_not_say_what_it_offers(self, mount: Mount) -> None:
        await mount.configure()
        old = await mount.enroll()
        mount.clock.advance(hours=2)
        mount.simulator.faults.add("types", "status", status=503, times=None)
        response = await mount.write(f"renew/web/{old['cert_unique_id']}", {})
        assert answered(response)["renewed_from"] == old["cert_unique_id"]
        assert warnings_of(response) == ()

    async def test_the_key_of_a_further_certificate_is_checked(self, mount: Mount) -> None:
        await mount.configure()
        old = await mount.enroll()
        unique_id, csr = old["cert_unique_id"], csr_pem(ec.generate_private_key(ec.SECP521R1()))
        replacement: dict[str, object] = {"sectigo_reason": "key rotation"}
        text = await refusal(mount, {**replacement, **P_521}, path=f"replace/web/{unique_id}")
        assert text.startswith("sectigo_csr_key_algo and sectigo_csr_key_size must be one of RSA 2048")
        text = await refusal(mount, {**replacement, "sectigo_csr": csr}, path=f"replace/web/{unique_id}")
        assert text.startswith("the key of sectigo_csr must be one of RSA 2048")
        text = await refusal(mount, {"sectigo_csr": csr}, path=f"renew/web/{unique_id}")
        assert text.startswith("the key of sectigo_csr must be one of RSA 2048")
        await mount.write(f"replace/web/{unique_id}", replacement)
        assert asked(mount) == ONCE

    async def test_a_fetched_certificate_whose_profile_is_not_known_is_replaced_unchecked(self, mount: Mount) -> None:
        await mount.configure()
        old = await mount.enroll()
        unique_id = old["cert_unique_id"]
        await mount.delete(f"certs/web/{unique_id}")
        await mount.write(f"fetch/web/{old['ssl_id']}", {})
        mount.clock.advance(seconds=timedelta(hours=2).total_seconds())
        await mount.write(f"replace/web/{unique_id}", {"sectigo_reason": "key rotation"})
        assert asked(mount) == ONCE
