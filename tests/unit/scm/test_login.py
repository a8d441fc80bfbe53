"""Logins by password, by OAuth2 and by a client certificate: what they send, and where their secrets may go."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import httpx
import pytest
import trustme
from pydantic import SecretStr

from sectigo_vault_pki.errors import InvalidInputError, ScmAnswerLostError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import SSL, CertificateLogin, Collected, OAuth2Login, Order, PasswordLogin, ScmClient, Tokens
from sectigo_vault_pki.scm.oauth2 import token_url_in
from tests.unit.scm.script import BASE_URL, PASSWORD, Script, account_at, too_long

TOKEN_URL = "https://auth.sso.sectigo.com/auth/realms/apiclients/protocol/openid-connect/token"
OTHER_URL = "https://auth2.sso.sectigo.com/token"
SECRET = "client-s3cret-0f"
LOGIN = OAuth2Login("client-1", SecretStr(SECRET), TOKEN_URL)
UNNAMED = OAuth2Login("client-1", SecretStr(SECRET))
COLLECT = "/api/ssl/v1/collect/55?format=x509"
YES = httpx.Response(200, content=b"0\x82")


def token(value: str, seconds: object = 300) -> httpx.Response:
    return httpx.Response(200, json={"access_token": value, "expires_in": seconds})


def client_of(
    script: Script, login: OAuth2Login, tokens: Tokens | None = None, *, base_url: str = BASE_URL
) -> ScmClient:
    return ScmClient(
        account_at(base_url, login=login, api_version="v1"),
        tokens=tokens or Tokens(script.now),
        transport=httpx.MockTransport(script.handle),
        sleep=script.sleep,
        now=script.now,
    )


@pytest.fixture
async def client(script: Script) -> AsyncIterator[ScmClient]:
    scm = client_of(script, LOGIN)
    yield scm
    await scm.aclose()
    assert not script.steps


@pytest.fixture
async def unnamed(script: Script) -> AsyncIterator[ScmClient]:
    scm = client_of(script, UNNAMED)
    yield scm
    await scm.aclose()
    assert not script.steps


def asked(script: Script) -> list[str]:
    return [str(request.url).removeprefix(BASE_URL) for request in script.requests]


@pytest.mark.parametrize(
    "login",
    [
        PasswordLogin("api-user", SecretStr(PASSWORD)),
        OAuth2Login("client-1", SecretStr(PASSWORD), TOKEN_URL),
        CertificateLogin("api-user", "certificate", SecretStr(PASSWORD)),
    ],
)
def test_a_login_does_not_show_its_secret(login: PasswordLogin | OAuth2Login | CertificateLogin) -> None:
    flow = login.flow(BASE_URL, "acme", Tokens())
    assert PASSWORD not in f"{login!r} {login.name} {flow!r} {vars(flow)}"


async def test_a_token_is_fetched_once_and_again_where_scm_does_not_take_it(script: Script, client: ScmClient) -> None:
    script.answers(token("one"), YES, YES, httpx.Response(401), token("two"), YES)
    for _ in range(3):
        assert await SSL.collect(client, 55) == Collected(b"0\x82")
    assert asked(script) == [TOKEN_URL, COLLECT, COLLECT, COLLECT, TOKEN_URL, COLLECT]
    first, last = script.requests[0], script.requests[-1]
    assert parse_qs(first.content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-1"],
        "client_secret": [SECRET],
    }
    assert (last.headers["Authorization"], last.headers["customerUri"]) == ("Bearer two", "acme")
    assert all("password" not in request.headers for request in script.requests)


@pytest.mark.parametrize(("seconds", "kept"), [(300, 269), (9, 5), ("300", 0), (None, 0), (True, 0), (-5, 0)])
async def test_a_token_is_fetched_anew_before_it_ends(script: Script, seconds: object, kept: int) -> None:
    now = 0.0
    client = client_of(script, LOGIN, Tokens(lambda: now))
    script.answers(token("one", seconds), YES, YES, token("two"), YES)
    await SSL.collect(client, 55)
    now = kept
    await SSL.collect(client, 55)
    now = kept + 2.0
    await SSL.collect(client, 55)
    assert asked(script).count(TOKEN_URL) == 2
    await client.aclose()


async def test_clients_with_one_login_share_its_token(script: Script) -> None:
    tokens = Tokens(script.now)
    clients = [client_of(script, LOGIN, tokens), client_of(script, LOGIN, tokens)]
    script.answers(token("one"), YES, YES)
    await asyncio.gather(*(SSL.collect(client, 55) for client in clients))
    assert asked(script) == [TOKEN_URL, COLLECT, COLLECT]
    for client in clients:
        await client.aclose()


async def test_an_order_is_sent_again_after_a_401_as_scm_took_nothing(
    script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(token("one"), httpx.Response(401), token("two"), httpx.Response(200, json={"sslId": 55}))
    assert (await SSL.enroll(client, order)).scm_id == 55
    assert script.requests[1].content == script.requests[3].content


async def test_a_second_401_is_a_refused_login(script: Script, client: ScmClient, order: Order) -> None:
    no = httpx.Response(401, json={"code": -16, "description": "Unknown user"})
    script.answers(token("one"), no, token("two"), no)
    with pytest.raises(ScmRefusedError) as caught:
        await SSL.enroll(client, order)
    assert caught.value.login_refused


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            httpx.Response(401, json={"error": "invalid_client"}),
            "SCM refused enroll: the token server refused the client: invalid_client (HTTP 401); sectigo_cm_client_id",
        ),
        (httpx.Response(400, json={"error": "unauthorized_client"}), "unauthorized_client (HTTP 400); "),
    ],
)
async def test_a_client_that_the_token_server_refuses_is_a_refused_login(
    script: Script, client: ScmClient, order: Order, answer: httpx.Response, said: str
) -> None:
    script.answers(answer)
    with pytest.raises(ScmRefusedError) as caught:
        await SSL.enroll(client, order)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.login_refused
    assert asked(script) == [TOKEN_URL]


@pytest.mark.parametrize(
    ("answer", "said", "is_refused"),
    [
        (httpx.Response(401, text="<html>"), "HTTP 401", True),
        (httpx.Response(503, json={"error": "invalid_client"}), "HTTP 503 (invalid_client)", True),
        (httpx.Response(400, json={"error": "invalid_request"}), "HTTP 400 (invalid_request)", False),
        (httpx.Response(503, json={"error": f"echo {SECRET}"}), "HTTP 503", False),
        (httpx.Response(200, json={"token": "one"}), "no usable access_token", False),
        (httpx.Response(200, json={"access_token": "a\nb"}), "no usable access_token", False),
        (httpx.Response(200, text="[" * 5000), "no usable access_token", False),
    ],
)
async def test_an_order_that_gets_no_token_was_not_sent_and_its_error_names_the_cause(
    script: Script, client: ScmClient, order: Order, answer: httpx.Response, said: str, *, is_refused: bool
) -> None:
    script.answers(answer)
    with pytest.raises(ScmUnavailableError) as caught:
        await SSL.enroll(client, order)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.login_refused is is_refused
    assert asked(script) == [TOKEN_URL]


async def test_an_order_whose_token_does_not_come_was_not_sent(script: Script, client: ScmClient, order: Order) -> None:
    script.answers(*[httpx.ReadTimeout("late")] * 3)
    with pytest.raises(ScmUnavailableError, match="no answer came within the time limit") as caught:
        await SSL.enroll(client, order)
    assert str(caught.value).endswith("(https://auth.sso.sectigo.com)")
    assert asked(script) == [TOKEN_URL] * 3


async def test_an_endless_answer_of_the_token_server_is_bounded(
    script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(*[too_long] * 3)
    with pytest.raises(ScmUnavailableError, match="longer than 1048576 bytes"):
        await SSL.enroll(client, order)


async def test_an_order_that_stays_unanswered_behind_its_token_is_lost(
    script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(token("one"), httpx.ReadTimeout("late"))
    with pytest.raises(ScmAnswerLostError):
        await SSL.enroll(client, order)


async def test_what_an_error_echoes_of_a_token_is_masked(script: Script, client: ScmClient) -> None:
    script.answers(token("a-token-of-scm"), httpx.Response(400, json={"code": -1, "description": "a-token-of-scm"}))
    with pytest.raises(ScmRefusedError) as caught:
        await SSL.collect(client, 55)
    assert "a-token-of-scm" not in str(caught.value)


async def test_without_a_token_url_the_one_that_scm_names_is_used(script: Script, unnamed: ScmClient) -> None:
    named = httpx.Response(401, headers={"WWW-Authenticate": f'Bearer authorization_uri="{TOKEN_URL}"'})
    script.answers(named, token("one"), YES, YES)
    await SSL.collect(unnamed, 55)
    await SSL.collect(unnamed, 55)
    assert asked(script) == [COLLECT, TOKEN_URL, COLLECT, COLLECT]


@pytest.mark.parametrize("headers", [{}, {"WWW-Authenticate": 'Bearer authorization_uri="https://evil.example/token"'}])
async def test_a_later_401_without_a_good_token_url_leaves_the_one_that_scm_named(
    script: Script, unnamed: ScmClient, headers: dict[str, str]
) -> None:
    named = httpx.Response(401, headers={"WWW-Authenticate": f'Bearer authorization_uri="{TOKEN_URL}"'})
    script.answers(named, token("one"), YES, httpx.Response(401, headers=headers), token("two"), YES)
    await SSL.collect(unnamed, 55)
    await SSL.collect(unnamed, 55)
    assert asked(script) == [COLLECT, TOKEN_URL, COLLECT, COLLECT, TOKEN_URL, COLLECT]


@pytest.mark.parametrize(
    "header",
    [
        'Bearer authorization_uri="https://evil.example/token"',
        'Bearer authorization_uri="http://auth.sectigo.com/token"',
        'Bearer authorization_uri="https://sectigo.com.evil.example/token"',
        'Bearer authorization_uri="https://notsectigo.com/token"',
        'Bearer authorization_uri="https://sectigo.com@evil.example/token"',
        'Bearer authorization_uri="https://auth.sectigo.com:8443/token"',
        'Bearer realm="scm"',
    ],
)
async def test_a_hostile_401_does_not_get_the_secret(script: Script, unnamed: ScmClient, header: str) -> None:
    script.answers(httpx.Response(401, headers={"WWW-Authenticate": header}))
    with pytest.raises(ScmUnavailableError, match="needs sectigo_cm_token_url") as caught:
        await SSL.collect(unnamed, 55)
    assert caught.value.login_refused
    assert asked(script) == [COLLECT]


async def test_a_401_of_scm_s_own_that_names_no_token_url_is_a_refused_login(
    script: Script, unnamed: ScmClient
) -> None:
    script.answers(httpx.Response(401, json={"code": -16, "description": "Unknown user"}))
    with pytest.raises(ScmRefusedError, match="needs sectigo_cm_token_url") as caught:
        await SSL.collect(unnamed, 55)
    assert caught.value.login_refused


def naming(url: str) -> httpx.Response:
    return httpx.Response(401, headers={"WWW-Authenticate": f'Bearer authorization_uri="{url}"'})


@pytest.mark.parametrize(
    "dead",
    [
        httpx.ConnectError("no route"),
        httpx.Response(404, text="<html>"),
        httpx.Response(503),
        httpx.Response(200, text="moved"),
    ],
)
async def test_a_named_token_url_that_is_dead_gives_way_to_the_one_that_scm_names_next(
    script: Script, unnamed: ScmClient, dead: httpx.Response | Exception
) -> None:
    script.answers(naming(TOKEN_URL), token("one", 1), YES)
    await SSL.collect(unnamed, 55)
    script.pauses.append(60.0)
    script.answers(dead)
    with pytest.raises(ScmUnavailableError):
        await SSL.collect(unnamed, 55)
    script.answers(naming(OTHER_URL), token("two"), YES)
    await SSL.collect(unnamed, 55)
    assert asked(script)[3:] == [TOKEN_URL, COLLECT, OTHER_URL, COLLECT]


async def test_a_named_token_url_that_refuses_the_client_is_alive_and_stays(script: Script, unnamed: ScmClient) -> None:
    no = httpx.Response(401, json={"error": "invalid_client"})
    script.answers(naming(TOKEN_URL), no, no)
    for _ in range(2):
        with pytest.raises(ScmRefusedError):
            await SSL.collect(unnamed, 55)
    assert asked(script) == [COLLECT, TOKEN_URL, TOKEN_URL]


async def test_calls_at_once_find_the_token_url_that_scm_names_anew(script: Script) -> None:
    """The first of them finds that the old one is dead while the others wait for its token."""

    async def handle(request: httpx.Request) -> httpx.Response:
        script.requests.append(request)
        await asyncio.sleep(0)
        if str(request.url) == TOKEN_URL:
            raise httpx.ConnectError("no route")
        if str(request.url) == OTHER_URL:
            return token("two")
        return YES if request.headers.get("Authorization") == "Bearer two" else naming(OTHER_URL)

    tokens = Tokens(script.now)
    client = ScmClient(
        account_at(BASE_URL, login=UNNAMED, api_version="v1"),
        tokens=tokens,
        transport=httpx.MockTransport(handle),
        sleep=script.sleep,
        now=script.now,
    )
    tokens.state(BASE_URL, UNNAMED).named_url = TOKEN_URL
    first, *others = await asyncio.gather(*(SSL.collect(client, 55) for _ in range(5)), return_exceptions=True)
    assert isinstance(first, ScmUnavailableError)
    assert others == [Collected(b"0\x82")] * 4
    assert (asked(script).count(TOKEN_URL), asked(script).count(OTHER_URL)) == (1, 1)
    await client.aclose()


async def test_a_token_goes_only_to_the_scm_that_it_was_fetched_for(script: Script) -> None:
    other_url, tokens = "https://other.example.test", Tokens(script.now)
    clients = [client_of(script, LOGIN, tokens, base_url=url) for url in (BASE_URL, other_url)]
    for name, client in zip(("one", "two"), clients, strict=True):
        script.answers(token(name), YES)
        await SSL.collect(client, 55)
    sent = {request.url.host: request.headers["Authorization"] for request in script.requests[1::2]}
    assert sent == {"scm.example.test": "Bearer one", "other.example.test": "Bearer two"}
    assert [secret.get_secret_value() for secret in tokens.secrets(BASE_URL, LOGIN)] == ["one"]
    for client in clients:
        await client.aclose()


async def test_a_token_is_forgotten_with_the_last_client_of_its_login(script: Script) -> None:
    tokens = Tokens(script.now)
    client: ScmClient | None = client_of(script, LOGIN, tokens)
    script.answers(token("one"), YES)
    assert client is not None
    await SSL.collect(client, 55)
    assert tokens.secrets(BASE_URL, LOGIN)
    await client.aclose()
    client = None
    gc.collect()
    assert not tokens.secrets(BASE_URL, LOGIN)


def test_a_token_url_of_scm_s_own_host_is_taken() -> None:
    own = f"{BASE_URL}/auth/token"
    assert token_url_in([f"Bearer realm=x, token_url={own}"], BASE_URL) == own
    assert token_url_in(["Bearer", 'Bearer authorization_uri="http://127.0.0.1:9/token"'], "http://127.0.0.1:9") == (
        "http://127.0.0.1:9/token"
    )
    assert token_url_in(['Bearer authorization_uri="http://127.0.0.1:8/token"'], "http://127.0.0.1:9") is None


@pytest.fixture
def pair() -> tuple[str, str]:
    certificate = trustme.CA().issue_cert("api-user@example.test")
    return certificate.cert_chain_pems[0].bytes().decode(), certificate.private_key_pem.bytes().decode()


async def test_a_certificate_login_asks_the_private_paths_and_sends_no_password(
    script: Script, pair: tuple[str, str]
) -> None:
    login = CertificateLogin("api-user", pair[0], SecretStr(pair[1]))
    account = account_at(BASE_URL, login=login)
    client = ScmClient(account, transport=httpx.MockTransport(script.handle), sleep=script.sleep, now=script.now)
    script.answers(YES)
    await SSL.collect(client, 55)
    assert asked(script) == [f"/private{COLLECT}"]
    headers = script.requests[0].headers
    assert (headers["login"], headers["customerUri"]) == ("api-user", "acme")
    assert "password" not in headers
    await client.aclose()


def test_a_key_of_another_certificate_is_refused_without_showing_it(pair: tuple[str, str]) -> None:
    other = trustme.CA().issue_cert("other@example.test").private_key_pem.bytes().decode()
    CertificateLogin("api-user", pair[0], SecretStr(pair[1])).present(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    with pytest.raises(InvalidInputError, match="cannot be used together"):
        CertificateLogin("api-user", pair[0], SecretStr(other)).present(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


async def test_an_order_is_not_sent_before_scm_has_taken_the_client_certificate(
    script: Script, pair: tuple[str, str], order: Order
) -> None:
    account = account_at(BASE_URL, login=CertificateLogin("api-user", pair[0], SecretStr(pair[1])))
    client = ScmClient(account, transport=httpx.MockTransport(script.handle), sleep=script.sleep, now=script.now)
    script.answers(httpx.ReadError("reset by peer"))
    with pytest.raises(ScmUnavailableError, match="check that SCM trusts the client certificate"):
        await SSL.enroll(client, order)
    assert [request.method for request in script.requests] == ["GET"]
    script.answers(httpx.Response(200, json=[]), *[httpx.Response(200, json={"sslId": 55})] * 2)
    await SSL.enroll(client, order)
    await SSL.enroll(client, order)
    assert [request.method for request in script.requests[1:]] == ["GET", "POST", "POST"]
    await client.aclose()
