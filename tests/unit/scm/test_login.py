"""A login is a flow of requests: one that has to fetch a token first fits in as the password's does."""

from collections.abc import AsyncIterator, Generator

import httpx
import pytest

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmUnavailableError
from sectigo_vault_pki.scm import SSL, Collected, Order, ScmClient
from sectigo_vault_pki.scm.login import login_of
from tests.unit.scm.script import BASE_URL, PASSWORD, Script, account_at

TOKEN_URL = "https://login.example.test/token"


class TokenLogin(httpx.Auth):
    """Fetches a token where there is none, and a new one where SCM does not take it any more."""

    requires_response_body = True

    def __init__(self) -> None:
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._token:
            yield from self._fetch()
        if not self._token:
            return
        request.headers["Authorization"] = f"Bearer {self._token}"
        if (yield request).status_code == httpx.codes.UNAUTHORIZED:
            yield from self._fetch()
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _fetch(self) -> Generator[httpx.Request, httpx.Response, None]:
        answer = yield httpx.Request("POST", TOKEN_URL)
        self._token = answer.text if answer.is_success else ""


@pytest.fixture
async def client(script: Script) -> AsyncIterator[ScmClient]:
    transport = httpx.MockTransport(script.handle)
    scm = ScmClient(account_at(BASE_URL), login=TokenLogin(), transport=transport, sleep=script.sleep, now=script.now)
    yield scm
    await scm.aclose()
    assert not script.steps


def test_a_login_does_not_show_its_password() -> None:
    login = login_of(account_at(BASE_URL))
    assert PASSWORD not in f"{login!r} {vars(login)}"


async def test_a_token_is_fetched_once_and_again_where_scm_does_not_take_it(script: Script, client: ScmClient) -> None:
    yes = httpx.Response(200, content=b"0\x82")
    script.answers(httpx.Response(200, text="one"), yes, httpx.Response(401), httpx.Response(200, text="two"), yes)
    assert await SSL.collect(client, 55) == Collected(b"0\x82")
    assert await SSL.collect(client, 55) == Collected(b"0\x82")
    asked = [(str(request.url).removeprefix(BASE_URL), request.headers.get("password")) for request in script.requests]
    collect = "/api/ssl/v1/collect/55?format=x509"
    assert asked == [(url, None) for url in (TOKEN_URL, collect, collect, TOKEN_URL, collect)]
    assert script.requests[-1].headers["Authorization"] == "Bearer two"


async def test_an_order_whose_token_cannot_be_fetched_was_not_sent(
    script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(*[httpx.ReadTimeout("late")] * 3)
    with pytest.raises(ScmUnavailableError, match="no answer came within the time limit"):
        await SSL.enroll(client, order)
    assert [str(request.url) for request in script.requests] == [TOKEN_URL] * 3


async def test_an_order_that_gets_no_token_was_not_sent(script: Script, client: ScmClient, order: Order) -> None:
    script.answers(httpx.Response(403, json={"sslId": 55}))
    with pytest.raises(ScmUnavailableError, match=r"not available for enroll: the login failed: HTTP 403$"):
        await SSL.enroll(client, order)


async def test_an_order_that_stays_unanswered_behind_its_token_is_lost(
    script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(httpx.Response(200, text="one"), httpx.ReadTimeout("late"))
    with pytest.raises(ScmAnswerLostError):
        await SSL.enroll(client, order)
