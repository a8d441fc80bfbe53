"""A refused login: nothing is asked automatically for a while, one pause for the account (api.md 6)."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from sectigo_vault_pki.scm_simulator.api.inbound import UNAUTHORIZED
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Refusals:
    """Notes when SCM refuses a login."""

    def __init__(self, mount: Mount) -> None:
        self.at: list[datetime] = []
        self._mount = mount
        self._began = mount.clock.now()
        mount.on_scm_call = lambda: self.at.append(mount.clock.now())

    def begin(self) -> None:
        self.at.clear()
        self._began = self._mount.clock.now()

    @property
    def hours(self) -> Sequence[float]:
        return [round((at - self._began) / HOUR, 1) for at in self.at]


async def stock(mount: Mount, name: str = "web", *, due: int = 3, pending: int = 0) -> list[str]:
    """Order certificates, and let their time come."""
    simulator = mount.simulator
    simulator.settings.pending_polls = 0
    ids = [(await mount.enroll(name, sectigo_csr_domain=f"h{i}.example.test"))["cert_unique_id"] for i in range(due)]
    mount.clock.advance(days=360)
    simulator.settings.never_issue = True
    for i in range(pending):
        await mount.enroll(name, sectigo_csr_domain=f"p{i}.example.test", sectigo_max_timeout=0)
    simulator.settings.never_issue = False
    return ids


def refuse_logins(simulator: Simulator, *, status: int = 401, code: int = -16) -> None:
    simulator.faults.add("*", "status", status=status, code=code, description="Unknown user", times=None)


async def pass_time(mount: Mount, length: timedelta) -> None:
    for _ in range(length // MINUTE):
        await mount.tick(60)


@pytest.mark.parametrize(("status", "code"), [(401, -16), (400, -16), (403, -970)])
@pytest.mark.long
async def test_one_refused_login_costs_scm_one_call_a_pause_and_not_one_a_certificate(
    status: int, code: int, mount: Mount, simulator: Simulator
) -> None:
    await mount.configure()
    await stock(mount, due=20, pending=10)
    refusals = Refusals(mount)
    refuse_logins(simulator, status=status, code=code)
    await pass_time(mount, 24 * HOUR)
    assert refusals.hours == [0, 1, 3, 7, 15]


async def test_the_longest_pause_is_a_day(mount: Mount, simulator: Simulator) -> None:
    await mount.configure()
    await stock(mount)
    refusals = Refusals(mount)
    refuse_logins(simulator)
    for _ in range(24 * 8):
        await mount.tick(3600)
    gaps = [later - earlier for earlier, later in zip(refusals.at[5:], refusals.at[6:], strict=False)]
    assert gaps
    assert all(24 * HOUR <= gap <= 26 * HOUR for gap in gaps)


async def test_a_due_read_answers_what_is_stored_and_names_the_time_of_the_next_try(
    mount: Mount, simulator: Simulator
) -> None:
    await mount.configure()
    due = await stock(mount, due=3)
    refusals = Refusals(mount)
    refuse_logins(simulator)
    first = await mount.read(f"certs/web/{due[0]}")
    assert first is not None
    assert "Unknown user" in first.warnings[0]
    again = mount.clock.now() + HOUR
    for unique_id in due * 5:
        response = await mount.read(f"certs/web/{unique_id}")
        assert response is not None
        assert answered(response)["cert_unique_id"] == unique_id
        assert f"it is tried again at {again:%Y-%m-%dT%H:%M}" in response.warnings[0]
    assert len(refusals.at) == 1


async def test_a_refused_login_is_shown_in_status_and_written_into_the_log_once(
    mount: Mount, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    await mount.configure()
    await stock(mount, due=5)
    refuse_logins(simulator)
    await pass_time(mount, 30 * MINUTE)
    status = answered(await mount.read("status"))
    assert any("SCM refused the login" in warning for warning in status["warnings"])
    assert status["accounts"]["web"]["login_refused_until"]
    warned = [record for record in caplog.records if "SCM refuses the login" in record.message]
    assert len(warned) == 1
    assert "demo-password" not in caplog.text


async def test_writing_the_login_ends_the_pause_and_nothing_else_of_the_entry_does(
    mount: Mount, simulator: Simulator
) -> None:
    await mount.configure()
    await stock(mount, due=5)
    refusals = Refusals(mount)
    refuse_logins(simulator)
    await mount.tick(60)
    await mount.write("configs/web", {"sectigo_expiry_window": "20d", "sectigo_wait_limit": 40})
    await pass_time(mount, 5 * MINUTE)
    assert len(refusals.at) == 1
    simulator.faults.clear()
    await mount.write("configs/web", {"sectigo_cm_password": "demo-password"})
    await pass_time(mount, 3 * MINUTE)
    assert len(simulator.orders) == 10


async def test_once_the_login_is_taken_again_everything_goes_on_at_once(mount: Mount, simulator: Simulator) -> None:
    await mount.configure()
    await stock(mount, due=20, pending=5)
    refuse_logins(simulator)
    await pass_time(mount, 2 * HOUR)
    simulator.faults.clear()
    await pass_time(mount, 2 * HOUR)
    assert len(simulator.orders) == 45
    status = answered(await mount.read("status"))
    assert (status["pending"], status["warnings"]) == (0, [])
    assert status["accounts"]["web"]["login_refused_until"] == ""


async def test_a_users_own_request_is_not_held_back_and_ends_the_pause_if_it_is_taken(
    mount: Mount, simulator: Simulator
) -> None:
    await mount.configure()
    await stock(mount, due=2)
    refusals = Refusals(mount)
    refuse_logins(simulator)
    await mount.tick(60)
    with pytest.raises(BadRequestError, match="Unknown user"):
        await mount.enroll(sectigo_csr_domain="new.example.test")
    assert len(refusals.at) == 2
    await pass_time(mount, 5 * MINUTE)
    assert len(refusals.at) == 2, "a request that was refused does not shorten the pause"
    simulator.faults.clear()
    await mount.enroll(sectigo_csr_domain="new.example.test")
    await pass_time(mount, 3 * MINUTE)
    assert len(simulator.orders) == 5


async def test_a_pause_survives_a_restart_for_every_entry_with_that_login(mount: Mount, simulator: Simulator) -> None:
    await mount.configure("a")
    await mount.configure("b")
    await stock(mount, "a", due=2)
    await stock(mount, "b", due=2)
    refusals = Refusals(mount)
    refuse_logins(simulator)
    await mount.tick(60)
    for _ in range(5):
        await mount.restart()
        await mount.backend.initialize()
        await pass_time(mount, 3 * MINUTE)
    assert len(refusals.at) == 1


async def test_a_pause_that_ended_does_not_come_back_with_a_restart(mount: Mount, simulator: Simulator) -> None:
    """One entry met the refusal, and another one with the same login the end of it."""
    await mount.configure("a")
    await mount.configure("b")
    ids = await stock(mount, "a", due=1)
    refuse_logins(simulator)
    await mount.read(f"certs/a/{ids[0]}")
    simulator.faults.clear()
    await mount.enroll("b", sectigo_csr_domain="b.example.test")
    assert not [key for key in mount.storage.snapshot() if key.startswith("index/login/")]
    await mount.restart()
    await mount.tick(60)
    assert len(simulator.orders) == 3


async def test_an_old_password_in_one_entry_does_not_hold_up_another_entry(mount: Mount, simulator: Simulator) -> None:
    """The user is the same; the new password was written into one of two entries only."""
    await mount.configure("old")
    await mount.configure("new")
    simulator.settings.pending_polls = 0
    for number in range(3):
        await mount.enroll("old", sectigo_csr_domain=f"o{number}.example.test")
    mount.clock.advance(hours=1)
    for number in range(5):
        await mount.enroll("new", sectigo_csr_domain=f"n{number}.example.test")
    await mount.write("configs/old", {"sectigo_cm_password": "yesterday's"})
    mount.clock.advance(days=360)
    simulator.calls.clear()
    await pass_time(mount, 20 * MINUTE)
    assert len(simulator.orders) == 8 + 5
    assert simulator.calls.count(UNAUTHORIZED) == 1


async def test_two_old_passwords_of_one_user_are_tried_one_after_the_other(mount: Mount, simulator: Simulator) -> None:
    simulator.settings.pending_polls = 0
    for name in ("a", "b"):
        await mount.configure(name)
        for number in range(10):
            await mount.enroll(name, sectigo_csr_domain=f"{name}{number}.example.test")
        await mount.write(f"configs/{name}", {"sectigo_cm_password": f"old-{name}"})
    mount.clock.advance(days=360)
    simulator.calls.clear()
    await pass_time(mount, 30 * MINUTE)
    assert simulator.calls.count(UNAUTHORIZED) == 2


async def test_reads_at_once_cost_no_more_refused_logins_than_one_when_a_pause_ends(
    mount: Mount, simulator: Simulator
) -> None:
    await mount.configure()
    ids = await stock(mount, due=10)
    refusals = Refusals(mount)
    refuse_logins(simulator)
    await mount.tick(60)
    mount.clock.advance(hours=1)
    await asyncio.gather(mount.tick(30), *(mount.read(f"certs/web/{unique_id}") for unique_id in ids))
    assert len(refusals.at) == 2


async def test_a_pause_that_a_wrong_clock_wrote_is_not_believed(mount: Mount, simulator: Simulator) -> None:
    await mount.configure()
    await stock(mount, due=1)
    refuse_logins(simulator)
    await mount.tick(60)
    simulator.faults.clear()
    (key,) = [key for key in mount.storage.snapshot() if key.startswith("index/login/")]
    far = (mount.clock.now() + timedelta(days=400)).isoformat()
    stored = json.loads(mount.storage.snapshot()[key])
    await mount.overwrite(key, json.dumps({**stored, "retry_at": far}).encode())
    await mount.restart()
    await mount.tick(60)
    assert len(simulator.orders) == 2


async def test_a_deleted_entry_leaves_no_pause_to_its_namesake(mount: Mount, simulator: Simulator) -> None:
    await mount.configure()
    await stock(mount, due=1)
    refuse_logins(simulator)
    await mount.tick(60)
    simulator.faults.clear()
    await mount.delete("configs/web")
    await mount.configure()
    await mount.tick(60)
    assert len(simulator.orders) == 2


async def test_another_account_goes_on_while_one_login_is_refused(clock: LoopClock) -> None:
    simulator = Simulator(now=clock.now)
    mount = Mount(simulator, clock)
    await mount.configure("good")
    await stock(mount, "good", due=4)
    await mount.configure("bad", sectigo_cm_user="somebody-else")
    with pytest.raises(BadRequestError):
        await mount.enroll("bad")
    await pass_time(mount, 3 * MINUTE)
    assert len(simulator.orders) == 8
    await mount.backend.cleanup()


async def test_a_login_refused_on_the_order_itself_leaves_no_pause_with_the_certificate(
    mount: Mount, simulator: Simulator
) -> None:
    await mount.configure()
    await stock(mount, due=3)
    simulator.faults.add("renew", "status", status=401, code=-16, description="Unknown user", times=1)
    await mount.tick(60)
    await mount.write("configs/web", {"sectigo_cm_password": "demo-password"})
    await pass_time(mount, 2 * MINUTE)
    assert len(simulator.orders) == 6
