"""Faults: an SCM that is slow, wrong or gone, on purpose and one answer at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["status", "page", "body", "echo", "drop_before", "drop_after", "slow", "stale", "empty"]
ANY_OPERATION = "*"
DEFAULT_STATUS = 503


@dataclass(eq=False)
class Fault:
    """What is to go wrong with the next calls of one operation.

    Attributes:
        operation: Such as "enroll" or "collect", or "*" for any.
        kind: `status` answers an HTTP status instead of doing anything, `page` an HTML page with it, `body` the text
            `body`, and `echo` an error of SCM's that shows the request's headers; `drop_before` cuts the connection
            before the call has an effect, `drop_after` after it; `slow` does it and answers late; `empty` does it and
            answers 200 without a body; `stale` lets collect deliver the certificate before the replacement.
        status: HTTP status of `status`, `page`, `body` and `echo`; all but the first also take a success or a redirect.
        retry_after: Seconds for the header of that name, or None.
        seconds: How late `slow` answers.
        code: SCM's code in the body of a status below 500 and of an echo, or None for a usual one.
        description: The text that goes with the code.
        body: What `body` answers, as JSON or whatever it is.
        booked: Whether what was asked for is done all the same before one of these four is answered.
        times: How many calls it still hits; None is until faults are cleared.
    """

    operation: str
    kind: FaultKind
    status: int = DEFAULT_STATUS
    retry_after: int | None = None
    seconds: float = 0.0
    code: int | None = None
    description: str = ""
    body: str = ""
    booked: bool = False
    times: int | None = 1

    def hits(self, operation: str) -> bool:
        return self.operation in (ANY_OPERATION, operation)


class Faults:
    """The faults to come, in the order they were added; a call takes the first that hits it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._faults))

    def __len__(self) -> int:
        return len(self._faults)

    def add(
        self,
        operation: str,
        kind: FaultKind,
        *,
        status: int = DEFAULT_STATUS,
        retry_after: int | None = None,
        seconds: float = 0.0,
        code: int | None = None,
        description: str = "",
        body: str = "",
        booked: bool = False,
        times: int | None = 1,
    ) -> Fault:
        """Let something go wrong; see `Fault` for what each value means."""
        fault = Fault(
            operation=operation,
            kind=kind,
            status=status,
            retry_after=retry_after,
            seconds=seconds,
            code=code,
            description=description,
            body=body,
            booked=booked,
            times=times,
        )
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults.clear()

    def take(self, operation: str) -> Fault | None:
        """Use up one hit of the first fault for this call, staleness apart."""
        return self._use(fault for fault in self._faults if fault.kind != "stale" and fault.hits(operation))

    def take_stale(self) -> bool:
        """Use up one stale answer, if there is one to come; "replace" names it as well as "collect"."""
        stale = (fault for fault in self._faults if fault.kind == "stale")
        return self._use(fault for fault in stale if fault.hits("collect") or fault.hits("replace")) is not None

    def _use(self, candidates: Iterator[Fault]) -> Fault | None:
        fault = next(candidates, None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
        return fault
