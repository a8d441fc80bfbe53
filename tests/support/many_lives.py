"""Very many certificates over two years: random lives, an SCM with moods, clocks that jump, and a user who is careless.

Time is advanced from one moment that matters to the next: a tick is sent there, as the host sends one each minute.
Everything is drawn from one seed.
"""

import asyncio
import math
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

import httpx

from sectigo_vault_pki.scm_simulator.model.orders import Order
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support import scm_moods
from tests.support.accounts_mount import AccountsMount
from tests.support.audit import unique_id_of
from tests.support.chains_of_lives import (
    DAY,
    ENTRIES,
    HOUR,
    LIMIT,
    LIMITED,
    PEOPLE,
    SPAN,
    USUAL_WINDOW,
    WINDOWS,
    Chain,
    drawn_chain,
)
from tests.support.foreign_orders import foreign_order
from tests.support.mount import CONFIG, answered
from tests.support.order_judge import Judge
from tests.support.orders import ORDERS
from tests.support.renewal_audit import Life
from tests.support.seeded import seeded
from tests.support.sorted_storage import SortedStorage
from tests.support.virtual_time import WrongClock

TICK = 60.0
ACCOUNTS = ("a", "b", "c")
CHECKS = (0.02, 0.1, 0.25, 0.45, 0.7, 0.9)
"""When a window is looked into, as parts of it."""
ENOUGH = 4
"""Ticks inside a window, with nothing in the way, by which a certificate is renewed."""
A_MINUTES_RENEWALS = 80
"""For more at once a tick has not enough calls."""
LATER = 6 * HOUR


