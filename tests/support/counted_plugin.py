"""The plugin, started as always, which on SIGUSR1 writes down what it holds; and what the system says it holds.

`install_counted` has OpenBao start the plugin through `main` here in place of its own.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.usage import resident_bytes
from scripts.openbao import OpenBaoServer
from sectigo_vault_pki.__main__ import main as plugin_main
from tests.support.polling import until

FOLDER_VARIABLE = "COUNTED_PLUGIN_FOLDER"

_ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a process holds.

    Attributes:
        memory: resident bytes.
        objects: what the garbage collector has to look at, once what is garbage has gone.
        tasks: how many run of each coroutine.
    """

    memory: int
    descriptors: int
    threads: int
    objects: int
    tasks: Mapping[str, int]


def install_counted(server: OpenBaoServer, *, name: str) -> None:
    """Install and register the plugin under a name of its own."""
    script = server.folder / name
    script.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(_ROOT)!r})\n"
        "from tests.support.counted_plugin import main\n"
        "sys.exit(main())\n"
    )
    command = server.install(script)
    server.register(name, command=command, env=[f"{FOLDER_VARIABLE}={server.folder}"])


def holdings_of(server: OpenBaoServer, pid: int) -> Holdings:
    """Ask a plugin that runs what it holds; memory is told as it was before the question."""
    memory = resident_bytes(pid)
    answer = _answer_file(server.folder, pid)
    os.kill(pid, signal.SIGUSR1)
    until(answer.exists, what=f"what process {pid} holds")
    counted = json.loads(answer.read_bytes())
    answer.unlink()
    process = Path(f"/proc/{pid}")
    return Holdings(
        memory=memory,
        descriptors=descriptors_of(pid),
        threads=len(list((process / "task").iterdir())),
        objects=counted["objects"],
        tasks=counted["tasks"],
    )


def descriptors_of(pid: int) -> int:
    """Return how many file descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def main() -> int:
    """Be the plugin; return the exit status."""
    answer = _answer_file(Path(os.environ[FOLDER_VARIABLE]), os.getpid())
    signal.signal(signal.SIGUSR1, lambda _number, _frame: _write(answer))
    return plugin_main()


def _answer_file(folder: Path, pid: int) -> Path:
    return folder / f"holdings-{pid}.json"


def _write(answer: Path) -> None:
    gc.collect()
    tasks = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
    draft = answer.with_suffix(".draft")
    draft.write_text(json.dumps({"objects": len(gc.get_objects()), "tasks": tasks}))
    draft.replace(answer)
