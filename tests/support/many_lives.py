"""Very many certificates over two years: random lives, an SCM with moods, clocks that jump, and a user who is careless.

Time is advanced from one moment that matters to the next: a tick is sent there, as the host sends one each minute.
Everything is drawn from one seed.
"""

import asyncio
import hashlib
import itertools
import math
import random
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self
from unittest import mock

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from sectigo_vault_pki.logical import BadRequestError
from sectigo_vault_pki.scm import ScmAccount, ScmClient
from sectigo_vault_pki.scm_simulator.csr import Csr
from sectigo_vault_pki.scm_simulator.orders import CertificateRequest, Order
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.scm_simulator.transport import SimulatorTransport
from sectigo_vault_pki.store import CertificateRecord
from tests.support.audit import records_of
from tests.support.mount import CONFIG, Mount, answered
from tests.support.orders import ORDERS
from tests.support.renewal_audit import Life, RenewalAudit, earliest_renewal, is_renewed_by_itself
from tests.support.sorted_storage import SortedStorage
from tests.support.virtual_time import WrongClock

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPAN = 730 * DAY
TICK = 60.0
ENTRIES = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c1": "c", "c2": "c"}
"""The account of each config entry."""
PEOPLE = "c2"
LIMITED, LIMIT = "b2", 12
ACCOUNTS = ("a", "b", "c")
SHAPES = ("same", "same", "same", "shrinking", "no later", "dated back", "anything")
CHECKS = (0.02, 0.1, 0.25, 0.45, 0.7, 0.9)
"""When a window is looked into, as parts of it."""
ENOUGH = 4
"""Ticks inside a window, with nothing in the way, by which a certificate is renewed."""
CARRY: Mapping[str, timedelta] = {
    "down": HOUR,
    "page": HOUR,
    "login": 25 * HOUR,
    "forbidden": 26 * HOUR,
    "declined": 26 * HOUR,
    "lost": 5 * DAY,
    "not booked": 5 * DAY,
}
"""Moods of an SCM, and for how long each may be felt when it is over."""


@dataclass(eq=False)
class Chain:
    """One certificate with its renewals, as the model knows it."""

    index: int
    entry: str
    begins: datetime
    life: timedelta
    shape: str
    lives: int
    window: timedelta | None
    twin: str | None
    source: random.Random
    orders: list[Order] = field(default_factory=list)
    is_over: bool = False
    next_check: datetime | None = None
    chances: int = 0
    wide_reads: bool = False
    extra: int = 0
    has_forgotten: bool = False
    log: deque[str] = field(default_factory=lambda: deque(maxlen=60))

    @property
    def name(self) -> str:
        return f"c{self.index}"

    @property
    def newest(self) -> Order | None:
        return next((order for order in reversed(self.orders) if order.issued), None)


class AccountsMount(Mount):
    """A mount with an SCM for each account."""

    def __init__(self, world: "World") -> None:
        self._world = world
        super().__init__(world.simulators["a"], world.clock, SortedStorage())

    def _client(self, account: ScmAccount, slots: asyncio.Semaphore) -> ScmClient:
        name = account.base_url.removeprefix("https://scm-")[0]
        return ScmClient(account, slots, transport=_Logins(self._world, name))


