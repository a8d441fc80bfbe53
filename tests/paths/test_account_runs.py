"""What background work asks of SCM: at most 500 calls a minute, eight at a time with one login; all accounts alike."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.support.accounts_mount import AccountsMount
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock

MINUTE = timedelta(minutes=1)


class Traffic:
    """Counts calls in any minute, and those of one account at a time."""

    def __init__(self, clock: LoopClock) -> None:
        self.most_in_a_minute = self.total = 0
        self.most_at_once: dict[str, int] = {}
        self._clock = clock
        self._recent: deque[datetime] = deque()
        self._under_way: dict[str, int] = {}

    def begun(self, account: str) -> None:
        now = self._clock.now()
        self._recent.append(now)
        while now - self._recent[0] >= MINUTE - timedelta(seconds=1):
            self._recent.popleft()
        self.total += 1
        self.most_in_a_minute = max(self.most_in_a_minute, len(self._recent))
        self._under_way[account] = self._under_way.get(account, 0) + 1
        self.most_at_once[account] = max(self.most_at_once.get(account, 0), self._under_way[account])

    def begin(self) -> None:
        """Count anew."""
        self._recent.clear()
        self.most_in_a_minute = self.total = 0
        self.most_at_once.clear()

    def ended(self, account: str) -> None:
        self._under_way[account] -= 1


class SeveralAccounts(AccountsMount):
    """A mount with several SCMs, and their traffic."""

    def __init__(self, clock: LoopClock, *names: str) -> None:
        self.scms = {name: Simulator(now=clock.now) for name in names}
        for scm in self.scms.values():
            scm.settings.pending_polls = 0
        self.traffic = Traffic(clock)
        super().__init__(self.scms, clock, self._counted)

    def _counted(self, name: str) -> Callable[[object], None]:
        self.traffic.begun(name)
        return lambda _: self.traffic.ended(name)


@pytest.fixture
async def accounts(clock: LoopClock) -> AsyncIterator[SeveralAccounts]:
    mounted = SeveralAccounts(clock, "good", "sick", "third")
    for name in mounted.scms:
        await mounted.entry(name, name)
    yield mounted
    await mounted.backend.cleanup()


async def enrolled(mount: Mount, number: int, name: str, **changes: object) -> None:
    for i in range(number):
        await mount.enroll(name, **{"sectigo_csr_domain": f"h{i}.example.test", **changes})


async def lost_orders(mount: SeveralAccounts, number: int) -> None:
    """Order what SCM does not take, and does not say so; what it takes in between keeps its breaker closed."""
    for _ in range(number):
        mount.scms["good"].faults.add("enroll", "drop_before")
        for domain in ("same.example.test", "taken.example.test"):
            await mount.enroll("good", sectigo_csr_domain=domain, sectigo_auto_renew=False)


async def pass_time(mount: Mount, length: timedelta) -> None:
    for _ in range(length // MINUTE):
        await mount.tick(60)


@pytest.mark.long
async def test_600_due_certificates_of_two_accounts_stay_within_500_calls_a_minute_and_eight_at_a_time(
    accounts: SeveralAccounts,
) -> None:
    await enrolled(accounts, 300, "good")
    await enrolled(accounts, 300, "third")
    accounts.clock.advance(days=360)
    accounts.traffic.begin()
    for scm in accounts.scms.values():
        scm.settings.latency = 0.2
    for _ in range(8):
        before = accounts.traffic.total
        await accounts.tick(60)
        calls = answered(await accounts.read("status"))["background"]["calls"]
        assert calls == accounts.traffic.total - before, "status counts what is called"
    assert len(accounts.scms["good"].orders) == len(accounts.scms["third"].orders) == 600
    assert accounts.traffic.most_in_a_minute <= 500
    assert max(accounts.traffic.most_at_once.values()) <= 8


@pytest.mark.long
async def test_open_orders_count_on_the_same_calls(accounts: SeveralAccounts) -> None:
    """Thirty orders whose answers were lost, of a name of which SCM has a hundred: each is looked for one by one."""
    await enrolled(accounts, 105, "good", sectigo_csr_domain="same.example.test")
    await lost_orders(accounts, 30)
    for _ in range(5):
        before = accounts.traffic.total
        await accounts.tick(60)
        assert accounts.traffic.total - before <= 500
    before = accounts.traffic.total
    await accounts.restart()
    await accounts.backend.initialize()
    await asyncio.sleep(55)
    assert accounts.traffic.total - before <= 500, "nor does a start ask more"


async def test_one_sick_account_delays_no_other(accounts: SeveralAccounts) -> None:
    """An SCM that answers everything, slowly, with many lost orders; another account's certificates are in time."""
    await enrolled(accounts, 3, "good")
    for number in range(10):
        await accounts.entry(f"asick{number}", "sick")
    accounts.clock.advance(days=357)
    await enrolled(accounts, 110, "asick0", sectigo_csr_domain="same.example.test")
    for number in range(10):
        accounts.scms["sick"].faults.add("enroll", "drop_before")
        await accounts.enroll(f"asick{number}", sectigo_csr_domain="same.example.test")
    accounts.scms["sick"].settings.latency = 40
    accounts.clock.advance(days=2)
    await pass_time(accounts, 3 * MINUTE)
    assert len(accounts.scms["good"].orders) == 6
    assert accounts.traffic.most_at_once["sick"] <= 8


@pytest.mark.parametrize("fault", ["drop_before", "status", "page", "slow"])
async def test_whatever_ails_one_account_the_others_are_renewed_in_the_same_tick(
    fault: str, accounts: SeveralAccounts
) -> None:
    for name in accounts.scms:
        await enrolled(accounts, 12, name)
    accounts.clock.advance(days=360)
    accounts.scms["sick"].faults.add("*", fault, status=503, seconds=200, times=None)  # type: ignore[arg-type]
    await accounts.tick(60)
    assert len(accounts.scms["good"].orders) == len(accounts.scms["third"].orders) == 24


async def test_lost_orders_do_not_keep_due_certificates_of_the_same_account_waiting(accounts: SeveralAccounts) -> None:
    scm = accounts.scms["good"]
    await enrolled(accounts, 105, "good", sectigo_csr_domain="same.example.test", sectigo_auto_renew=False)
    await enrolled(accounts, 10, "good")
    accounts.clock.advance(days=360)
    await lost_orders(accounts, 30)
    before = len(scm.orders)
    await pass_time(accounts, 2 * MINUTE)
    assert len(scm.orders) == before + 10


async def test_certificates_that_scm_refuses_to_look_up_keep_no_others_waiting(accounts: SeveralAccounts) -> None:
    """A due one whose list SCM refuses costs a call a tick, and the others go on."""
    await enrolled(accounts, 40, "good")
    accounts.clock.advance(days=360)
    accounts.scms["good"].faults.add("list", "status", status=400, code=-14, description="Unknown error.", times=20)
    await pass_time(accounts, 3 * MINUTE)
    assert len(accounts.scms["good"].orders) == 80
