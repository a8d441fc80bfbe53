import os
import signal
import subprocess
import time

import pytest

from scripts.stopping import STOP_SIGNALS, StoppedError, StopSignals


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_signal_is_remembered_until_it_is_asked_for(number: int) -> None:
    with StopSignals() as stop:
        os.kill(os.getpid(), number)
        with pytest.raises(StoppedError) as stopped:
            stop.check()
        assert stopped.value.number == number


def test_nothing_is_raised_without_a_signal() -> None:
    with StopSignals() as stop:
        stop.check()
        stop.wait(0)


def wait_for_ever(stop: StopSignals) -> None:
    while True:
        stop.wait(30)


@pytest.mark.process
def test_signal_ends_a_wait() -> None:
    with StopSignals() as stop:
        process = subprocess.Popen(["/bin/sh", "-c", f"kill -TERM {os.getpid()}"])
        with pytest.raises(StoppedError):
            wait_for_ever(stop)
        process.wait()


@pytest.mark.process
def test_childs_end_ends_a_wait() -> None:
    with StopSignals() as stop:
        process = subprocess.Popen(["/bin/true"])
        began = time.monotonic()
        while process.poll() is None:
            stop.wait(30)
        assert time.monotonic() - began < 25


def test_handlers_of_before_are_back_afterwards() -> None:
    before = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGCHLD)}
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in before} == before
    assert signal.set_wakeup_fd(-1) == -1
