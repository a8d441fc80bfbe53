"""Looking at certificates: `summary`, `detailed` and `expiring` show what there is, and never a key or a PEM."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest

from sectigo_vault_pki.lifecycle.inventory import summaries
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, NotFoundError, StorageError
from tests.support.audit import assert_summaries_are_true
from tests.support.crashes import MortalMount
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock

REFUSED = '{"code": -7, "description": "Permission denied"}'


async def details(mount: Mount, path: str = "certs/web/detailed", **query: Any) -> Mapping[str, Any]:
    return answered(await mount.listing(path, **query))


async def summary(mount: Mount, unique_id: str) -> Mapping[str, Any]:
    return answered(await mount.read(f"certs/web/{unique_id}/summary"))


async def test_a_summary_shows_a_certificate_without_its_key_and_pem(ready: Mount) -> None:
    data = await ready.enroll()
    shown = await summary(ready, data["cert_unique_id"])
    same = ("serial_number", "not_before", "not_after", "status", "renewed_to", "renewed_from")
    assert {name: shown[name] for name in same} == {name: data[name] for name in same}
    assert shown["common_name"] == data["domain"]
    assert shown["dns_names"] == ["web.example.test"]
    assert (shown["key_type"], shown["key_bits"], shown["days_left"]) == ("ec", 256, 365)
    assert "CN=" in shown["issuer"]
    assert shown["renewal"]["automatic"] is True
    assert shown["renewal"]["due"] < shown["not_after"]
    assert "-----BEGIN" not in str(shown)


async def test_a_summary_calls_nothing_and_writes_nothing_even_where_something_is_due(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    ready.clock.advance(days=360)
    ready.storage.writes.clear()
    calls = len(ready.simulator.calls)
    await summary(ready, unique_id)
    await details(ready)
    await details(ready, "certs/detailed")
    await details(ready, "expiring/30d")
    assert (len(ready.simulator.calls), ready.storage.writes) == (calls, [])


async def test_a_summary_says_why_a_renewal_is_held(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    assert (await summary(ready, unique_id))["renewal"]["held_by"] == ""
    await ready.write(f"certs/web/{unique_id}", {"sectigo_auto_renew": False})
    assert (await summary(ready, unique_id))["renewal"]["held_by"] == "sectigo_auto_renew is false"
    await ready.write(f"certs/web/{unique_id}", {"sectigo_auto_renew": True})
    ready.clock.advance(days=360)
    ready.simulator.faults.add("renew", "body", status=400, body=REFUSED, times=None)
    await ready.tick()
    renewal = (await summary(ready, unique_id))["renewal"]
    assert renewal["last_error"]
    assert renewal["last_try"] < renewal["next_try"]
    assert "tried again" in renewal["held_by"]
    await ready.write("configs/web", {"sectigo_suspend_renewals": True})
    ready.clock.advance(days=2)
    assert "sectigo_suspend_renewals" in (await summary(ready, unique_id))["renewal"]["held_by"]


async def test_a_pending_and_an_unsettled_order_are_shown_as_far_as_they_are_known(ready: Mount) -> None:
    ready.simulator.settings.never_issue = True
    pending = (await ready.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    ready.simulator.faults.add("enroll", "drop_after")
    lost = (await ready.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    assert lost.startswith("order-")
    found = await details(ready)
    assert found["keys"] == [pending, lost]
    assert [found["key_info"][key]["status"] for key in (pending, lost)] == ["TimeoutStateSaved", "Unsettled"]
    for unique_id in (pending, lost):
        shown = await summary(ready, unique_id)
        assert (shown["common_name"], shown["not_after"], shown["days_left"]) == ("web.example.test", "", 0)


async def test_what_is_not_stored_has_no_summary(ready: Mount) -> None:
    for unique_id in ("1_demo-customer", "detailed", "order-00000000-0000-4000-8000-000000000000"):
        with pytest.raises(NotFoundError):
            await ready.read(f"certs/web/{unique_id}/summary")
    with pytest.raises(NotFoundError, match='no config entry named "other"'):
        await ready.listing("certs/other/detailed")


async def test_details_are_read_page_by_page(ready: Mount) -> None:
    ids = sorted([(await ready.enroll())["cert_unique_id"] for _ in range(5)])
    first = await details(ready, limit=2)
    assert first["keys"] == ids[:2]
    assert [*first["key_info"]] == ids[:2]
    assert (await details(ready, limit=2, after=ids[1]))["keys"] == ids[2:4]
    assert (await details(ready, limit=2, after=ids[3]))["keys"] == ids[4:]
    assert (await details(ready))["keys"] == ids


async def test_a_page_that_the_engine_cuts_says_where_to_continue(
    ready: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summaries, "MAX_PAGE", 2)
    ids = sorted([(await ready.enroll())["cert_unique_id"] for _ in range(3)])
    response = await ready.listing("certs/web/detailed")
    assert answered(response)["keys"] == ids[:2]
    assert response is not None
    assert response.warnings == (f"there may be more: continue with after={ids[1]}",)
    response = await ready.listing("certs/web/detailed", after=ids[1])
    assert answered(response)["keys"] == ids[2:]
    assert response is not None
    assert response.warnings == ()


async def test_details_are_selected_by_status_and_by_name(ready: Mount) -> None:
    domains = ("a.example.test", "b.example.test", "c.other.test")
    ids = [(await ready.enroll(sectigo_csr_domain=domain))["cert_unique_id"] for domain in domains]
    named = (await ready.enroll(sectigo_ssl_cert_subject_alt_names="x.other.test"))["cert_unique_id"]
    await ready.write(f"revoke/web/{ids[0]}", {"sectigo_reason": "superseded"})

    async def keys(**query: str) -> set[str]:
        return {*(await details(ready, **query)).get("keys", ())}

    assert await keys(status="revoked") == {ids[0]}
    assert await keys(status="Issued") == {ids[1], ids[2], named}
    assert await keys(name="b.exam") == {ids[1]}
    assert await keys(name="*.OTHER.test") == {ids[2], named}
    assert await keys(name="*.example.test", status="Issued") == {ids[1], named}
    assert await keys(name="example.test") == set()
    with pytest.raises(BadRequestError, match="status must be one of"):
        await ready.listing("certs/web/detailed", status="Odd")


async def test_a_filtered_list_looks_at_a_bounded_number_of_certificates(
    ready: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summaries, "MAX_PAGE", 2)
    monkeypatch.setattr(summaries, "MAX_LOOKED_AT", 4)
    ids = sorted([(await ready.enroll())["cert_unique_id"] for _ in range(6)])
    response = await ready.listing("certs/web/detailed", name="nobody", limit=1)
    assert response is not None
    assert response.warnings == (f"there may be more: continue with after={ids[3]}",)
    assert answered(response).get("keys", []) == []


async def test_details_by_serial_number_show_replaced_certificates_too(ready: Mount) -> None:
    before = await ready.enroll()
    unique_id = before["cert_unique_id"]
    after = answered(await ready.write(f"replace/web/{unique_id}", {"sectigo_reason": "again"}))
    found = await details(ready, "certs/detailed")
    assert found["keys"] == sorted([before["serial_number"], after["serial_number"]])
    assert found["key_info"][before["serial_number"]]["status"] == "Replaced"
    assert found["key_info"][after["serial_number"]]["status"] == after["status"]
    assert {row["unique_id"] for row in found["key_info"].values()} == {unique_id}
    assert (await details(ready, "certs/detailed", limit=1))["keys"] == found["keys"][:1]
    assert (await details(ready, "certs/detailed", after=found["keys"][0]))["keys"] == found["keys"][1:]


async def test_what_ends_soon_is_listed_across_entries_soonest_first(ready: Mount) -> None:
    await ready.configure("shop")
    later = await ready.enroll("shop")
    ready.clock.advance(days=-2)
    sooner = await ready.enroll(sectigo_auto_renew=False)
    own = await ready.enroll(sectigo_expiry_window=3)
    gone = await ready.enroll()
    await ready.write(f"revoke/web/{gone['cert_unique_id']}", {"sectigo_reason": "superseded"})
    assert await ready.list("expiring/300") == []
    ready.clock.advance(days=355)
    found = await details(ready, "expiring/12d")
    expected = [f"web/{sooner['cert_unique_id']}", f"web/{own['cert_unique_id']}"]
    assert found["keys"] == [*sorted(expected), f"shop/{later['cert_unique_id']}"]
    assert [*found["key_info"]] == found["keys"]
    assert {f"{row['config']}/{row['unique_id']}" for row in found["key_info"].values()} == {*found["keys"]}
    assert await ready.list("expiring/240h") == sorted(expected)
    assert await ready.list("expiring/1h") == []
    with pytest.raises(BadRequestError, match="window"):
        await ready.list("expiring/soon")
    with pytest.raises(BadRequestError, match="window"):
        await ready.list("expiring/0")


async def expiring_pages(mount: Mount, **query: Any) -> list[list[str]]:
    """Return the pages of what ends soon, each from where the warning of the one before says."""
    pages: list[list[str]] = []
    while True:
        response = await mount.listing("expiring/400d", **query)
        assert response is not None
        pages.append([*answered(response).get("keys", ())])
        if not response.warnings:
            return pages
        (warning,) = response.warnings
        text, _, after = warning.partition("after=")
        assert text == "there may be more: continue with "
        query["after"] = after


async def test_what_ends_in_the_same_second_is_listed_page_by_page_and_each_once(
    ready: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready.configure("shop")
    same = [f"web/{(await ready.enroll(sectigo_auto_renew=number % 2 == 0))['cert_unique_id']}" for number in range(4)]
    same += [f"shop/{(await ready.enroll('shop', sectigo_expiry_window=3))['cert_unique_id']}"]
    ready.clock.advance(days=1)
    later = f"shop/{(await ready.enroll('shop'))['cert_unique_id']}"
    assert len({row["not_after"] for row in (await details(ready, "expiring/400d"))["key_info"].values()}) == 2
    expected = [*sorted(same), later]
    assert await expiring_pages(ready) == [expected]
    for limit in (1, 2, 4, 5):
        pages = await expiring_pages(ready, limit=limit)
        assert [key for page in pages for key in page] == expected
        assert {len(page) for page in pages[:-1]} <= {limit}
    monkeypatch.setattr(summaries, "MAX_PAGE", 4)
    assert await expiring_pages(ready) == [expected[:4], expected[4:]]
    assert (await expiring_pages(ready, limit=100))[0] == expected[:4]


async def test_the_pages_of_what_ends_go_on_though_the_last_certificate_is_deleted(ready: Mount) -> None:
    ids = sorted([(await ready.enroll(sectigo_auto_renew=False))["cert_unique_id"] for _ in range(3)])
    response = await ready.listing("expiring/400d", limit=2)
    assert response is not None
    (warning,) = response.warnings
    await ready.delete(f"certs/web/{ids[1]}")
    after = warning.partition("after=")[2]
    assert (await details(ready, "expiring/400d", after=after))["keys"] == [f"web/{ids[2]}"]


@pytest.mark.parametrize("after", ["web/1_x", "2027-11-28", "2027-11-28/web", "2027-13-28/web/1_x", "2027-11-28/a/b/c"])
async def test_a_place_that_is_none_is_refused(ready: Mount, after: str) -> None:
    with pytest.raises(BadRequestError, match="after must be <day>/<config_name>/<unique_id>"):
        await ready.listing("expiring/30d", after=after)


async def test_what_ends_is_looked_for_among_a_bounded_number_of_certificates(
    ready: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summaries, "MAX_LOOKED_AT", 2)
    monkeypatch.setattr(summaries, "READ_TOGETHER", 2)
    ids = sorted([(await ready.enroll(sectigo_auto_renew=False))["cert_unique_id"] for _ in range(3)])
    ready.clock.advance(days=364, hours=22)
    response = await ready.listing("expiring/1h", limit=1)
    assert response is not None
    (warning,) = response.warnings
    assert warning.endswith(f"/web/{ids[1]}")
    assert await ready.list("expiring/1h", limit=1, after=warning.partition("after=")[2]) == []


async def test_places_that_a_certificate_has_left_list_it_neither_twice_nor_after_its_end(ready: Mount) -> None:
    kept, revoked = [(await ready.enroll())["cert_unique_id"] for _ in range(2)]
    (day,) = {key.split("/")[2] for key in ready.storage.snapshot() if key.startswith("index/expiry/")}
    await ready.write(f"revoke/web/{revoked}", {"sectigo_reason": "superseded"})
    for unique_id in (kept, revoked):
        for place in (f"wanted/{day}", f"expiry/{day}", "ends/2027-01-31"):
            await ready.overwrite(f"index/{place}/web/{unique_id}", b"{}")
    assert await expiring_pages(ready) == [[f"web/{kept}"]]
    assert await expiring_pages(ready, limit=1) == [[f"web/{kept}"]]
    metrics = base64.b64decode(answered(await ready.read("metrics"))["http_raw_body"]).decode()
    assert metrics.count("x509_cert_not_after{") == 1


async def test_what_has_expired_is_not_about_to(ready: Mount) -> None:
    await ready.enroll(sectigo_auto_renew=False)
    ready.clock.advance(days=364, hours=23)
    assert len(await ready.list("expiring/2d")) == 1
    ready.clock.advance(days=2)
    assert await ready.list("expiring/2d") == []


async def test_summaries_follow_a_certificates_life(ready: Mount) -> None:
    ready.simulator.settings.pending_polls = 1
    first = (await ready.enroll())["cert_unique_id"]
    await assert_summaries_are_true(ready, "web")
    second = answered(await ready.write(f"renew/web/{first}", {}))["cert_unique_id"]
    await assert_summaries_are_true(ready, "web")
    await ready.write(f"certs/web/{second}", {"sectigo_expiry_window": 20})
    await ready.write(f"replace/web/{second}", {"sectigo_reason": "again"})
    await assert_summaries_are_true(ready, "web")
    await ready.write(f"revoke/web/{second}", {"sectigo_reason": "superseded"})
    await assert_summaries_are_true(ready, "web")
    statuses = {key: row["status"] for key, row in (await details(ready))["key_info"].items()}
    assert statuses == {first: "Renewed", second: "Revoked"}
    await ready.delete(f"certs/web/{second}")
    await assert_summaries_are_true(ready, "web")
    await ready.delete(f"certs/web/{first}")
    assert [key for key in ready.storage.snapshot() if key.startswith("index/summary/")] == []


@pytest.mark.parametrize("operation", ["flags", "delete"])
async def test_a_crash_at_any_write_leaves_no_summary_that_is_wrong(clock: LoopClock, operation: str) -> None:
    """Orders are killed in `test_crash_points`."""

    async def act(mount: Mount, unique_id: str) -> object:
        path = f"certs/web/{unique_id}"
        if operation == "delete":
            return await mount.delete(path)
        return await mount.write(path, {"sectigo_auto_renew": False})

    for writes in range(20):
        mount = MortalMount(Simulator(now=clock.now), clock)
        mount.simulator.settings.pending_polls = 0
        await mount.configure()
        unique_id = (await mount.enroll())["cert_unique_id"]
        mount.life.end_after(writes)
        acting = asyncio.ensure_future(act(mount, unique_id))
        done, _ = await asyncio.wait({acting}, timeout=5)
        acting.cancel()
        after = await mount.restarted()
        await assert_summaries_are_true(after, "web")
        await after.tick(60)
        await assert_summaries_are_true(after, "web")
        await mount.backend.cleanup()
        await after.backend.cleanup()
        if done:
            return
    pytest.fail("it did not end")


async def test_a_summary_that_cannot_be_written_is_written_by_the_next_tick(
    ready: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = ready.storage.put

    async def put_no_summary(entry: Any) -> None:
        if entry.key.startswith("index/summary/"):
            raise StorageError("full")
        await put(entry)

    monkeypatch.setattr(ready.storage, "put", put_no_summary)
    unique_id = (await ready.enroll())["cert_unique_id"]
    assert (await details(ready))["keys"] == [unique_id]
    assert (await summary(ready, unique_id))["status"] == "Issued"
    monkeypatch.undo()
    await ready.tick()
    await assert_summaries_are_true(ready, "web")
    assert len([key for key in ready.storage.snapshot() if key.startswith("index/summary/")]) == 1


@pytest.mark.parametrize("change", ["flags", "renewal", "renewal while it still cannot be written"])
@pytest.mark.parametrize("kind", ["index/expiry/", "index/serial/", "index/summary/", "index/pending/"])
async def test_an_entry_that_could_not_be_written_is_not_forgotten_when_the_certificate_changes_again(
    ready: Mount, monkeypatch: pytest.MonkeyPatch, kind: str, change: str
) -> None:
    put = ready.storage.put

    async def put_but_one(entry: Any) -> None:
        if entry.key.startswith(kind):
            raise StorageError("full")
        await put(entry)

    monkeypatch.setattr(ready.storage, "put", put_but_one)
    unique_id = (await ready.enroll())["cert_unique_id"]
    if change == "flags":
        monkeypatch.undo()
        await ready.write(f"certs/web/{unique_id}", {"sectigo_max_timeout": 5})  # which no index entry tells
    else:
        if change == "renewal":
            monkeypatch.undo()
        ready.simulator.faults.add("renew", "status", status=400, code=-180, description="not now")
        with pytest.raises((BadRequestError, StorageError)):
            await ready.write(f"renew/web/{unique_id}", {})
        ready.simulator.faults.clear()
        monkeypatch.undo()
    for _ in range(2):
        await ready.tick()
    await assert_summaries_are_true(ready, "web")
    assert await ready.list("expiring/400d") == [f"web/{unique_id}"]
    ready.clock.advance(days=360)
    await ready.tick()
    assert (await summary(ready, unique_id))["status"] == "Renewed"


async def test_a_crash_in_a_fetch_leaves_no_certificate_that_nothing_leads_to(clock: LoopClock) -> None:
    for writes in range(20):
        mount = MortalMount(Simulator(now=clock.now), clock)
        mount.simulator.settings.pending_polls = 0
        await mount.configure()
        ssl_id = (await mount.enroll())["ssl_id"]
        await mount.delete(f"certs/web/{ssl_id}_demo-customer")
        mount.life.end_after(writes)
        fetching = asyncio.ensure_future(mount.write(f"fetch/web/{ssl_id}", {}))
        done, _ = await asyncio.wait({fetching}, timeout=5)
        fetching.cancel()
        after = await mount.restarted()
        await assert_summaries_are_true(after, "web")
        await after.tick(60)
        await assert_summaries_are_true(after, "web")
        assert await after.list("expiring/400d") == [f"web/{one}" for one in await after.list("certs/web")]
        await mount.backend.cleanup()
        await after.backend.cleanup()
        if done:
            return
    pytest.fail("it did not end")


async def test_a_damaged_summary_hides_no_certificate_and_a_stray_name_breaks_no_list(ready: Mount) -> None:
    ids = sorted([(await ready.enroll())["cert_unique_id"] for _ in range(2)])
    (damaged,) = (key for key in ready.storage.snapshot() if key.startswith(f"index/summary/web/{ids[0]},"))
    await ready.overwrite(damaged, b"no JSON")
    for stray in ("odd", "1_a,b", "9_a,Issued,2026-02-31,", "1_a,Issued,,attention,more"):
        await ready.overwrite(f"index/summary/web/{stray}", b"{}")
    assert (await details(ready))["keys"] == ids
    assert (await ready.list("expiring/400d")) == [f"web/{one}" for one in ids]
    assert answered(await ready.read("status"))["by_status"] == {"Issued": 2}
