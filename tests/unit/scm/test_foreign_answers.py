"""Answers that are none of SCM's: a proxy's refusal, a redirect to a login page, a page in place of a yes."""

from collections.abc import Awaitable, Callable, Mapping

import httpx
import pytest

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import SMIME, SSL, BreakerState, Collected, Listed, ScmClient, StillProcessing
from sectigo_vault_pki.scm.breaker import FAILURES
from tests.unit.scm.script import Script, client_order, refusal, ssl_order
from tests.unit.scm.test_orders import ORDERS
from tests.unit.scm.test_questions import QUESTIONS
from tests.unit.scm.test_revoke import every_revocation

Ask = Callable[[ScmClient], Awaitable[object]]

NOT_SCM = "and not in SCM's words: what answered may not be SCM (check the base URL and any proxy)"
PAGE = "<html>Forbidden by policy</html>"

ASKED: list[Ask] = [
    *QUESTIONS,
    SSL.profiles,
    lambda client: SSL.collect(client, 55),
    lambda client: SMIME.collect(client, 55),
    lambda client: SSL.revoke(client, 55, "lost", None),
    lambda client: SMIME.revoke(client, 55, "lost", None),
]
every_order = pytest.mark.parametrize("place", ORDERS.values(), ids=ORDERS)

FOREIGN: Mapping[str, tuple[httpx.Response, str]] = {
    "a firewall's page": (httpx.Response(403, text=PAGE), "HTTP 403 Forbidden, "),
    "a web server's page": (httpx.Response(404, text=PAGE), "HTTP 404 Not Found, "),
    "an empty refusal of the login": (httpx.Response(401), "HTTP 401 Unauthorized, "),
    "a proxy's login": (httpx.Response(407, text="log in"), "HTTP 407 Proxy Authentication Required, "),
    "a redirect": (httpx.Response(302, headers={"Location": "https://elsewhere.test/"}), "HTTP 302 Found, "),
    "a permanent redirect": (httpx.Response(308), "HTTP 308 Permanent Redirect, "),
    "a list": (httpx.Response(400, json=[]), "HTTP 400 Bad Request, "),
    "no status of HTTP's": (httpx.Response(499, text=""), "HTTP 499 unknown status, "),
}
every_foreign_answer = pytest.mark.parametrize(("answer", "words"), FOREIGN.values(), ids=FOREIGN)


@every_order
@every_foreign_answer
async def test_an_order_that_something_else_refuses_may_have_been_taken(
    answer: httpx.Response, words: str, place: Ask, script: Script, client: ScmClient
) -> None:
    script.answers(answer)
    with pytest.raises(ScmAnswerLostError) as caught:
        await place(client)
    assert str(caught.value).endswith(f"was lost, and it may have taken the order: {words}{NOT_SCM}")


@pytest.mark.parametrize("ask", ASKED)
@every_foreign_answer
async def test_what_something_else_refuses_was_not_refused_by_scm_and_is_not_asked_at_once_again(
    answer: httpx.Response, words: str, ask: Ask, script: Script, client: ScmClient
) -> None:
    script.answers(answer)
    with pytest.raises(ScmUnavailableError) as caught:
        await ask(client)
    assert str(caught.value).endswith(f": {words}{NOT_SCM}")
    assert caught.value.answered


async def test_foreign_words_are_shown_where_they_are_json(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(403, json={"message": "Forbidden\nby policy"}))
    with pytest.raises(ScmUnavailableError) as caught:
        await SSL.remarks(client, Listed(55, None))
    assert str(caught.value).endswith(f"{NOT_SCM}: Forbidden by policy")


YES_OF_SOMETHING_ELSE = [
    httpx.Response(200, text="<html>login</html>"),
    httpx.Response(200, text="OK"),
    httpx.Response(200, text="true"),
    httpx.Response(200, json=[]),
    httpx.Response(200, json={"message": "Please log in"}),
    httpx.Response(200, json={"error": {"reason": "session"}}),
    httpx.Response(203),
    httpx.Response(206, text="{}"),
]


