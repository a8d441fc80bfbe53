"""The commands of the guide's sections 4.1 to 4.4 and 4.7, typed into a shell as they are printed there.

Two misprints are mended: a blank inside `sectigo-vault-pki`, and none before `@ssl_cert_manual_renew.json`.
"""

import shutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from scripts.openbao import OpenBaoServer
from sectigo_vault_pki import __version__
from tests.support.certificates import key_fits, key_of, leaf_of, pem_of
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.terminal import Terminal, open_terminal
from tests.support.vault import CLIENT, EXECUTABLE, PLUGIN, SSL, Kind, VaultMount

pytestmark = pytest.mark.vault


OF_ACCOUNT: Mapping[str, Mapping[str, object]] = {
    SSL.name: {
        "sectigo_ssl_cert_type": 501,
        "sectigo_ssl_cert_custom_fields": '[{"name": "Ticket", "value": "OPS-1"}]',
    },
    CLIENT.name: {
        "sectigo_csr_domain": "Ann Example",
        "sectigo_client_cert_type": 601,
        "sectigo_client_cert_first_name": "Ann",
        "sectigo_client_cert_last_name": "Example",
        "sectigo_client_cert_custom_fields": '[{"name": "Ticket", "value": "OPS-1"}]',
    },
}
"""What only a user's own account knows, here the simulator's."""


