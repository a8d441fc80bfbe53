"""Run the commands of `docs/guide.md`, and write below each what it answers: `make guide`.

The guide is one session at a shell, from its top to its end, on a real OpenBao server with a simulated SCM. Every block
```sh is run, and the block ```text behind it holds the answer; a block without one must succeed. A line `…` in an
answer stands for lines that are left out. What SCM does of its own accord stands in comments that no reader sees, such
as `<!-- simulator: POST /orders/283804/approve -->`.
"""

import difflib
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx

from scripts.demo import write_key_and_csr
from scripts.environment import EXECUTABLE, Choices, Environment, running, small_environment
from scripts.guide_words import Words, abridged, folded

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "guide.md"
SCM_OPTIONS = ("--pending-polls", "0", "--user", "api-user", "--customer-uri", "example-corp")
COMMAND_SECONDS = 60.0
STEP = re.compile(
    r"^<!-- simulator: (?P<method>[A-Z]+) (?P<path>\S+)(?: (?P<body>\{[^\n]*\}))? -->$"
    r"|^```sh\n(?P<command>.*?)^```$(?P<between>\n+^```text\n)?(?P<printed>(?(between).*?^```$))",
    re.MULTILINE | re.DOTALL,
)


class GuideError(Exception):
    """The guide cannot be gone through."""


def main() -> int:
    """Write the answers anew, and say which differ; return the exit status."""
    before = GUIDE.read_text()
    after = gone_through(before)
    GUIDE.write_text(after)
    sys.stdout.writelines(difference(before, after))
    return 0


def difference(before: str, after: str) -> list[str]:
    """Return the lines of a unified diff."""
    return list(difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), "old", "new"))


def gone_through(guide: str) -> str:
    """Return the guide with the answers that its commands get now.

    Raises:
        GuideError: a command fails without an answer that says so.
    """
    with running(Choices(simulator_arguments=SCM_OPTIONS)) as environment:
        environment.register()
        environment.mount()
        session = Session(environment)
        return STEP.sub(session.step, guide)


class Session:
    """The guide's session in one run."""

    def __init__(self, environment: Environment) -> None:
        simulator = environment.simulator
        self._folder = environment.folder / "guide"
        self._folder.mkdir(mode=0o700)
        write_key_and_csr(self._folder, "own.example.com")
        self._words = Words(
            {"https://cert-manager.com": simulator.url, "http://127.0.0.1:8200": environment.server.address},
            now=datetime.now(UTC),
        )
        self._variables = {
            **small_environment(),
            **environment.shell_environment(),
            "HOME": str(self._folder),
            "PATH": f"{EXECUTABLE.parent}:{small_environment().get('PATH', '/usr/bin:/bin')}",
        }
        self._control = httpx.Client(base_url=simulator.control_url, trust_env=False)

    def step(self, match: re.Match[str]) -> str:
        """Do what one block or comment says; return it as it is to be printed."""
        if match["method"]:
            self._simulate(match)
            return match[0]
        printed = match["printed"].removesuffix("```")
        status, answer = self._run(match["command"])
        if not match["between"]:
            if status:
                raise GuideError(f"{match['command']}ended with status {status}:\n{answer}")
            return match[0]
        return f"```sh\n{match['command']}```{match['between']}{folded(abridged(answer, printed))}```"

    def _simulate(self, match: re.Match[str]) -> None:
        path = self._words.of_run(match["path"])
        answer = self._control.request(match["method"], path, content=match["body"] or "")
        if answer.is_error:
            raise GuideError(f"{match[0]}: {answer.text}")

    def _run(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["/bin/sh", "-c", self._words.of_run(command)],
            cwd=self._folder,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        orders = self._control.get("/orders").json()
        kinds = ([order["id"] for order in orders if order["kind"] == kind] for kind in ("ssl", "client"))
        self._words.orders(*kinds)
        return done.returncode, self._words.of_guide(done.stdout.decode())


if __name__ == "__main__":
    sys.exit(main())