@every_order
@pytest.mark.parametrize("answer", YES_OF_SOMETHING_ELSE)
async def test_a_yes_of_something_else_orders_nothing_for_certain(
    answer: httpx.Response, place: Ask, script: Script, client: ScmClient
) -> None:
    script.answers(answer)
    with pytest.raises(ScmAnswerLostError, match=rf"HTTP {answer.status_code} with (no body|a body that cannot)"):
        await place(client)


@every_revocation
@pytest.mark.parametrize("answer", YES_OF_SOMETHING_ELSE)
async def test_a_yes_of_something_else_revokes_nothing(
    answer: httpx.Response,
    revoke: Callable[[ScmClient, str, int | None], Awaitable[None]],
    script: Script,
    client: ScmClient,
) -> None:
    script.answers(answer, answer)
    with pytest.raises(
        ScmUnavailableError, match=r"not available for revoke: HTTP 20\d with (no body|a body that cannot be read)"
    ):
        await revoke(client, "lost", None)
    assert len(script.requests) == 2


UNDOCUMENTED_YES = [
    httpx.Response(200),
    httpx.Response(202, text=" "),
    httpx.Response(201, text="null"),
    httpx.Response(200, json={}),
    httpx.Response(200, json={"sslId": 55}),
    httpx.Response(200, json={"code": 0, "description": "Success"}),
]


@every_revocation
@pytest.mark.parametrize("answer", UNDOCUMENTED_YES)
@pytest.mark.parametrize("had_revoked", [False, True])
async def test_after_a_yes_that_is_not_scms_a_revocation_is_asked_for_again(
    answer: httpx.Response,
    revoke: Callable[[ScmClient, str, int | None], Awaitable[None]],
    script: Script,
    client: ScmClient,
    *,
    had_revoked: bool,
) -> None:
    already = httpx.Response(400, json={"code": -159, "description": "Your certificate already revoked"})
    script.answers(answer, already if had_revoked else httpx.Response(204))
    await revoke(client, "lost", None)
    assert len(script.requests) == 2


@every_revocation
@pytest.mark.parametrize("answer", UNDOCUMENTED_YES)
async def test_nothing_is_revoked_while_only_something_else_than_scm_says_so(
    answer: httpx.Response,
    revoke: Callable[[ScmClient, str, int | None], Awaitable[None]],
    script: Script,
    client: ScmClient,
) -> None:
    script.answers(answer, answer)
    with pytest.raises(ScmUnavailableError, match=rf"revoke: HTTP {answer.status_code} with ") as caught:
        await revoke(client, "lost", None)
    assert caught.value.answered


REPLACEMENTS: list[Ask] = [
    lambda client: SSL.replace(client, 55, ssl_order(csr="PEM", reason="lost")),
    lambda client: SMIME.replace(client, 55, client_order(csr="PEM", reason="lost", revoke_replaced=True)),
]


@pytest.mark.parametrize("replace", REPLACEMENTS)
@pytest.mark.parametrize("answer", UNDOCUMENTED_YES)
async def test_a_replacement_with_a_yes_that_is_not_scms_may_have_been_taken(
    answer: httpx.Response, replace: Ask, script: Script, client: ScmClient
) -> None:
    script.answers(answer)
    with pytest.raises(ScmAnswerLostError, match=rf"replace was lost.*HTTP {answer.status_code} with "):
        await replace(client)
    assert len(script.requests) == 1


async def test_no_body_where_one_is_needed_is_called_that(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(204))
    with pytest.raises(ScmUnavailableError, match=r"HTTP 204 with no body$"):
        await SSL.remarks(client, Listed(55, None))


@every_order
async def test_an_order_answered_by_success_and_an_error_may_have_been_taken_and_the_error_is_shown(
    place: Ask, script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, json={"code": -9, "description": "The CSR is not valid"}))
    with pytest.raises(ScmAnswerLostError) as caught:
        await place(client)
    assert str(caught.value).endswith("HTTP 200 OK, yet with an error: The CSR is not valid (code -9)")


@pytest.mark.parametrize("ask", ASKED)
async def test_a_question_answered_by_success_and_an_error_is_refused(
    ask: Ask, script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, json={"code": -3, "description": "You are not authorized"}))
    with pytest.raises(ScmRefusedError, match="You are not authorized") as caught:
        await ask(client)
    assert caught.value.code == -3


