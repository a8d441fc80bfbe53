import json
from collections.abc import Awaitable, Callable, Mapping

import httpx
import pytest

from sectigo_vault_pki.errors import ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import SMIME, SSL, ScmClient
from sectigo_vault_pki.scm.smime import SmimeApi
from sectigo_vault_pki.scm.ssl import SslApi
from tests.unit.scm.script import BASE_URL, Script, refusal

Revoke = Callable[[ScmClient, str, int | None], Awaitable[None]]

REVOCATIONS: Mapping[str, Revoke] = {
    "/api/ssl/v1/revoke/55": lambda client, reason, code: SSL.revoke(client, 55, reason, code),
    "/api/smime/v1/revoke/order/55": lambda client, reason, code: SMIME.revoke(client, 55, reason, code),
}
every_revocation = pytest.mark.parametrize("revoke", REVOCATIONS.values(), ids=REVOCATIONS)


@pytest.mark.parametrize("path", REVOCATIONS)
@pytest.mark.parametrize(
    ("code", "body"), [(None, {"reason": "lost"}), (0, {"reason": "lost", "reasonCode": 0}), (4, {"reasonCode": 4})]
)
async def test_a_revocation_sends_the_reason_and_its_code_if_there_is_one(
    code: int | None, body: dict[str, object], path: str, script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(204))
    await REVOCATIONS[path](client, "lost", code)
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}{path}")
    assert json.loads(request.content) == {"reason": "lost", **body}


def test_every_call_that_revokes_is_tried() -> None:
    assert len([api for api in (SslApi, SmimeApi) if "revoke" in vars(api)]) == len(REVOCATIONS)


@every_revocation
@pytest.mark.parametrize("code", [-159, -192])
async def test_what_was_revoked_before_is_revoked(code: int, revoke: Revoke, script: Script, client: ScmClient) -> None:
    script.answers(refusal(400, code, "Your certificate already revoked"))
    await revoke(client, "lost", None)
    assert len(script.requests) == 1


@every_revocation
@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("no"), httpx.ReadError("cut"), httpx.Response(429), httpx.Response(502)]
)
async def test_a_revocation_without_an_answer_is_sent_again(
    failure: Exception | httpx.Response, revoke: Revoke, script: Script, client: ScmClient
) -> None:
    script.answers(failure, refusal(400, -159, "Your certificate already revoked"))
    await revoke(client, "lost", None)
    assert len(script.pauses) == 1


@every_revocation
async def test_a_revocation_that_is_never_answered_is_given_up(
    revoke: Revoke, script: Script, client: ScmClient
) -> None:
    script.answers(*[httpx.ReadTimeout("late")] * 3)
    with pytest.raises(ScmUnavailableError, match="not available for revoke"):
        await revoke(client, "lost", None)


@every_revocation
@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (-1104, "check the certificate's id"),
        (-102, "only an issued certificate can be revoked: decline a pending order in SCM"),
        (-5101, "check the certificate's id"),
        (-3, "the account lacks a privilege: ask the administrator of SCM"),
    ],
)
async def test_a_refused_revocation_says_what_to_do(
    code: int, hint: str, revoke: Revoke, script: Script, client: ScmClient
) -> None:
    script.answers(refusal(400, code, "No"))
    with pytest.raises(ScmRefusedError) as caught:
        await revoke(client, "lost", None)
    assert str(caught.value) == f"SCM refused revoke: No (code {code}); {hint}"
