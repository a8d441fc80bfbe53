"""From one version to the next on a server that runs, by the documents' own commands."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import sectigo_vault_pki
from scripts.openbao import OpenBaoServer
from sectigo_vault_pki import __version__
from tests.support.certificates import key_fits
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import CLIENT, PLUGIN, SSL, VaultMount, command_folder, plugin_pids, watched

pytestmark = pytest.mark.vault

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "operating.md")
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
OLD, NEW = "0.1.0", "0.2.0"
"""The versions that the documents' commands name."""


@pytest.fixture
def upgradable(secrets: Secrets) -> Iterator[OpenBaoServer]:
    with watched(OpenBaoServer.dev(), secrets) as server:
        yield server


@dataclass(frozen=True)
class Shell:
    """An operator's shell, in which the documents' commands are typed."""

    server: OpenBaoServer

    def type_block(self, beginning: str, *, version: str = OLD, lines: slice = slice(None)) -> None:
        """Run the commands of the one block that begins so, as far as `lines` goes, for a version."""
        blocks = (block.strip() for document in DOCUMENTS for block in BLOCK.findall(document.read_text()))
        (block,) = (block for block in blocks if block.startswith(beginning))
        commands = "\n".join(block.splitlines()[lines])
        self.type(commands.replace("/etc/openbao/plugins", str(self.server.plugin_directory)).replace(OLD, version))

    def type(self, commands: str) -> str:
        """Run commands, expect them to succeed, and return what they print."""
        done = subprocess.run(
            ["/bin/sh", "-ec", commands],
            env={"PATH": f"{command_folder(self.server)}:/usr/bin:/bin", "HOME": str(self.server.folder)}
            | self.server.client_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stderr}"
        return done.stdout

    def running_version(self, path: str) -> str:
        """Return what the list of mounts shows."""
        header, _, *rows = self.type("bao secrets list -detailed").splitlines()
        (row,) = (row for row in rows if row.startswith(f"{path}/"))
        return row[header.index("Running Version") :].split()[0]

    def catalogued_versions(self) -> set[str]:
        """Return the plugin's versions in the catalogue."""
        listed = (line.split() for line in self.type("bao plugin list secret").splitlines())
        return {words[-1] for words in listed if words[0] == PLUGIN}


def build(server: OpenBaoServer, version: str) -> None:
    """Make a build of that version, and lay its command into the plugin directory, as the documents name it."""
    folder = server.folder / "opt" / version
    package = folder / PLUGIN.replace("-", "_")
    shutil.copytree(Path(sectigo_vault_pki.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    start = package / "__init__.py"
    start.write_text(start.read_text().replace(f'"{__version__}"', f'"{version}"'))
    command = server.plugin_directory / f"{PLUGIN}_{version}"
    command.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(folder)!r})\n"
        f"from {package.name}.__main__ import main\n"
        "sys.exit(main())\n"
    )
    command.chmod(0o755)


def test_an_upgrade_on_a_running_server_keeps_certificates_keys_entries_and_open_orders(
    upgradable: OpenBaoServer, scm: ScmProcess, secrets: Secrets
) -> None:
    shell = Shell(upgradable)
    build(upgradable, OLD)
    shell.type_block("SHA256=")
    ssl = VaultMount(upgradable, PLUGIN, scm, secrets, SSL)
    client = ssl.of(CLIENT)
    issued = {"web": ssl.enrolled("web"), "people": client.enrolled("people")}
    entries = {name: ssl.api("GET", f"configs/{name}").expect(200).data for name in issued}
    scm.set(never_issue=True)
    waiting = ssl.enroll("web", sectigo_max_timeout=0).expect(200).data
    scm.fault("enroll", "drop_after")
    lost = ssl.enroll("web").expect(200).data
    assert lost["status"] == "Unsettled"
    assert shell.running_version(PLUGIN) == f"v{OLD}"
    (old_pid,) = plugin_pids(upgradable)

    build(upgradable, NEW)
    shell.type_block("SHA256=", version=NEW, lines=slice(2))
    assert shell.catalogued_versions() == {f"v{OLD}", f"v{NEW}"}
    shell.type_block("bao secrets tune -plugin-version=", lines=slice(2))
    assert shell.running_version(PLUGIN) == f"v{NEW}"
    (new_pid,) = plugin_pids(upgradable)
    assert plugin_pids(upgradable, name=f"{PLUGIN}_{NEW}") == [new_pid] != [old_pid]
    shell.type_block("bao secrets tune -plugin-version=", lines=slice(2, 3))
    assert shell.catalogued_versions() == {f"v{NEW}"}
    assert ssl.api("GET", "status").expect(200).data["version"] == NEW

    assert ssl.ids("people") == [issued["people"]["cert_unique_id"]]
    assert {issued["web"]["cert_unique_id"], waiting["cert_unique_id"]} < set(ssl.ids("web"))
    assert {name: ssl.api("GET", f"configs/{name}").expect(200).data for name in issued} == entries
    for name, certificate in issued.items():
        assert ssl.read(certificate["cert_unique_id"], name).expect(200).data == certificate
    scm.set(never_issue=False)
    for order in (waiting, lost):
        scm.clear_faults()
        collected = ssl.read(order["cert_unique_id"]).expect(200).data
        assert collected["status"] == "Issued"
        assert collected["private_key"] == order["private_key"]
        assert key_fits(collected)
    assert len(scm.orders()) == 4
    assert ssl.renew(issued["web"]["cert_unique_id"]).expect(200).data["status"] == "Issued"