@every_revocation
async def test_what_was_revoked_before_is_revoked_whatever_the_status_of_the_answer(
    revoke: Callable[[ScmClient, str, int | None], Awaitable[None]], script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(200, json={"code": -159, "description": "Your certificate already revoked"}))
    await revoke(client, "lost", None)
    assert len(script.requests) == 1


async def test_what_scm_says_of_its_own_trouble_is_shown(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(500, json={"code": -14, "description": "Unknown error."}))
    with pytest.raises(ScmUnavailableError, match=r"HTTP 500 Internal Server Error: Unknown error\. \(code -14\)"):
        await SSL.collect(client, 55)


async def test_words_in_place_of_a_certificate_are_shown(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json={"message": "awaiting approval"}))
    with pytest.raises(ScmUnavailableError, match=r"HTTP 200 with a body that cannot be read: awaiting approval"):
        await SMIME.collect(client, 55)


async def test_a_page_is_no_certificate(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, text="<html>login</html>"), httpx.Response(200, content=b"0\x82"))
    with pytest.raises(ScmUnavailableError, match="not in SCM's words"):
        await SSL.collect(client, 55)
    assert await SSL.collect(client, 55) == Collected(b"0\x82")


async def test_a_pending_certificate_may_come_as_a_success(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json={"code": 0, "description": "Being processed by Sectigo"}))
    assert await SSL.collect(client, 55) == StillProcessing(0, "Being processed by Sectigo")


@pytest.mark.parametrize(
    "answer", [httpx.Response(403, text=PAGE), httpx.Response(200, text=PAGE), httpx.Response(302)]
)
async def test_pages_are_no_answers_and_open_the_breaker(
    answer: httpx.Response, script: Script, client: ScmClient
) -> None:
    script.answers(*[answer] * FAILURES)
    for _ in range(FAILURES):
        with pytest.raises(ScmUnavailableError):
            await SSL.collect(client, 55)
    assert client.availability.breaker is BreakerState.OPEN


async def test_a_refused_count_has_no_words_and_is_an_answer(script: Script, client: ScmClient) -> None:
    script.answers(*[httpx.Response(400)] * FAILURES)
    for _ in range(FAILURES):
        with pytest.raises(ScmUnavailableError, match=r"HTTP 400 Bad Request$"):
            await SSL.count_pending(client)
    assert client.availability.breaker is BreakerState.CLOSED


LOGIN_REFUSED = [
    httpx.Response(401),
    httpx.Response(401, text=PAGE),
    refusal(401, -16, "Unknown user"),
    refusal(400, -970, "Incorrect login credentials."),
    refusal(200, -16, "Unknown user"),
    refusal(403, -16, "Unknown user"),
]
NOT_LOGIN_REFUSED = [
    httpx.Response(403, text=PAGE),
    httpx.Response(200, text=PAGE),
    refusal(400, -3, "You are not authorized"),
    httpx.Response(400, json={"code": -16, "message": "x"}),
]


@pytest.mark.parametrize("ask", [*ASKED, *ORDERS.values()])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [*((answer, True) for answer in LOGIN_REFUSED), *((answer, False) for answer in NOT_LOGIN_REFUSED)],
)
async def test_every_error_tells_whether_it_was_the_login_that_was_refused(
    answer: httpx.Response, expected: object, ask: Ask, script: Script, client: ScmClient
) -> None:
    script.answers(answer, answer)  # a revocation is asked for again after a yes that is not SCM's
    with pytest.raises(ScmError) as caught:
        await ask(client)
    script.steps.clear()
    assert caught.value.login_refused is expected


@pytest.mark.parametrize("status", [500, 503])
async def test_a_refused_login_is_told_from_other_trouble_of_scm(
    status: int, script: Script, client: ScmClient
) -> None:
    script.answers(refusal(status, -16, "Unknown user"), httpx.Response(status))
    for expected in (True, False):
        with pytest.raises(ScmUnavailableError) as caught:
            await SSL.collect(client, 55)
        assert caught.value.login_refused is expected
