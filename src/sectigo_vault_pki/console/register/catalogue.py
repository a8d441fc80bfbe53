"""What the server's catalogue and its list of mounts say about the plugin."""

from collections.abc import Mapping
from typing import Any

from sectigo_vault_pki.console.register.registration import Mounted, Registered
from sectigo_vault_pki.console.server import NOT_FOUND, OK, Server


def registered_versions(server: Server, name: str) -> list[Registered]:
    """Return the catalogue's entries of a secrets engine, one for each version.

    Raises:
        ConsoleError: the server does not answer, or refuses.
    """
    listed = server.read("sys/plugins/catalog").expect(OK).data
    found = []
    for version in _versions(listed, name):
        entry = server.read(f"sys/plugins/catalog/secret/{name}", **({"version": version} if version else {}))
        if entry.status != NOT_FOUND:
            data = entry.expect(OK).data
            args = [str(argument) for argument in data.get("args") or ()]
            found.append(Registered(version, str(data.get("sha256", "")), str(data.get("command", "")), args))
    return found


def mounted_at(server: Server, path: str) -> Mounted | None:
    """Return what is mounted at a path, or None.

    Raises:
        ConsoleError: the server does not answer, or refuses.
    """
    found = server.read("sys/mounts").expect(OK).data.get(f"{path}/")
    return None if not isinstance(found, dict) else _mounted(found)


def _mounted(entry: Mapping[str, Any]) -> Mounted:
    version, running = entry.get("plugin_version") or "", entry.get("running_sha256") or ""
    return Mounted(str(entry.get("type", "")), str(version), str(running))


def _versions(listed: Mapping[str, Any], name: str) -> list[str]:
    """Return the versions of a plugin; an empty one is without version, and all that servers before 1.12 have."""
    detailed = listed.get("detailed")
    if not isinstance(detailed, list):
        return [""] if name in (listed.get("secret") or listed.get("keys") or ()) else []
    entries = [entry for entry in detailed if isinstance(entry, dict)]
    return [
        str(entry.get("version") or "")
        for entry in entries
        if entry.get("name") == name and entry.get("type") == "secret" and not entry.get("builtin")
    ]
