"""The demo's terminal: commands as a user types them, run as they stand, and their answers."""

import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from scripts.stopping import StopSignals

WIDTH = 118
COMMAND_SECONDS = 60.0
_WATCH_SECONDS = 0.2

_BLOCK = r"-----BEGIN (?P<{0}>[A-Z ]+)-----(?:(?!-----).)+-----END (?P={0})-----"
_SEPARATOR = r"(?:\\n|\s)*"
_PEM = re.compile(_BLOCK.format("label"), re.DOTALL)
_PEM_VALUE = re.compile(_BLOCK.format("first") + f"(?:{_SEPARATOR}" + _BLOCK.format("next") + r")*(?:\\n)?", re.DOTALL)
_BODY_SHOWN = 8


class DemoError(Exception):
    """The demo cannot go on: an answer that the next command needs is not there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, and its exit status."""

    text: str
    status: int

    def row(self, name: str) -> str:
        """Return a value of the table that `bao` prints; empty when there is none."""
        match = re.search(rf"^{re.escape(name)} {{2,}}(.*)$", self.text, re.MULTILINE)
        return match[1].strip() if match else ""

    def pem(self, label: str) -> list[str]:
        """Return the PEM blocks whose label ends so, from a table or from JSON."""
        blocks = (match[0] for match in _PEM.finditer(self.text) if match["label"].endswith(label))
        return [block.replace("\\n", "\n") for block in blocks]

    def certificate(self) -> x509.Certificate:
        """Return the certificate that belongs to the private key in the answer.

        Raises:
            DemoError: there is none.
        """
        for key in self.pem("PRIVATE KEY"):
            public = load_pem_private_key(key.encode(), password=None).public_key()
            wanted = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            for block in self.pem("CERTIFICATE"):
                found = x509.load_pem_x509_certificate(block.encode())
                if found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == wanted:
                    return found
        raise DemoError("the answer holds no certificate that fits its private key")


class Terminal:
    """Shows and runs commands, and counts what is not as it should be.

    Args:
        folder: where the commands run.
        variables: their environment.
        stop: ends the demo early.
        waiting_for: says what a running command waits for; empty for nothing new.
    """

    def __init__(
        self, folder: Path, variables: Mapping[str, str], stop: StopSignals, waiting_for: Callable[[], str]
    ) -> None:
        self._folder = folder
        self._variables = variables
        self._stop = stop
        self._waiting_for = waiting_for
        self._bold = sys.stdout.isatty() and not variables.get("NO_COLOR")
        self.commands = 0
        self.failures: list[str] = []

    def chapter(self, title: str) -> None:
        print(f"\n{self._emphasised('# ' + title)}", flush=True)

    def say(self, text: str) -> None:
        print(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  "), flush=True)

    def run(
        self, command: str, *, status: int = 0, lines: int | None = None, rows: Collection[str] | None = None
    ) -> Answer:
        """Show a command, run it in a shell, and show its answer with PEM shortened.

        Args:
            command: as a user types it; may go over several lines.
            status: the exit status that it should have.
            lines: how many lines of the answer are shown; None for all.
            rows: which rows of a table are shown; None for all.

        Raises:
            StoppedError: a signal says stop.
        """
        print(f"\n$ {self._emphasised(command)}", flush=True)
        self.commands += 1
        answer = self._answer(command)
        print(shown(answer.text, lines, rows), flush=True)
        if answer.status:
            print(f"(exit status {answer.status})", flush=True)
        self.check(answer.status == status, f"exit status {answer.status} instead of {status}: {command.split()[:3]}")
        return answer

    def check(self, is_so: bool, failure: str) -> None:  # noqa: FBT001  reads like assert
        """Note a failure unless something is as it should be."""
        if not is_so:
            self.failures.append(failure)
            print(f"  NOT AS IT SHOULD BE: {failure}", flush=True)

    def _answer(self, command: str) -> Answer:
        output = self._folder / ".answer"
        began = time.monotonic()
        with output.open("wb") as stream:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                cwd=self._folder,
                env=dict(self._variables),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        try:
            while process.poll() is None:
                if time.monotonic() - began > COMMAND_SECONDS:
                    raise DemoError(f"no answer within {COMMAND_SECONDS:.0f} s")
                self._stop.wait(_WATCH_SECONDS)
                if news := self._waiting_for():
                    print(f"  ... {time.monotonic() - began:.1f} s: {news}", flush=True)
            self._stop.check()  # Ctrl-C ends the command too
        finally:
            process.kill()
            process.wait()
        text = output.read_text(errors="replace").strip("\n")
        output.unlink()
        return Answer(text, process.returncode)

    def _emphasised(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self._bold else text


def shown(text: str, lines: int | None = None, rows: Collection[str] | None = None) -> str:
    """Return an answer for the terminal.

    PEM is shortened, long lines are folded, and no more than `lines` lines, or of a table its `rows`, are kept.
    """
    all_lines = _PEM_VALUE.sub(_short_pem, text).splitlines()
    if rows is not None and (table := _rows(all_lines, rows)):
        return "\n".join(table)
    kept = all_lines if lines is None else all_lines[:lines]
    folded = [part for line in kept for part in _fold(line)]
    if len(kept) < len(all_lines):
        folded.append(f"... ({len(all_lines) - len(kept)} more lines)")
    return "\n".join(folded)


def _rows(lines: Sequence[str], names: Collection[str]) -> list[str]:
    """Return what is above a table (warnings), its head and those rows, folded; nothing where there is no table."""
    head = next((number for number, line in enumerate(lines) if re.match(r"Key +Value", line)), None)
    if head is None:
        return []
    kept = [line for line in lines[head + 2 :] if line.split("  ", 1)[0] in names]
    left_out = sum(1 for line in lines[head + 2 :] if re.match(r"\w+ {2,}", line)) - len(kept)
    folded = [part for line in (*lines[: head + 2], *kept) for part in _fold(line)]
    return [*folded, f"... ({left_out} more rows)"] if left_out else folded


def _short_pem(match: re.Match[str]) -> str:
    count = match[0].count("-----BEGIN ")
    label = match["first"]
    body = match[0].removeprefix(f"-----BEGIN {label}-----").replace("\\n", "").lstrip()[:_BODY_SHOWN]
    if label.endswith("PRIVATE KEY"):
        body = ""  # nothing of a key, not even of one that is gone in a minute
    return f"-----BEGIN {label}-----{body}... ({'shortened' if count == 1 else f'{count} of them, shortened'})"


def _fold(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    row = re.match(r"\S+ {2,}", line)
    indent = " " * (len(row[0]) if row else 4)
    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
