"""A long stretch of ordinary traffic: what users do, and what they get wrong, on kept connections to a real server."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

import httpx

from scripts.openbao import OpenBaoServer
from scripts.server_api import Answer
from tests.support.scm_process import ScmProcess
from tests.support.vault import CLIENT, SSL, Kind

AT_ONCE = 4
KEPT = 20
"""Certificates that are kept of each kind in each mount, so that what is held can be compared."""

_HANG_UP_SECONDS = 0.005
_ENTRIES: Mapping[str, Kind] = {"web": SSL, "people": CLIENT}
_WAITING: Mapping[str, object] = {"sectigo_max_timeout": 3}
_DEEDS: Mapping[str, int] = {
    "read": 44,
    "read_config": 5,
    "list": 5,
    "status": 2,
    "help": 1,
    "enroll": 12,
    "renew": 6,
    "replace": 4,
    "revoke": 3,
    "fetch": 3,
    "configure": 2,
    "hang_up": 2,
    "lost_answer": 1,
    "mistake": 10,
}
_FAULTS: Sequence[tuple[str, str, Mapping[str, object]]] = (
    ("enroll", "drop_after", {}),
    ("enroll", "drop_before", {}),
    ("enroll", "status", {"status": 500}),
    ("collect", "status", {"status": 503}),
)


@dataclass(frozen=True)
class Soaked:
    """One mount under traffic."""

    server: OpenBaoServer
    path: str
    scm: ScmProcess

    def api(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        token: str | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Call the HTTP API; `path` begins below the mount."""
        return self.server.api(method, f"{self.path}/{path}", body, token=token, timeout=timeout)

    def configure(self, entry: str) -> Answer:
        """Write a config entry."""
        kind = _ENTRIES[entry].name
        return self.api("POST", f"configs/{entry}", {**self.scm.config(), "sectigo_config_type": kind})