class World:
    """Everything that happens, and what is asserted on the way.

    Args:
        seed: draws everything.
        number: of chains.
    """

    def __init__(self, seed: int, number: int) -> None:
        self.seed = seed
        self.source = random.Random(seed)
        self.patches = seeded(seed)
        self.clock = WrongClock()
        self.simulators = {name: Simulator(now=self.clock.true_now) for name in ACCOUNTS}
        self.judge = Judge(seed, self.clock, self.simulators)
        self.figures = self.judge.figures
        self.storage = SortedStorage()
        self.mount = AccountsMount(self.simulators, self.clock, self._watch, self.storage)
        self.began = self.clock.true_now()
        draws = [random.Random(self.source.getrandbits(64)) for _ in range(number)]
        self.chains = [drawn_chain(index, self.began, draw) for index, draw in enumerate(draws)]
        self.by_name = {chain.name: chain for chain in self.chains}
        self.events: list[tuple[datetime, int, Callable[[], Any]]] = []
        self.foreign: list[Order] = []
        self.doubts: dict[int, datetime] = {}
        self.moods: dict[str, str] = {}
        self.disturbed_until = dict.fromkeys(ACCOUNTS, self.began)
        self.seen = dict.fromkeys(ACCOUNTS, 0)
        self.snapshot: dict[str, bytes] | None = None
        for name, simulator in self.simulators.items():
            simulator.settings.pending_polls = 0
            simulator.orders.dating = partial(self._dates, name)

    async def __aenter__(self) -> Self:
        for entry, account in ENTRIES.items():
            await self.mount.write(f"configs/{entry}", self._entry(entry, account))
        self._plan()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.mount.backend.cleanup()
        self.patches.close()

    def _watch(self, account: str) -> Callable[[httpx.Response | None], None]:
        self.figures["calls"] += 1

        def ended(response: httpx.Response | None) -> None:
            if response is not None and response.status_code == httpx.codes.UNAUTHORIZED:
                self.judge.login_refused(account)

        return ended

    def _entry(self, entry: str, account: str) -> Mapping[str, object]:
        window = WINDOWS.get(entry, USUAL_WINDOW)
        wish = {**CONFIG, "sectigo_cm_base_url": f"https://{account}.example.test"}
        limit = {"sectigo_max_orders_per_day": LIMIT} if entry == LIMITED else {}
        kind = {"sectigo_config_type": "client_cert"} if entry == PEOPLE else {}
        return {**wish, **limit, **kind, "sectigo_expiry_window": f"{window.days}d"}

    def _plan(self) -> None:
        """Draw what happens when."""
        source = self.source
        for chain in self.chains:
            self._at(chain.begins, self._begin, chain)
            self._at(min(chain.begins + chain.lives * chain.life, self.began + SPAN), self._retire, chain)
            for _ in range(source.choice([0, 0, 1, 2])):
                self._at(chain.begins + source.random() * chain.lives * chain.life, self._foreign_order, chain)
        for account in ACCOUNTS * 30:
            mood, hours = source.choice(list(scm_moods.CARRY)), math.exp(source.uniform(math.log(0.1), math.log(72)))
            self._at(self._moment(), self._fall_ill, account, mood, hours * HOUR)
        for _ in range(20):
            ahead = timedelta(seconds=math.exp(source.uniform(math.log(600), math.log(5 * 365 * 86400))))
            lasts = source.uniform(0.05, 40) * HOUR
            self._at(self._moment(), self._clock_jumps, ahead * source.choice([1, -1]), lasts)
            self._at(self._moment(), self._restart)
        for _ in range(4):
            self._at(self._moment(), self._take_snapshot, source.uniform(0.01, 5) * DAY)
        for _ in range(6):
            self._at(self._moment(), self._suspend, source.choice(list(ENTRIES)), source.uniform(0.1, 10) * DAY)

    def _moment(self) -> datetime:
        return self.began + self.source.random() * SPAN

    def _at(self, when: datetime, what: Callable[..., Any], *about: object) -> None:
        self.events.append((when, len(self.events), partial(what, *about)))
        self.events.sort(key=lambda event: event[:2], reverse=True)

    @property
    def now(self) -> datetime:
        return self.clock.true_now()

    async def run(self) -> None:
        """Let two years pass, and then everything be well."""
        end = self.began + SPAN
        while self.now < end:
            upcoming = [self.events[-1][0]] if self.events else []
            upcoming += [chain.next_check for chain in self.chains if chain.next_check is not None]
            pause = min([*upcoming, self.now + DAY, end]) - self.now
            if pause > timedelta(0):
                await asyncio.sleep(pause.total_seconds())
            await self._events_of_now()
            await self._tick()
            await self._some_reads()
        await self._heal()

    async def _heal(self) -> None:
        self.events.clear()
        self.clock.offset = timedelta(0)
        for account in list(self.moods):
            self._get_well(account)
        for _ in range(8):
            await asyncio.sleep(LATER.total_seconds())
            await self.mount.tick(TICK)
            self._take_note()

    async def _events_of_now(self) -> None:
        while self.events and self.events[-1][0] <= self.now:
            _, _, happening = self.events.pop()
            result = happening()
            if result is not None:
                await result
            self._take_note()

    def _is_well(self, account: str) -> bool:
        return account not in self.moods and self.clock.offset == timedelta(0) and self.snapshot is None

    # what users do

    async def _begin(self, chain: Chain) -> None:
        if not self._is_well(chain.account) or not self.judge.budget_left(chain.entry):
            self._at(self.now + LATER, self._begin, chain)
            return
        kind = "client_cert" if chain.entry == PEOPLE else "ssl_cert"
        flags = {} if chain.window is None else {"sectigo_expiry_window": f"{int(chain.window.total_seconds())}s"}
        try:
            data = answered(await self.mount.write(f"enroll/{chain.entry}", {**ORDERS[kind](chain.name), **flags}))
        except BadRequestError as error:
            if "sectigo_max_orders_per_day" not in str(error):  # lost answers count on it, too
                raise
            self._at(self.now + LATER, self._begin, chain)
            return
        self._take_note()
        chain.log.append(f"{self.now} enrolled under {chain.entry}: {data['cert_unique_id']}")
        assert data["status"] == "Issued", self.judge.story(chain)
        if chain.twin:
            scm_id = data["cert_unique_id"].partition("_")[0]
            key = {"sectigo_private_key": data["private_key"]}
            await self.mount.write(f"fetch/{chain.twin}/{scm_id}", {**key, **flags})

    async def _retire(self, chain: Chain) -> None:
        """The certificate is not needed any more, and its owner says so."""
        if not chain.orders or not self._is_well(chain.account) or chain.entry in self.judge.suspended:
            self._at(self.now + LATER, self._retire, chain)
            return
        for entry in filter(None, (chain.entry, chain.twin)):
            for order in chain.orders:
                if self._is_stored(entry, order):
                    await self.mount.write(f"certs/{entry}/{unique_id_of(order)}", {"sectigo_auto_renew": False})
        chain.is_over, chain.next_check = True, None
        chain.log.append(f"{self.now} not renewed any more")

    def _foreign_order(self, chain: Chain) -> None:
        """Somebody else orders the same name, in SCM's portal."""
        if not chain.orders or chain.is_over:
            return
        is_approved = self.source.random() < 0.7
        order = foreign_order(self.simulators[chain.account], chain.orders[0], is_approved=is_approved)
        self.foreign.append(order)
        chain.log.append(f"{self.now} somebody else ordered {order.handle}, {order.status(self.now)}")

    async def _suspend(self, entry: str, lasts: timedelta) -> None:
        if self.snapshot is not None or entry in self.judge.suspended:
            return
        self.judge.suspended.add(entry)
        await self.mount.write(f"configs/{entry}", {"sectigo_suspend_renewals": True})
        self._at(self.now + lasts, self._resume, entry)

    async def _resume(self, entry: str) -> None:
        if self.snapshot is not None:
            self._at(self.now + LATER, self._resume, entry)
            return
        await self.mount.write(f"configs/{entry}", {"sectigo_suspend_renewals": ""})
        self.judge.suspended.discard(entry)
        self._disturbed(ENTRIES[entry], HOUR)

    # what happens to them

    def _fall_ill(self, account: str, mood: str, lasts: timedelta) -> None:
        """Let an SCM be ill, at a time at which somebody feels it."""
        upcoming = [chain.next_check for chain in self._due_until(account, self.began + 2 * SPAN) if chain.next_check]
        if account in self.moods or not upcoming:
            self._at(self.now + 4 * DAY, self._fall_ill, account, mood, lasts)
            return
        if min(upcoming) > self.now + lasts:
            self._at(min(upcoming) - lasts / 4, self._fall_ill, account, mood, lasts)
            return
        self.moods[account] = mood
        self.judge.forget_refusals(account)
        self.figures[f"times {mood}"] += 1
        scm_moods.fall_ill(self.simulators[account], mood)
        for minutes in range(5, 200, 15):  # ticks that must not try in vain
            self._at(self.now + timedelta(minutes=minutes), self._take_note)
        if mood in scm_moods.LOSES_ANSWERS:
            for chain in self._due_until(account, self.now + lasts):
                if self.source.random() < 0.5:
                    self._at(self.now + self.source.random() * lasts, self._foreign_order, chain)
        self._at(self.now + lasts, self._get_well, account)

    def _get_well(self, account: str) -> None:
        mood = self.moods.pop(account)
        self.figures["declined orders"] += scm_moods.get_well(self.simulators[account], mood, self.foreign)
        self._disturbed(account, scm_moods.CARRY[mood])

    def _disturbed(self, account: str, carry: timedelta) -> None:
        self.disturbed_until[account] = max(self.disturbed_until[account], self.now + carry)
        for chain in self.chains:
            if chain.account == account:
                chain.chances = 0

    def _clock_jumps(self, offset: timedelta, lasts: timedelta) -> None:
        if not self.clock.offset:
            self._set_clock(offset)
            self._at(self.now + lasts, self._set_clock, timedelta(0))

    def _set_clock(self, offset: timedelta) -> None:
        self.clock.offset = offset
        self._tell_all(f"the clock is {offset} ahead")
        self.figures["clock changes"] += 1
        for account in ACCOUNTS:
            self.judge.forget_refusals(account)
            self._disturbed(account, 2 * HOUR)

    async def _restart(self) -> None:
        await self.mount.restart()
        await self.mount.backend.initialize()
        self.figures["restarts"] += 1

    def _take_snapshot(self, after: timedelta) -> None:
        if not all(map(self._is_well, ACCOUNTS)) or self.judge.suspended:
            self._at(self.now + 2 * LATER, self._take_snapshot, after)
            return
        self.snapshot = self.storage.snapshot()
        self._at(self.now + after, self._restore)

    async def _restore(self) -> None:
        """An older snapshot of the server's storage is put back."""
        assert self.snapshot is not None
        await self.mount.backend.cleanup()
        self.storage.restore(self.snapshot)
        self.snapshot = None
        self.mount.backend = self.mount.restarted_backend()
        await self.mount.backend.initialize()
        self._tell_all("an older snapshot is restored")
        self.figures["restored snapshots"] += 1
        self.judge.forget_orders()
        for account in ACCOUNTS:
            self.judge.forget_refusals(account)
            self._disturbed(account, 5 * DAY)
        for chain in self.chains:
            chain.has_forgotten |= bool(chain.orders)

    def _tell_all(self, words: str) -> None:
        for chain in self.chains:
            if chain.orders and not chain.is_over:
                chain.log.append(f"{self.now} {words}")

    # what SCM makes of it

    def _chain_of(self, order: Order) -> Chain:
        first = next(iter(order.request.names), order.request.common_name)
        return self.by_name[first.partition(".")[0].partition("@")[0]]

    def _dates(self, account: str, order: Order, due: datetime) -> tuple[datetime, datetime]:
        renewed = None if order.renewed_from is None else self.simulators[account].orders.get(order.renewed_from)
        return self._chain_of(order).dates(due, None if renewed is None else Life.of(renewed))

    def _take_note(self) -> None:
        """Look at what SCM has booked since the last time."""
        for account, simulator in self.simulators.items():
            if len(simulator.orders) == self.seen[account]:
                continue
            for order in list(simulator.orders)[self.seen[account] :]:
                if order not in self.foreign:
                    chain = self._chain_of(order)
                    self.judge.judge(order, chain)
                    self._set_next_check(chain)
            self.seen[account] = len(simulator.orders)

    # ticks and reads

    async def _tick(self) -> None:
        self.figures["ticks"] += 1
        waiting = [chain for chain in self.chains if self._ought_to_be_renewed(chain)]
        before = {chain.index: chain.newest for chain in waiting}
        await self.mount.tick(TICK)
        self._take_note()
        for chain in waiting:
            if chain.newest is before[chain.index] and len(waiting) <= A_MINUTES_RENEWALS:
                chain.chances += 1
                assert chain.chances < ENOUGH, f"it could be renewed, and is not\n{self.judge.story(chain)}"
        for chain in self.chains:
            if chain.next_check is not None and chain.next_check <= self.now:
                self._set_next_check(chain)

    def _ought_to_be_renewed(self, chain: Chain) -> bool:
        """Whether a certificate is due, and nothing that the model knows of is in the way."""
        order = chain.newest
        if order is None or chain.is_over or chain.next_check is None or order is not chain.orders[-1]:
            return False
        if not self._is_well(chain.account) or self.now <= self.disturbed_until[chain.account]:
            return False
        if self.judge.suspended or self.judge.budget_left(chain.entry) <= 1:
            return False
        earliest = self.judge.earliest(chain)
        if earliest is None or not earliest <= self.now < Life.of(order).not_after - timedelta(minutes=2):
            return False
        return not self._may_be_renewed(chain, order)

    def _may_be_renewed(self, chain: Chain, order: Order) -> bool:
        """Whether what somebody else ordered may be its renewal, for all that SCM tells, and is waited for still."""
        pending = (other for other in self.foreign if not other.issued and self._chain_of(other) is chain)
        if chain.entry != PEOPLE or all(other.id < order.id for other in pending):
            return False
        life, since = Life.of(order), self.doubts.setdefault(order.id, self.now)
        longest = max(timedelta(minutes=10), min(3 * DAY, life.whole / 6))
        return self.now < since + min(longest, (life.not_after - since) / 2) + timedelta(minutes=5)

    def _set_next_check(self, chain: Chain) -> None:
        chain.next_check = None
        order, earliest = chain.newest, self.judge.earliest(chain)
        if order is not None and earliest is not None and not chain.is_over:
            end = Life.of(order).not_after
            checks = (earliest + part * (end - earliest) for part in CHECKS)
            chain.next_check = next((check for check in checks if check > self.now), None)

    def _due_until(self, account: str, moment: datetime) -> Iterator[Chain]:
        for chain in self.chains:
            if chain.account == account and chain.next_check is not None and chain.next_check <= moment:
                yield chain

    async def _some_reads(self) -> None:
        for chain in self.source.choices(self.chains, k=self.source.choice([0, 1, 1, 2, 4])):
            if not chain.orders or chain.is_over:
                continue
            wide = self.source.random() < 0.2
            chain.wide_reads |= wide
            await self._read(
                chain, self.source.choice(chain.orders), {"sectigo_expiry_window": "36500"} if wide else {}
            )

    async def _read(self, chain: Chain, order: Order, flags: Mapping[str, object]) -> None:
        if not self._is_stored(chain.entry, order):
            return
        self.figures["reads"] += 1
        response = await self.mount.read(f"certs/{chain.entry}/{unique_id_of(order)}", flags)
        self._take_note()
        assert response is not None
        data = answered(response)
        chain.log.append(
            f"{self.now} read {order.handle}: {data['cert_unique_id']} {data['status']}, {response.warnings}"
        )
        if any("never took" in warning for warning in response.warnings):
            live = [one.handle for one in chain.orders if one.renewed_from == order.handle and not one.declined_at]
            assert not live, f"SCM took {live}\n{self.judge.story(chain)}"

    def _is_stored(self, entry: str, order: Order) -> bool:
        return self.storage.holds(f"cert/{entry}/{unique_id_of(order)}")
