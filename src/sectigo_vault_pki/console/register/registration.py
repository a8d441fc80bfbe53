"""What is left to do until the plugin runs at its mount: decided from what the server says, without asking it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sectigo_vault_pki.console.failures import SettingsError


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be.

    Attributes:
        name: the plugin's in the catalogue.
        command: its file's name in the plugin directory.
        sha256: the file's.
        mount: where it is to be mounted, without slashes at its ends.
        version: to register it under, such as `v0.1.0`; empty leaves it to the server.
        args: arguments of the command.
        env: `NAME=value`, for the plugin's process.
        reload: whether the process is restarted even if nothing has changed.
    """

    name: str
    command: str
    sha256: str
    mount: str
    version: str = ""
    args: Sequence[str] = ()
    env: Sequence[str] = field(default=(), repr=False)
    reload: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """An entry of the catalogue."""

    version: str
    sha256: str
    command: str
    args: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Mounted:
    """What lies at the mount's path.

    Attributes:
        type: the name of its engine in the catalogue.
        version: the one that it is pinned to; empty: the catalogue's without a version.
        running_sha256: of the file that was started; empty if the server does not tell.
    """

    type: str
    version: str
    running_sha256: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        words: the command, as somebody would type it.
        method, path, body: the request that does the same.
    """

    words: Sequence[str]
    method: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def command(self) -> str:
        """The command line."""
        return shlex.join(self.words)


def steps_to(wanted: Wanted, registered: Sequence[Registered], mounted: Mounted | None) -> list[Step]:
    """Return what is to be done, in order.

    Args:
        wanted: the aim.
        registered: the catalogue's entries of that name.
        mounted: what lies at the mount's path, if anything.

    Raises:
        SettingsError: another engine is mounted there.
    """
    if mounted is not None and mounted.type != wanted.name:
        raise SettingsError(f"{wanted.mount}/ is taken: an engine of type {mounted.type} is mounted there")
    return [*_registration(wanted, registered), *_mount(wanted, mounted)]


def is_registered(wanted: Wanted, entry: Registered) -> bool:
    """Whether an entry of the catalogue is what is wanted, as far as the server shows it."""
    return (
        entry.sha256 == wanted.sha256
        and entry.command == wanted.command
        and list(entry.args) == list(wanted.args)
        and wanted.version in ("", entry.version)
    )


def _registration(wanted: Wanted, registered: Sequence[Registered]) -> Iterator[Step]:
    # The server shows no variables: with some given, only writing makes sure that they hold.
    if any(is_registered(wanted, entry) for entry in registered) and not wanted.env:
        return
    options = [f"-sha256={wanted.sha256}"]
    options += [f"-command={wanted.command}"] if wanted.command != wanted.name else []
    options += [f"-version={wanted.version}"] if wanted.version else []
    options += [f"-args={','.join(wanted.args)}"] if wanted.args else []
    body: dict[str, Any] = {"command": wanted.command, "sha256": wanted.sha256, "args": list(wanted.args)}
    path = f"sys/plugins/catalog/secret/{wanted.name}"
    if wanted.version:
        body["version"] = wanted.version
    if not wanted.env:
        yield Step(("bao", "plugin", "register", *options, "secret", wanted.name), "PUT", path, body)
        return
    # `bao plugin register` has no option for variables. Their values may be secret.
    names = [variable.partition("=")[0] for variable in wanted.env]
    fields = [option.removeprefix("-") for option in options if not option.startswith("-command")]
    variables = [f"env={name}=..." for name in names]
    words = ("bao", "write", path, f"command={wanted.command}", *fields, *variables)
    yield Step(words, "PUT", path, {**body, "env": list(wanted.env)})


def _mount(wanted: Wanted, mounted: Mounted | None) -> Iterator[Step]:
    path = f"{wanted.mount}/"
    if mounted is None:
        version = [f"-plugin-version={wanted.version}"] if wanted.version else []
        options = [f"-path={wanted.mount}", *version] if wanted.mount != wanted.name else version
        body = {"type": wanted.name, **({"plugin_version": wanted.version} if wanted.version else {})}
        yield Step(("bao", "secrets", "enable", *options, wanted.name), "POST", f"sys/mounts/{wanted.mount}", body)
        return
    is_moved = bool(wanted.version) and mounted.version != wanted.version
    if is_moved:
        tune = ("bao", "secrets", "tune", f"-plugin-version={wanted.version}", path)
        yield Step(tune, "POST", f"sys/mounts/{wanted.mount}/tune", {"plugin_version": wanted.version})
    is_old = mounted.running_sha256 not in ("", wanted.sha256)
    if is_moved or is_old or wanted.reload:
        reload = ("bao", "plugin", "reload", f"-plugin={wanted.name}")
        yield Step(reload, "PUT", "sys/plugins/reload/backend", {"plugin": wanted.name})