class Traffic:
    """Requests on some mounts, always the same of one seed; which of them meet is up to the processes' pace.

    Attributes:
        answers: how often each deed was answered with which status; 0 where the caller did not wait for it.
    """

    def __init__(self, mounts: Sequence[Soaked], seed: int) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self._mounts = mounts
        self._seed = seed
        self._known: dict[tuple[str, str], list[str]] = {(m.path, entry): [] for m in mounts for entry in _ENTRIES}
        self._lock = Lock()
        self._turns = 0
        for mount in mounts:
            for entry in _ENTRIES:
                mount.configure(entry).expect(204)

    def run(self, numbers: range, *, halfway: Callable[[], object], disturbed: str) -> None:
        """Send the requests of these numbers, some at once.

        Args:
            numbers: each stands for one request.
            halfway: what happens meanwhile.
            disturbed: the mount that feels it, whose requests may be answered with an error of the server's then.
        """
        with ThreadPoolExecutor(AT_ONCE) as workers:
            sent = [workers.submit(self._do, number, disturbed) for number in numbers]
            sent[len(sent) // 2].result()
            self._turn()
            halfway()
            self._turn()
            for request in sent:
                request.result()

    def forget_old_ones(self) -> None:
        """Delete all certificates but the newest, and orders whose answer was lost, unless they are being sent."""
        for mount in self._mounts:
            for entry in _ENTRIES:
                listed: list[str] = mount.api("LIST", f"certs/{entry}").data.get("keys", [])
                lost = [unique_id for unique_id in listed if unique_id.startswith("order-")]
                stored = sorted(set(listed) - set(lost), key=lambda unique_id: int(unique_id.split("_")[0]))
                for unique_id in stored[:-KEPT]:
                    mount.api("DELETE", f"certs/{entry}/{unique_id}?sectigo_force=true").expect(204)
                for order_id in lost:
                    mount.api("DELETE", f"certs/{entry}/{order_id}?sectigo_force=true").expect(204, 400)
                self._known[mount.path, entry][:] = stored[-KEPT:]

    def never_succeeded(self) -> set[str]:
        """Return the deeds that were never answered as they should be; a caller who hangs up wants no answer."""
        succeeded = {deed for deed, status in self.answers if 0 < status < 300 or deed in {"mistake", "hang_up"}}
        return set(_DEEDS) - succeeded

    def _turn(self) -> None:
        with self._lock:
            self._turns += 1

    def _do(self, number: int, disturbed: str) -> None:
        source = random.Random(f"{self._seed}/{number}")
        mount = source.choice(self._mounts)
        entry = source.choices([*_ENTRIES], [3, 1])[0]
        (deed,) = source.choices([*_DEEDS], [*_DEEDS.values()])
        turns = self._turns
        answer = Answer(0)
        with suppress(httpx.TimeoutException):
            answer = self._answer(deed, mount, entry, source, number)
        with self._lock:
            self.answers[deed, answer.status] += 1
        was_disturbed = mount.path == disturbed and (turns % 2 == 1 or turns != self._turns)
        assert answer.status < 500 or was_disturbed, f"{deed}: {answer.status} {answer.errors}"
        assert answer.status or deed == "hang_up", f"{deed}: no answer in time"
        if unique_id := answer.data.get("cert_unique_id"):
            with self._lock:
                self._known[mount.path, entry].append(unique_id)

    def _answer(self, deed: str, mount: Soaked, entry: str, source: random.Random, number: int) -> Answer:
        known = self._pick(mount, entry, source)
        kind = _ENTRIES[entry]
        if deed == "mistake":
            return _mistake(mount, entry, known, source)
        if deed == "configure":
            return mount.configure(entry)
        if deed == "lost_answer":
            operation, fault, details = source.choice(_FAULTS)
            mount.scm.fault(operation, fault, **details)
        order = {**kind.order, **_WAITING, "sectigo_csr_domain": f"w{number}.example.test"}
        requests: Mapping[str, tuple[str, str, Mapping[str, object] | None]] = {
            "read": ("GET", f"certs/{entry}/{known}", None),
            "read_config": ("GET", f"configs/{entry}", None),
            "list": ("LIST", f"certs/{entry}", None),
            "status": ("GET", "status", None),
            "help": ("GET", f"enroll/{entry}?help=1", None),
            "renew": ("POST", f"renew/{entry}/{known}", _WAITING),
            "replace": ("POST", f"replace/{entry}/{known}", {**kind.replacement, **_WAITING}),
            "revoke": ("POST", f"revoke/{entry}/{known}", {"sectigo_reason": "superseded"}),
            "fetch": ("POST", f"fetch/{entry}/{known.split('_')[0]}", {}),
        }
        timeout = _HANG_UP_SECONDS if deed == "hang_up" else None
        return mount.api(*requests.get(deed, ("POST", f"enroll/{entry}", order)), timeout=timeout)

    def _pick(self, mount: Soaked, entry: str, source: random.Random) -> str:
        with self._lock:
            known = self._known[mount.path, entry]
            return source.choice(known) if known else "1_nobody"


def _mistake(mount: Soaked, entry: str, known: str, source: random.Random) -> Answer:
    order = _ENTRIES[entry].order
    attempts: Iterable[Callable[[], Answer]] = (
        lambda: mount.api("POST", f"enroll/{entry}", {}),
        lambda: mount.api("POST", f"enroll/{entry}", {**order, "sectigo_csr_key_size": "no size"}),
        lambda: mount.api("POST", f"enroll/{entry}", {**order, "sectigo_csr": "no CSR"}),
        lambda: mount.api("POST", "enroll/nowhere", order),
        lambda: mount.api("GET", f"certs/{entry}/1_nobody"),
        lambda: mount.api("POST", f"revoke/{entry}/{known}", {}),
        lambda: mount.api("POST", f"configs/{entry}", {"sectigo_cm_org_id": -1}),
        lambda: mount.api("DELETE", f"enroll/{entry}"),
        lambda: mount.api("GET", "no/such/path"),
        lambda: mount.api("GET", f"certs/{entry}/{known}", token="s.of-nobody"),
    )
    answer = source.choice([*attempts])()
    assert answer.status >= 400, answer.status
    return answer
