"""Judging what SCM has booked for very many certificates, and when it refused their logins."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from sectigo_vault_pki.scm_simulator.model.orders import Order
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.support.chains_of_lives import DAY, HOUR, LIMIT, LIMITED, Chain
from tests.support.renewal_audit import Life, RenewalAudit, earliest_renewal, is_renewed_by_itself
from tests.support.virtual_time import WrongClock


class Judge:
    """Fails a test at the first order that nobody needs.

    Attributes:
        suspended: the entries under which nothing is renewed automatically.
        figures: what was counted.
    """

    def __init__(self, seed: int, clock: WrongClock, simulators: Mapping[str, Simulator]) -> None:
        self.seed = seed
        self.suspended: set[str] = set()
        self.figures: Counter[str] = Counter()
        self._clock = clock
        self._simulators = simulators
        self._audits = {name: RenewalAudit(simulator.orders.get) for name, simulator in simulators.items()}
        self._refusals: dict[str, list[datetime]] = {name: [] for name in simulators}
        self._placed: list[datetime] = []

    def judge(self, order: Order, chain: Chain) -> None:
        """Look at an order that SCM has just booked for a chain."""
        chain.orders.append(order)
        self.figures["orders"] += 1
        chain.log.append(f"{self._now} SCM booked {order.handle} for {order.renewed_from}")
        if chain.entry == LIMITED:
            self._count(order, chain)
        if order.renewed_from is None:
            assert len(chain.orders) == 1, self.story(chain)
        else:
            self._judge_renewal(order, chain)

    def _judge_renewal(self, order: Order, chain: Chain) -> None:
        self.figures["renewals"] += 1
        assert not chain.is_over, f"nobody wants it any more\n{self.story(chain)}"
        assert chain.entry not in self.suspended or chain.twin, f"renewals are suspended\n{self.story(chain)}"
        slack = abs(self._clock.offset)
        assert slack <= HOUR, f"the clock is wrong\n{self.story(chain)}"
        audit = self._audits[chain.account]
        if chain.twin:
            slack += audit.lag_of(order)
        faults = list(audit.faults_of(order, window=chain.widest_window, slack=slack))
        assert not faults or chain.has_forgotten, f"{faults}\n{self.story(chain)}"
        if audit.others(order) or faults:
            chain.extra += 1
            self.figures["extra orders"] += 1
        assert chain.extra <= 1, f"ordered twice, and once more\n{self.story(chain)}"

    def budget_left(self, entry: str) -> int:
        """Return how many orders an entry may still place now."""
        recent = sum(abs(self._clock.now() - at) < DAY for at in self._placed)
        return LIMIT - recent if entry == LIMITED else LIMIT

    def forget_orders(self) -> None:
        """Begin anew: an older snapshot knows of no newer counts."""
        self._placed.clear()

    def _count(self, order: Order, chain: Chain) -> None:
        """Check a budget by the plugin's own clock, which may be wrong by an hour and order nevertheless."""
        at = order.requested_at + self._clock.offset
        self._placed = [other for other in self._placed if abs(at - other) < DAY]
        self._placed.append(at)
        times = [f"{other:%d %H:%M:%S}" for other in self._placed]
        assert len(self._placed) <= LIMIT, f"more than {LIMIT} orders in 24 hours: {times}\n{self.story(chain)}"

    def login_refused(self, account: str) -> None:
        """Check that the refusals of one login are as far apart as its pauses are long."""
        times = self._refusals[account]
        if times:
            pause = min(HOUR * 2 ** (len(times) - 1), DAY)
            assert self._now - times[-1] >= pause - timedelta(minutes=1), (
                f"seed {self.seed}: the login of account {account} was refused at {times} and {self._now}"
            )
        times.append(self._now)
        self.figures["refused logins"] += 1

    def forget_refusals(self, account: str) -> None:
        """Begin anew: the login was taken, or the pause that is stored cannot be right any more."""
        self._refusals[account].clear()

    def earliest(self, chain: Chain) -> datetime | None:
        """Return from when on a chain's newest certificate ought to be renewed; None: never by itself."""
        order = chain.newest
        if order is None:
            return None
        renewed = None if order.renewed_from is None else self._simulators[chain.account].orders.get(order.renewed_from)
        life, before = Life.of(order), None if renewed is None else Life.of(renewed)
        return earliest_renewal(life, before, chain.window_in_force) if is_renewed_by_itself(life, before) else None

    def story(self, chain: Chain) -> str:
        """Tell a chain's history, for a test that fails."""
        lives = [f"{one.handle}: {Life.of(one) if one.issued else one.status(self._now)}" for one in chain.orders]
        head = f"seed {self.seed}, {self._now}: {chain.name} of {chain.entry}, twin {chain.twin}, {chain.shape}"
        return "\n".join([head, f"life {chain.life}, window {chain.window}", *lives, *chain.log])

    @property
    def _now(self) -> datetime:
        return self._clock.true_now()
