"""How many calls an account makes at a time; what it answers those that find no place."""

import asyncio

import httpx
import pytest

from sectigo_vault_pki.errors import ScmUnavailableError
from sectigo_vault_pki.scm import SSL, Order, ScmClient
from sectigo_vault_pki.scm.exchange import MAX_CALLS
from tests.unit.scm.script import BASE_URL, account_at


class NeverAnswering(httpx.AsyncBaseTransport):
    """An SCM that takes calls and says nothing; `busy` is set once it has all that may be under way."""

    def __init__(self) -> None:
        self.calls = 0
        self.busy = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self.calls == MAX_CALLS:
            self.busy.set()
        await asyncio.Event().wait()
        raise AssertionError(request)


async def no_pause(_seconds: float) -> None:
    return None


async def test_a_call_that_finds_no_free_slot_in_time_took_nothing(order: Order) -> None:
    scm = NeverAnswering()
    client = ScmClient(account_at(BASE_URL, request_timeout=0.05), transport=scm, sleep=no_pause)
    held = [asyncio.create_task(SSL.enroll(client, order)) for _ in range(MAX_CALLS)]
    await scm.busy.wait()
    with pytest.raises(ScmUnavailableError, match="too many calls are under way"):
        await SSL.enroll(client, order)
    for task in held:
        task.cancel()
    ends = await asyncio.gather(*held, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends)
    assert scm.calls == MAX_CALLS
