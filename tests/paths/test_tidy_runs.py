"""Runs of `tidy`: begun by hand and automatically, cancelled, interrupted, failed."""

import asyncio
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    ReadOnlyError,
    StorageEntry,
    StorageError,
)
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.mount import Mount, answered
from tests.support.sorted_storage import SortedStorage
from tests.support.tidying import ALL, LATER, counts, ended, stored, tidied, unrenewed
from tests.support.virtual_time import LoopClock


async def test_status_before_the_first_run_is_inactive(ready: Mount) -> None:
    data = answered(await ready.read("tidy-status"))
    assert (data["state"], data["time_started"], data["error"]) == ("Inactive", "", "")
    assert (data["safety_buffer"], data["pause_duration"], data["page_size"]) == (259_200, "0s", 1000)


async def test_a_call_without_an_operation_does_nothing(ready: Mount) -> None:
    response = await ready.write("tidy", {})
    assert response is not None
    assert "no tidy operations were set" in response.warnings[0]
    assert answered(await ready.read("tidy-status"))["state"] == "Inactive"


@pytest.mark.parametrize(
    ("misspelt", "advice"),
    [
        ("dryrun", "did you mean dry_run?"),
        ("dry-run", "did you mean dry_run?"),
        ("DryRun", "did you mean dry_run?"),
        ("tidy_dry_run", "did you mean dry_run?"),
        ("dry_only", "the help of this path lists its fields"),
        ("saftey_buffer", "did you mean safety_buffer?"),
        ("safety_margin", "the help of this path lists its fields"),
        ("revoked_certs", "did you mean tidy_revoked_certs?"),
        ("tidy_everything", "the help of this path lists its fields"),
    ],
)
async def test_a_misspelt_field_begins_no_run_and_changes_no_automatic_one(
    ready: Mount, misspelt: str, advice: str
) -> None:
    with pytest.raises(BadRequestError) as refused:
        await ready.write("tidy", {"tidy_cert_store": True, misspelt: True})
    assert f"{misspelt} is unknown on this path: {advice}" in str(refused.value)
    assert answered(await ready.read("tidy-status"))["state"] == "Inactive"
    with pytest.raises(BadRequestError, match=f"{misspelt} is unknown on this path"):
        await ready.write("config/auto-tidy", {"enabled": True, "tidy_cert_store": True, misspelt: True})
    assert answered(await ready.read("config/auto-tidy"))["enabled"] is False


async def test_automatic_runs_cannot_be_dry_ones(ready: Mount) -> None:
    with pytest.raises(BadRequestError, match="dry_run is unknown on this path"):
        await ready.write("config/auto-tidy", {"enabled": True, "tidy_cert_store": True, "dry_run": True})


async def test_what_vaults_pki_can_tidy_beside_this_is_ignored_with_a_warning(ready: Mount) -> None:
    theirs = {"tidy_acme": True, "tidy_revocation_queue": True, "tidy_revocation_list": True}
    other = {"acme_account_safety_buffer": "720h", "issuer_safety_buffer": "8760h"}
    for path, wish in (
        ("tidy", {"dry_run": True}),
        ("config/auto-tidy", {"publish_stored_certificate_count_metrics": 1}),
    ):
        response = await ready.write(path, {"tidy_cert_store": True, **theirs, **other, **wish})
        assert response is not None
        assert "tidy_acme, tidy_revocation_list, tidy_revocation_queue had no effect" in response.warnings[0]
        assert "Endpoint ignored these unrecognized parameters: [acme_account_safety_buffer" in response.warnings[1]


async def test_a_run_is_cancelled_before_its_next_entry(ready: Mount, clock: LoopClock) -> None:
    for number in range(6):
        await unrenewed(ready, sectigo_csr_domain=f"w{number}.example.test")
    clock.advance(**LATER)
    await ready.read("configs/web/test")
    await ready.write("tidy", {"tidy_cert_store": True, "pause_duration": "10s", "page_size": 5})
    await asyncio.sleep(35)
    data = answered(await ready.read("tidy-status"))
    assert (data["state"], data["cert_store_deleted_count"]) == ("Running", 3)
    assert (data["message"], data["pause_duration"]) == ("Tidying: 3 entries checked", "10s")
    busy = await ready.write("tidy", ALL)
    assert busy is not None
    assert busy.warnings == ("Tidy operation already in progress.",)
    assert answered(await ready.write("tidy-cancel", {}))["state"] == "Cancelling"
    data = await ended(ready)
    assert (data["state"], data["cert_store_deleted_count"], data["error"]) == ("Cancelled", 3, "")
    assert len(await ready.list("certs/web")) == 3
    response = await ready.write("tidy-cancel", {})
    assert response is not None
    assert "none is currently running" in response.warnings[0]


