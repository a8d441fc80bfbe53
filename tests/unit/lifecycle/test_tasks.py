import asyncio
from collections.abc import AsyncIterator

import pytest

from sectigo_vault_pki.lifecycle.tasks import OwnedTasks


@pytest.fixture
async def tasks() -> AsyncIterator[OwnedTasks]:
    owned = OwnedTasks()
    yield owned
    await owned.aclose()


async def test_equal_work_is_done_once_for_all_who_join(tasks: OwnedTasks) -> None:
    done: list[int] = []
    gate = asyncio.Event()

    async def work() -> int:
        await gate.wait()
        done.append(1)
        return 7

    joined = [tasks.join("key", work, name="work") for _ in range(10)]
    gate.set()
    assert await asyncio.gather(*joined) == [7] * 10
    assert done == [1]


async def test_work_that_has_ended_is_done_anew(tasks: OwnedTasks) -> None:
    async def work() -> object:
        return object()

    first = await tasks.join("key", work, name="work")
    await asyncio.sleep(0)
    assert not tasks.running("key")
    assert await tasks.join("key", work, name="work") is not first


async def test_a_write_is_carried_to_its_end_when_its_task_is_cancelled(tasks: OwnedTasks) -> None:
    gate, written = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        await gate.wait()
        written.set()

    async def work() -> None:
        await tasks.finish(write())

    task = tasks.start(work(), name="work")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    await asyncio.wait_for(written.wait(), 1)


async def test_closing_ends_the_waiting_and_lets_writes_finish(tasks: OwnedTasks) -> None:
    gate, written = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        await gate.wait()
        written.set()

    async def work() -> None:
        await tasks.finish(write())

    async def waiting() -> None:
        await asyncio.Event().wait()

    tasks.start(work(), name="work")
    idle = tasks.start(waiting(), name="waiting")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    closing = asyncio.create_task(tasks.aclose())
    await asyncio.sleep(0)
    gate.set()
    await closing
    assert written.is_set()
    assert idle.cancelled()


async def test_a_failure_that_nobody_awaits_is_no_unhandled_one(
    tasks: OwnedTasks, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        raise ValueError("hunter2")

    task = tasks.start(work(), name="work")
    await asyncio.wait({task})
    assert "hunter2" not in caplog.text