class _Logins(httpx.AsyncBaseTransport):
    """Notes when an account's login is refused."""

    def __init__(self, world: "World", account: str) -> None:
        self._world = world
        self._account = account
        self._inner = SimulatorTransport(world.simulators[account])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._world.figures["calls"] += 1
        response = await self._inner.handle_async_request(request)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._world.login_refused(self._account)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class World:
    """Everything that happens, and what is asserted on the way.

    Args:
        seed: draws everything.
        number: of chains.
    """

    def __init__(self, seed: int, number: int) -> None:
        self.seed = seed
        self.source = random.Random(seed)
        self.patches = self._patched()
        self.clock = WrongClock()
        self.simulators = {name: Simulator(now=self.clock.true_now) for name in ACCOUNTS}
        self.mount = AccountsMount(self)
        self.figures: Counter[str] = Counter()
        self.began = self.clock.true_now()
        self.chains = [self._chain(index) for index in range(number)]
        self.by_name = {chain.name: chain for chain in self.chains}
        self.events: list[tuple[datetime, int, Callable[[], Any]]] = []
        self.foreign: list[Order] = []
        self.moods: dict[str, str] = {}
        self.disturbed_until = dict.fromkeys(ACCOUNTS, self.began)
        self.suspended: set[str] = set()
        self.seen = dict.fromkeys(ACCOUNTS, 0)
        self.refusals: dict[str, list[datetime]] = {name: [] for name in ACCOUNTS}
        self.placed: deque[datetime] = deque()
        self.snapshot: dict[str, bytes] | None = None
        self.audits = {
            name: RenewalAudit(lambda handle, simulator=simulator: simulator.orders.get(handle))
            for name, simulator in self.simulators.items()
        }
        for name, simulator in self.simulators.items():
            simulator.settings.pending_polls = 0
            simulator.orders.dating = lambda order, due, account=name: self._dates(account, order, due)

    def _patched(self) -> ExitStack:
        """Let every draw come from the seed; keys and signatures are of no account."""
        stack, draws, starts = ExitStack(), random.Random(self.seed), itertools.count(0, 100_000)
        stack.enter_context(mock.patch("uuid.uuid4", lambda: uuid.UUID(int=draws.getrandbits(128), version=4)))
        stack.enter_context(mock.patch("secrets.randbelow", lambda _: next(starts)))
        stack.enter_context(mock.patch("sectigo_vault_pki.scm.retry.SystemRandom", lambda: draws))
        stack.enter_context(mock.patch("sectigo_vault_pki.scm.breaker.SystemRandom", lambda: draws))
        return stack

    async def __aenter__(self) -> Self:
        for entry, account in ENTRIES.items():
            await self.mount.configure(entry, **self._entry(entry, account))
        self._plan()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.mount.backend.cleanup()
        self.patches.close()

    def _entry(self, entry: str, account: str) -> Mapping[str, object]:
        wish: dict[str, object] = {**CONFIG, "sectigo_cm_base_url": f"https://scm-{account}.example.test"}
        wish["sectigo_expiry_window"] = {"a1": "7d", "a2": "400d", "b1": "30d"}.get(entry, "10d")
        if entry == PEOPLE:
            wish["sectigo_config_type"] = "client_cert"
        if entry == LIMITED:
            wish["sectigo_max_orders_per_day"] = LIMIT
        return wish

    # what is drawn beforehand

    def _chain(self, index: int) -> Chain:
        source = random.Random(self.source.getrandbits(64))
        entry = source.choice(list(ENTRIES))
        life = timedelta(seconds=round(math.exp(source.uniform(math.log(3600), math.log(SPAN.total_seconds())))))
        others = [name for name in ENTRIES if name not in {entry, PEOPLE, LIMITED} and ENTRIES[name] == ENTRIES[entry]]
        return Chain(
            index=index,
            entry=entry,
            begins=self.began + source.random() * 0.75 * SPAN,
            life=life,
            shape=source.choice(SHAPES),
            lives=source.randint(2, 9),
            window=source.choice([None, None, life * source.uniform(0.01, 2), 7 * DAY]),
            twin=source.choice(others)
            if others and entry not in {PEOPLE, LIMITED} and source.random() < 0.06
            else None,
            source=source,
        )

    def _plan(self) -> None:
        source = self.source
        for chain in self.chains:
            self._at(chain.begins, lambda chain=chain: self._begin(chain))
            self._at(min(chain.begins + chain.lives * chain.life, self.began + SPAN), lambda c=chain: self._retire(c))
            for _ in range(source.choice([0, 0, 1, 2])):
                at = chain.begins + source.random() * chain.lives * chain.life
                self._at(at, lambda chain=chain: self._foreign_order(chain))
        for account in ACCOUNTS:
            for _ in range(25):
                mood, at = source.choice(list(CARRY)), self._moment()
                lasts = timedelta(minutes=math.exp(source.uniform(0, math.log(2880))))
                self._at(at, lambda account=account, mood=mood, lasts=lasts: self._fall_ill(account, mood, lasts))
        for _ in range(20):
            ahead = timedelta(seconds=math.exp(source.uniform(math.log(600), math.log(5 * 365 * 86400))))
            offset, lasts = ahead * source.choice([1, -1]), source.uniform(0.05, 40) * HOUR
            self._at(self._moment(), lambda offset=offset, lasts=lasts: self._clock_jumps(offset, lasts))
            self._at(self._moment(), self._restart)
        for _ in range(4):
            self._at(self._moment(), lambda after=source.uniform(0.01, 5) * DAY: self._take_snapshot(after))
        for _ in range(6):
            entry, lasts = source.choice(list(ENTRIES)), source.uniform(0.1, 10) * DAY
            self._at(self._moment(), lambda entry=entry, lasts=lasts: self._suspend(entry, lasts))

    def _moment(self) -> datetime:
        return self.began + self.source.random() * SPAN

    def _at(self, when: datetime, what: Callable[[], Any]) -> None:
        self.events.append((when, len(self.events), what))
        self.events.sort(reverse=True)

    # what happens

    @property
    def now(self) -> datetime:
        return self.clock.true_now()

    async def run(self) -> None:
        """Let two years pass."""
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

    async def _events_of_now(self) -> None:
        while self.events and self.events[-1][0] <= self.now:
            _, _, happening = self.events.pop()
            result = happening()
            if result is not None:
                await result
            self._take_note()

    def _is_well(self, account: str) -> bool:
        return account not in self.moods and self.clock.offset == timedelta(0) and self.snapshot is None

    async def _begin(self, chain: Chain) -> None:
        account = ENTRIES[chain.entry]
        if not self._is_well(account) or self._budget_is_used(chain.entry):
            self._at(self.now + 6 * HOUR, lambda: self._begin(chain))
            return
        kind = "client_cert" if chain.entry == PEOPLE else "ssl_cert"
        flags = {} if chain.window is None else {"sectigo_expiry_window": f"{int(chain.window.total_seconds())}s"}
        order = {**ORDERS[kind](chain.name), **flags}
        data = answered(await self.mount.write(f"enroll/{chain.entry}", order))
        self._take_note()
        chain.log.append(f"{self.now} enrolled under {chain.entry}: {data['cert_unique_id']}, {chain.shape}")
        assert data["status"] == "Issued", self.story(chain)
        if chain.twin:
            scm_id = data["cert_unique_id"].partition("_")[0]
            key = {"sectigo_private_key": data["private_key"]}
            await self.mount.write(f"fetch/{chain.twin}/{scm_id}", {**key, **flags})

    async def _retire(self, chain: Chain) -> None:
        """The certificate is not needed any more, and its owner says so in one way or another."""
        account = ENTRIES[chain.entry]
        if not chain.orders or not self._is_well(account) or chain.entry in self.suspended:
            self._at(self.now + 6 * HOUR, lambda: self._retire(chain))
            return
        for entry in filter(None, (chain.entry, chain.twin)):
            for order in chain.orders:
                path = f"certs/{entry}/{order.handle}_demo-customer"
                try:
                    await self.mount.write(path, {"sectigo_auto_renew": False})
                except BadRequestError as error:
                    assert "no certificate" in str(error) or "not" in str(error), self.story(chain)  # noqa: PT017
        chain.is_over, chain.next_check = True, None
        chain.log.append(f"{self.now} not renewed any more")

    def _foreign_order(self, chain: Chain) -> None:
        """Somebody else orders the same name, in SCM's portal."""
        if not chain.orders or chain.is_over:
            return
        root, account = chain.orders[0], ENTRIES[chain.entry]
        public_key = ec.generate_private_key(ec.SECP256R1()).public_key()
        der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        csr = Csr(public_key, "EC", "P-256", root.request.common_name, hashlib.sha256(der).hexdigest())
        request = CertificateRequest(csr, root.request.common_name, root.request.names)
        settings = self.simulators[account].settings
        approves, settings.auto_approve = settings.auto_approve, self.source.random() < 0.7
        subscription = replace(root.subscription, comments="foreign")
        order = self.simulators[account].orders.add(request, subscription, requester="somebody")
        settings.auto_approve = approves
        self.foreign.append(order)
        chain.log.append(f"{self.now} somebody else ordered {order.handle}, {order.status(self.now)}")

    def _fall_ill(self, account: str, mood: str, lasts: timedelta) -> None:
        if account in self.moods:
            return
        self.moods[account] = mood
        self.refusals[account].clear()
        self.figures[f"moods: {mood}"] += 1
        faults, settings = self.simulators[account].faults, self.simulators[account].settings
        match mood:
            case "down":
                faults.add("*", "drop_before", times=None)
            case "page":
                faults.add("*", "page", status=403, times=None)
            case "login":
                faults.add("*", "status", status=401, code=-16, description="Unknown user", times=None)
            case "forbidden":
                faults.add("renew", "status", status=400, code=-180, description="not renewable", times=None)
            case "declined":
                settings.auto_approve = False
            case "lost":
                faults.add("renew", "status", status=502, booked=True, times=None)
            case _:
                faults.add("renew", "status", status=502, times=None)
        if mood in {"lost", "not booked"}:
            for chain in self._due_until(account, self.now + lasts):
                if self.source.random() < 0.5:
                    at = self.now + self.source.random() * lasts
                    self._at(at, lambda chain=chain: self._foreign_order(chain))
        self._at(self.now + lasts, lambda: self._get_well(account, mood))

    def _get_well(self, account: str, mood: str) -> None:
        simulator = self.simulators[account]
        simulator.faults.clear()
        simulator.settings.auto_approve = True
        for order in simulator.orders:
            if mood == "declined" and order.approved_at is None and order.declined_at is None:
                if order not in self.foreign:
                    simulator.orders.decline(order)
                    self.figures["declined"] += 1
        del self.moods[account]
        self._disturbed(account, CARRY[mood])

    def _disturbed(self, account: str, carry: timedelta) -> None:
        self.disturbed_until[account] = max(self.disturbed_until[account], self.now + carry)
        for chain in self.chains:
            if ENTRIES[chain.entry] == account:
                chain.chances = 0

    def _clock_jumps(self, offset: timedelta, lasts: timedelta) -> None:
        if self.clock.offset:
            return
        self.clock.offset = offset
        self._clock_changed(f"the clock jumps by {offset}")
        self._at(self.now + lasts, self._clock_is_right)

    def _clock_is_right(self) -> None:
        self.clock.offset = timedelta(0)
        self._clock_changed("the clock is right again")

    def _clock_changed(self, words: str) -> None:
        self.figures["clock changes"] += 1
        for account in ACCOUNTS:
            self.refusals[account].clear()
            self._disturbed(account, 2 * HOUR)
        for chain in self.chains:
            if chain.orders:
                chain.log.append(f"{self.now} {words}")

    async def _restart(self) -> None:
        await self.mount.restart()
        await self.mount.backend.initialize()
        self.figures["restarts"] += 1

    def _take_snapshot(self, after: timedelta) -> None:
        if not all(map(self._is_well, ACCOUNTS)) or self.suspended:
            self._at(self.now + 12 * HOUR, lambda: self._take_snapshot(after))
            return
        self.snapshot = self.mount.storage.snapshot()
        self._at(self.now + after, self._restore)

    async def _restore(self) -> None:
        """An older snapshot of the server's storage is put back."""
        await self.mount.backend.cleanup()
        storage = self.mount.storage
        assert isinstance(storage, SortedStorage)
        assert self.snapshot is not None
        storage.restore(self.snapshot)
        self.snapshot = None
        self.mount.backend = self.mount.restarted_backend()
        await self.mount.backend.initialize()
        self.figures["restored snapshots"] += 1
        for account in ACCOUNTS:
            self.refusals[account].clear()
            self._disturbed(account, 5 * DAY)
        for chain in self.chains:
            if chain.orders:
                chain.has_forgotten = True
                chain.log.append(f"{self.now} an older snapshot was restored")

    async def _suspend(self, entry: str, lasts: timedelta) -> None:
        if self.snapshot is not None or entry in self.suspended:
            return
        self.suspended.add(entry)
        await self.mount.write(f"configs/{entry}", {"sectigo_suspend_renewals": True})
        self._at(self.now + lasts, lambda: self._resume(entry))

    async def _resume(self, entry: str) -> None:
        if self.snapshot is not None:
            self._at(self.now + 6 * HOUR, lambda: self._resume(entry))
            return
        await self.mount.write(f"configs/{entry}", {"sectigo_suspend_renewals": ""})
        self.suspended.discard(entry)
        self._disturbed(ENTRIES[entry], HOUR)

    # what SCM makes of it

    def _chain_of(self, order: Order) -> Chain:
        first = order.request.names[0] if order.request.names else order.request.common_name
        return self.by_name[first.partition(".")[0].partition("@")[0]]

    def _dates(self, account: str, order: Order, due: datetime) -> tuple[datetime, datetime]:
        chain = self._chain_of(order)
        if order.renewed_from is None or order.subscription.comments == "foreign":
            return due, due + chain.life
        renewed = self.simulators[account].orders.get(order.renewed_from)
        assert renewed is not None
        before, source = Life.of(renewed), chain.source
        match chain.shape if chain.shape != "anything" else source.choice(SHAPES[2:6]):
            case "shrinking":
                return due, due + max(before.whole * source.uniform(0.4, 0.95), timedelta(minutes=5))
            case "no later" if source.random() < 0.4 and before.not_after > due + timedelta(minutes=2):
                return due, before.not_after - source.choice([0, 0.1]) * (before.not_after - due)
            case "dated back":
                return due - source.random() * chain.life, due + chain.life * source.uniform(0.1, 1)
            case _:
                return due, due + chain.life

    def _take_note(self) -> None:
        """Look at what SCM has booked since the last time."""
        for account, simulator in self.simulators.items():
            if len(simulator.orders) == self.seen[account]:
                continue
            for order in list(simulator.orders)[self.seen[account] :]:
                if order not in self.foreign:
                    self._judge(account, order)
            self.seen[account] = len(simulator.orders)

    def _judge(self, account: str, order: Order) -> None:
        chain = self._chain_of(order)
        chain.orders.append(order)
        self.figures["orders"] += 1
        chain.log.append(
            f"{self.now} SCM booked {order.handle} for {order.renewed_from}, mood {self.moods.get(account)}"
        )
        if chain.entry == LIMITED:
            self._check_budget(chain)
        if order.renewed_from is None:
            assert len(chain.orders) == 1, self.story(chain)
        else:
            self._judge_renewal(account, order, chain)
        self._set_next_check(chain)

    def _judge_renewal(self, account: str, order: Order, chain: Chain) -> None:
        audit = self.audits[account]
        self.figures["renewals"] += 1
        assert not chain.is_over, f"nobody wants it any more\n{self.story(chain)}"
        assert chain.entry not in self.suspended or chain.twin, f"renewals are suspended\n{self.story(chain)}"
        assert abs(self.clock.offset) <= HOUR, f"the clock is wrong\n{self.story(chain)}"
        slack = abs(self.clock.offset)
        faults = list(audit.faults_of(order, window=self._widest_window(chain), slack=slack))
        assert not faults or chain.has_forgotten, f"{faults}\n{self.story(chain)}"
        if audit.others(order) or faults:
            chain.extra += 1
            self.figures["extra orders"] += 1
        assert chain.extra <= 1, f"ordered twice, and once more\n{self.story(chain)}"

    def _widest_window(self, chain: Chain) -> timedelta:
        return 40_000 * DAY if chain.wide_reads else max(chain.window or timedelta(0), 400 * DAY)

    def _budget_is_used(self, entry: str) -> bool:
        recent = sum(self.now - at < DAY for at in self.placed)
        return entry == LIMITED and recent >= LIMIT

    def _check_budget(self, chain: Chain) -> None:
        while self.placed and self.now - self.placed[0] >= DAY:
            self.placed.popleft()
        self.placed.append(self.now)
        assert len(self.placed) <= LIMIT, f"more than {LIMIT} orders in 24 hours\n{self.story(chain)}"

    def login_refused(self, account: str) -> None:
        """Check that the refusals of one login are as far apart as its pauses are long."""
        times = self.refusals[account]
        if times:
            pause = min(HOUR * 2 ** (len(times) - 1), DAY)
            assert self.now - times[-1] >= pause - timedelta(minutes=1), (
                f"seed {self.seed}: the login of account {account} was refused at {times} and {self.now}"
            )
        times.append(self.now)
        self.figures["refused logins"] += 1

    # ticks and reads

    async def _tick(self) -> None:
        self.figures["ticks"] += 1
        waiting = [chain for chain in self.chains if self._ought_to_be_renewed(chain)]
        before = {chain.index: chain.newest for chain in waiting}
        await self.mount.tick(TICK)
        self._take_note()
        for chain in waiting:
            if chain.newest is before[chain.index] and len(waiting) <= 80:
                chain.chances += 1
                assert chain.chances < ENOUGH, f"it could be renewed, and is not\n{self.story(chain)}"
        for chain in self.chains:
            if chain.next_check is not None and chain.next_check <= self.now:
                self._set_next_check(chain)

    def _ought_to_be_renewed(self, chain: Chain) -> bool:
        """Whether a certificate is due, and nothing that the model knows of is in the way."""
        account, order = ENTRIES[chain.entry], chain.newest
        if order is None or chain.is_over or chain.next_check is None or order is not chain.orders[-1]:
            return False
        if not self._is_well(account) or self.now <= self.disturbed_until[account] or self.suspended:
            return False
        if chain.entry == LIMITED and sum(self.now - at < DAY for at in self.placed) >= LIMIT - 1:
            return False
        earliest = self._earliest(chain, order)
        return earliest is not None and earliest <= self.now < Life.of(order).not_after - timedelta(minutes=2)

    def _earliest(self, chain: Chain, order: Order) -> datetime | None:
        orders = self.simulators[ENTRIES[chain.entry]].orders
        renewed = None if order.renewed_from is None else orders.get(order.renewed_from)
        life, before = Life.of(order), None if renewed is None else Life.of(renewed)
        if not is_renewed_by_itself(life, before):
            return None
        of_entry = {"a1": 7 * DAY, "a2": 400 * DAY, "b1": 30 * DAY}.get(chain.entry, 10 * DAY)
        return earliest_renewal(life, before, chain.window if chain.window is not None else of_entry)

    def _set_next_check(self, chain: Chain) -> None:
        chain.next_check = None
        order = chain.newest
        if order is None or chain.is_over:
            return
        earliest = self._earliest(chain, order)
        if earliest is None:
            return
        end = Life.of(order).not_after
        checks = (earliest + part * (end - earliest) for part in CHECKS)
        chain.next_check = next((check for check in checks if check > self.now), None)

    def _due_until(self, account: str, moment: datetime) -> Iterator[Chain]:
        for chain in self.chains:
            if ENTRIES[chain.entry] == account and chain.next_check is not None and chain.next_check <= moment:
                yield chain

    async def _some_reads(self) -> None:
        for _ in range(self.source.choice([0, 1, 1, 2])):
            chain = self.source.choice(self.chains)
            if not chain.orders or chain.is_over:
                continue
            wide = self.source.random() < 0.2
            chain.wide_reads |= wide
            flags = {"sectigo_expiry_window": "36500"} if wide else {}
            order = self.source.choice(chain.orders) if self.snapshot is None else chain.orders[0]
            await self._read(chain, order, flags)

    async def _read(self, chain: Chain, order: Order, flags: Mapping[str, object]) -> None:
        path = f"certs/{chain.entry}/{order.handle}_demo-customer"
        if path.replace("certs/", "cert/") not in self.mount.storage.snapshot():
            return
        self.figures["reads"] += 1
        response = await self.mount.read(path, flags)
        self._take_note()
        data = answered(response)
        words = f"{data['cert_unique_id']} {data['status']} {response.warnings if response else ()}"
        chain.log.append(f"{self.now} read {order.handle}: {words}")
        if response is not None and any("never took" in warning for warning in response.warnings):
            live = [one.handle for one in chain.orders if one.renewed_from == order.handle and not one.declined_at]
            assert not live, f"SCM took {live}\n{self.story(chain)}"

    # the end

    async def check_the_end(self) -> None:
        """Heal everything, and look at all that is stored."""
        self.events.clear()
        self.clock.offset = timedelta(0)
        for account in list(self.moods):
            self._get_well(account, self.moods[account])
        for _ in range(8):
            await asyncio.sleep(6 * 3600)
            await self.mount.tick(TICK)
            self._take_note()
        stored = {entry: await records_of(self.mount, entry) for entry in ENTRIES}
        ids = {unique_id for records in stored.values() for unique_id in records}
        held = b"\n".join(self.mount.storage.snapshot().values())
        for order in self.foreign:
            assert f"{order.handle}_demo-customer" not in ids, f"seed {self.seed}: {order.handle} is somebody else's"
            if order.issued:
                serial = f"{order.issued[0].serial_number:x}".encode()
                assert serial not in held.replace(b":", b""), f"seed {self.seed}: {order.handle} is somebody else's"
        digests = {digest for records in stored.values() for record in records.values() for digest in _keys_of(record)}
        for chain in self.chains:
            for order in chain.orders:
                digest = order.request.csr.public_key_sha256
                assert digest in digests, f"the key of {order.handle} is lost\n{self.story(chain)}"
        self.figures["chains"] = len(self.chains)
        self.figures["foreign orders"] = len(self.foreign)

    def story(self, chain: Chain) -> str:
        """Tell a chain's history, for a test that fails."""
        lives = [f"{one.handle}: {Life.of(one) if one.issued else one.status(self.now)}" for one in chain.orders]
        head = f"seed {self.seed}, {self.now}: {chain.name} of {chain.entry}, twin {chain.twin}, {chain.shape}"
        return "\n".join([head, f"life {chain.life}, window {chain.window}", *lives, *chain.log])


def _keys_of(record: CertificateRecord) -> Iterator[str]:
    """Yield the digests of the private keys that are stored with a record."""
    for one in (record.current, record.order, *record.earlier, *record.superseded):
        if one is not None and one.private_key is not None:
            key = load_pem_private_key(one.private_key.get_secret_value().encode(), password=None)
            der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            yield hashlib.sha256(der).hexdigest()
