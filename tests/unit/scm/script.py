"""SCM as a script, for tests of its client."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from sectigo_vault_pki.scm import PasswordLogin, ScmAccount, mark
from sectigo_vault_pki.store import (
    CertificateType,
    ClientFields,
    OrderOperation,
    OrderRecord,
    RequestedFields,
    SslFields,
)

BASE_URL = "https://scm.example.test"
PASSWORD = "pa55 wörd"
UUID = "5a2e9f0c-7d31-4c8b-9f64-0c1d2e3f4a5b"
MARK = mark(UUID)

# An answer, what makes one, or an exception to raise.
Step = httpx.Response | Callable[[], httpx.Response] | Exception


@dataclass
class Script:
    """Plays SCM: answers requests one after the other, and remembers them and the pauses between them."""

    steps: list[Step] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def answers(self, *steps: Step) -> None:
        self.steps.extend(steps)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx.Response) else step()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def now(self) -> float:
        return sum(self.pauses)


def refusal(status: int, code: int, description: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "description": description})


class _Endless(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536


def too_long() -> httpx.Response:
    """Return an answer that never ends."""
    return httpx.Response(200, stream=_Endless())


def account_at(base_url: str, **changes: Any) -> ScmAccount:
    values: dict[str, Any] = {
        "base_url": base_url,
        "login": PasswordLogin("api-user", SecretStr(PASSWORD)),
        "customer_uri": "acme",
        "org_id": 42,
    }
    return ScmAccount(**{**values, **changes})


def ssl_order(*, fields: Mapping[str, Any] | None = None, **changes: Any) -> OrderRecord:
    """Return an order as it is stored, for a certificate of few fields."""
    asked = SslFields(certificate_profile=224, validity_days=199, **(fields or {}))
    return _order(CertificateType.SSL, RequestedFields(ssl=asked), changes)


def client_order(*, fields: Mapping[str, Any] | None = None, **changes: Any) -> OrderRecord:
    """Return the same for a person's certificate."""
    person = {"email": "jane@a.test", "first_name": "Jane", "last_name": "Doe", **(fields or {})}
    asked = ClientFields(certificate_profile=90, validity_days=365, **person)
    return _order(CertificateType.CLIENT, RequestedFields(client=asked), changes)


def _order(certificate_type: CertificateType, requested: RequestedFields, changes: Mapping[str, Any]) -> OrderRecord:
    values: dict[str, Any] = {"csr": "-----BEGIN CERTIFICATE REQUEST-----\n", "common_name": "", **changes}
    return OrderRecord(
        uuid=UUID,
        operation=OrderOperation.ENROLL,
        certificate_type=certificate_type,
        requested=requested,
        created_at=datetime(2026, 11, 28, tzinfo=UTC),
        **values,
    )
