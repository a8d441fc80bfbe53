"""The engine on a real OpenBao server, as its users meet it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, Self

from scripts.openbao import OpenBaoServer
from scripts.server_api import Answer
from scripts.server_binary import BAO
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets

PLUGIN = "sectigo-vault-pki"
EXECUTABLE = Path(sys.executable).parent / PLUGIN
# Without background work: what a test leaves open, no tick may finish under its eyes.
TALKATIVE: Mapping[str, str] = {"SECTIGO_VAULT_PKI_LOG_LEVEL": "trace", "SECTIGO_VAULT_PKI_BACKGROUND": "off"}
ORDER: Mapping[str, object] = {
    "sectigo_csr_domain": "web.example.test",
    "sectigo_csr_key_algo": "EC",
    "sectigo_ssl_cert_type": 501,
    "sectigo_ssl_cert_validity": 365,
}
CLIENT_ORDER: Mapping[str, object] = {
    "sectigo_csr_domain": "Ann Example",
    "sectigo_csr_key_algo": "EC",
    "sectigo_client_cert_type": 601,
    "sectigo_client_cert_validity": 365,
    "sectigo_client_cert_email": "ann@example.test",
    "sectigo_client_cert_first_name": "Ann",
    "sectigo_client_cert_last_name": "Example",
}


AGE = timedelta(days=300)
"""Of the 365 days that most certificates here live."""


@dataclass(frozen=True)
class Kind:
    """A certificate type, and what the simulator's account knows of it.

    Attributes:
        name: the config entry's type.
        order: the fields of an enrolment.
        scm_id: the field that answers SCM's id.
        profile_field: the field that names the profile, `validity_field` the one of the term.
        private_profile: a profile with a term of 1 day.
        one_time_profile: a profile that cannot be renewed.
        replacement: what a replacement needs.
    """

    name: str
    order: Mapping[str, object]
    scm_id: str
    profile_field: str
    validity_field: str
    private_profile: int
    one_time_profile: int
    replacement: Mapping[str, object]


SSL = Kind(
    name="ssl_cert",
    order=ORDER,
    scm_id="ssl_id",
    profile_field="sectigo_ssl_cert_type",
    validity_field="sectigo_ssl_cert_validity",
    private_profile=507,
    one_time_profile=505,
    replacement={"sectigo_reason": "key ceremony"},
)
CLIENT = Kind(
    name="client_cert",
    order=CLIENT_ORDER,
    scm_id="order_number",
    profile_field="sectigo_client_cert_type",
    validity_field="sectigo_client_cert_validity",
    private_profile=603,
    one_time_profile=602,
    replacement={"sectigo_reason": "key ceremony", "sectigo_client_cert_revoked_on_replace": False},
)


@contextmanager
def watched(server: OpenBaoServer, secrets: Secrets, *, starts_plugin: bool = True) -> Iterator[OpenBaoServer]:
    """Run a server; when it has ended, no process of it may be left, nor a secret in anything it wrote down."""
    with server:
        yield server
        server.stop()
        until(lambda: not plugin_pids(server), what="the end of the plugin", seconds=10)
        assert PLUGIN in server.log() or not starts_plugin
        assert secrets.found_below(server.folder) == {}


def install(server: OpenBaoServer, *, name: str = PLUGIN, **registration: Any) -> None:
    """Install and register the engine, as a command of its own for each name."""
    command = server.install(EXECUTABLE, command=name)
    server.register(name, command=command, **registration)


@dataclass(frozen=True)
class OwnEngine:
    """A catalogue entry whose process the tests of one file end as they like.

    Attributes:
        server: where it is registered.
        name: what it is called there.
    """

    server: OpenBaoServer
    name: str

    @property
    def keeper(self) -> str:
        """The mount that keeps its process up from test to test."""
        return f"{self.name}/keeper"

    @contextmanager
    def mounted(self, **options: Mapping[str, object]) -> Iterator[list[str]]:
        """Mount it once for each of the names, with options; give the paths."""
        folder = f"{self.name}/{token_hex(4)}"
        paths = [f"{folder}/{name}" for name in options]
        for path, chosen in zip(paths, options.values(), strict=True):
            self.server.enable(self.name, path=path, **chosen)
        yield paths
        self.server.api("LIST", f"{self.keeper}/configs").expect(404)  # connects it to the process of these mounts
        for path in paths:
            self.server.disable(path)


def command_folder(server: OpenBaoServer) -> Path:
    """Return a folder in which the server's binary goes by both names that documents call it."""
    folder = server.folder / "commands"
    if not folder.exists():
        folder.mkdir()
        for name in ("bao", "vault"):
            (folder / name).symlink_to(BAO)
    return folder


