"""Hard weather: operations on a real server while its plugin and itself are killed, and SCM drops, stalls and fails.

A seed gives the plan: which operations, and what happens beside which of them. What the plan does to processes that run
at the same time depends on their pace, so that a seed that failed is worth several tries.
"""

import os
import random
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import httpx

from scripts.openbao import OpenBaoServer
from scripts.server_api import Answer
from tests.support.books import disagreements, lost_keys, untrue_summaries
from tests.support.polling import until
from tests.support.vault import ORDER, VaultMount, plugin_pids

AT_ONCE = 4
CALM_SECONDS = 120.0
"""Time that everything has to settle in, once nothing goes wrong any more."""
STUCK_AFTER = 5
"""Answers in a row that say that nobody is behind the mount; the first come before the server notices."""

_OPERATIONS = {"enroll": 40, "read": 22, "renew": 18, "replace": 8, "revoke": 4, "list": 8}
_FAULTY = {"enroll": 6, "renew": 4, "replace": 3, "collect": 2, "revoke": 1, "list": 1, "details": 1}
_FAULTS: Sequence[Mapping[str, Any]] = (
    {"kind": "drop_after"},
    {"kind": "drop_after"},
    {"kind": "drop_before"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "slow", "seconds": 3},
    {"kind": "slow", "seconds": 8},
)
_WITHOUT_A_PLUGIN = ("connection refused", "no handler for route")
"""What the server's errors say of a mount without one."""
_CALM_SCM = {"pending_polls": 1, "never_issue": False}


@dataclass(frozen=True)
class Step:
    """One operation, and what happens while it is under way.

    Attributes:
        pick: which of the known certificates it is about, as a share from the newest on; mostly one of the newest, so
            that operations meet.
        wait: seconds the caller waits for the certificate.
        disruption: empty where nothing happens.
        after: seconds from the operation's begin to the disruption.
    """

    number: int
    operation: str
    pick: float
    wait: int
    disruption: str
    after: float
    fault: Mapping[str, Any] = field(default_factory=dict)


def plan(seed: int, operations: int) -> Iterator[Step]:
    """Yield the steps of a seed, always the same."""
    source = random.Random(seed)
    for number in range(operations):
        (operation,) = source.choices([*_OPERATIONS], [*_OPERATIONS.values()])
        kinds = ["", "fault", "hold", "release", "kill_plugin", "reload", "kill_server"]
        (disruption,) = source.choices(kinds, [64, 20, 3, 4, 5, 2, 2])
        (faulty,) = source.choices([*_FAULTY], [*_FAULTY.values()])
        fault = {"operation": faulty, **source.choice(_FAULTS)}
        yield Step(
            number=number,
            operation="enroll" if number < AT_ONCE else operation,
            pick=source.random() ** 2,
            wait=source.choice([0, 2, 5]),
            disruption=disruption,
            after=source.uniform(0, 0.4),
            fault=fault,
        )


