"""Being told to stop, without an exception at an arbitrary place: what was started can then always be put away."""

import select
import signal
import socket
import time
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(Exception):
    """A signal said stop."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


class StopSignals:
    """Takes the signals that end a program in a terminal, and only remembers them, for as long as it is entered.

    A child's end also ends a wait. Only for the main thread, and not twice at once.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)  # noqa: FBT003  the standard library's signature
        self._number: int | None = None

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGCHLD)}
        for number in STOP_SIGNALS:
            signal.signal(number, self._remember)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # so that it reaches the wake-up descriptor
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def check(self) -> None:
        """Raise what was remembered.

        Raises:
            StoppedError: a signal has come.
        """
        if self._number is not None:
            raise StoppedError(self._number)

    def wait(self, seconds: float | None = None) -> None:
        """Return when a child has ended, or the time is over.

        Raises:
            StoppedError: a signal has come.
        """
        self.check()
        deadline = None if seconds is None else time.monotonic() + seconds
        remaining = seconds
        while remaining is None or remaining >= 0:
            if not select.select([self._reader], [], [], remaining)[0]:
                return
            numbers = self._reader.recv(4096)
            self.check()
            if signal.SIGCHLD in numbers:
                return
            remaining = None if deadline is None else deadline - time.monotonic()

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self._number = self._number or number
