"""The load generator: many HTTP/1.1 connections from one thread, in a process of its own.

    python -m benchmarks.load < plan.json

Why not `wrk`: it is not on every machine, it cannot number its requests nor keep a pace, and it does not check what it
gets. Why not an asyncio client: at 10 000 answers a second that would be the bottleneck. This one is sockets and epoll,
and the same for both sides of every comparison. It costs some 30 µs a request (`cpu_seconds` of its outcome tells),
where `wrk` costs 23.

The plan, a `Plan` in JSON, is read from stdin, because a token is part of it. Lines of JSON come to stdout: with `each`
`[number, monotonic time]` as each request is answered, and in the end the `Outcome`.
"""

import json
import resource
import select
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass

_RECEIVE_BYTES = 32 * 1024  # more costs more: memory for it is asked for with every call
_SHOWN_BYTES = 300
_SUCCESS = (b"HTTP/1.1 200 ", b"HTTP/1.1 204 ")
_END_OF_HEAD = b"\r\n\r\n"
_END_OF_CHUNKS = b"\r\n0\r\n\r\n"
NUMBER = "{number}"
SILENCE_SECONDS = 330.0
"""Without any answer for so long, nothing will come any more."""

_TIMER_SECONDS = 0.002  # epoll's own time-outs are that exact; being late by more is the server's doing
_MORE_DESCRIPTORS = 64


class LoadError(Exception):
    """A request was not answered as planned."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send.

    Attributes:
        body: of each request; `{number}` in it stands for the request's number.
        connections: how many requests are under way at once, at most.
        seconds: after how long no new request is sent.
        requests: after how many no new request is sent.
        rate: how many requests a second are due, 0 for one as soon as a connection is free. A request's time is
            then counted from when it was due, so that a server which stalls cannot hide that.
        each: whether each answer is reported at once.
    """

    host: str
    port: int
    token: str
    method: str
    path: str
    body: str = ""
    connections: int = 1
    seconds: float = 0.0
    requests: int = 0
    rate: float = 0.0
    each: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: how many were answered in which time, the times of each in seconds, and what it cost us."""

    answered: int
    seconds: float
    latencies: list[float]
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    @property
    def generator_share(self) -> float:
        """How much of a core the generator needed."""
        return self.cpu_seconds / self.seconds


class Connection:
    """One connection, with at most one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = -1
        self.due = 0.0
        self._received = b""

    def send(self, number: int, due: float, request: bytes) -> None:
        self.number, self.due = number, due
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come; tell whether the answer is complete.

        Raises:
            LoadError: it is no success, or the server has closed the connection.
        """
        data = self.socket.recv(_RECEIVE_BYTES)
        if not data:
            raise LoadError("the server closed a connection")
        if self._received:
            data = self._received + data
        if data.startswith(_SUCCESS) and data.endswith(_END_OF_CHUNKS):
            self._received = b""
            return True
        if not is_complete(data):
            self._received = data
            return False
        self._received = b""
        if not data.startswith(_SUCCESS):
            # Only of a refusal: a success may hold a key.
            raise LoadError(f"the server answered {data.partition(_END_OF_HEAD)[2][:_SHOWN_BYTES]!r}")
        return True


def is_complete(data: bytes) -> bool:
    """Whether a whole answer is there; JSON has no raw line ends, so the last chunk cannot be confused."""
    head, found, body = data.partition(_END_OF_HEAD)
    if not found:
        return False
    head = head.lower()
    if b"\r\ntransfer-encoding: chunked" in head:
        return data.endswith(_END_OF_CHUNKS)
    length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length or 0)


class Generator:
    """Sends what is planned, and keeps the time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._every_request = None if NUMBER in plan.body else request_bytes(plan, 0)
        self._connections: dict[int, Connection] = {}
        self._free: deque[Connection] = deque()
        self._poll = select.epoll()
        self._sent = 0
        self._latencies: list[float] = []

    def run(self) -> Outcome:
        """Send until the plan says stop, and wait for every answer."""
        started, cpu = time.monotonic(), time.process_time()
        self._started = started
        while True:
            self._send_due(time.monotonic())
            if self._is_over(time.monotonic()) and len(self._free) == len(self._connections):
                break
            patience = self._patience(time.monotonic())
            events = self._poll.poll(patience)
            if not events and patience == SILENCE_SECONDS:
                raise LoadError(f"no answer within {SILENCE_SECONDS:.0f} s")
            for descriptor, _ in events:
                connection = self._connections[descriptor]
                if connection.receive():
                    self._answered(connection, time.monotonic())
        ended = time.monotonic()
        return Outcome(len(self._latencies), ended - started, self._latencies, time.process_time() - cpu)

    def close(self) -> None:
        """Close every connection; the server takes that for a cancellation of what is under way."""
        self._poll.close()
        for connection in self._connections.values():
            connection.socket.close()

    def _send_due(self, now: float) -> None:
        while self._may_send() and not self._is_over(now):
            due = self._next_due(now)
            if due > now:
                return
            counted_from = due if now - due > _TIMER_SECONDS else now
            request = self._every_request or request_bytes(self._plan, self._sent)
            self._connection().send(self._sent, counted_from, request)
            self._sent += 1

    def _may_send(self) -> bool:
        return bool(self._free) or len(self._connections) < self._plan.connections

    def _connection(self) -> Connection:
        """Return a free connection, or a new one: a server closes those that stay silent after they were opened."""
        if self._free:
            return self._free.popleft()
        connection = Connection((self._plan.host, self._plan.port))
        self._connections[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)
        return connection

    def _next_due(self, now: float) -> float:
        return self._started + self._sent / self._plan.rate if self._plan.rate else now

    def _is_over(self, now: float) -> bool:
        plan = self._plan
        enough = plan.requests and self._sent >= plan.requests
        late = plan.seconds and now - self._started >= plan.seconds
        return bool(enough or late)

    def _patience(self, now: float) -> float:
        if self._plan.rate and self._may_send() and not self._is_over(now):
            return max(0.0, self._next_due(now) - now)
        return SILENCE_SECONDS

    def _answered(self, connection: Connection, now: float) -> None:
        self._latencies.append(now - connection.due)
        if self._plan.each:
            print(json.dumps([connection.number, now]), flush=True)
        self._free.append(connection)


def admit_connections(count: int) -> None:
    """Raise the limit on open files, where it is too low for so many connections and may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _MORE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def request_bytes(plan: Plan, number: int) -> bytes:
    """Return a request as it goes over the wire."""
    body = plan.body.replace(NUMBER, str(number)).encode()
    head = (
        f"{plan.method} /v1/{plan.path} HTTP/1.1\r\nHost: {plan.host}:{plan.port}\r\n"
        f"X-Vault-Token: {plan.token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main() -> int:
    """Carry out the plan on stdin; return the exit status."""
    plan = Plan(**json.loads(sys.stdin.read()))
    admit_connections(plan.connections)
    generator = Generator(plan)
    try:
        outcome = generator.run()
    except (LoadError, OSError) as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    finally:
        generator.close()
    print(json.dumps(asdict(outcome)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
