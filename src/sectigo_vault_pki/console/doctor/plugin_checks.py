"""Checks of the mount and of the plugin behind it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from sectigo_vault_pki.console.doctor.examination import Examination, NotApplicableError, NotPermittedError
from sectigo_vault_pki.console.doctor.results import Result, critical, informational, warning
from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.plugin_file import plugin_directory, sha256_of
from sectigo_vault_pki.console.server import FORBIDDEN, NOT_FOUND, OK

SECRET_FIELDS = frozenset(
    {
        *("certificate", "password", "pkcs12", "private_key", "sectigo_private_key"),
        *("sectigo_cm_client_key", "sectigo_cm_client_secret", "sectigo_cm_password"),
    }
)
"""What the engine's OpenAPI document marks as secret; `certificate` has the key with it if the format is pem_bundle."""
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def mount(examination: Examination) -> Iterator[Result]:
    path = f"{examination.mount}/"
    if examination.mounted:
        return
    mounts = examination.ask("sys/mounts")
    if mounts.status == FORBIDDEN:
        raise NotPermittedError(f"sys/internal/ui/mounts/{examination.mount}", "read")
    if path not in mounts.data:
        command = f"sectigo-vault-pki register -mount={examination.mount} <command>"
        yield critical(path, "nothing is mounted there", f"Give -mount=PATH, or mount the engine: {command}.")


def mount_answers(examination: Examination) -> Iterator[Result]:
    path = f"{examination.mount}/status"
    answer = examination.ask(path)
    if answer.status == FORBIDDEN:
        raise NotPermittedError(path, "read")
    said = "; ".join(" ".join(error.split()) for error in answer.errors)
    if answer.status == NOT_FOUND or (answer.status == OK and "certificates" not in answer.data):
        message = f"the engine at {examination.mount}/ is another one, of type {examination.plugin}"
        yield critical(path, message, "Give -mount=PATH.")
    elif answer.status != OK:
        advice = "See the server's log for the reason, fix it, then run `bao plugin reload`."
        yield critical(path, f"the engine does not answer: HTTP {answer.status}: {said}", advice)


def plugin_registered(examination: Examination) -> Iterator[Result]:
    answer = examination.catalogue_answer
    if answer.status == OK:
        return
    subject, version = f"sys/plugins/catalog/secret/{examination.plugin}", examination.mounted.get("plugin_version")
    if answer.status == NOT_FOUND:
        name = " ".join(filter(None, (examination.plugin, version)))
        message = f"{name} is not registered: the server cannot start it again"
        yield critical(subject, message, "Run `sectigo-vault-pki register <command>`.")
        return
    said = "; ".join(" ".join(error.split()) for error in answer.errors)
    message = f"the server cannot use the registered command: {said or f'HTTP {answer.status}'}"
    yield critical(subject, message, "Copy the file itself, and no link, into the plugin directory of every node.")


def plugin_file(examination: Examination) -> Iterator[Result]:
    file = _file(examination)
    if not file.exists():
        yield critical(
            str(file), "the registered command is not in the plugin directory", "Copy it there, on every node."
        )
        return
    if file.resolve().parent != file.parent.resolve():
        yield critical(str(file), "is a link that leads out of the plugin directory", "Copy the file itself there.")
    if not file.stat().st_mode & 0o111:
        yield critical(str(file), "is not executable", f"Run `chmod 755 {file}`.")
    for path in (file, file.parent):
        if path.stat().st_mode & _WRITABLE_BY_OTHERS:
            message = "others than its owner can write to it, and so take the place of the plugin"
            yield warning(str(path), message, f"Run `chmod go-w {path}`.")


def plugin_checksum(examination: Examination) -> Iterator[Result]:
    file, registered = _file(examination), str(examination.catalogued.get("sha256") or "")
    if not file.exists():
        raise NotApplicableError(f"there is no file {file}")
    try:
        found = sha256_of(file)
    except SettingsError as error:
        raise NotApplicableError(str(error)) from None
    if registered and found != registered:
        message = f"the file's checksum is {found}, and {registered} is registered: the server refuses to start it"
        advice = f"If you put the file there, run `sectigo-vault-pki register {file.name}`; else find out who did."
        yield critical(str(file), message, advice)


def plugin_running(examination: Examination) -> Iterator[Result]:
    running, registered = examination.mounted.get("running_sha256"), examination.catalogued.get("sha256")
    if running and registered and running != registered:
        message = "the mount runs another file than the one that is registered"
        advice = f"Run `bao plugin reload -plugin={examination.plugin}`."
        yield warning(f"{examination.mount}/", message, advice)


def plugin_version(examination: Examination) -> Iterator[Result]:
    pinned = str(examination.mounted.get("plugin_version") or "")
    detailed = examination.data("sys/plugins/catalog").get("detailed")
    entries = [entry for entry in detailed or () if isinstance(entry, dict)]
    versions = [str(entry.get("version") or "") for entry in entries if entry.get("name") == examination.plugin]
    newest = max(versions, key=_numbers, default="")
    if pinned and _numbers(newest) > _numbers(pinned):
        message = f"{newest} is registered, and the mount is at {pinned}"
        advice = f"Run `bao secrets tune -plugin-version={newest} {examination.mount}/`, then `bao plugin reload`."
        yield informational(f"{examination.mount}/", message, advice)


def mount_tuning(examination: Examination) -> Iterator[Result]:
    config = examination.mounted.get("config") or {}
    path = f"sys/mounts/{examination.mount}/tune"
    if config.get("listing_visibility") == "unauth":
        advice = f"Run `bao secrets tune -listing-visibility=hidden {examination.mount}/`."
        yield informational(path, "the mount is listed to anybody, without a token", advice)
    for option in ("audit_non_hmac_request_keys", "audit_non_hmac_response_keys"):
        shown = sorted(SECRET_FIELDS.intersection(map(str, config.get(option) or ())))
        if shown:
            message = f"the audit log contains {', '.join(shown)} as plain text: {option} names them"
            flag = option.replace("_", "-")
            advice = f"Set -{flag} again without them, and replace the keys that were logged."
            yield critical(path, message, advice)


def audit_devices(examination: Examination) -> Iterator[Result]:
    devices = examination.data("sys/audit")
    found = {name: device for name, device in devices.items() if isinstance(device, dict) and "type" in device}
    if not found:
        message = "no audit device is enabled: who read a key is not recorded"
        yield warning("sys/audit", message, "Enable one in the server's configuration, or with `bao audit enable`.")
    for name, device in sorted(found.items()):
        if str((device.get("options") or {}).get("log_raw", "")).lower() in {"true", "1"}:
            message = "log_raw is on: the audit log contains passwords, tokens and private keys as plain text"
            yield critical(
                f"sys/audit/{name.rstrip('/')}", message, "Disable the device, and enable it without log_raw."
            )


def _file(examination: Examination) -> Path:
    """Return where the registered command is.

    Raises:
        NotApplicableError: the directory is not known, or not of this machine.
    """
    folder = examination.plugin_directory or plugin_directory(examination.server)
    if folder is None:
        raise NotApplicableError("the server's plugin directory is not known: give -plugin-dir")
    if not folder.is_dir() or not os.access(folder, os.X_OK):
        raise NotApplicableError(f"{folder} is not on this machine, or not readable")
    command = str(examination.catalogued.get("command") or "")
    if not command:
        raise NotApplicableError("the catalogue names no command")
    return folder / Path(command).name


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.lstrip("v").split("-")[0].split("+")[0].split(".") if part.isdecimal())
