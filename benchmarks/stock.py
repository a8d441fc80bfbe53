"""Many certificates in one config entry, beside ten: what it costs to look at them, to live with them, to upgrade.

Both stages run at once and are measured in turn, so that whatever else the machine does meets both alike. They keep
their state on the disk, as servers in production do: storage in memory lists names more slowly. STORED=20000 measures
with another number than 100 000, for which the floors are meant.
"""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figures import Measurement
from benchmarks.load import Outcome
from benchmarks.percentiles import percentile
from benchmarks.profile import wrapper
from benchmarks.report import rounded
from benchmarks.running_load import BenchmarkError
from benchmarks.stage import CONFIG, EC_ORDER, Stage, Usage, as_installed, stage
from benchmarks.stocked_plugin import FIRST_ID, PATH
from benchmarks.waiting import pause
from scripts.environment import MOUNT, PLUGIN
from scripts.stopping import StopSignals

VARIABLE = "STORED"
MANY, FEW = 100_000, 10
AT_ONCE = 5_000
"""Copies of one request, which must end before the server's deadline."""
STARTS, TIMES, ROUNDS = 7, 15, 5
ROUND_SECONDS = 2.0
CONNECTIONS = 16
STEADY_RATE, STEADY_SECONDS = 100.0, 8.0
MINUTE_SECONDS = 68.0
"""So long, there is a tick of the host's at least, and what it begins after a few seconds."""
REPORT_PAGES = 100
UNLISTED = 5_000
"""Summaries that an upgrade has to write."""

_PLAIN = f"{PLUGIN}-plain"
_REQUEST_SECONDS = 120.0
_UPGRADE_SECONDS = 600.0
_LOOK_SECONDS = 0.25
_BUSY_SECONDS = 0.1


@dataclass(frozen=True)
class Stock:
    """A stage with so many certificates, of which one was enrolled."""

    servers: Stage
    count: int
    unique_id: str

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> tuple[float, list[str]]:
        """Send a request; return the seconds until its answer, and the keys in it."""
        self.servers.stop.check()
        answer = self.servers.server.api(method, f"{MOUNT}/{path}", body, timeout=_REQUEST_SECONDS)
        data = answer.expect(200, 204, 404).data
        return answer.seconds, data.get("keys", [])

    def milliseconds(self, method: str, path: str, times: int = TIMES) -> float:
        """Return how long a request takes, the median of some."""
        return median(self.request(method, path)[0] for _ in range(times)) * 1e3

    def change(self, **task: object) -> None:
        """Have the stocked plugin change what is stored."""
        self.request("POST", PATH, {"config": CONFIG, "unique_id": self.unique_id, **task})

    def use(self, command: str) -> None:
        """Restart the plugin as another command."""
        self.servers.server.register(PLUGIN, command=command)
        self.restart()

    def restart(self) -> float:
        """Restart the plugin; return the seconds until its first answer."""
        began = time.monotonic()
        self.servers.server.reload(PLUGIN)
        self.request("GET", f"certs/{CONFIG}/{self.unique_id}")
        return time.monotonic() - began

    def last_run(self) -> str:
        """Return when the background work last began."""
        status = self.servers.server.api("GET", f"{MOUNT}/status", timeout=_REQUEST_SECONDS).expect(200).data
        return str(status["background"]["started_at"])

    def reads(self, *, seconds: float, rate: float = 0.0) -> Outcome:
        """Read the enrolled certificate for some time."""
        plan = self.servers.read_plan(self.unique_id, connections=CONNECTIONS, seconds=seconds, rate=rate)
        return self.servers.run(plan)


def measure_stock(stop: StopSignals) -> list[Measurement]:
    """Fill one stage with many certificates, another with ten, and look at both as their users do."""
    with TemporaryDirectory(prefix="bench") as folder, ExitStack() as stack:
        stocked = wrapper(Path(folder), "benchmarks.stocked_plugin")
        plain = as_installed(Path(stack.enter_context(TemporaryDirectory(prefix="bench"))))
        many, few = (
            _filled(stack.enter_context(stage(stop, executable=stocked, raft=True)), count, plain)
            for count in (int(os.environ.get(VARIABLE, MANY)), FEW)
        )
        return [
            _start(many, few),
            *_looks(many),
            _read_rate(many, few),
            _tick(many, few),
            _read_p99(many, few),
            _memory(many),
            _expiring(many, few),
            _upgrade(many),
        ]


