"""Background work on the host's tick: what is open is finished, what is due is renewed, and nobody has to read."""

import asyncio
import gc
import itertools
import tracemalloc
from typing import Any

import pytest

from sectigo_vault_pki import backend
from sectigo_vault_pki.backend import does_background_work
from sectigo_vault_pki.lifecycle import default_jitter
from sectigo_vault_pki.lifecycle.upkeep import account_run, upkeep
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BackendConfig, BadRequestError
from sectigo_vault_pki.vault_plugin.testing import STANDBY, FakeSystem, InmemStorage
from tests.support.counting import CountingStorage
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock

DUE_IN_DAYS = 359  # of the 365 days that ORDER asks for, with a window of 7


async def issued(mount: Mount, **changes: Any) -> Any:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    return await mount.enroll(**changes)


async def waiting(mount: Mount, number: int = 1, **changes: Any) -> list[str]:
    """Order certificates that are issued later, and return their ids."""
    await mount.configure()
    mount.simulator.settings.never_issue = True
    orders = [mount.enroll(sectigo_max_timeout=0, **changes) for _ in range(number)]
    ids = [data["cert_unique_id"] for data in await asyncio.gather(*orders)]
    mount.simulator.settings.never_issue = False
    mount.simulator.settings.pending_polls = 0
    return ids


async def stored(mount: Mount, unique_id: str, name: str = "web") -> Any:
    """Read a certificate without leading to anything but an answer, which comes at once."""
    calls, now = len(mount.simulator.calls), mount.clock.now()
    data = answered(await mount.read(f"certs/{name}/{unique_id}", {"sectigo_read_renewed_cert": "false"}))
    assert len(mount.simulator.calls) == calls, "the read had to ask SCM"
    assert mount.clock.now() == now, "the read had to wait"
    return data


def summaries_of(mount: Mount) -> list[str]:
    """Return the keys of the summaries, which earlier versions did not have."""
    return [key for key in mount.storage.snapshot() if key.startswith("index/summary/")]


def agenda_of(mount: Mount) -> list[str]:
    kinds = ("index/pending/", "index/expiry/", "index/wanted/", "index/renewal/")
    return [key for key in mount.storage.snapshot() if key.startswith(kinds)]


async def test_a_certificate_whose_window_is_cut_is_read_once_until_it_is_due(
    simulator: Simulator, clock: LoopClock
) -> None:
    """A window of 240 days is 122 for a life of 365: the agenda names the certificate 118 days too early."""
    storage = CountingStorage()
    mount = Mount(simulator, clock, storage)
    mount.system.caching_is_disabled = True
    unique_id = (await issued(mount))["cert_unique_id"]
    await mount.write("configs/web", {"sectigo_expiry_window": 240})

    async def reads_of(ticks: int) -> int:
        storage.gets.clear()
        for _ in range(ticks):
            await mount.tick(60)
        return storage.gets.count(f"cert/web/{unique_id}")

    await mount.tick(60)
    clock.advance(days=185)
    assert await reads_of(5) == 1
    clock.advance(days=14)
    assert await reads_of(5) == 0
    assert len(simulator.orders) == 1
    await mount.write("configs/web", {"sectigo_expiry_window": 20})
    clock.advance(days=50)
    await mount.tick(60)
    assert len(simulator.orders) == 1
    await mount.write("configs/web", {"sectigo_expiry_window": 240})
    await mount.tick(60)
    assert len(simulator.orders) == 2
    await mount.backend.cleanup()


async def test_a_pending_order_is_collected(mount: Mount) -> None:
    (unique_id,) = await waiting(mount)
    await mount.tick()
    assert (await stored(mount, unique_id))["status"] == "Issued"


async def test_a_pending_order_of_an_earlier_process_is_collected(mount: Mount) -> None:
    (unique_id,) = await waiting(mount)
    await mount.restart()
    await mount.tick()
    assert (await stored(mount, unique_id))["status"] == "Issued"


async def test_a_due_certificate_is_renewed_and_read_without_a_call(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=DUE_IN_DAYS)
    await mount.tick()
    kept = await stored(mount, old["cert_unique_id"])
    new = await stored(mount, kept["renewed_to"])
    assert (kept["status"], new["status"]) == ("Renewed", "Issued")
    await mount.tick()
    assert len(mount.simulator.orders) == 2


