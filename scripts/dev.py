"""`make dev`: the engine on real parts, until Ctrl-C.

The environment chooses: BAO_PORT and SCM_PORT the ports (free ones otherwise), SIM_ARGS the simulator's arguments,
PLUGIN_ENV (`NAME=value ...`) the plugin's variables, DEV_DIR (`.dev` otherwise) the folder of `env.sh`, so that several
can run at once.
"""

import fcntl
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from scripts.environment import (
    CLIENT,
    MOUNT,
    SSL,
    Choices,
    Environment,
    PartError,
    running,
)
from scripts.server_binary import BAO, OpenBaoError
from scripts.stopping import StoppedError, StopSignals

CONFIGS: Mapping[str, str] = MappingProxyType({"demo": SSL, "demo-client": CLIENT})
"""Config entries that are there when it is ready, and their certificate types."""

_LARGEST_PORT = 65_535


class ChoiceError(Exception):
    """A variable cannot be used, or does not go together with what already runs."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the variables say."""

    choices: Choices
    folder: Path


def main() -> int:
    """Run until told to stop; return the exit status."""
    with StopSignals() as stop:
        try:
            wishes = wishes_from(os.environ)
            with held_folder(wishes.folder) as folder, running(wishes.choices) as environment:
                stop.check()
                environment.register()
                environment.mount()
                for name, certificate_type in CONFIGS.items():
                    environment.configure(name, certificate_type)
                with env_file(folder, environment.shell_environment()) as file:
                    print(announcement(environment, file), flush=True)
                    while True:
                        stop.wait()
                        environment.check()
        except StoppedError:
            print("ended; nothing is left running", flush=True)
            return 0
        except (ChoiceError, PartError, OpenBaoError) as error:
            print(f"make dev: {error}", file=sys.stderr)
            return 1


def wishes_from(variables: Mapping[str, str]) -> Wishes:
    """Read the variables.

    Raises:
        ChoiceError: one cannot be used.
    """
    settings = _words(variables, "PLUGIN_ENV")
    if wrong := [word for word in settings if not re.match(r"[A-Za-z_][A-Za-z0-9_]*=", word)]:
        raise ChoiceError(f"PLUGIN_ENV holds {wrong[0]!r}, which is not NAME=value")
    choices = Choices(
        bao_port=_port(variables, "BAO_PORT"),
        scm_port=_port(variables, "SCM_PORT"),
        simulator_arguments=_words(variables, "SIM_ARGS"),
        plugin_environment=settings,
    )
    return Wishes(choices, Path(variables.get("DEV_DIR") or ".dev").absolute())


def _port(variables: Mapping[str, str], name: str) -> int | None:
    text = variables.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LARGEST_PORT):
        raise ChoiceError(f"{name} is {text!r}; it must be a port from 1 to {_LARGEST_PORT}")
    return int(text)


def _words(variables: Mapping[str, str], name: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(variables.get(name, "")))
    except ValueError as error:
        raise ChoiceError(f"{name} cannot be read: {error}") from None


@contextmanager
def held_folder(folder: Path) -> Iterator[Path]:
    """Make the folder, and hold it against a second `make dev`; at the end it goes, unless something else is in it.

    Raises:
        ChoiceError: another one holds it, or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ChoiceError(f"DEV_DIR cannot be used: {error}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ChoiceError(f"another one runs with {folder}; choose another DEV_DIR for this one") from None
        try:
            yield folder
        finally:
            with suppress(OSError):
                folder.rmdir()
    finally:
        os.close(descriptor)


@contextmanager
def env_file(folder: Path, variables: Mapping[str, str]) -> Iterator[Path]:
    """Write `env.sh` with `export` lines, for the user's eyes only; remove it at the end."""
    path, draft = folder / "env.sh", folder / ".env.sh"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
        draft.replace(path)
        yield path
    finally:
        draft.unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def announcement(environment: Environment, file: Path) -> str:
    """Return what the terminal shows when all is there."""
    server, simulator = environment.server, environment.simulator
    return "\n".join(
        (
            f"OpenBao    {server.address}   (web UI under /ui/, token {server.token})",
            f"           log {server.log_file}",
            f"simulator  {simulator.url}/api/ssl/v1   control {simulator.control_url}/orders",
            f"           log {simulator.log_file}",
            f"engine     {MOUNT}/, config entries {', '.join(CONFIGS)}",
            "",
            "In another terminal:",
            f"  source {from_here(file)}",
            f"  {from_here(BAO)} list $MOUNT/configs",
            "Ctrl-C ends it.",
            "ready",
        )
    )


def from_here(path: Path) -> str:
    """Return a path as one types it in the current folder."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


if __name__ == "__main__":
    sys.exit(main())