def _filled(servers: Stage, count: int, plain: Path) -> Stock:
    """Fill a stage, and have it run the plugin as users have it."""
    stock = Stock(servers, count, servers.enrol(EC_ORDER)["cert_unique_id"])
    for first in range(0, count, AT_ONCE):
        stock.change(first=first, count=min(AT_ONCE, count - first))
    servers.server.install(plain, command=_PLAIN)
    stock.use(_PLAIN)
    return stock


def _start(many: Stock, few: Stock) -> Measurement:
    times = [(many.restart(), few.restart()) for _ in range(STARTS)]
    ours, theirs = zip(*times, strict=True)
    return _against_few("stock_start", median(ours), median(theirs), "s", {"many": ours, "few": theirs})


def _looks(many: Stock) -> list[Measurement]:
    """Look at pages in the middle, and at the numbers; the first to ask for these has everything counted."""
    counting, _ = many.request("GET", "metrics")
    first_status, _ = many.request("GET", "status")
    middle = f"after={FIRST_ID + many.count // 2}"
    pages = {
        "page_of_1000_ms": many.milliseconds("LIST", f"certs/{CONFIG}/detailed?limit=1000&{middle}"),
        "status_filter_ms": many.milliseconds("LIST", f"certs/{CONFIG}/detailed?limit=100&status=Issued&{middle}"),
        "name_filter_ms": many.milliseconds("LIST", f"certs/{CONFIG}/detailed?limit=100&name=nobody", 3),
        "plain_page_ms": many.milliseconds("LIST", f"certs/{CONFIG}?limit=100&{middle}"),
        "plain_serials_page_ms": many.milliseconds("LIST", "certs?limit=100&after=80"),
        "plain_list_ms": many.milliseconds("LIST", f"certs/{CONFIG}", 3),
        "hundred_pages_of_1000_s": _all_pages(many),
    }
    return [
        Measurement(
            "stock_page",
            ours=many.milliseconds("LIST", f"certs/{CONFIG}/detailed?limit=100&{middle}"),
            details=pages,
            notes=(f"large stock: {_shown(pages)}",),
        ),
        Measurement("stock_serials_page", ours=many.milliseconds("LIST", "certs/detailed?limit=100&after=80")),
        Measurement(
            "stock_metrics",
            ours=many.milliseconds("GET", "metrics"),
            details={
                "first_s": counting,
                "first_status_s": first_status,
                "status_ms": many.milliseconds("GET", "status"),
            },
            notes=(f"large stock: the first metrics after a start, which count, took {rounded(counting)} s",),
        ),
    ]


def _all_pages(many: Stock) -> float:
    """Return the seconds for a hundred pages of 1000, each behind the last, as a report reads them."""
    began, after = time.monotonic(), ""
    for _ in range(REPORT_PAGES):
        _, keys = many.request("LIST", f"certs/{CONFIG}/detailed?limit=1000&after={after}")
        if not keys:
            break
        after = keys[-1]
    return time.monotonic() - began


def _read_rate(many: Stock, few: Stock) -> Measurement:
    for stock in (many, few):
        stock.reads(seconds=ROUND_SECONDS)
    rounds = [(many.reads(seconds=ROUND_SECONDS).rate, few.reads(seconds=ROUND_SECONDS).rate) for _ in range(ROUNDS)]
    ours, theirs = zip(*rounds, strict=True)
    return _against_few("stock_read_rate", median(ours), median(theirs), "/s", {"many": ours, "few": theirs})


def _tick(many: Stock, few: Stock) -> Measurement:
    """Leave both alone for a minute."""
    last = many.last_run()
    before = [stock.servers.usage() for stock in (many, few)]
    pause(many.servers, MINUTE_SECONDS)
    ours, theirs = (stock.servers.usage().since(was) for stock, was in zip((many, few), before, strict=True))
    if many.last_run() == last:
        raise BenchmarkError("the background work did not run within a minute")
    servers = {"server_s": ours.server, "server_with_few_s": theirs.server}
    return _against_few("stock_tick", ours.plugin, theirs.plugin, "s", servers)


