"""The certificate login, in process and over TLS (scm-api.md 1.1 and 13.1)."""

import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.scm_simulator.model.login_ca import LoginCa, LoginCertificate
from sectigo_vault_pki.scm_simulator.serve.server_certificate import write_server_certificate
from sectigo_vault_pki.scm_simulator.serve.uvicorn_server import bind, serving
from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from tests.unit.scm_simulator.tenant import LOGIN, SSL, Clock, enrolled, refusal

PRIVATE_SSL = f"/private{SSL}"
WITHOUT_PASSWORD = {name: value for name, value in LOGIN.items() if name != "password"}


def with_certificate(
    simulator: Simulator, certificate: x509.Certificate | None, headers: dict[str, str] | None = None
) -> httpx.AsyncClient:
    transport = SimulatorTransport(simulator, client_certificate=certificate)
    shown = WITHOUT_PASSWORD if headers is None else headers
    return httpx.AsyncClient(transport=transport, base_url="http://scm.test", headers=shown)


@pytest.fixture
def trusted(simulator: Simulator) -> LoginCertificate:
    shown = simulator.issue_login_certificate("demo-user")
    simulator.accounts.trust("demo-user", shown.certificate)
    return shown


async def test_a_trusted_certificate_logs_in_without_a_password(
    simulator: Simulator, trusted: LoginCertificate
) -> None:
    async with with_certificate(simulator, trusted.certificate) as client:
        assert (await client.get(f"{PRIVATE_SSL}/types")).status_code == 200
        assert (await client.get(f"/private/{SSL}//types/")).status_code == 200
        assert refusal(await client.get(f"{SSL}/types")) == (401, -16)
    assert simulator.calls.operations() == ["types", "types", "unauthorized"]


async def test_the_order_is_from_the_login_of_the_certificate(simulator: Simulator, client: httpx.AsyncClient) -> None:
    simulator.accounts.add_administrator("robot", "unused 1")
    shown = simulator.issue_login_certificate("robot")
    simulator.accounts.trust("robot", shown.certificate)
    async with with_certificate(simulator, shown.certificate, {**WITHOUT_PASSWORD, "login": "robot"}) as robot:
        robot.base_url = httpx.URL("http://scm.test/private")
        ssl_id = await enrolled(robot)
    assert (await client.get(f"{SSL}/{ssl_id}")).json()["requester"] == "robot"


@pytest.mark.parametrize("name", WITHOUT_PASSWORD)
async def test_login_and_customer_uri_are_needed_too(
    simulator: Simulator, trusted: LoginCertificate, name: str
) -> None:
    for headers in ({**WITHOUT_PASSWORD, name: "wrong"}, {**WITHOUT_PASSWORD, name: ""}):
        async with with_certificate(simulator, trusted.certificate, headers) as client:
            assert refusal(await client.get(f"{PRIVATE_SSL}/types")) == (401, -16)


async def test_no_certificate_an_unknown_one_and_one_of_another_login_are_refused(simulator: Simulator) -> None:
    simulator.accounts.add_administrator("robot", "unused 1")
    unknown, other = (simulator.issue_login_certificate(login) for login in ("demo-user", "robot"))
    simulator.accounts.trust("robot", other.certificate)
    for certificate in (None, unknown.certificate, other.certificate):
        async with with_certificate(simulator, certificate, LOGIN) as client:
            assert refusal(await client.get(f"{PRIVATE_SSL}/types")) == (401, -16)


async def test_a_certificate_that_is_distrusted_or_has_ended_is_refused(
    simulator: Simulator, trusted: LoginCertificate, clock: Clock
) -> None:
    async with with_certificate(simulator, trusted.certificate) as client:
        clock.advance(days=91)
        assert (await client.get(f"{PRIVATE_SSL}/types")).status_code == 401
        clock.advance(days=-91)
        assert (await client.get(f"{PRIVATE_SSL}/types")).status_code == 200
        fingerprint = simulator.accounts.trust("demo-user", trusted.certificate)
        assert simulator.accounts.distrust(fingerprint)
        assert (await client.get(f"{PRIVATE_SSL}/types")).status_code == 401


async def test_certificates_can_be_turned_off(simulator: Simulator, trusted: LoginCertificate) -> None:
    simulator.settings.logins = ("headers",)
    async with with_certificate(simulator, trusted.certificate) as client:
        assert (await client.get(f"{PRIVATE_SSL}/types")).status_code == 401


def test_the_key_of_a_certificate_is_not_shown(trusted: LoginCertificate) -> None:
    assert "private_key" not in repr(trusted)


@contextlib.asynccontextmanager
async def over_tls(simulator: Simulator, folder: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """Serve with client certificates asked for; give the URL and what a client trusts."""
    server, ca_file = write_server_certificate(folder, "127.0.0.1")
    client_ca = folder / "login-ca.pem"
    client_ca.write_bytes(simulator.login_ca.root.public_bytes(Encoding.PEM))
    listener = bind("127.0.0.1", 0)
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    async with serving(simulator.app, listener, dataclasses.replace(server, client_ca=client_ca)):
        yield url, ssl.create_default_context(cafile=str(ca_file))


def show(trust: ssl.SSLContext, shown: LoginCertificate, folder: Path) -> None:
    certificate, key = folder / "client.pem", folder / "client-key.pem"
    certificate.write_text(shown.certificate_pem())
    key.write_text(shown.private_key_pem())
    trust.load_cert_chain(certificate, key)


async def test_over_tls_the_certificate_of_the_handshake_counts(tmp_path: Path) -> None:
    simulator = Simulator()
    shown = simulator.issue_login_certificate("demo-user")
    simulator.accounts.trust("demo-user", shown.certificate)
    async with over_tls(simulator, tmp_path) as (url, trust):
        async with httpx.AsyncClient(verify=trust, headers=LOGIN) as client:
            assert (await client.get(f"{url}{SSL}/types")).status_code == 200
            assert (await client.get(f"{url}{PRIVATE_SSL}/types")).status_code == 401
        show(trust, shown, tmp_path)
        async with httpx.AsyncClient(verify=trust, headers=WITHOUT_PASSWORD) as client:
            assert (await client.get(f"{url}{PRIVATE_SSL}/types")).status_code == 200


async def test_over_tls_a_certificate_of_another_ca_ends_the_handshake(tmp_path: Path, clock: Clock) -> None:
    simulator = Simulator()
    async with over_tls(simulator, tmp_path) as (url, trust):
        show(trust, LoginCa(now=simulator.now()).issue("demo-user"), tmp_path)
        async with httpx.AsyncClient(verify=trust, headers=WITHOUT_PASSWORD) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"{url}{PRIVATE_SSL}/types")