async def test_an_interrupted_run_says_so_and_the_next_one_does_the_rest(ready: Mount, clock: LoopClock) -> None:
    for number in range(6):
        await unrenewed(ready, sectigo_csr_domain=f"w{number}.example.test")
    clock.advance(**LATER)
    await ready.read("configs/web/test")
    await ready.write("tidy", {"tidy_cert_store": True, "pause_duration": 10, "page_size": 5})
    await asyncio.sleep(55)
    await ready.restart()
    data = answered(await ready.read("tidy-status"))
    assert (data["state"], data["cert_store_deleted_count"], data["time_finished"]) == ("Error", 5, "")
    assert "interrupted by a restart" in data["error"]
    assert counts(await tidied(ready)) == (1, 0, 0)


async def test_an_entry_that_cannot_be_read_stays_and_is_named(ready: Mount, clock: LoopClock) -> None:
    damaged, other = await unrenewed(ready), await unrenewed(ready)
    clock.advance(**LATER)
    await ready.overwrite(f"cert/web/{damaged}", b"{}")
    data = await tidied(ready, **ALL)
    assert (data["state"], data["deleted"]) == ("Finished", [f"web/{other}"])
    assert [f'"cert/web/{damaged}" is damaged' in error for error in data["errors"]] == [True]


async def test_storage_that_fails_ends_a_run_in_error(ready: Mount, clock: LoopClock) -> None:
    await unrenewed(ready)
    clock.advance(**LATER)
    await ready.read("configs/web/test")
    await ready.write("tidy", {"tidy_cert_store": True, "pause_duration": 1})
    ready.storage.failures["delete"] = StorageError("the disk is full")
    data = await ended(ready)
    assert (data["state"], data["error"]) == ("Error", "the disk is full")
    ready.storage.failures.clear()
    assert counts(await tidied(ready)) == (1, 0, 0)


async def test_a_standby_hands_everything_on(ready: Mount) -> None:
    ready.system.state = STANDBY
    await ready.restart()
    for path in ("tidy", "tidy-cancel", "config/auto-tidy"):
        with pytest.raises(ReadOnlyError):
            await ready.write(path, {"tidy_cert_store": True})
    with pytest.raises(ReadOnlyError):
        await ready.read("tidy-status")


# By itself.


async def test_auto_tidy_is_off_at_first_and_shows_what_it_would_do(ready: Mount) -> None:
    assert answered(await ready.read("config/auto-tidy")) == {
        "enabled": False,
        "interval_duration": 43_200,
        "page_size": 1000,
        "pause_duration": "0s",
        "revoked_safety_buffer": 259_200,
        "safety_buffer": 259_200,
        "tidy_cert_store": False,
        "tidy_orders": False,
        "tidy_revoked_certs": False,
    }


async def test_a_write_or_patch_of_auto_tidy_keeps_what_it_does_not_mention(ready: Mount) -> None:
    await ready.write("config/auto-tidy", {"enabled": True, "tidy_cert_store": True, "safety_buffer": "30d"})
    written = answered(await ready.write("config/auto-tidy", {"pause_duration": "50ms", "interval_duration": "1h"}))
    assert (written["enabled"], written["safety_buffer"], written["revoked_safety_buffer"]) == (
        True,
        2_592_000,
        2_592_000,
    )
    assert (written["pause_duration"], written["interval_duration"]) == ("50ms", 3600)
    patched = answered(await ready.patch("config/auto-tidy", {"safety_buffer": "", "enabled": False}))
    assert (patched["safety_buffer"], patched["enabled"], patched["tidy_cert_store"]) == (259_200, False, True)
    assert answered(await ready.read("config/auto-tidy")) == patched


async def test_auto_tidy_that_would_do_nothing_is_refused(ready: Mount) -> None:
    with pytest.raises(BadRequestError, match="no tidy operations were requested"):
        await ready.write("config/auto-tidy", {"enabled": True})
    await ready.write("config/auto-tidy", {"enabled": True, "tidy_orders": True})
    with pytest.raises(BadRequestError, match="no tidy operations were requested"):
        await ready.patch("config/auto-tidy", {"tidy_orders": False})


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"safety_buffer": 0}, "safety_buffer must be at least 1 second"),
        ({"page_size": 4}, "page_size must be at least 5"),
        ({"pause_duration": "soon"}, "pause_duration must be a number of seconds or a duration"),
        ({"pause_duration": "2h"}, "pause_duration must be at most 1h"),
        ({"pause_duration": -1}, "pause_duration must be a number of seconds or a duration"),
    ],
)
async def test_values_that_cannot_be_used_begin_nothing(ready: Mount, wish: Mapping[str, Any], problem: str) -> None:
    for path in ("tidy", "config/auto-tidy"):
        with pytest.raises(BadRequestError, match=problem):
            await ready.write(path, {"tidy_cert_store": True, **wish})
    assert answered(await ready.read("tidy-status"))["state"] == "Inactive"