def _read_p99(many: Stock, few: Stock) -> Measurement:
    """Read at a steady pace while one user after the other asks for what takes longest."""
    plan = many.servers.read_plan(many.unique_id, connections=CONNECTIONS, rate=STEADY_RATE, seconds=STEADY_SECONDS)
    idle = few.reads(seconds=STEADY_SECONDS, rate=STEADY_RATE)
    many.restart()
    deadline = time.monotonic() + STEADY_SECONDS
    with many.servers.load(plan) as load:
        while time.monotonic() < deadline:
            for method, path in _LONG_LOOKS:
                many.request(method, path)
        outcome = load.outcome()
    details = {"longest_ms": max(outcome.latencies) * 1e3, "p50_ms": median(outcome.latencies) * 1e3}
    theirs = percentile(idle.latencies, 99) * 1e3
    return _against_few("stock_read_p99", percentile(outcome.latencies, 99) * 1e3, theirs, "ms", details)


_LONG_LOOKS = (
    ("GET", "metrics"),
    ("LIST", "expiring/7d"),
    ("GET", "status"),
    ("LIST", f"certs/{CONFIG}"),
    ("LIST", f"certs/{CONFIG}/detailed?limit=100&name=nobody"),
)


def _memory(many: Stock) -> Measurement:
    peak, now = many.servers.plugin_peak_memory(), many.servers.plugin_memory()
    return Measurement("stock_memory", ours=peak / 2**20, details={"in_the_end_mib": now / 2**20})


def _expiring(many: Stock, few: Stock) -> Measurement:
    """Look for what ends within a week, beside a stage that has nothing else."""
    number = len(many.request("LIST", "expiring/7d")[1])
    few.use(PLUGIN)
    few.change(first=few.count, count=number, all_soon=True)
    few.use(_PLAIN)
    times = [(many.request("LIST", "expiring/7d"), few.request("LIST", "expiring/7d")) for _ in range(TIMES)]
    ours, theirs = (
        median(seconds / len(keys) for seconds, keys in looks) * number * 1e3 for looks in zip(*times, strict=True)
    )
    return _against_few("stock_expiring", ours, theirs, "ms", {"certificates": number})


def _upgrade(many: Stock) -> Measurement:
    """Take summaries away, as if an earlier version had stored their certificates, and have the index completed."""
    many.use(PLUGIN)
    number = min(UNLISTED, many.count)
    many.change(unlisted=True, count=number)
    began, usage = _when_busy(many)
    reads = many.reads(seconds=STEADY_SECONDS, rate=STEADY_RATE)
    while not many.servers.server.api("GET", f"{MOUNT}/{PATH}").expect(200).data["index_complete"]:
        pause(many.servers, _LOOK_SECONDS)
        if time.monotonic() - began > _UPGRADE_SECONDS:
            raise BenchmarkError(f"the index was not completed within {_UPGRADE_SECONDS:.0f} s")
    seconds = time.monotonic() - began
    details = {
        "summaries": number,
        "seconds": seconds,
        "server_cores": many.servers.usage().since(usage).server / seconds,
        "read_p99_ms_meanwhile": percentile(reads.latencies, 99) * 1e3,
    }
    cores = many.servers.usage().since(usage).plugin / seconds
    return Measurement("stock_upgrade", ours=cores, details=details, notes=(f"upgrade: {_shown(details)}",))


def _when_busy(many: Stock) -> tuple[float, Usage]:
    """Return when the next tick has begun to complete the index, and what was used until then."""
    deadline = time.monotonic() + 2 * MINUTE_SECONDS
    usage = many.servers.usage()
    while time.monotonic() < deadline:
        began, before = time.monotonic(), usage
        pause(many.servers, _LOOK_SECONDS)
        usage = many.servers.usage()
        if usage.since(before).plugin >= _BUSY_SECONDS * _LOOK_SECONDS:
            return began, before
    raise BenchmarkError("no tick began to complete the index")


def _against_few(key: str, ours: float, theirs: float, unit: str, details: Mapping[str, object]) -> Measurement:
    return Measurement(key, ours=ours, against=theirs, against_name=f"{unit} of few", details=details)


def _shown(details: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {rounded(value)}" for name, value in details.items())