class Chaos:
    """One run against a mount whose server keeps its state on disk."""

    def __init__(self, mount: VaultMount) -> None:
        self._mount = mount
        self._known: list[str] = []
        self._refusals = 0
        self._last_answer: Answer | None = None
        self._lock = Lock()

    def run(self, steps: Iterator[Step]) -> None:
        """Do everything, and end with all processes up and SCM well."""
        self._mount.configure()
        self._mount.scm.set(**_CALM_SCM)
        running: set[Future[None]] = set()
        with ThreadPoolExecutor(AT_ONCE) as workers:
            for step in steps:
                if len(running) == AT_ONCE:
                    _, running = wait(running, return_when="FIRST_COMPLETED")
                running.add(workers.submit(self._do, step))
                if step.disruption:
                    time.sleep(step.after)
                    self._disrupt(step)
        self._mount.scm.set(**_CALM_SCM)
        self._mount.scm.clear_faults()

    def _do(self, step: Step) -> None:
        with suppress(httpx.HTTPError):  # the weather: the caller knows nothing of what became of it
            answer = self._mount.api(*self._request(step), timeout=30)
            self._help_out(answer)
            unique_id = answer.data.get("cert_unique_id", "") if answer.status == httpx.codes.OK else ""
            if unique_id:
                with self._lock:
                    self._known.append(unique_id)

    def _help_out(self, answer: Answer) -> None:
        """Do what an operator does when the server goes on without a plugin: reload the mount.

        OpenBao 2.7.2 keeps its connection to a process that was killed while it set a mount up there, and every request
        fails; where the kill met a reload, the mount is left without a backend, and every path is a 404.
        """
        is_gone = any(symptom in error for error in answer.errors for symptom in _WITHOUT_A_PLUGIN)
        with self._lock:
            self._refusals = self._refusals + 1 if is_gone else 0
            is_stuck = self._refusals >= STUCK_AFTER
            if is_stuck:
                self._refusals = 0
        if is_stuck:
            self._reload()

    def _reload(self) -> None:
        body = {"mounts": [f"{self._mount.path}/"]}
        with suppress(httpx.HTTPError):
            self._mount.server.api("PUT", "sys/plugins/reload/backend", body, timeout=30)

    def _answers(self) -> bool:
        self._last_answer = self._mount.api("GET", "status")
        self._help_out(self._last_answer)
        return self._last_answer.status == httpx.codes.OK

    def _request(self, step: Step) -> tuple[str, str, Mapping[str, object] | None]:
        waiting = {"sectigo_max_timeout": step.wait}
        with self._lock:
            known = self._known[-1 - int(step.pick * len(self._known))] if self._known else "1_nobody"
        match step.operation:
            case "enroll":
                domain = f"w{step.number}.example.test"
                return "POST", "enroll/web", {**ORDER, "sectigo_csr_domain": domain, **waiting}
            case "renew":
                return "POST", f"renew/web/{known}", waiting
            case "replace":
                return "POST", f"replace/web/{known}", {"sectigo_reason": "chaos", **waiting}
            case "revoke":
                return "POST", f"revoke/web/{known}", {"sectigo_reason": "superseded"}
            case "list":
                return "LIST", "certs/web", None
            case _:
                return "GET", f"certs/web/{known}", None

    def _disrupt(self, step: Step) -> None:
        server = self._mount.server
        match step.disruption:
            case "fault":
                self._mount.scm.fault(**step.fault)
            case "hold":
                self._mount.scm.set(never_issue=True)
            case "release":
                self._mount.scm.set(**_CALM_SCM)
            case "reload":
                self._reload()
            case "kill_plugin":
                _kill_plugins(server)
            case "kill_server":
                server.kill()
                server.start()
                server.unseal()

    def settle(self) -> None:
        """Let everything come to its end by reading it, until both books agree.

        Raises:
            AssertionError: they do not in time; it says what is missing.
        """
        # A server that has not noticed yet that its plugin was killed answers one more request with an error.
        try:
            until(self._answers, what="a plugin that answers")
        except AssertionError as error:
            last = self._last_answer
            raise AssertionError(f"{error}; the last answer: {last and (last.status, last.errors)}") from error
        deadline = time.monotonic() + CALM_SECONDS
        while True:
            listed = {unique_id: self._read(unique_id) for unique_id in self._mount.ids()}
            problems = list(disagreements(self._mount.scm, listed)) or list(lost_keys(self._mount))
            problems = problems or list(untrue_summaries(self._mount))
            if not problems:
                return
            if time.monotonic() > deadline:
                raise AssertionError("\n".join([*problems, *self._told(listed, "\n".join(problems))]))

    def _read(self, unique_id: str) -> Mapping[str, Any]:
        answer = self._mount.read(unique_id, query="?sectigo_read_renewed_cert=false&sectigo_auto_renew=false")
        return {**answer.data, "warnings": answer.warnings}

    def _told(self, listed: Mapping[str, Mapping[str, Any]], problems: str) -> Iterator[str]:
        """Describe what Vault holds with a warning or a problem, SCM's side of it, and the log; no key is told."""
        book = {f"{order['id']}_{self._mount.scm.customer_uri}": order for order in self._mount.scm.orders()}
        log = self._mount.server.log().splitlines()
        for unique_id, held in listed.items():
            if held["warnings"] or unique_id in problems:
                seen = {name: held.get(name) for name in ("cert_unique_id", "state", "serial_number", "warnings")}
                yield f"{unique_id}: {seen}, SCM: {book.get(unique_id)}"
            if unique_id in problems:
                yield from (line for line in log if unique_id in line)


def _kill_plugins(server: OpenBaoServer) -> None:
    for pid in plugin_pids(server):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
