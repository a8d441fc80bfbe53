"""What SCM offers: asked once an hour, and held against a role only where its list is known to the last row."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import httpx
import pytest

from sectigo_vault_pki.errors import InvalidInputError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.accounts import LoginPauses, ScmClients
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.offers import FRESH_FOR, offers_for_role
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.profile_rules import offered_terms
from sectigo_vault_pki.scm import ScmAccount, ScmClient, Tokens
from sectigo_vault_pki.store import Repository
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from tests.support.inline_executor import InlineExecutor
from tests.support.records import config_record
from tests.support.virtual_time import LoopClock, VirtualTimeLoop, virtual_loop_factories
from tests.unit.scm.script import Script, refusal

CONFIG = config_record()


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, type[VirtualTimeLoop]]:
    return virtual_loop_factories()


class _Script(Script):
    """Plays SCM; the custom fields, of which there are none, are no step."""

    def handle(self, request: httpx.Request) -> httpx.Response:
        if "customField" in request.url.path:
            return httpx.Response(200, json=[])
        return super().handle(request)


@pytest.fixture
def script() -> Script:
    return _Script()


@pytest.fixture
async def clock() -> LoopClock:
    return LoopClock()


Terms = Callable[[Entry, int], Awaitable[Sequence[int] | None]]


@pytest.fixture
async def offered(script: Script, clock: LoopClock) -> AsyncIterator[Terms]:
    def client(account: ScmAccount, slots: asyncio.Semaphore, tokens: Tokens) -> ScmClient:
        return ScmClient(account, slots, tokens, transport=httpx.MockTransport(script.handle), sleep=script.sleep)

    async def is_read_only() -> bool:
        return False

    repository = Repository(InmemStorage())
    clients = ScmClients(client, LoginPauses(repository, clock), clock)
    resources = Resources(repository, clock, clients, is_read_only, InlineExecutor())

    async def offered(entry: Entry, profile_id: int) -> Sequence[int] | None:
        terms = offered_terms(await offers_for_role(resources, entry), profile_id)
        return None if terms is None else list(terms)

    yield offered
    await resources.aclose()
    assert not script.steps


async def test_terms_are_those_of_the_profile(offered: Terms, script: Script) -> None:
    script.answers(httpx.Response(200, json=[{"id": 501, "terms": [365, 199]}, {"id": 502, "terms": [47]}]))
    assert await offered(Entry("web", CONFIG), 501) == [199, 365]
    assert await offered(Entry("web", CONFIG), 502) == [47]


async def test_a_profile_that_a_whole_list_lacks_is_refused(offered: Terms, script: Script) -> None:
    script.answers(httpx.Response(200, json=[{"id": 501, "terms": [365]}]))
    with pytest.raises(InvalidInputError, match="no certificate profile 7: certificate_type must be one of 501"):
        await offered(Entry("web", CONFIG), 7)


@pytest.mark.parametrize("odd", [{}, None, "profile", {"id": 0}, {"id": None, "terms": [1]}])
async def test_one_odd_profile_makes_no_other_unusable_and_none_unknown(
    odd: object, offered: Terms, script: Script
) -> None:
    script.answers(httpx.Response(200, json=[odd, {"id": 501, "terms": [365]}]))
    assert await offered(Entry("web", CONFIG), 501) == [365]
    assert await offered(Entry("web", CONFIG), 7) is None


@pytest.mark.parametrize("terms", [None, [], ["a year", 365], {}])
async def test_terms_that_cannot_be_told_are_not_checked(terms: object, offered: Terms, script: Script) -> None:
    script.answers(httpx.Response(200, json=[{"id": 501, "terms": terms}]))
    assert await offered(Entry("web", CONFIG), 501) is None


@pytest.mark.parametrize(
    ("terms", "expected"), [([[365], [199, 365]], [199, 365]), ([[365], None], None), ([None, [199], [47]], None)]
)
async def test_a_profile_that_is_listed_twice_has_all_its_terms(
    terms: list[object], expected: object, offered: Terms, script: Script
) -> None:
    script.answers(httpx.Response(200, json=[{"id": 501, "terms": one} for one in terms]))
    assert await offered(Entry("web", CONFIG), 501) == expected


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"content": []}),
        httpx.Response(204),
        httpx.Response(403, text="<html>"),
        httpx.Response(302),
    ],
)
async def test_an_answer_that_is_no_list_stops_no_order_and_is_not_remembered(
    answer: httpx.Response, offered: Terms, script: Script
) -> None:
    script.answers(answer, httpx.Response(200, json=[{"id": 501, "terms": [365]}]))
    assert await offered(Entry("web", CONFIG), 501) is None
    assert await offered(Entry("web", CONFIG), 501) == [365]


async def test_an_account_that_may_not_ask_is_not_checked_for_an_hour(offered: Terms, script: Script) -> None:
    script.answers(refusal(400, -3, "You are not authorized"))
    assert await offered(Entry("web", CONFIG), 501) is None
    assert await offered(Entry("web", CONFIG), 7) is None


async def test_what_was_told_before_holds_while_scm_cannot_be_asked(
    offered: Terms, script: Script, clock: LoopClock
) -> None:
    script.answers(httpx.Response(200, json=[{"id": 501, "terms": [365]}]), httpx.Response(403, text="<html>"))
    assert await offered(Entry("web", CONFIG), 501) == [365]
    clock.advance(seconds=FRESH_FOR.total_seconds())
    assert await offered(Entry("web", CONFIG), 501) == [365]


@pytest.mark.parametrize("failure", [httpx.ConnectError("no"), httpx.Response(401), httpx.Response(503)])
async def test_scm_that_cannot_be_asked_is_unavailable(
    failure: Exception | httpx.Response, offered: Terms, script: Script
) -> None:
    script.answers(*[failure] * (1 if isinstance(failure, httpx.Response) and failure.status_code == 401 else 3))
    with pytest.raises(ScmUnavailableError):
        await offered(Entry("web", CONFIG), 501)
