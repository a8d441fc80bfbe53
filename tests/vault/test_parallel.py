"""Many at once: a hundred enrolments over HTTP, and reads meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.certificates import key_fits, leaf_of, names_of
from tests.support.vault import ORDER, VaultMount

pytestmark = pytest.mark.vault

ENROLMENTS = 100
LONGEST_READ_SECONDS = 2.0


@pytest.fixture
async def client(mount: VaultMount) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a limit of its own, on the mount."""
    async with httpx.AsyncClient(
        base_url=f"{mount.server.address}/v1/{mount.path}/",
        headers={"X-Vault-Token": mount.server.token},
        limits=httpx.Limits(max_connections=None),
        timeout=120,
        trust_env=False,
    ) as client:
        yield client


class Reader:
    """Reads one certificate over and over, and keeps the time each read took."""

    def __init__(self, client: httpx.AsyncClient, data: dict[str, Any]) -> None:
        self.seconds: list[float] = []
        self._client = client
        self._data = data

    async def read_until(self, done: asyncio.Future[Any]) -> None:
        while not done.done():
            started = time.monotonic()
            answer = await self._client.get(f"certs/web/{self._data['cert_unique_id']}")
            self.seconds.append(time.monotonic() - started)
            assert answer.json()["data"] == self._data
            await asyncio.wait({done}, timeout=0.02)


async def test_a_hundred_enrolments_finish_each_with_a_key_of_its_own_while_reads_go_on(
    mount: VaultMount, client: httpx.AsyncClient
) -> None:
    issued = mount.enrolled()
    mount.scm.set(pending_polls=2)
    names = [f"host-{number}.example.test" for number in range(ENROLMENTS)]

    async def enroll(name: str) -> dict[str, Any]:
        order = {**ORDER, "sectigo_csr_domain": name, "sectigo_csr_key_algo": "RSA"}
        answer = await client.post("enroll/web", json=order)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    enrolments = asyncio.gather(*(enroll(name) for name in names))
    reader = Reader(client, issued)
    await reader.read_until(enrolments)
    answers = await enrolments
    for name, data in zip(names, answers, strict=True):
        mount.secrets.note(data)
        assert data["status"] == "Issued"
        assert data["domain"] == name
        assert name in names_of(leaf_of(data))
        assert data["private_key_type"] == "rsa"
        assert key_fits(data)
    assert len({data["private_key"] for data in answers}) == ENROLMENTS
    assert len(reader.seconds) > 20
    assert max(reader.seconds) < LONGEST_READ_SECONDS
    booked = {f"{order['id']}_{mount.scm.customer_uri}" for order in mount.scm.orders()}
    assert booked == {data["cert_unique_id"] for data in [issued, *answers]} == set(mount.ids())


async def test_reads_go_on_while_an_enrolment_waits_for_scm(mount: VaultMount, client: httpx.AsyncClient) -> None:
    issued = mount.enrolled()
    mount.scm.set(never_issue=True)
    waiting = asyncio.ensure_future(client.post("enroll/web", json={**ORDER, "sectigo_max_timeout": 2}))
    reader = Reader(client, issued)
    await reader.read_until(waiting)
    data = (await waiting).json()["data"]
    mount.secrets.note(data)
    assert data["status"] == "TimeoutStateSaved"
    assert len(reader.seconds) > 20
    assert max(reader.seconds) < LONGEST_READ_SECONDS


async def test_equal_enrolments_at_once_are_orders_of_their_own(mount: VaultMount, client: httpx.AsyncClient) -> None:
    mount.configure()
    answers = await asyncio.gather(*(client.post("enroll/web", json=dict(ORDER)) for _ in range(5)))
    assert len({answer.json()["data"]["cert_unique_id"] for answer in answers}) == len(mount.scm.orders()) == 5


async def test_equal_enrolments_with_one_request_id_are_one_order(mount: VaultMount, client: httpx.AsyncClient) -> None:
    mount.configure()
    order = {**ORDER, "sectigo_request_id": "deploy-17"}
    answers = await asyncio.gather(*(client.post("enroll/web", json=order) for _ in range(5)))
    (unique_id,) = {answer.json()["data"]["cert_unique_id"] for answer in answers}
    assert unique_id == f"{mount.scm.order()['id']}_{mount.scm.customer_uri}"
    assert mount.ids() == [unique_id]
