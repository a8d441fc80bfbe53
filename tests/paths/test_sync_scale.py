"""`sync/:config` with thousands of certificates: few calls, bounded by the minute, and little memory."""

import json
import os
import tracemalloc
from collections import Counter
from datetime import datetime, timedelta

import pytest

from sectigo_vault_pki.scm_simulator.model.orders import Order
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import StorageEntry
from tests.paths.test_sync import IMPORT, order_of, sync
from tests.support.foreign_orders import foreign_order
from tests.support.mount import Mount, answered
from tests.support.sorted_storage import SortedStorage
from tests.support.virtual_time import LoopClock

STORED = int(os.environ.get("STORED", "1500"))
"""Certificates in the entry; `make scale` has 5 000."""
MISSING = 300
CALLS_A_MINUTE = 250
MEMORY = 50 * 2**20


def spread(order: Order, due: datetime) -> tuple[datetime, datetime]:
    """Most certificates end within a few days, so that the report of a month is longer than any answer may be."""
    days = order.id % 10 + 60 if order.id % 3 else order.id % 360 + 1
    return due, due + timedelta(days=days)


async def filled(simulator: Simulator, clock: LoopClock) -> Mount:
    """Return a mount with as many certificates as SCM has, less some that only SCM has."""
    storage = SortedStorage()
    mount = Mount(simulator, clock, storage)
    simulator.settings.pending_polls = 0
    await mount.configure()
    first = order_of(mount, await mount.enroll())
    simulator.orders.dating = spread
    key = f"cert/web/{first.handle}_demo-customer"
    like = json.loads(storage.snapshot()[key])
    for number in range(1, STORED + MISSING):
        order = foreign_order(simulator, first, is_approved=True)
        if number < STORED:
            assert order.current is not None
            unique_id = f"{order.handle}_demo-customer"
            serial_number = f"{order.current.serial_number:X}"
            about = {"serial_number": serial_number, "not_after": order.current.not_after.isoformat()}
            record = {**like, "unique_id": unique_id, "scm_id": order.handle, "current": {**like["current"], **about}}
            await storage.put(StorageEntry(f"cert/web/{unique_id}", json.dumps(record).encode()))
    return mount


@pytest.mark.long
async def test_thousands_of_certificates_are_compared_by_few_calls_and_with_little_memory(
    simulator: Simulator, clock: LoopClock
) -> None:
    mount = await filled(simulator, clock)
    simulator.faults.add("ssl_report", "status", status=429, retry_after=20, times=2)
    simulator.calls.clear()
    tracemalloc.start()
    try:
        data = await sync(mount)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (data["status"], data["errors"], data["whole"]) == ("ended", [], True)
    assert data["compared"] == STORED + MISSING - 1 + 1
    assert data["counts"] == {"only_at_scm": MISSING}
    assert len(data["found"]["only_at_scm"]) == 100
    assert data["calls"] == len(simulator.calls) < 40
    assert peak < MEMORY

    minutes: Counter[int] = Counter()
    mount.on_scm_call = lambda: minutes.update([int(clock.now().timestamp() // 60)])
    await sync(mount, **IMPORT)
    for _ in range(3):
        await mount.tick(60)
    data = answered(await mount.read("sync/web"))
    assert (data["status"], data["counts"], data["errors"]) == ("ended", {"imported": MISSING}, [])
    assert max(minutes.values()) <= CALLS_A_MINUTE
    assert simulator.calls.count("collect") == MISSING
    await mount.backend.cleanup()
