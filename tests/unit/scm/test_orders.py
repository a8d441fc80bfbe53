"""What holds for each call that orders something, whatever it orders."""

from collections.abc import Awaitable, Callable, Mapping

import httpx
import pytest

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import SMIME, SSL, ScmClient, hint_for
from sectigo_vault_pki.scm.smime import SmimeApi
from sectigo_vault_pki.scm.ssl import SslApi
from tests.unit.scm.script import BASE_URL, Script, Step, account_at, client_order, refusal, ssl_order, too_long

Order = Callable[[ScmClient], Awaitable[object]]

ORDERS: Mapping[str, Order] = {
    "enroll_ssl": lambda client: SSL.enroll(client, ssl_order()),
    "renew_ssl": lambda client: SSL.renew(client, 55, ssl_order(csr="")),
    "replace_ssl": lambda client: SSL.replace(client, 55, ssl_order(reason="lost")),
    "enroll_client": lambda client: SMIME.enroll(client, client_order()),
    "renew_client": lambda client: SMIME.renew(client, 55, client_order()),
    "replace_client": lambda client: SMIME.replace(client, 55, client_order(reason="lost")),
}
ACCEPTED = {"sslId": 56, "orderNumber": 56}
YES = {
    name: httpx.Response(204) if name.startswith("replace_") else httpx.Response(200, json=ACCEPTED) for name in ORDERS
}
every_order_and_its_yes = pytest.mark.parametrize(
    ("place", "yes"), [(place, YES[name]) for name, place in ORDERS.items()], ids=ORDERS
)
every_order = pytest.mark.parametrize("place", ORDERS.values(), ids=ORDERS)


def test_every_call_that_orders_is_tried() -> None:
    verbs = {"enroll", "renew", "replace"}
    ssl = {f"{verb}_ssl" for verb in verbs & set(vars(SslApi))}
    assert ssl | {f"{verb}_client" for verb in verbs & set(vars(SmimeApi))} == set(ORDERS)


@every_order_and_its_yes
@pytest.mark.parametrize("failure", [httpx.ConnectError("no"), httpx.PoolTimeout("no"), httpx.Response(429)])
async def test_an_order_that_was_not_taken_is_sent_again(
    failure: Exception | httpx.Response, place: Order, yes: httpx.Response, script: Script, client: ScmClient
) -> None:
    script.answers(failure, failure, yes)
    await place(client)
    first, second, third = script.requests
    assert first.content == second.content == third.content
    assert len(script.pauses) == 2


@every_order
async def test_an_order_that_is_never_taken_is_given_up(place: Order, script: Script, client: ScmClient) -> None:
    script.answers(*[httpx.ConnectTimeout("no")] * 3)
    with pytest.raises(ScmUnavailableError):
        await place(client)


@every_order
@pytest.mark.parametrize(
    "outcome",
    [
        httpx.ReadTimeout("late"),
        httpx.ReadError("cut"),
        httpx.RemoteProtocolError("odd"),
        httpx.Response(408),
        httpx.Response(500, json={"code": -14, "description": "Unknown error."}),
        httpx.Response(503, headers={"Retry-After": "1"}),
        too_long,
    ],
)
async def test_an_order_without_a_clear_answer_is_lost_and_not_sent_again(
    outcome: Step, place: Order, script: Script, client: ScmClient
) -> None:
    script.answers(outcome)
    with pytest.raises(ScmAnswerLostError, match="was lost, and it may have taken the order"):
        await place(client)
    assert not script.pauses


@every_order
async def test_a_refused_order_is_not_sent_again(place: Order, script: Script, client: ScmClient) -> None:
    script.answers(refusal(400, -195, "CA is not available now"))
    with pytest.raises(ScmRefusedError, match="the CA has trouble: try again later") as caught:
        await place(client)
    assert caught.value.code == -195


@every_order_and_its_yes
async def test_an_order_is_given_five_minutes_to_be_answered(place: Order, yes: httpx.Response, script: Script) -> None:
    client = ScmClient(account_at(BASE_URL), transport=httpx.MockTransport(script.handle))
    script.answers(yes)
    await place(client)
    assert script.requests[0].extensions["timeout"]["read"] == 300.0
    await client.aclose()


@pytest.mark.parametrize("operation", ["enroll", "renew", "replace"])
def test_what_can_be_wrong_with_a_csr_is_explained_for_every_order(operation: str) -> None:
    assert hint_for(operation, -138) == "check the CSR"
    assert hint_for("collect", -138) is None
