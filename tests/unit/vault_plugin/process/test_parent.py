"""The watch over the parent process; its end is played in `tests/plugin/test_lifecycle.py`."""

import asyncio
import os
import sys

import pytest

from sectigo_vault_pki.vault_plugin.process.run import watch_parent


class Family:
    """Lets the parent change."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parent = os.getppid()
        monkeypatch.setattr(os, "getppid", lambda: self.parent)


async def test_living_parent_is_no_reason_to_stop() -> None:
    died = asyncio.Event()
    with watch_parent(died.set):
        await asyncio.sleep(0)
    assert not died.is_set()


async def test_parent_that_changes_is_noticed_where_the_kernel_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise PermissionError(pid)

    monkeypatch.setattr(os, "pidfd_open", refuse)
    monkeypatch.setattr(sys.modules[watch_parent.__module__], "_POLL_SECONDS", 0.001)
    family = Family(monkeypatch)
    died = asyncio.Event()
    with watch_parent(died.set):
        await asyncio.sleep(0.005)
        assert not died.is_set()
        family.parent = os.getpid()  # whoever runs this may itself be a child of process 1
        async with asyncio.timeout(5):
            await died.wait()


async def test_parent_that_died_before_the_watch_began_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([os.getppid(), os.getpid()])
    monkeypatch.setattr(os, "getppid", lambda: next(numbers))
    died = asyncio.Event()
    with watch_parent(died.set):
        async with asyncio.timeout(5):
            await died.wait()
