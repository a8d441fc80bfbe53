"""Many certificates are fetched, several at a time, each until there is an answer for good."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence

import httpx
import pytest

from sectigo_vault_pki.console.failures import RefusedError, UnreachableError
from sectigo_vault_pki.console.importing.fetching import PAUSES, Fetcher, Outcome
from tests.support.console import answering

Handler = Callable[[httpx.Request], httpx.Response]


def fetcher(handler: Handler, waited: list[float] | None = None, **fields: object) -> Fetcher:
    note = (lambda _, seconds: waited.append(seconds)) if waited is not None else (lambda *_: None)
    return Fetcher(answering(handler), "pki", "web", fields, wait=note)


def fetched(handler: Handler, ids: Sequence[str], *, parallel: int = 4) -> dict[str, Outcome]:
    found = fetcher(handler).outcomes(ids, parallel=parallel)
    return {outcome.certificate_id: outcome for outcome in found}


def id_of(request: httpx.Request) -> str:
    return request.url.path.rpartition("/")[2]


def test_each_id_is_fetched_once_into_the_entry_with_the_fields() -> None:
    asked: Counter[str] = Counter()

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.method == "POST"
        assert json.loads(request.content) == {"sectigo_auto_renew": False}
        asked[request.url.path] += 1
        return httpx.Response(200, json={"data": {"private_key": ""}})

    ids = [str(number) for number in range(50)]
    outcomes = list(fetcher(handler, sectigo_auto_renew=False).outcomes(ids, parallel=4))
    assert sorted(one.certificate_id for one in outcomes) == sorted(ids)
    assert asked == {f"/v1/pki/fetch/web/{one}": 1 for one in ids}
    assert not any(one.error for one in outcomes)


def test_no_more_than_wanted_are_fetched_at_a_time() -> None:
    running, most, both = 0, 0, threading.Barrier(3)
    lock = threading.Lock()

    def handler(_: httpx.Request) -> httpx.Response:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(timeout=10)
        with lock:
            running -= 1
        return httpx.Response(200, json={"data": {}})

    assert len(fetched(handler, [str(number) for number in range(9)], parallel=3)) == 9
    assert most == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again_with_growing_pauses(status: int) -> None:
    asked: Counter[str] = Counter()
    waited: list[float] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked[id_of(request)] += 1
        return httpx.Response(status if asked[id_of(request)] < 4 else 200, json={"data": {}})

    (outcome,) = fetcher(handler, waited).outcomes(["1"], parallel=1)
    assert outcome == Outcome("1")
    assert waited == list(PAUSES[:3])


def test_the_pause_that_the_server_asks_for_is_made_within_reason() -> None:
    answers = [
        httpx.Response(429, headers={"retry-after": "17"}),
        httpx.Response(429, headers={"retry-after": "99999"}),
        httpx.Response(200, json={"data": {}}),
    ]
    waited: list[float] = []
    list(fetcher(lambda _: answers.pop(0), waited).outcomes(["1"], parallel=1))
    assert waited == [17, 120]


def test_a_refusal_is_kept_and_the_others_go_on() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if id_of(request) == "2":
            return httpx.Response(400, json={"errors": ["SCM refused\n collect"]})
        return httpx.Response(200, json={"data": {}, "warnings": ["careful"]})

    outcomes = fetched(handler, ["1", "2", "3"])
    assert outcomes["2"].error == "SCM refused collect"
    assert outcomes["3"] == Outcome("3", warnings=("careful",))


@pytest.mark.parametrize("status", [403, 503])
def test_what_would_refuse_the_others_too_ends_it(status: int) -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(id_of(request))
        return httpx.Response(status, json={"errors": ["no"]})

    with pytest.raises(RefusedError, match=f"HTTP {status}"):
        list(fetcher(handler).outcomes([str(number) for number in range(100)], parallel=2))
    assert len(set(asked)) < 5


def test_a_server_that_is_gone_ends_it_after_all_pauses() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    waited: list[float] = []
    with pytest.raises(UnreachableError):
        list(fetcher(handler, waited).outcomes(["1"], parallel=1))
    assert waited == list(PAUSES)


def test_a_server_that_comes_back_is_asked_again() -> None:
    asked = []

    def handler(_: httpx.Request) -> httpx.Response:
        asked.append(1)
        if len(asked) < 3:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json={"data": {}})

    assert fetched(handler, ["1"], parallel=1) == {"1": Outcome("1")}


def test_what_is_stored_is_known_by_both_of_its_ids() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        keys = {None: ["101_a", "102_a"], "102_a": ["order-9"]}.get(request.url.params.get("after"), [])
        return httpx.Response(200 if keys else 404, json={"data": {"keys": keys}})

    assert fetcher(handler).stored_ids() == {"101_a", "102_a", "order-9", "101", "102"}


def test_a_token_that_may_not_list_fetches_all() -> None:
    assert fetcher(lambda _: httpx.Response(403, json={"errors": ["no"]})).stored_ids() == set()