async def test_a_certificate_that_is_not_due_is_left_alone(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=DUE_IN_DAYS - 3)
    mount.simulator.calls.clear()
    for _ in range(3):
        await mount.tick()
    assert [call.operation for call in mount.simulator.calls] == ["validations"], "once a day, for all domains"
    assert (await stored(mount, old["cert_unique_id"]))["status"] == "Issued"


@pytest.mark.parametrize("says_so", ["enrolment", "entry"])
async def test_a_window_is_that_of_the_certificate_else_of_its_entry(says_so: str, mount: Mount) -> None:
    wish: dict[str, Any] = {"sectigo_expiry_window": 100}
    await mount.configure(**(wish if says_so == "entry" else {}))
    mount.simulator.settings.pending_polls = 0
    old = await mount.enroll(**(wish if says_so == "enrolment" else {}))
    mount.clock.advance(days=264)
    await mount.tick()
    assert (await stored(mount, old["cert_unique_id"]))["status"] == "Issued"
    mount.clock.advance(days=2)
    await mount.tick()
    assert (await stored(mount, old["cert_unique_id"]))["status"] == "Renewed"


async def test_an_entry_that_gets_a_wider_window_is_served_by_it(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=300)
    await mount.write("configs/web", {"sectigo_expiry_window": 80})
    await mount.tick()
    assert (await stored(mount, old["cert_unique_id"]))["status"] == "Renewed"


@pytest.mark.parametrize("says_so", ["enrolment", "entry"])
async def test_whoever_renews_by_hand_is_left_alone(says_so: str, mount: Mount) -> None:
    wish: dict[str, Any] = {"sectigo_auto_renew": False}
    await mount.configure(**(wish if says_so == "entry" else {}))
    mount.simulator.settings.pending_polls = 0
    await mount.enroll(**(wish if says_so == "enrolment" else {}))
    mount.clock.advance(days=DUE_IN_DAYS)
    await mount.tick()
    assert len(mount.simulator.orders) == 1


async def test_a_certificate_may_be_renewed_though_its_entry_says_no(mount: Mount) -> None:
    await mount.configure(sectigo_auto_renew=False)
    mount.simulator.settings.pending_polls = 0
    old = await mount.enroll(sectigo_auto_renew=True)
    mount.clock.advance(days=DUE_IN_DAYS)
    await mount.tick()
    assert (await stored(mount, old["cert_unique_id"]))["status"] == "Renewed"


