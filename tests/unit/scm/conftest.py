from collections.abc import AsyncIterator

import httpx
import pytest

from sectigo_vault_pki.scm import Order, ScmClient
from tests.unit.scm.script import BASE_URL, Script, account_at, ssl_order


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def client(script: Script) -> AsyncIterator[ScmClient]:
    transport = httpx.MockTransport(script.handle)
    scm = ScmClient(account_at(BASE_URL), transport=transport, sleep=script.sleep, now=script.now)
    yield scm
    await scm.aclose()
    assert not script.steps, "SCM was asked less often than expected"


@pytest.fixture
def order() -> Order:
    return ssl_order()
