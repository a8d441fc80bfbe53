import asyncio
from contextlib import AsyncExitStack

import pytest

from sectigo_vault_pki.clock import SystemClock
from sectigo_vault_pki.lifecycle.accounts import LoginPauses, ScmClients
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.scm import ScmAccount, ScmClient, Tokens
from sectigo_vault_pki.store import Repository
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from tests.support.records import config_record


class Tracked(ScmClient):
    """A client that says whether it was closed."""

    def __init__(self, account: ScmAccount, slots: asyncio.Semaphore, tokens: Tokens) -> None:
        super().__init__(account, slots, tokens)
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True
        await super().aclose()


@pytest.fixture
def clients() -> ScmClients:
    clock = SystemClock()
    return ScmClients(Tracked, LoginPauses(Repository(InmemStorage()), clock), clock)


async def test_one_entry_has_one_client(clients: ScmClients) -> None:
    async with (
        clients.lend(Entry("web", config_record())) as first,
        clients.lend(Entry("web", config_record())) as second,
    ):
        assert first is second
    await clients.aclose()


async def test_two_entries_have_a_client_each(clients: ScmClients) -> None:
    async with (
        clients.lend(Entry("web", config_record())) as first,
        clients.lend(Entry("mail", config_record())) as second,
    ):
        assert first is not second
    await clients.aclose()


async def test_a_changed_entry_gets_a_new_client_and_the_old_one_ends_its_calls_first(clients: ScmClients) -> None:
    ending = AsyncExitStack()
    old = await ending.enter_async_context(clients.lend(Entry("web", config_record())))
    async with clients.lend(Entry("web", config_record(login="other"))) as new:
        assert old is not new
    assert isinstance(old, Tracked)
    assert not old.closed
    await ending.aclose()
    assert old.closed
    assert isinstance(new, Tracked)
    assert not new.closed
    await clients.aclose()
    assert new.closed


async def test_a_dropped_entry_loses_its_client(clients: ScmClients) -> None:
    async with clients.lend(Entry("web", config_record())) as client:
        pass
    await clients.drop("web")
    await clients.drop("web")
    assert isinstance(client, Tracked)
    assert client.closed
