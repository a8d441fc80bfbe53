"""What a check finds, in the words and with the exit statuses of `bao pki health-check`."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Status(enum.IntEnum):
    """The worse, the higher; the numbers are `status_code` in JSON."""

    NOT_APPLICABLE = 0
    OK = 1
    INFORMATIONAL = 2
    WARNING = 3
    CRITICAL = 4
    INSUFFICIENT_PERMISSIONS = 6

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Result:
    """One finding.

    Attributes:
        subject: what it is about: a path, a file, a name.
        message: what is the case.
        advice: what to do; empty if nothing.
    """

    status: Status
    subject: str
    message: str
    advice: str = ""


def informational(subject: str, message: str, advice: str = "") -> Result:
    return Result(Status.INFORMATIONAL, subject, message, advice)


def warning(subject: str, message: str, advice: str = "") -> Result:
    return Result(Status.WARNING, subject, message, advice)


def critical(subject: str, message: str, advice: str = "") -> Result:
    return Result(Status.CRITICAL, subject, message, advice)


def not_applicable(subject: str, message: str) -> Result:
    return Result(Status.NOT_APPLICABLE, subject, message)


def exit_status(results: Iterable[Result]) -> int:
    """Return 0, or the status code of the worst result: 2, 3, 4, or 6 for what the token may not see.

    As `bao pki health-check` has it, what could not be looked at counts as the worst.
    """
    worst = max((result.status for result in results), default=Status.OK)
    return 0 if worst <= Status.OK else int(worst)
