"""Clients that nobody here wrote drive the simulator: PyPI's `cert-manager` and `comodo-rest-api`.

They know SCM from elsewhere, so what they cannot do here is a mistake of the simulator, unless a comment explains it.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cert_manager.client import Client
from cert_manager.dcv import DomainControlValidation
from cert_manager.organization import Organization
from cert_manager.report import Report
from cert_manager.smime import SMIME
from cert_manager.ssl import SSL as SSL_API
from comodo_rest_api import ComodoTLSService
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.scm_simulator.serve.server_certificate import write_server_certificate
from sectigo_vault_pki.scm_simulator.serve.uvicorn_server import ServerCertificate, bind, serving
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import ORG, TOKEN, make_csr

HEADERS = {"login_uri": "demo-customer", "username": "demo-user"}


@contextlib.asynccontextmanager
async def served(simulator: Simulator, certificate: ServerCertificate | None = None) -> AsyncIterator[str]:
    listener = bind("127.0.0.1", 0)
    scheme = "http" if certificate is None else "https"
    async with serving(simulator.app, listener, certificate):
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
async def url(simulator: Simulator) -> AsyncIterator[str]:
    async with served(simulator) as url:
        yield url


def ssl_life(api: Any) -> tuple[str, str, int, int]:
    """Order, replace, renew and revoke; return both certificates and both ids."""
    enrolled = api.enroll(
        cert_type_name="Simulated OV SSL",
        csr=make_csr(),
        term=365,
        org_id=ORG,
        subject_alt_names=["a.example.test"],
        external_requester="me@example.test",
    )
    ssl_id = enrolled["sslId"]
    first = api.collect(ssl_id, "x509CO")
    api.replace(
        cert_id=ssl_id,
        csr=make_csr(),
        common_name="web.example.test",
        reason="r",
        subject_alt_names=["b.example.test"],
    )
    second = api.collect(ssl_id, "x509CO")
    renewed = api.renew(ssl_id)["sslId"]
    api.revoke(ssl_id, "r")
    return first, second, ssl_id, renewed


def check_life(life: tuple[str, str, int, int]) -> None:
    first, second, ssl_id, renewed = life
    certificates = [x509.load_pem_x509_certificate(text.encode()) for text in (first, second)]
    assert certificates[0].serial_number != certificates[1].serial_number
    assert ssl_id != renewed


async def test_cert_manager_with_a_header_login(simulator: Simulator, url: str) -> None:
    simulator.settings.strict_renew_body = False  # it renews with the text "", as older builds of SCM took it

    def run() -> tuple[str, str, int, int]:
        client = Client(base_url=f"{url}/api", password="demo-password", **HEADERS)
        assert len(Organization(client).all()) == 1
        return ssl_life(SSL_API(client=client))

    check_life(await asyncio.to_thread(run))


async def test_cert_manager_with_oauth2(simulator: Simulator, url: str) -> None:
    simulator.settings.strict_renew_body = False

    def run(version: str) -> tuple[str, str, int, int]:
        client = Client(
            base_url=f"{url}/api",
            auth_url=f"{url}{TOKEN}",
            client_id="demo-client-id",
            client_secret="demo-client-secret",
        )
        return ssl_life(SSL_API(client=client, api_version=version))

    for version in ("v1", "v2"):
        check_life(await asyncio.to_thread(run, version))
    assert simulator.calls.count("token") == 2


async def test_cert_manager_with_a_client_certificate(tmp_path: Path) -> None:
    simulator = Simulator()
    shown = simulator.issue_login_certificate("demo-user")
    simulator.accounts.trust("demo-user", shown.certificate)
    certificate, key = tmp_path / "client.pem", tmp_path / "client-key.pem"
    certificate.write_text(shown.certificate_pem())
    key.write_text(shown.private_key_pem())
    server, ca_file = write_server_certificate(tmp_path, "127.0.0.1")
    client_ca = tmp_path / "login-ca.pem"
    client_ca.write_bytes(simulator.login_ca.root.public_bytes(Encoding.PEM))

    def run(url: str) -> list[str]:
        client = Client(
            base_url=f"{url}/private/api",
            cert_auth=True,
            user_crt_file=str(certificate),
            user_key_file=str(key),
            **HEADERS,
        )
        with contextlib.closing(client.session):
            client.session.trust_env = False  # a CA bundle of the environment would come first
            client.session.verify = str(ca_file)
            return list(SSL_API(client=client).types)

    async with served(simulator, dataclasses.replace(server, client_ca=client_ca)) as url:
        assert "Simulated OV SSL" in await asyncio.to_thread(run, url)


async def test_cert_manager_orders_for_people(url: str) -> None:
    def run() -> tuple[str, int, int]:
        api = SMIME(client=Client(base_url=f"{url}/api", password="demo-password", **HEADERS))
        enrolled = api.enroll(
            cert_type_name="Simulated S/MIME",
            csr=make_csr(None),
            term=365,
            org_id=ORG,
            email="ann@example.test",
            first_name="Ann",
            middle_name="",
            last_name="Example",
        )
        order = enrolled["orderNumber"]
        collected = api.collect(order)
        api.replace(cert_id=order, csr=make_csr(None), reason="r")
        renewed = api.renew(order_num=str(order))["orderNumber"]
        api.revoke(order, "r")
        return collected, order, renewed

    collected, order, renewed = await asyncio.to_thread(run)
    assert collected.startswith("-----BEGIN PKCS7-----")
    assert order != renewed


async def test_cert_manager_reads_reports_and_domains(simulator: Simulator, url: str) -> None:
    simulator.domains.validate("example.test")

    def run() -> tuple[Any, Any, Any]:
        client = Client(base_url=f"{url}/api", password="demo-password", **HEADERS)
        SSL_API(client=client).enroll(cert_type_name="Simulated OV SSL", csr=make_csr(), term=365, org_id=ORG)
        report = Report(client=client).get_ssl_certs(
            **{"from": "2026-11-01", "to": "2026-11-30"}, certificateStatus=2, certificateDateAttribute=5
        )
        dcv = DomainControlValidation(client=client, api_version="v2")
        return report, dcv.search(expiresIn=200), dcv.get_validation_status("example.test")

    report, domains, status = await asyncio.to_thread(run)
    assert [row["commonName"] for row in report["reports"]] == ["web.example.test"]
    assert [row["domain"] for row in domains] == ["example.test"]
    assert status["status"] == "Validated"


async def test_comodo_rest_api_waits_orders_renews_and_revokes(simulator: Simulator, url: str) -> None:
    simulator.settings.strict_renew_body = False  # it renews with the text "", as older builds of SCM took it
    simulator.settings.pending_polls = 1

    def run() -> list[dict[str, Any]]:
        service = ComodoTLSService(
            api_url=f"{url}/api/ssl/v1/",
            customer_login_uri="demo-customer",
            login="demo-user",
            org_id=ORG,
            password="demo-password",
        )
        with contextlib.closing(service.session):
            ordered = service.submit("Simulated OV SSL", make_csr(), 365, "a.example.test,b.example.test")
            ssl_id = ordered["data"]["certificate_id"]
            calls = [service.collect(ssl_id, "x509"), service.collect(ssl_id, "x509"), service.renew(ssl_id)]
            return [ordered, *calls, service.revoke(ssl_id, "r")]

    ordered, pending, issued, renewed, revoked = await asyncio.to_thread(run)
    assert pending["data"]["certificate_status"] == "pending"
    assert len(x509.load_pem_x509_certificates(issued["data"]["certificate"].encode())) == 3
    assert renewed["data"]["certificate_id"] != ordered["data"]["certificate_id"]
    assert revoked["status"] == "success"
