"""Fetches many certificates: several at a time, each repeated after errors that pass."""

from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event

from sectigo_vault_pki.console.failures import ConsoleError, RefusedError, UnreachableError
from sectigo_vault_pki.console.server import FORBIDDEN, OK, UNAVAILABLE, Answer, Server

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each repeat, unless the server asks for more."""
_LONGEST_PAUSE = 120.0
_LISTED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one id.

    Attributes:
        error: why it failed; empty if it is stored now.
        warnings: the engine's.
    """

    certificate_id: str
    error: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches into one config entry.

    Attributes:
        fields: more fields of each write.
        wait: waits so many seconds for the event.
    """

    server: Server
    mount: str
    config: str
    fields: Mapping[str, object]
    wait: Callable[[Event, float], object] = Event.wait

    def stored_ids(self) -> set[str]:
        """Return the ids that are stored, both as unique ids and as SCM's own; none if the token may not list them.

        Raises:
            ConsoleError: the server does not answer, or refuses for another reason, such as an unknown entry.
        """
        found: set[str] = set()
        after = ""
        while True:
            query = {"after": after} if after else {}
            answer = self.server.listing(f"{self.mount}/certs/{self.config}", limit=_LISTED_AT_ONCE, **query)
            if answer.status == FORBIDDEN:
                return set()
            keys = answer.expect_list().keys
            if not keys or keys[-1] == after:
                return found | {unique_id.partition("_")[0] for unique_id in found}
            found.update(keys)
            after = keys[-1]

    def outcomes(self, ids: Iterable[str], *, parallel: int) -> Generator[Outcome]:
        """Yield the outcome of each id, as they come; closing this starts no more.

        Raises:
            RefusedError: the token may not fetch, or the server is sealed; the others would fail as well.
            UnreachableError: the server is gone, and did not come back.
        """
        stop = Event()
        waiting = iter(ids)
        running: set[Future[Outcome]] = set()
        with ThreadPoolExecutor(parallel) as pool:
            try:
                while True:
                    while len(running) < parallel and (one := next(waiting, None)) is not None:
                        running.add(pool.submit(self._outcome, one, stop))
                    if not running:
                        return
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in ended:
                        yield future.result()
            finally:
                stop.set()

    def _outcome(self, certificate_id: str, stop: Event) -> Outcome:
        answer = self._patiently(lambda: self._fetch(certificate_id), stop)
        if answer.status in (FORBIDDEN, UNAVAILABLE):
            raise RefusedError(answer.request, answer.status, answer.errors)
        if answer.status != OK:
            said = "; ".join(" ".join(error.split()) for error in answer.errors)
            return Outcome(certificate_id, said or f"HTTP {answer.status}")
        return Outcome(certificate_id, warnings=tuple(answer.warnings))

    def _fetch(self, certificate_id: str) -> Answer:
        return self.server.write(f"{self.mount}/fetch/{self.config}/{certificate_id}", self.fields)

    def _patiently(self, fetch: Callable[[], Answer], stop: Event) -> Answer:
        """Fetch until there is an answer for good: a fetch that is repeated finds what is stored."""
        for seconds in PAUSES:
            if stop.is_set():
                break
            after = 0.0
            try:
                answer = fetch()
                if not answer.is_worth_a_repeat:
                    return answer
                after = answer.retry_after or 0.0
            except UnreachableError:
                pass  # the last try says so
            self.wait(stop, min(max(seconds, after), _LONGEST_PAUSE))
        if stop.is_set():
            raise ConsoleError("the import was stopped")
        return fetch()
