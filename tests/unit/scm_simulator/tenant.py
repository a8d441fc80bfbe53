"""What the simulator's tests need to play a client: CSRs, bodies, a clock."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

LOGIN = {"login": "demo-user", "password": "demo-password", "customerUri": "demo-customer"}
SSL = "/api/ssl/v1"
SSL_V2 = "/api/ssl/v2"
TOKEN = "/auth/realms/apiclients/protocol/openid-connect/token"
CLIENT_V1, CLIENT_V2 = "/api/smime/v1", "/api/smime/v2"
ORG = 7001
OV, SHORT, SINGLE_DOMAIN, ONE_TIME, RSA_ONLY, PRIVATE = 501, 502, 504, 505, 506, 507
PUBLIC, EC_ONLY, DEVICE = 508, 509, 510
SMIME, ONE_TIME_SMIME, PRIVATE_SMIME = 601, 602, 603


@dataclass
class Clock:
    """A clock that stands still until it is told to go on."""

    time: datetime = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def advance(self, **duration: float) -> None:
        self.time += timedelta(**duration)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def token_form(client_id: str = "demo-client-id", secret: str = "demo-client-secret") -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}


async def token_of(
    client: httpx.AsyncClient, client_id: str = "demo-client-id", secret: str = "demo-client-secret"
) -> str:
    answer = await client.post(TOKEN, data=token_form(client_id, secret))
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def make_csr(common_name: str | None = "web.example.test", *, key: PrivateKey | None = None, sans: str = "") -> str:
    signer = key or ec_key()
    attributes = [] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(sans)]), critical=False)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer, algorithm).public_bytes(serialization.Encoding.PEM).decode()


def enrolment(**changes: Any) -> dict[str, Any]:
    """Return the least body of an enrolment, with changes; a change to `...` leaves the field out."""
    body = {"orgId": ORG, "csr": make_csr(), "certType": OV, "term": 365, **changes}
    return {name: value for name, value in body.items() if value is not ...}


async def enrolled(client: httpx.AsyncClient, **changes: Any) -> int:
    answer = await client.post(f"{SSL}/enroll", json=enrolment(**changes))
    assert answer.status_code == 200, answer.text
    ssl_id: int = answer.json()["sslId"]
    return ssl_id


async def collected(client: httpx.AsyncClient, ssl_id: int) -> list[x509.Certificate]:
    """Return the chain, leaf first."""
    answer = await client.get(f"{SSL}/collect/{ssl_id}/x509")
    assert answer.status_code == 200, answer.text
    return x509.load_pem_x509_certificates(answer.content)[::-1]


def client_enrolment(**changes: Any) -> dict[str, Any]:
    """Return the least body of an enrolment of a person, with changes; a change to `...` leaves the field out."""
    person = {"email": "ann@example.test", "firstName": "Ann", "lastName": "Example"}
    body = {"orgId": ORG, "csr": make_csr(None), "certType": SMIME, "term": 365, **person, **changes}
    return {name: value for name, value in body.items() if value is not ...}


async def client_enrolled(client: httpx.AsyncClient, **changes: Any) -> int:
    """Return the order number of a new order."""
    answer = await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment(**changes))
    assert answer.status_code == 200, answer.text
    order_number: int = answer.json()["orderNumber"]
    return order_number


async def client_collected(client: httpx.AsyncClient, order_number: int) -> list[x509.Certificate]:
    """Return the chain, leaf first."""
    answer = await client.get(f"{CLIENT_V1}/collect/{order_number}", params={"format": "x509"})
    assert answer.status_code == 200, answer.text
    return x509.load_pem_x509_certificates(answer.content)[::-1]


async def client_row(client: httpx.AsyncClient, order_number: int) -> dict[str, Any]:
    """Return the line of an order in the list, found by its number."""
    answer = await client.get(CLIENT_V2, params={"backendCertId": order_number})
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()
    found: dict[str, Any] = row
    return found


async def client_details(client: httpx.AsyncClient, order_number: int) -> dict[str, Any]:
    answer = await client.get(f"{CLIENT_V1}/{(await client_row(client, order_number))['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refusal(answer: httpx.Response) -> tuple[int, int]:
    """Return the status and SCM's code of an error, whose body is what SCM's errors are."""
    problem = answer.json()
    assert problem.keys() == {"code", "description"}
    assert isinstance(problem["description"], str)
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status_code, problem["code"]


def names_of(certificate: x509.Certificate) -> list[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in extension.value]
