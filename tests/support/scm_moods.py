"""What an SCM may suffer from for a while, and for how long it may be felt afterwards."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

from sectigo_vault_pki.scm_simulator.model.orders import Order
from sectigo_vault_pki.scm_simulator.simulator import Simulator

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

CARRY: Mapping[str, timedelta] = MappingProxyType(
    {
        "down": HOUR,
        "page": HOUR,
        "login": 25 * HOUR,
        "forbidden": 26 * HOUR,
        "declined": 26 * HOUR,
        "lost": 5 * DAY,
        "lost page": 5 * DAY,
        "not booked": 5 * DAY,
    }
)
"""Each mood, and the longest pause, doubt or back-off behind it."""
LOSES_ANSWERS = frozenset({"lost", "lost page", "not booked"})


def fall_ill(simulator: Simulator, mood: str) -> None:
    """Let a mood begin."""
    _MOODS[mood](simulator)


def get_well(simulator: Simulator, mood: str, foreign: list[Order]) -> int:
    """Let a mood end; return how many orders were declined meanwhile."""
    simulator.faults.clear()
    simulator.settings.auto_approve = True
    if mood != "declined":
        return 0
    waiting = [order for order in simulator.orders if order.approved_at is None and order.declined_at is None]
    declined = [order for order in waiting if order not in foreign]
    for order in declined:
        simulator.orders.decline(order)
    return len(declined)


def _refuse_logins(simulator: Simulator) -> None:
    simulator.faults.add("*", "status", status=401, code=-16, description="Unknown user", times=None)


def _forbid_renewals(simulator: Simulator) -> None:
    simulator.faults.add("renew", "status", status=400, code=-180, description="not renewable", times=None)


def _ask_for_approvals(simulator: Simulator) -> None:
    simulator.settings.auto_approve = False


_MOODS: Mapping[str, Callable[[Simulator], object]] = MappingProxyType(
    {
        "down": lambda simulator: simulator.faults.add("*", "drop_before", times=None),
        "page": lambda simulator: simulator.faults.add("*", "page", status=403, times=None),
        "login": _refuse_logins,
        "forbidden": _forbid_renewals,
        "declined": _ask_for_approvals,
        "lost": lambda simulator: simulator.faults.add("renew", "status", status=502, booked=True, times=None),
        "lost page": lambda simulator: simulator.faults.add("renew", "page", status=200, booked=True, times=None),
        "not booked": lambda simulator: simulator.faults.add("renew", "status", status=502, times=None),
    }
)