async def test_a_lost_order_is_settled(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll()
    assert lost["status"] == "Unsettled"
    mount.simulator.settings.pending_polls = 0
    await mount.tick()
    await mount.tick()
    (unique_id,) = await mount.list("certs/web")
    assert (await stored(mount, unique_id))["status"] == "Issued"


async def test_a_lost_renewal_is_settled_and_collected(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("renew", "drop_after")
    mount.clock.advance(days=DUE_IN_DAYS)
    for _ in range(3):
        await mount.tick()
    assert (await stored(mount, old["cert_unique_id"]))["status"] == "Renewed"
    assert len(mount.simulator.orders) == 2


async def test_a_renewal_that_scm_works_on_for_long_is_collected_later(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    mount.clock.advance(days=DUE_IN_DAYS)
    await mount.tick()
    await asyncio.sleep(1000)
    assert (await stored_or_old(mount, old))["serial_number"] == old["serial_number"]
    mount.simulator.settings.never_issue = False
    await mount.tick()
    assert (await stored(mount, old["cert_unique_id"]))["status"] == "Renewed"
    assert len(mount.simulator.orders) == 2


async def stored_or_old(mount: Mount, old: Any) -> Any:
    return answered(await mount.read(f"certs/web/{old['cert_unique_id']}"))


async def test_a_refused_renewal_is_not_tried_at_every_tick(mount: Mount) -> None:
    await issued(mount)
    mount.simulator.faults.add("renew", "status", status=400, code=-180, times=None)
    mount.clock.advance(days=DUE_IN_DAYS)
    await mount.tick()
    tried = len(mount.simulator.calls)
    for _ in range(5):
        await mount.tick()
    assert len(mount.simulator.calls) == tried


async def test_a_node_that_may_not_write_does_nothing(mount: Mount) -> None:
    await waiting(mount)
    mount.system.state = STANDBY
    await mount.restart()
    mount.simulator.calls.clear()
    mount.storage.writes.clear()
    await mount.tick()
    assert (len(mount.simulator.calls), mount.storage.writes) == (0, [])


async def test_the_tick_that_a_host_sends_before_it_takes_the_mount_away_orders_nothing(mount: Mount) -> None:
    await issued(mount)
    mount.clock.advance(days=DUE_IN_DAYS)
    mount.simulator.calls.clear()
    await mount.tick(seconds=0)
    await mount.backend.cleanup()
    await asyncio.sleep(60)
    assert len(mount.simulator.calls) == 0


async def test_a_plugin_that_was_told_so_does_nothing_on_a_tick(mount: Mount) -> None:
    await waiting(mount)
    mount.background = False
    await mount.restart()
    mount.simulator.calls.clear()
    await mount.tick()
    assert len(mount.simulator.calls) == 0


@pytest.mark.parametrize(("word", "answer"), [(None, True), ("", True), ("on", True), (" OFF ", False), ("off", False)])
def test_the_environment_says_whether_there_is_background_work(word: str | None, answer: bool) -> None:
    environ = {} if word is None else {"SECTIGO_VAULT_PKI_BACKGROUND": word}
    assert does_background_work(environ) is answer


def test_a_word_that_cannot_be_meant_is_no_answer() -> None:
    with pytest.raises(BadRequestError, match="must be on or off"):
        does_background_work({"SECTIGO_VAULT_PKI_BACKGROUND": "0"})


def test_the_mounts_of_a_process_share_what_keeps_them_from_renewing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(backend, "build", lambda *_, **parts: given.append(parts["renewals"]))
    config = BackendConfig(storage=InmemStorage(), system=FakeSystem())
    mounts, others = backend.Mounts({}), backend.Mounts({})
    for process in (mounts, mounts, others):
        process.build(config)
    assert given[0] is given[1]
    assert given[2] is not given[0]


async def test_a_tick_is_answered_before_anything_is_done(mount: Mount) -> None:
    await waiting(mount, 5)
    mount.simulator.calls.clear()
    now = mount.clock.now()
    await mount.tick(seconds=0)
    assert (mount.clock.now(), len(mount.simulator.calls)) == (now, 0)


def test_runs_begin_some_seconds_behind_their_tick_and_not_all_at_the_same_time() -> None:
    drawn = [default_jitter() for _ in range(100)]
    assert 1 <= min(drawn) < max(drawn) <= 6
    assert max(drawn) - min(drawn) > 1


async def test_a_tick_during_a_run_changes_nothing(mount: Mount) -> None:
    await issued(mount)
    mount.clock.advance(days=DUE_IN_DAYS)
    mount.simulator.faults.add("renew", "slow", seconds=20)
    for _ in range(5):
        await mount.tick(seconds=1)
    await asyncio.sleep(60)
    assert len(mount.simulator.orders) == 2


async def test_a_run_does_a_bounded_number_of_deeds_and_the_next_goes_on_behind_them(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await waiting(mount, 25)
    monkeypatch.setattr(upkeep, "MAX_CALLS", 10)
    collected = []
    for _ in range(3):
        await mount.tick(60)
        collected.append(25 - len([key for key in agenda_of(mount) if key.startswith("index/pending/")]))
    assert collected[-1] == 25
    assert all(after - before < 20 for before, after in zip([0, *collected], collected, strict=False))
    assert {(await stored(mount, unique_id))["status"] for unique_id in ids} == {"Issued"}


async def test_an_order_that_is_open_for_long_is_asked_for_less_and_less_often(mount: Mount) -> None:
    await waiting(mount)
    mount.simulator.settings.never_issue = True

    async def calls_in_an_hour() -> int:
        mount.simulator.calls.clear()
        for _ in range(60):
            await mount.tick(seconds=60)
        return len(mount.simulator.calls)

    first = await calls_in_an_hour()
    mount.clock.advance(days=1)
    assert first >= 59
    assert 1 <= await calls_in_an_hour() <= 4


async def test_what_a_caller_waits_for_is_not_asked_for_twice(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    caller = asyncio.create_task(mount.enroll(sectigo_max_timeout=300, sectigo_loop_period=100))
    await asyncio.sleep(140)  # in the pause from 132 to 212 s
    mount.simulator.calls.clear()
    await mount.tick(seconds=20)
    assert [call.operation for call in mount.simulator.calls] == ["validations"]
    caller.cancel()


async def test_certificates_that_were_stored_before_there_was_an_agenda_get_their_entries(mount: Mount) -> None:
    await issued(mount)
    (pending,) = await waiting(mount, sectigo_csr_domain="other.example.test")
    mount.simulator.settings.never_issue = True
    entries = agenda_of(mount)
    assert len(entries) == 2
    for key in (*entries, *summaries_of(mount), "index/complete-4"):
        await mount.storage.delete(key)
    await mount.restart()
    await mount.tick()
    assert agenda_of(mount) == entries
    assert len(summaries_of(mount)) == 1
    mount.simulator.settings.never_issue = False
    await mount.tick()
    assert (await stored(mount, pending))["status"] == "Issued"


async def test_what_an_earlier_agenda_had_elsewhere_is_found(mount: Mount) -> None:
    await mount.configure(sectigo_auto_renew=False)
    mount.simulator.settings.pending_polls = 0
    old = await mount.enroll(sectigo_auto_renew=True)
    (entry,) = agenda_of(mount)
    await mount.overwrite(entry.replace("index/wanted/", "index/expiry/"), b'{"v":1}')
    await mount.overwrite("index/agenda", b'{"v":1}')
    for key in (entry, *summaries_of(mount)):
        await mount.storage.delete(key)
    mount.clock.advance(days=DUE_IN_DAYS)
    await mount.tick()
    assert (await stored(mount, old["cert_unique_id"]))["status"] == "Renewed"


async def test_certificates_that_are_renewed_by_hand_are_not_even_read(mount: Mount, simulator: Simulator) -> None:
    storage = CountingStorage()
    counted = Mount(simulator, mount.clock, storage)
    await counted.configure(sectigo_auto_renew=False)
    simulator.settings.pending_polls = 0
    for _ in range(3):
        await counted.enroll()
    await counted.tick()
    await counted.restart()
    counted.clock.advance(days=DUE_IN_DAYS)
    storage.gets.clear()
    await counted.tick()
    assert not [key for key in storage.gets if key.startswith("cert/")]


async def test_an_entry_that_leads_nowhere_is_removed(mount: Mount) -> None:
    old = await issued(mount)
    await mount.tick()
    expected = agenda_of(mount)
    for key in ("index/pending/web/1_demo-customer", f"index/pending/web/{old['cert_unique_id']}"):
        await mount.overwrite(key, b'{"v":1}')
    await mount.tick()
    assert agenda_of(mount) == expected


async def test_a_crash_between_a_record_and_its_entries_is_made_good(mount: Mount) -> None:
    (unique_id,) = await waiting(mount)
    before = mount.storage.snapshot()[f"index/pending/web/{unique_id}"]
    await mount.tick()
    (expiry,) = agenda_of(mount)
    await mount.storage.delete(expiry)
    await mount.overwrite(f"index/pending/web/{unique_id}", before)
    await mount.tick()
    assert agenda_of(mount) == [expiry]


async def test_what_is_damaged_hides_nothing_else(mount: Mount, caplog: pytest.LogCaptureFixture) -> None:
    first, second = await waiting(mount, 2)
    await mount.overwrite(f"cert/web/{first}", b"no JSON")
    await mount.overwrite("config/damaged", b"no JSON")
    await mount.overwrite("order/web/00000000-0000-4000-8000-000000000000", b"no JSON")
    await mount.overwrite("index/complete-4", b"no JSON")
    await mount.tick()
    assert (await stored(mount, second))["status"] == "Issued"
    told = [str(record.kv["error"]) for record in caplog.records if hasattr(record, "kv") and "error" in record.kv]
    for key in (
        f"cert/web/{first}",
        "config/damaged",
        "order/web/00000000-0000-4000-8000-000000000000",
        "index/complete-4",
    ):
        assert any(f'"{key}" is damaged' in text for text in told), key


async def test_a_deleted_certificate_leaves_the_agenda(mount: Mount) -> None:
    old = await issued(mount)
    await mount.delete(f"certs/web/{old['cert_unique_id']}")
    assert agenda_of(mount) == []


async def test_a_revoked_certificate_is_not_renewed(mount: Mount) -> None:
    old = await issued(mount)
    await mount.write(f"revoke/web/{old['cert_unique_id']}", {"sectigo_reason": "key lost"})
    assert agenda_of(mount) == []
    mount.clock.advance(days=DUE_IN_DAYS)
    await mount.tick()
    assert len(mount.simulator.orders) == 1


@pytest.mark.long
async def test_two_hundred_pending_orders_survive_ten_minutes_without_scm(mount: Mount, simulator: Simulator) -> None:
    ids = await waiting(mount, 200)
    issued_before = await issued(mount)
    simulator.faults.add("*", "drop_before", times=None)
    simulator.calls.clear()
    for _ in range(10):
        await mount.tick(seconds=2)
        for _ in range(58):
            assert (await stored(mount, issued_before["cert_unique_id"]))["status"] == "Issued"
            await asyncio.sleep(1)
    assert len(simulator.calls) < 50
    grown = await growth(mount, ticks=5)
    assert grown < 64 * 1024
    simulator.faults.clear()
    simulator.faults.add("collect", "slow", seconds=0.5, times=None)
    mount.most_scm_calls_under_way = 0
    for _ in range(2):
        await mount.tick(seconds=60)
    assert {(await stored(mount, unique_id))["status"] for unique_id in ids} == {"Issued"}
    assert mount.most_scm_calls_under_way <= account_run.AT_ONCE


async def test_once_scm_is_back_one_tick_collects_everything(mount: Mount, simulator: Simulator) -> None:
    ids = await waiting(mount, 50)
    simulator.faults.add("collect", "drop_before", times=None)
    for _ in range(3):
        await mount.tick(seconds=60)
    simulator.faults.clear()
    simulator.faults.add("collect", "slow", seconds=0.5, times=None)
    await mount.tick(seconds=60)
    assert {(await stored(mount, unique_id))["status"] for unique_id in ids} == {"Issued"}


async def test_due_certificates_of_an_scm_that_does_not_answer_are_tried_a_few_at_each_tick(
    mount: Mount, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    await mount.configure()
    simulator.settings.pending_polls = 0
    old = await asyncio.gather(*(mount.enroll(sectigo_csr_domain=f"w{n}.example.test") for n in range(100)))
    simulator.faults.add("*", "status", status=503, times=None)
    mount.clock.advance(days=DUE_IN_DAYS)
    calls = itertools.count()
    mount.on_scm_call = lambda: next(calls)
    for _ in range(5):
        await mount.tick(seconds=60)
    assert 5 <= next(calls) <= 150
    assert caplog.messages.count("renewal failed") == 1
    simulator.faults.clear()
    for _ in range(2):
        await mount.tick(seconds=60)
    assert {(await stored(mount, data["cert_unique_id"]))["status"] for data in old} == {"Renewed"}
    assert len(simulator.orders) == 200


async def growth(mount: Mount, *, ticks: int) -> int:
    """Return the bytes that some ticks leave behind."""
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(ticks):
            await mount.tick(seconds=60)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


async def test_many_renewals_at_once_stay_within_what_an_account_may_call(mount: Mount, simulator: Simulator) -> None:
    """An account's calls are limited, whatever number of config entries has its login."""
    for name in ("web", "shop"):
        await mount.configure(name)
    simulator.settings.pending_polls = 0
    names = [(name, f"{name}{n}.example.test") for name in ("web", "shop") for n in range(50)]
    old = await asyncio.gather(*(mount.enroll(name, sectigo_csr_domain=domain) for name, domain in names))
    simulator.faults.add("renew", "slow", seconds=0.5, times=None)
    mount.clock.advance(days=DUE_IN_DAYS)
    mount.most_scm_calls_under_way = 0
    await mount.tick(seconds=60)
    renewed = [await stored(mount, data["cert_unique_id"], name) for (name, _), data in zip(names, old, strict=True)]
    assert {data["status"] for data in renewed} == {"Renewed"}
    assert len(simulator.orders) == 200
    assert mount.most_scm_calls_under_way <= account_run.AT_ONCE
