"""SCM as a script, for tests of its client."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from sectigo_vault_pki.scm import ScmAccount

BASE_URL = "https://scm.example.test"
PASSWORD = "pa55 wörd"

# An answer, or an exception to raise.
Step = httpx.Response | Exception


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
        return step

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def now(self) -> float:
        return sum(self.pauses)


def refusal(status: int, code: int, description: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "description": description})


def account_at(base_url: str, **changes: Any) -> ScmAccount:
    values: dict[str, Any] = {
        "base_url": base_url,
        "login": "api-user",
        "password": SecretStr(PASSWORD),
        "customer_uri": "acme",
        "org_id": 42,
    }
    return ScmAccount(**{**values, **changes})
