"""Addresses from the host, in whatever order they and the questions come."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sectigo_vault_pki.vault_plugin.process import instances as room
from sectigo_vault_pki.vault_plugin.process.instances import Broker
from sectigo_vault_pki.vault_plugin.proto.broker_pb2 import ConnInfo

CONTEXT: Any = None


def info(number: int) -> ConnInfo:
    return ConnInfo(service_id=number, network="unix", address=f"/tmp/{number}")


async def announce(broker: Broker, *infos: ConnInfo) -> list[ConnInfo]:
    async def stream() -> AsyncIterator[ConnInfo]:
        for item in infos:
            yield item

    return [answer async for answer in broker.StartStream(stream(), CONTEXT)]


async def test_address_that_comes_first_waits_for_its_question() -> None:
    broker = Broker()
    assert await announce(broker, info(1), info(2)) == []
    assert await broker.address_of(2) == info(2)
    assert await broker.address_of(1) == info(1)


async def test_question_that_comes_first_waits_for_its_address() -> None:
    broker = Broker()
    question = asyncio.create_task(broker.address_of(7))
    await asyncio.sleep(0)
    await announce(broker, info(7))
    assert await question == info(7)


async def test_question_without_an_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_UNCLAIMED_SECONDS", 0.01)
    broker = Broker()
    with pytest.raises(TimeoutError):
        await broker.address_of(1)
    await announce(broker, info(1))
    assert await broker.address_of(1) == info(1)


async def test_address_that_nobody_asks_for_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_UNCLAIMED_SECONDS", 0.01)
    broker = Broker()
    await announce(broker, info(1))
    await asyncio.sleep(0.03)
    with pytest.raises(TimeoutError):
        await broker.address_of(1)


async def test_knock_of_a_multiplexing_host_is_refused() -> None:
    knock = ConnInfo(service_id=3, knock=ConnInfo.Knock(knock=True))
    (answer,) = await announce(Broker(), knock)
    assert (answer.service_id, answer.knock.ack) == (3, False)
    assert "multiplex" in answer.knock.error