async def test_auto_tidy_runs_on_the_tick_and_again_after_its_interval(ready: Mount, clock: LoopClock) -> None:
    await ready.write("config/auto-tidy", {"enabled": True, "tidy_cert_store": True, "interval_duration": "6h"})
    await ready.read("configs/web/test")
    await ready.tick(60)
    first = answered(await ready.read("tidy-status"))
    assert first["state"] == "Finished"
    unique_id = await unrenewed(ready)
    clock.advance(days=369, hours=-1)
    await unrenewed(ready)
    await ready.tick(60)
    second = answered(await ready.read("tidy-status"))
    assert second["cert_store_deleted_count"] == 1
    clock.advance(hours=5)
    await ready.tick(60)
    assert answered(await ready.read("tidy-status")) == second
    dry = answered(await ready.write("tidy", {"tidy_cert_store": True, "dry_run": True}))
    assert dry["last_auto_tidy_finished"] == second["last_auto_tidy_finished"]
    clock.advance(hours=1)
    await ready.tick(60)
    third = answered(await ready.read("tidy-status"))
    assert third["time_started"] > second["time_started"]
    assert not third["dry_run"]
    assert not await stored(ready, unique_id)


async def test_auto_tidy_waits_for_scms_time_after_a_restart(ready: Mount, clock: LoopClock) -> None:
    await unrenewed(ready)
    await ready.write("config/auto-tidy", {"enabled": True, "tidy_cert_store": True})
    clock.advance(**LATER)
    await ready.restart()
    ready.simulator.faults.add("*", "drop_before", times=None)
    await ready.tick(1)
    assert answered(await ready.read("tidy-status"))["state"] == "Inactive"
    ready.simulator.faults.clear()
    await ready.read("configs/web/test")
    await ready.tick(60)
    assert answered(await ready.read("tidy-status"))["cert_store_deleted_count"] == 1


async def test_a_tick_lists_nothing_for_tidy_before_it_is_due(ready: Mount, clock: LoopClock) -> None:
    await ready.write("config/auto-tidy", {"enabled": True, "tidy_cert_store": True})
    await unrenewed(ready)
    await ready.tick(60)
    before = answered(await ready.read("tidy-status"))
    for _ in range(5):
        await ready.tick(60)
    assert answered(await ready.read("tidy-status")) == before


async def test_a_run_that_was_interrupted_counts_from_its_beginning(ready: Mount, clock: LoopClock) -> None:
    for number in range(3):
        await unrenewed(ready, sectigo_csr_domain=f"w{number}.example.test")
    clock.advance(**LATER)
    wish = {"enabled": True, "tidy_cert_store": True, "interval_duration": "2h", "pause_duration": "1m"}
    await ready.write("config/auto-tidy", wish)
    await ready.read("configs/web/test")
    await ready.tick(90)
    await ready.restart()
    await ready.read("configs/web/test")
    await ready.tick(60)
    assert answered(await ready.read("tidy-status"))["state"] == "Error"
    clock.advance(hours=2)
    await ready.tick(600)
    data = answered(await ready.read("tidy-status"))
    assert (data["state"], data["cert_store_deleted_count"]) == ("Finished", 2)


async def test_a_run_over_many_lists_by_pages_holds_little_and_lets_others_have_their_turn(
    simulator: Simulator, clock: LoopClock
) -> None:
    many, limits = 2000, []

    class Storage(SortedStorage):
        async def list_page(self, prefix: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
            limits.append(limit)
            return await super().list_page(prefix, after=after, limit=limit)

    storage = Storage()
    mount = Mount(simulator, clock, storage)
    simulator.settings.pending_polls = 0
    await mount.configure()
    unique_id = await unrenewed(mount)
    record = mount.storage.snapshot()[f"cert/web/{unique_id}"].decode()
    for number in range(many):
        copy = f"{10_000_000 + number}_demo-customer"
        await mount.storage.put(StorageEntry(f"cert/web/{copy}", record.replace(unique_id, copy).encode()))
    clock.advance(**LATER)
    await mount.read("configs/web/test")
    await mount.write("tidy", {"tidy_cert_store": True, "page_size": 100})
    limits.clear()
    tracemalloc.start()
    for _ in range(many):
        await asyncio.sleep(0)
    assert storage.holds("cert/web/10001999_demo-customer")
    data = await ended(mount)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (data["cert_store_deleted_count"], len(data["deleted"])) == (many + 1, 100)
    assert set(limits) == {100}
    assert peak < 4 * 2**20
    await mount.backend.cleanup()
