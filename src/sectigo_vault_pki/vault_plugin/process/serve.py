"""The process's start and end.

`run.py` brings everything that is slow to import, and is imported once a host has launched the process.
"""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sectigo_vault_pki.vault_plugin.logical import BackendFactory
from sectigo_vault_pki.vault_plugin.process import logs
from sectigo_vault_pki.vault_plugin.process.handshake import (
    COOKIE_NAME,
    CredentialsError,
    Launch,
    NotLaunchedByHostError,
    UnsupportedHostError,
    read_launch,
)

if TYPE_CHECKING:
    from sectigo_vault_pki.vault_plugin.process.run import Run

_log = logging.getLogger(__name__)

_STDERR = 2

HOST_SECONDS = 90.0
"""A host connects at once and stays connected; one that is away so long does not come back (plugin-protocol.md 1.3)."""


def is_launched_by_host(environ: Mapping[str, str]) -> bool:
    """Whether a host, of whatever kind, started the process with these variables; a person would not set them."""
    return COOKIE_NAME in environ


def serve(factory: BackendFactory, *, name: str, version: str, host_seconds: float = HOST_SECONDS) -> int:
    """Serve a secrets engine to the host that started this process, until the host stops it; return the exit status.

    Takes over the process: its signals, its standard streams and its log. After the host's stop, the process ends
    within 2 s, whatever still runs.

    Args:
        factory: builds one mount's engine; called on the event loop, once for each mount.
        name: what the plugin is called at the host; `<NAME>_LOG_LEVEL` sets the level from which on log lines are
            sent, in place of debug, and `<NAME>_MAX_PROTOCOL` the highest app protocol. The engine's modules are taken
            to be in a package of that name, with `_` in the place of `-`: that level holds for them.
        version: semantic version without a leading `v`.
        host_seconds: how long the process waits while no host is connected.
    """
    package = name.replace("-", "_")
    own = package.upper()
    try:
        launch = read_launch(os.environ, limit_variable=f"{own}_MAX_PROTOCOL")
    except NotLaunchedByHostError:
        print(by_hand_hint(name), file=sys.stderr)  # noqa: T201  for a person at a terminal
        return 1
    except UnsupportedHostError as error:
        return _refuse(error)
    level = logs.level_from(os.environ, variable=f"{own}_LOG_LEVEL")
    handler = logs.QueuedHandler(_STDERR)
    logs.configure(handler, level, package=package)
    try:
        logs.take_over_streams(package)
        run = _prepared(factory, launch=launch, name=name, version=version, seconds=host_seconds)
        return run.serve()
    except CredentialsError as error:
        _log.error("%s", str(error))
        return 1
    except Exception:  # noqa: BLE001  logged, and the process ends
        _log.exception("the plugin cannot go on")
        return 1
    finally:
        handler.close()


def _prepared(factory: BackendFactory, *, launch: Launch, name: str, version: str, seconds: float) -> "Run":
    # These keep grpc's C core from writing to stderr; it reads them when it is first imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from sectigo_vault_pki.vault_plugin.process.run import Run  # noqa: PLC0415  slow to import, and only needed now

    return Run(factory, launch=launch, name=name, version=version, host_seconds=seconds)


def _refuse(error: UnsupportedHostError) -> int:
    level = logging.INFO if error.is_wanted else logging.ERROR
    record = logging.LogRecord(__name__, level, "", 0, "%s", (str(error),), None)
    print(logs.HclogFormatter().format(record), file=sys.stderr)  # noqa: T201  the host's log
    if error.refusal is not None:
        print(error.refusal, flush=True)  # noqa: T201  the handshake
    return 1


def by_hand_hint(name: str) -> str:
    """Return what a person should read who starts the plugin in a terminal."""
    command = Path(sys.argv[0]).name or name
    return (
        f"{name} is a secrets engine plugin, which Vault or OpenBao starts. Copy it into the server's "
        f"plugin_directory, then: bao plugin register -sha256=$(sha256sum {command} | cut -d' ' -f1) "
        f"-command={command} secret {name} (or write sys/plugins/catalog/secret/{name}), "
        f"then: bao secrets enable {name}"
    )