@pytest.fixture(params=[SSL, CLIENT], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    wanted: Kind = request.param
    return wanted


@pytest.fixture
def terminal(server: OpenBaoServer, scm: ScmProcess, secrets: Secrets, kind: Kind, tmp_path: Path) -> Terminal:
    """A shell with the samples, filled in."""
    terminal = open_terminal(server, secrets, tmp_path, kind)
    terminal.fill_in("_config", **{**scm.config(), "sectigo_config_type": kind.name})
    terminal.fill_in("", **OF_ACCOUNT[kind.name])
    terminal.fill_in("_revoke", sectigo_reason="superseded")
    terminal.fill_in("_replace", sectigo_reason="new key")
    return terminal


@pytest.fixture
def mount(server: OpenBaoServer, scm: ScmProcess, secrets: Secrets, kind: Kind) -> Iterator[VaultMount]:
    """The mount at the guide's own path."""
    server.enable(PLUGIN, path="sectigo-vault-pki")
    yield VaultMount(server, "sectigo-vault-pki", scm, secrets, kind)
    server.disable("sectigo-vault-pki")


def test_the_engine_is_made_executable_registered_and_enabled(terminal: Terminal) -> None:
    plugins, name = terminal.server.plugin_directory, f"sectigo-vault-pki_{__version__}"
    shutil.copyfile(EXECUTABLE, plugins / name)
    terminal.type(f"chmod +x {plugins}/{name}")
    terminal.type(
        f"SHA256=$(shasum -a 256 {plugins}/{name} | cut -d' ' -f1)\n"
        f'vault write sys/plugins/catalog/secret/{name} sha_256="${{SHA256}}" command={name}'
    )
    terminal.type(f"vault secrets enable -path=sectigo-vault-pki -plugin-name={name} {name}")
    terminal.type(f"vault write sectigo-vault-pki/configs/web @{terminal.kind.name}_config.json")
    assert terminal.type("vault list sectigo-vault-pki/configs/").keys == ["web"]
    terminal.type("vault secrets disable sectigo-vault-pki")


@pytest.mark.parametrize("output_format", ["table", "json", "yaml"])
def test_every_command_of_a_certificates_life_works(terminal: Terminal, mount: VaultMount, output_format: str) -> None:
    name = terminal.kind.name
    shell = Terminal(terminal.server, terminal.secrets, terminal.folder, terminal.kind, output_format)
    shell.type(f"vault write sectigo-vault-pki/configs/web @{name}_config.json")
    entry = shell.type("vault read sectigo-vault-pki/configs/web").data
    assert entry["sectigo_config_type"] == name
    assert entry["sectigo_cm_uri"] == mount.scm.customer_uri
    assert shell.type("vault list sectigo-vault-pki/configs/").keys == ["web"]

    mount.scm.set(backdated_seconds=60)  # so that its renewal ends later
    enrolled = shell.type(f"vault write sectigo-vault-pki/enroll/web @{name}.json").data
    mount.scm.set(backdated_seconds=0)
    unique_id = enrolled["cert_unique_id"]
    assert str(enrolled[shell.kind.scm_id]) == str(mount.scm.order()["id"])
    assert shell.type("vault list sectigo-vault-pki/certs/web").keys == [unique_id]
    assert_same(shell.type(f"vault read sectigo-vault-pki/certs/web/{unique_id} @{name}.json").data, enrolled)

    renewed = shell.type(f"vault write sectigo-vault-pki/renew/web/{unique_id} @{name}_manual_renew.json").data
    assert renewed["renewed_from"] == unique_id
    assert_same(shell.type(f"vault read sectigo-vault-pki/certs/web/{unique_id} @{name}.json").data, renewed)

    new_id = renewed["cert_unique_id"]
    replaced = shell.type(f"vault write sectigo-vault-pki/replace/web/{new_id} @{name}_replace.json").data
    assert replaced["cert_unique_id"] == new_id
    assert replaced["serial_number"] != renewed["serial_number"]
    assert replaced["status"] == "Issued"

    shell.type(f"vault delete sectigo-vault-pki/certs/web/{new_id}")
    fetched = shell.type(
        f"vault write sectigo-vault-pki/fetch/web/{replaced[shell.kind.scm_id]} @{name}_fetch.json"
    ).data
    assert fetched["cert_unique_id"] == new_id
    assert fetched["serial_number"] == replaced["serial_number"]
    assert fetched["private_key"] == ("n/a" if output_format == "table" else "")

    revoked = shell.type(f"vault write sectigo-vault-pki/revoke/web/{new_id} @{name}_revoke.json").data
    assert revoked["status"] == "Revoked"
    assert sorted(shell.type("vault list sectigo-vault-pki/certs/web").keys) == sorted([unique_id, new_id])

    mount.api("DELETE", f"certs/web/{unique_id}")
    shell.type(f"vault delete sectigo-vault-pki/certs/web/{new_id}")
    shell.type("vault delete sectigo-vault-pki/configs/web")
    assert "No value found" in shell.type_wrong("vault read sectigo-vault-pki/configs/web")
    shell.type_wrong("vault list sectigo-vault-pki/configs/")
    assert len(mount.scm.orders()) == 2


def assert_same(shown: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for field in ("cert_unique_id", "serial_number", "domain", "not_after", "status"):
        assert shown[field] == expected[field], field


def test_a_missing_space_before_the_file_is_named_as_the_mistake(terminal: Terminal, mount: VaultMount) -> None:
    data = mount.enrolled()
    command = f"vault write sectigo-vault-pki/renew/web/{data['cert_unique_id']}@{terminal.kind.name}_manual_renew.json"
    assert "put a space before @file" in terminal.type_wrong(f"{command} a=b")
    assert len(mount.scm.orders()) == 1


def write_key_and_csr(terminal: Terminal) -> tuple[str, str]:
    """Write `private_key.pem` and `csr.pem` as a user would bring them; return the key and the CSR."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own.example.test")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    private_key, csr_pem = pem_of(key), csr.public_bytes(Encoding.PEM).decode()
    terminal.secrets.add_private_key(private_key)
    (terminal.folder / "private_key.pem").write_text(private_key)
    (terminal.folder / "csr.pem").write_text(csr_pem)
    return private_key, csr_pem


def is_made_of(data: Mapping[str, Any], private_key: str, csr: str) -> bool:
    given = x509.load_pem_x509_csr(csr.encode())
    return (
        key_fits(data)
        and pem_of(key_of(data)) == private_key
        and leaf_of(data).public_key() == given.public_key()
        and data["csr"].strip() == csr.strip()
    )


def test_a_users_own_csr_and_key_are_taken_from_files(terminal: Terminal, mount: VaultMount) -> None:
    mount.configure()
    own = write_key_and_csr(terminal)
    shell = Terminal(terminal.server, terminal.secrets, terminal.folder, terminal.kind, "json")
    enrolled = shell.type(
        "vault write sectigo-vault-pki/enroll/web sectigo_csr=@csr.pem sectigo_private_key=@private_key.pem "
        f"@{terminal.kind.name}.json"
    )
    assert is_made_of(enrolled.data, *own)


def test_a_users_own_csr_and_key_are_taken_by_a_replacement_too(terminal: Terminal, mount: VaultMount) -> None:
    old = mount.enrolled()
    own = write_key_and_csr(terminal)
    if terminal.kind is SSL:
        terminal.fill_in("_replace", sectigo_common_name="own.example.test")
    shell = Terminal(terminal.server, terminal.secrets, terminal.folder, terminal.kind, "json")
    replaced = shell.type(
        f"vault write sectigo-vault-pki/replace/web/{old['cert_unique_id']} sectigo_csr=@csr.pem "
        f"sectigo_private_key=@private_key.pem @{terminal.kind.name}_replace.json"
    )
    assert is_made_of(replaced.data, *own)


@pytest.mark.parametrize("line_end", ["\n", "\\n"], ids=["escaped", "escaped twice"])
def test_a_users_own_csr_and_key_are_taken_as_text(terminal: Terminal, mount: VaultMount, line_end: str) -> None:
    mount.configure()
    private_key, csr = write_key_and_csr(terminal)
    terminal.fill_in(
        "",
        sectigo_csr=csr.replace("\n", line_end),
        sectigo_private_key=private_key.replace("\n", line_end),
    )
    shell = Terminal(terminal.server, terminal.secrets, terminal.folder, terminal.kind, "json")
    enrolled = shell.type(f"vault write sectigo-vault-pki/enroll/web @{terminal.kind.name}.json")
    assert is_made_of(enrolled.data, private_key, csr)


def test_a_key_alone_signs_the_csr_that_the_fields_describe(terminal: Terminal, mount: VaultMount) -> None:
    mount.configure()
    private_key, _ = write_key_and_csr(terminal)
    shell = Terminal(terminal.server, terminal.secrets, terminal.folder, terminal.kind, "json")
    enrolled = shell.type(
        f"vault write sectigo-vault-pki/enroll/web sectigo_private_key=@private_key.pem @{terminal.kind.name}.json"
    )
    assert pem_of(key_of(enrolled.data)) == private_key
    assert key_fits(enrolled.data)
    assert x509.load_pem_x509_csr(enrolled.data["csr"].encode()).subject.rfc4514_string().count("O=") == 1


def test_the_read_of_the_guide_answers_the_renewal_and_orders_none_before_it_is_due(
    terminal: Terminal, mount: VaultMount
) -> None:
    old = mount.aged("web", timedelta(minutes=1))  # so that its renewal ends later
    terminal.fill_in("", sectigo_expiry_window=400)
    shell = Terminal(terminal.server, terminal.secrets, terminal.folder, terminal.kind, "json")
    read = f"vault read sectigo-vault-pki/certs/web/{old['cert_unique_id']}"
    assert shell.type(f"{read} @{terminal.kind.name}.json").data["cert_unique_id"] == old["cert_unique_id"]
    assert len(mount.scm.orders()) == 1
    renewed = shell.type(f"vault write -force sectigo-vault-pki/renew/web/{old['cert_unique_id']}").data
    shown = shell.type(read.replace("read", "read -field=cert_unique_id", 1)).output
    assert shown.strip().strip('"') == renewed["cert_unique_id"]
    assert len(mount.scm.orders()) == 2