def plugin_pids(server: OpenBaoServer, *, name: str = "") -> list[int]:
    """Return the process ids of a server's plugins: those of one name, or all."""
    return pids_that_name(server.plugin_directory / name)


def pids_that_name(path: Path) -> list[int]:
    """Return the ids of the processes whose command line has this path in it."""
    return [
        int(process.name)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and str(path) in _command_line(process)
    ]


def kill_plugin(server: OpenBaoServer, *, name: str) -> None:
    """Kill the one process of a plugin, and return when the server knows.

    Until then a request of whoever is quicker ends in an error of the server's own: its connection is refused.
    """
    (pid,) = plugin_pids(server, name=name)
    known = re.compile(rf"plugin process exited: .*\bp?id={pid}\b")
    os.kill(pid, signal.SIGKILL)
    until(lambda: known.search(server.log()), what=f"the server's word that process {pid} has ended")


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return ""


@dataclass(frozen=True)
class VaultMount:
    """One mount of the engine; what goes through here is searched for secrets in the end.

    Attributes:
        kind: the type of the certificates that `configure`, `enroll` and `replace` are about.
    """

    server: OpenBaoServer
    path: str
    scm: ScmProcess
    secrets: Secrets
    kind: Kind = SSL

    def of(self, kind: Kind) -> Self:
        """Return the same mount, for certificates of another type."""
        return replace(self, kind=kind)

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> Answer:
        """Call the HTTP API; `path` begins below the mount."""
        self.secrets.note(body)
        answer = self.server.api(method, f"{self.path}/{path}", body, **options)
        self.secrets.note(answer.data)
        self.secrets.note_said(*answer.errors, *answer.warnings)
        return answer

    def cli(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `bao`; `{mount}` in an argument stands for the mount."""
        done = self.server.cli(*(argument.replace("{mount}", self.path) for argument in arguments), **options)
        if done.stdout.startswith("{"):
            self.secrets.note(json.loads(done.stdout).get("data"))
        self.secrets.note_said(done.stderr)
        return done

    def configure(self, name: str = "web", /, **changes: object) -> Answer:
        """Write a config entry for the simulator."""
        return self.api(
            "POST", f"configs/{name}", {**self.scm.config(), "sectigo_config_type": self.kind.name, **changes}
        )

    def enroll(self, name: str = "web", /, **changes: object) -> Answer:
        """Order a certificate; a field that is None is left out."""
        body = {**self.kind.order, **changes}
        return self.api("POST", f"enroll/{name}", {key: value for key, value in body.items() if value is not None})

    def enrolled(self, name: str = "web", /, **changes: object) -> dict[str, Any]:
        """Write a config entry, order a certificate and return it."""
        self.configure(name)
        data = self.enroll(name, **changes).expect(200).data
        assert data["status"] == "Issued", data["state"]
        return data

    def aged(self, name: str = "web", age: timedelta = AGE, /, **changes: object) -> dict[str, Any]:
        """Order a certificate that has lived for a while: it is due in a wide window, and not in one of 7 days.

        Args:
            name: the config entry.
            age: how long it has lived.
            changes: other fields than the usual ones.
        """
        self.scm.set(backdated_seconds=int(age.total_seconds()))
        try:
            return self.enrolled(name, **changes)
        finally:
            self.scm.set(backdated_seconds=0)

    def renew(self, unique_id: str, **fields: object) -> Answer:
        """Renew a certificate of the entry `web`."""
        return self.api("POST", f"renew/web/{unique_id}", fields)

    def replace(self, unique_id: str, **changes: object) -> Answer:
        """Replace a certificate of the entry `web`."""
        return self.replace_in("web", unique_id, **changes)

    def replace_in(self, name: str, unique_id: str, **changes: object) -> Answer:
        """Replace a certificate of an entry."""
        return self.api("POST", f"replace/{name}/{unique_id}", {**self.kind.replacement, **changes})

    def revoke(self, unique_id: str, reason: str = "superseded") -> Answer:
        """Revoke a certificate of the entry `web`."""
        return self.api("POST", f"revoke/web/{unique_id}", {"sectigo_reason": reason})

    def fetch(self, scm_id: object, **fields: object) -> Answer:
        """Fetch a certificate into the entry `web`."""
        return self.api("POST", f"fetch/web/{scm_id}", fields)

    def read(self, unique_id: str, name: str = "web", query: str = "") -> Answer:
        """Read a certificate."""
        return self.api("GET", f"certs/{name}/{unique_id}{query}")

    def ids(self, name: str = "web") -> list[str]:
        """Return the ids of the certificates that are listed; none where the list is not found."""
        answer = self.api("LIST", f"certs/{name}")
        keys: list[str] = answer.data.get("keys", [])
        assert answer.status == (200 if keys else 404), answer.body
        return keys
