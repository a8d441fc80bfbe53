"""Run the commands of guide, migration page and recipes, and write below each what it answers: `make guide`.

They are one session at a shell, in the order of `DOCUMENTS`, on a real OpenBao server with a simulated SCM. Each block
```sh is run, and the block ```text behind it holds the answer; a block without one must succeed. A line `…` at the end
of an answer says that lines are left out. What goes before, and what SCM does by itself, stands in comments that no
reader sees, such as `<!-- run: bao list … -->` and `<!-- simulator: POST /orders/283804/approve -->`.
"""

import difflib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from scripts import small_curl
from scripts.demo import write_key_and_csr
from scripts.environment import EXECUTABLE, Choices, Environment, running, small_environment
from scripts.guide_words import Words, abridged, folded

_DOCS = Path(__file__).resolve().parent.parent / "docs"
_GUIDE = (
    "README",
    "configuring",
    "profiles",
    "ordering",
    "reading",
    "renewing",
    "replacing",
    "waiting",
    "automatic-renewal",
    "lost-answers",
    "roles",
    "watching",
    "running",
    "troubleshooting",
    "commands",
)
DOCUMENTS = (
    *(_DOCS / "guide" / f"{page}.md" for page in _GUIDE),
    _DOCS / "migration.md",
    _DOCS / "recipes.md",
    _DOCS / "guide" / "domain-validation.md",
    _DOCS / "guide" / "logins.md",
    _DOCS / "console.md",
    _DOCS / "teams.md",
    _DOCS / "monitoring.md",
    _DOCS / "runbooks.md",
)
"""In the order in which the session goes through them, and so may a reader."""
ON_RAFT = (_DOCS / "continuity.md",)
"""A session of their own, on a server that has snapshots."""
SESSIONS = (DOCUMENTS, ON_RAFT)
SCM_OPTIONS = ("--pending-polls", "0", "--user", "api-user", "--customer-uri", "example-corp")
PLUGIN_OPTIONS = ("SECTIGO_VAULT_PKI_BACKGROUND=off",)  # no tick may fall between two examples
COMMAND_SECONDS = 60.0
STEP = re.compile(
    r"^<!-- simulator: (?P<method>[A-Z]+) (?P<path>\S+)(?: (?P<body>\{[^\n]*\}))? -->$"
    r"|^<!-- run: (?P<before>[^\n]+) -->$"
    r"|^```sh\n(?P<command>.*?)^```$(?P<between>\n+^```text\n)?(?P<printed>(?(between).*?^```$))",
    re.MULTILINE | re.DOTALL,
)


class GuideError(Exception):
    """The guide cannot be gone through."""


def main() -> int:
    """Write the answers anew, and say which differ; return the exit status."""
    for documents in SESSIONS:
        before = [document.read_text() for document in documents]
        after = gone_through(before, raft=documents is ON_RAFT)
        for document, text in zip(documents, after, strict=True):
            document.write_text(text)
        sys.stdout.writelines(difference(documents, before, after))
    return 0


def difference(documents: Sequence[Path], before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return the lines of a unified diff."""
    return [
        line
        for document, old, new in zip(documents, before, after, strict=True)
        for line in difflib.unified_diff(
            old.splitlines(keepends=True), new.splitlines(keepends=True), str(document.relative_to(_DOCS))
        )
    ]


def gone_through(documents: Iterable[str], *, raft: bool = False) -> list[str]:
    """Return the documents with the answers that their commands get now.

    Args:
        documents: their texts.
        raft: whether the session needs a server with raft storage.

    Raises:
        GuideError: a command fails where no answer is printed that says so.
    """
    choices = Choices(simulator_arguments=SCM_OPTIONS, plugin_environment=PLUGIN_OPTIONS, raft=raft)
    with running(choices) as environment:
        environment.register()
        environment.mount()
        control_url = environment.simulator.control_url
        with httpx.Client(base_url=control_url, timeout=COMMAND_SECONDS, trust_env=False) as control:
            session = Session(environment, control)
            return [STEP.sub(session.step, document) for document in documents]


class Session:
    """The guide's session in one run."""

    def __init__(self, environment: Environment, control: httpx.Client) -> None:
        simulator = environment.simulator
        self._control = control
        self._folder = environment.folder / "guide"
        self._folder.mkdir(mode=0o700)
        spare = environment.folder / "spare"
        write_small_curl(spare)
        write_key_and_csr(self._folder, "own.example.com")
        self._words = Words(
            {"https://cert-manager.com": simulator.url, "http://127.0.0.1:8200": environment.server.address},
            now=datetime.now(UTC),
        )
        self._variables = {
            **small_environment(),
            **environment.shell_environment(),
            "SCM_CLIENT_SECRET": "demo-client-secret",
            "UNSEAL_KEY": environment.server.unseal_key,
            "PLUGIN_DIRECTORY": str(environment.server.plugin_directory),
            "HOME": str(self._folder),
            "PATH": f"{EXECUTABLE.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}:{spare}",
        }

    def step(self, match: re.Match[str]) -> str:
        """Do what one block or comment says; return it as it is to be printed."""
        if match["method"]:
            self._simulate(match)
            return match[0]
        command = match["before"] or match["command"]
        status, answer = self._run(command)
        if not match["between"]:
            if status:
                raise GuideError(f"{command}\nended with status {status}:\n{answer}")
            return match[0]
        printed = match["printed"].removesuffix("```")
        return f"```sh\n{command}```{match['between']}{folded(abridged(answer, printed))}```"

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


def write_small_curl(folder: Path) -> None:
    """Lay a command `curl` into a new folder, for a machine that has none."""
    folder.mkdir()
    command = folder / "curl"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(small_curl.__file__)} "$@"\n')
    command.chmod(0o700)


if __name__ == "__main__":
    sys.exit(main())
