"""`recent/:window`: what happened lately, newest first, also after a restart."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from sectigo_vault_pki.lifecycle import recent_events
from sectigo_vault_pki.lifecycle.recent_events import RecentEvents
from sectigo_vault_pki.store import Repository
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, StorageEntry, StorageError
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from tests.support.mount import ENTITY, Mount, answered


async def recent(mount: Mount, window: str = "1d", **query: object) -> Mapping[str, Any]:
    return answered(await mount.listing(f"recent/{window}", **query))


def events_of(row: Mapping[str, Any]) -> list[str]:
    return [event["event"] for event in row["events"]]


async def test_what_happened_is_listed_by_certificate_newest_first(ready: Mount) -> None:
    first = (await ready.enroll())["cert_unique_id"]
    ready.clock.advance(minutes=5)
    second = (await ready.enroll(sectigo_csr_domain="shop.example.test"))["cert_unique_id"]
    ready.clock.advance(minutes=5)
    await ready.write(f"revoke/web/{first}", {"sectigo_reason": "superseded"})
    found = await recent(ready)
    assert found["keys"] == [f"web/{first}", f"web/{second}"]
    row = found["key_info"][f"web/{first}"]
    assert events_of(row) == ["certificate revoked", "certificate issued", "certificate ordered"]
    assert (row["event"], row["common_name"], row["unique_id"]) == ("certificate revoked", "web.example.test", first)
    assert row["requested_by"] == f"token-ci (entity {ENTITY})"
    assert found["key_info"][f"web/{second}"]["common_name"] == "shop.example.test"


async def test_a_refused_order_is_listed_with_scms_words_though_nothing_of_it_is_stored(ready: Mount) -> None:
    ready.simulator.faults.add("enroll", "status", status=400, code=-64, description="not allowed")
    with pytest.raises(BadRequestError, match="not allowed"):
        await ready.enroll()
    assert await ready.list("certs/web") == []
    found = await recent(ready)
    (key,) = found["keys"]
    assert key.startswith("web/order-")
    row = found["key_info"][key]
    assert (row["event"], row["code"], row["error"]) == ("order refused", -64, "not allowed")


async def test_a_lost_answer_and_a_renewal_are_listed(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    await ready.write(f"renew/web/{unique_id}", {})
    ready.simulator.faults.add("enroll", "drop_after")
    lost = (await ready.enroll())["cert_unique_id"]
    told = {key: events_of(row) for key, row in (await recent(ready))["key_info"].items()}
    assert "certificate renewed" in told[f"web/{unique_id}"]
    assert told[f"web/{lost}"] == ["order answer lost"]


async def test_a_window_ends_what_is_listed(ready: Mount) -> None:
    old = (await ready.enroll())["cert_unique_id"]
    ready.clock.advance(hours=20)
    new = (await ready.enroll())["cert_unique_id"]
    assert (await recent(ready, "12h"))["keys"] == [f"web/{new}"]
    assert (await recent(ready, "1d"))["keys"] == [f"web/{new}", f"web/{old}"]
    assert (await recent(ready, "1d", limit=1))["keys"] == [f"web/{new}"]
    ready.clock.advance(days=3)
    assert (await recent(ready, "2")).get("keys", []) == []


async def test_events_outlive_the_process_once_a_tick_or_an_orderly_end_has_stored_them(ready: Mount) -> None:
    first = (await ready.enroll())["cert_unique_id"]
    await ready.tick()
    pages = [key for key in ready.storage.snapshot() if key.startswith("index/events/")]
    assert len(pages) == 1
    second = (await ready.enroll())["cert_unique_id"]
    before = await recent(ready)
    await ready.restart()
    assert await recent(ready) == before
    assert {*before["keys"]} == {f"web/{first}", f"web/{second}"}
    await ready.tick()
    assert await recent(ready) == before


async def test_a_quiet_minute_writes_nothing(ready: Mount) -> None:
    await ready.enroll()
    for _ in range(2):
        await ready.tick(60)
    ready.storage.writes.clear()
    await ready.tick(60)
    assert ready.storage.writes == []


async def test_events_are_kept_for_thirty_days(ready: Mount) -> None:
    await ready.enroll()
    await ready.tick()
    ready.clock.advance(days=29)
    await ready.tick()
    assert len((await recent(ready, "30d"))["keys"]) == 1
    ready.clock.advance(days=3)
    await ready.tick()
    assert [key for key in ready.storage.snapshot() if key.startswith("index/events/2026-11-23")] == []


async def test_what_cannot_be_stored_waits_for_the_next_tick(ready: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    put = ready.storage.put

    async def put_no_events(entry: Any) -> None:
        if entry.key.startswith("index/events/"):
            raise StorageError("full")
        await put(entry)

    monkeypatch.setattr(ready.storage, "put", put_no_events)
    await ready.tick()
    assert (await recent(ready))["keys"] == [f"web/{unique_id}"]
    monkeypatch.undo()
    await ready.tick()
    await ready.restart()
    assert (await recent(ready))["keys"] == [f"web/{unique_id}"]


async def test_a_damaged_page_hides_no_other(ready: Mount) -> None:
    await ready.enroll()
    await ready.tick()
    (page,) = (key for key in ready.storage.snapshot() if key.startswith("index/events/"))
    await ready.overwrite(page, b"no JSON")
    unique_id = (await ready.enroll())["cert_unique_id"]
    assert (await recent(ready))["keys"] == [f"web/{unique_id}"]


async def test_many_events_are_stored_in_pages(ready: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_events, "PAGE", 4)
    ids = {f"web/{(await ready.enroll())['cert_unique_id']}" for _ in range(5)}
    await ready.tick()
    assert len([key for key in ready.storage.snapshot() if key.startswith("index/events/")]) == 3
    await ready.restart()
    assert {*(await recent(ready))["keys"]} == ids


async def test_a_short_window_reads_only_the_pages_that_reach_into_it(
    ready: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = []
    for _ in range(6):
        ids.append(f"web/{(await ready.enroll())['cert_unique_id']}")
        await ready.tick()
        ready.clock.advance(minutes=30)
    await ready.restart()
    read, get = [], ready.storage.get

    async def noted(key: str) -> Any:
        read.append(key)
        return await get(key)

    monkeypatch.setattr(ready.storage, "get", noted)
    assert (await recent(ready, "45m"))["keys"] == ids[:-2:-1]
    assert len([key for key in read if key.startswith("index/events/")]) == 1
    read.clear()
    assert (await recent(ready, "1d"))["keys"] == ids[::-1]
    assert len([key for key in read if key.startswith("index/events/")]) == 6


async def test_a_page_whose_events_begin_before_the_window_and_end_in_it_is_read(ready: Mount) -> None:
    first = (await ready.enroll())["cert_unique_id"]
    ready.clock.advance(minutes=30)
    second = (await ready.enroll())["cert_unique_id"]
    await ready.tick()
    await ready.restart()
    assert (await recent(ready, "20m"))["keys"] == [f"web/{second}"]
    assert (await recent(ready, "1h"))["keys"] == [f"web/{second}", f"web/{first}"]


async def test_a_page_whose_name_does_not_tell_its_end_is_read(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    await ready.tick()
    ((page, value),) = ((key, value) for key, value in ready.storage.snapshot().items() if "/events/" in key)
    prefix, _, name = page.rpartition("/")
    first, _, behind = name.split("-", 2)
    await ready.storage.delete(page)
    await ready.overwrite(f"{prefix}/{first}-{behind}", value)
    ready.clock.advance(minutes=10)
    assert (await recent(ready, "5m")).get("keys", []) == []
    assert (await recent(ready))["keys"] == [f"web/{unique_id}"]


async def test_pages_are_read_together_but_not_all_at_once(ready: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_events, "READ_TOGETHER", 3)
    for _ in range(4):
        await ready.enroll()
        await ready.tick()
    before = await recent(ready)
    await ready.restart()
    at_once, most, get = 0, 0, ready.storage.get

    async def slow(key: str) -> Any:
        nonlocal at_once, most
        if not key.startswith("index/events/"):
            return await get(key)
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return await get(key)

    monkeypatch.setattr(ready.storage, "get", slow)
    assert await recent(ready) == before
    assert most == 3


async def test_two_that_store_at_the_same_time_store_each_event_once(ready: Mount) -> None:
    """As the run after a start and the first tick may."""
    storage = InmemStorage()
    put = storage.put

    async def slow(entry: StorageEntry) -> None:
        await asyncio.sleep(1)
        await put(entry)

    storage.put = slow  # type: ignore[method-assign]
    events, began = RecentEvents(Repository(storage), ready.clock), ready.clock.now()
    events.note("certificate ordered", {"config": "web"})
    await asyncio.gather(events.store(), events.store())
    assert len(await events.since(began)) == 1
