"""How a plugin process answers those who start it, and whom it lets in."""

import asyncio
import datetime as dt
import json
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from sectigo_vault_pki import __version__
from sectigo_vault_pki.console.start import COMMANDS
from sectigo_vault_pki.vault_plugin.testing.host_identity import host_context, new_host_identity
from sectigo_vault_pki.vault_plugin.testing.plugin_host import COOKIE, PluginHost
from tests.support.echo import ECHO

pytestmark = pytest.mark.process

DATABASE_COOKIE = {
    "VAULT_BACKEND_PLUGIN": None,
    "VAULT_DATABASE_PLUGIN": "926a0820-aea2-be28-51d6-83cdf00e8edb",
}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


@pytest.fixture
async def host() -> AsyncIterator[PluginHost]:
    """A host that has launched its plugin, and not connected yet."""
    host = PluginHost(ECHO)
    try:
        await host.launch()
        yield host
    finally:
        await host.close()


async def refused_launch(**env: str | None) -> PluginHost:
    host = PluginHost(ECHO, env=env)
    try:
        await host.launch()
        await host.wait()
    finally:
        await host.close()
    return host


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={})


def test_started_by_hand_it_says_in_one_line_what_it_is_and_how_to_register_it() -> None:
    result = run(sys.executable, "-m", "sectigo_vault_pki")
    assert (result.returncode, result.stdout) == (1, "")
    line, *_ = result.stderr.splitlines()
    assert "Vault or OpenBao" in line
    assert "bao plugin register" in line
    assert "sys/plugins/catalog/secret/sectigo-vault-pki" in line


def test_version_is_printed() -> None:
    result = run(sys.executable, "-m", "sectigo_vault_pki", "--version")
    assert (result.returncode, result.stdout) == (0, f"sectigo-vault-pki {__version__}\n")


def test_what_serves_is_imported_only_once_a_host_has_launched_the_process() -> None:
    code = (
        "import sys, sectigo_vault_pki.__main__;"
        "sys.exit(any(name in sys.modules for name in ('grpc', 'google.protobuf', 'cryptography',"
        "'click', 'httpx', 'sectigo_vault_pki.console')))"
    )
    assert run(sys.executable, "-c", code).returncode == 0


def test_started_by_hand_it_lists_the_commands_for_people() -> None:
    said = run(sys.executable, "-m", "sectigo_vault_pki").stderr
    assert [line.split()[1] for line in said.splitlines() if line.startswith("  ")] == [*COMMANDS]


def test_a_launch_by_a_host_imports_no_command_whatever_the_arguments() -> None:
    code = (
        "import sys; sys.argv = ['plugin', 'doctor']; from sectigo_vault_pki.__main__ import main; status = main();"
        "found = [name for name in sys.modules if name == 'click' or '.console' in name];"
        "sys.exit(repr(found) if found else status)"
    )
    env = {**COOKIE, "PLUGIN_PROTOCOL_VERSIONS": "6"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "the host offers plugin protocol" in json.loads(line)["@message"]


def test_a_mount_imports_nothing_of_what_commands_need() -> None:
    code = (
        "import asyncio, sys; from sectigo_vault_pki.__main__ import Factory;"
        "from sectigo_vault_pki.vault_plugin.logical import BackendConfig;"
        "from sectigo_vault_pki.vault_plugin.testing import FakeSystem, InmemStorage;"
        "asyncio.run(Factory()(BackendConfig(system=FakeSystem(), storage=InmemStorage())));"
        "found = {name.partition('.')[0] for name in sys.modules} & {'click', 'pygments', 'rich'};"
        "sys.exit(repr(found) if found or 'httpx' not in sys.modules else 0)"
    )
    assert run(sys.executable, "-c", code).stderr == ""


@pytest.mark.parametrize("env", [DATABASE_COOKIE, {"VAULT_BACKEND_PLUGIN": "wrong"}])
async def test_launch_as_another_kind_of_plugin_is_refused(env: dict[str, str | None]) -> None:
    host = await refused_launch(**env)
    assert host.process.returncode == 1
    assert host.handshake.fields == ("",)


@pytest.mark.parametrize(
    ("env", "level"), [({"PLUGIN_PROTOCOL_VERSIONS": "6"}, "error"), ({"ECHO_PLUGIN_MAX_PROTOCOL": "4"}, "info")]
)
async def test_host_without_our_protocol_reads_a_version_that_it_refuses_and_why(
    env: dict[str, str], level: str
) -> None:
    host = await refused_launch(**env)
    assert host.process.returncode == 1
    assert host.handshake.fields == ("1", "3", "unix", "", "grpc", "")
    (line,) = (json.loads(line) for line in host.log_lines)
    assert line["@level"] == level
    assert "the host offers plugin protocol" in line["@message"]


async def test_host_without_a_certificate_reads_why_it_is_refused() -> None:
    host = await refused_launch(PLUGIN_CLIENT_CERT=None)
    assert host.process.returncode == 1
    assert "PLUGIN_CLIENT_CERT" in json.loads(host.log_lines[0])["@message"]


async def test_host_with_a_broken_certificate_reads_that_the_plugin_cannot_go_on() -> None:
    host = await refused_launch(PLUGIN_CLIENT_CERT="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert host.process.returncode == 1
    assert json.loads(host.log_lines[0])["error"] == "ssl.SSLError"


def mode_and_group(path: Path) -> tuple[int, int]:
    status = path.stat()
    return stat.S_IMODE(status.st_mode), status.st_gid


async def test_handshake_has_six_fields_and_a_socket_that_only_we_can_reach(host: PluginHost) -> None:
    core, app, network, path, protocol, _ = host.handshake.fields
    assert (core, app, network, protocol) == ("1", "5", "unix", "grpc")
    socket = Path(path)
    assert socket.is_socket()  # noqa: ASYNC240  a moment
    assert len(path) < 108
    folder = socket.parent
    assert folder.parent == host.folder / "tmp"
    assert [mode_and_group(item)[0] for item in (folder, folder / "p")] == [0o700, 0o700]


async def test_handshake_certificate_serves_in_both_roles(host: PluginHost) -> None:
    certificate = x509.load_der_x509_certificate(host.handshake.certificate)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(uses) == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    now = dt.datetime.now(dt.UTC)
    assert certificate.not_valid_before_utc < now - dt.timedelta(minutes=30)
    assert certificate.not_valid_after_utc > now + dt.timedelta(days=3650)


async def test_container_host_gets_its_folder_its_group_and_a_seventh_field(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("d")
    group = os.getgid()
    env = {
        "PLUGIN_UNIX_SOCKET_DIR": str(folder),
        "PLUGIN_UNIX_SOCKET_GROUP": str(group),
        "PLUGIN_MULTIPLEX_GRPC": "true",
    }
    host = PluginHost(ECHO, env=env)
    try:
        handshake = await host.launch()
        path = Path(handshake.path)
        assert path.parent.parent == folder
        assert mode_and_group(path) == (0o660, group)
        assert mode_and_group(path.parent) == (0o710, group)
        assert handshake.fields[6:] == ("false",)
    finally:
        await host.close()


async def answer_to(host: PluginHost, context: ssl.SSLContext) -> bytes:
    """Return the first bytes that the plugin answers to an HTTP/2 preface; nothing, where it refuses."""
    try:
        reader, writer = await asyncio.open_unix_connection(
            host.handshake.path, ssl=context, server_hostname="localhost"
        )
    except (ssl.SSLError, ConnectionError):
        return b""
    try:
        writer.write(PREFACE)
        async with asyncio.timeout(20):
            return await reader.read(100)
    except (ssl.SSLError, ConnectionError):
        return b""
    finally:
        writer.transport.abort()


Make = Callable[[PluginHost, ssl.TLSVersion], ssl.SSLContext]


def client(
    host: PluginHost, version: ssl.TLSVersion, *, stranger: bool = False, alpn: str | None = "h2"
) -> ssl.SSLContext:
    identity = new_host_identity(host.folder, name="stranger.pem") if stranger else host.identity
    return host_context(
        ssl.PROTOCOL_TLS_CLIENT, identity=identity, plugin_der=host.handshake.certificate, alpn=alpn, version=version
    )


def client_without_certificate(host: PluginHost, version: ssl.TLSVersion) -> ssl.SSLContext:
    return host_context(ssl.PROTOCOL_TLS_CLIENT, identity=None, plugin_der=host.handshake.certificate, version=version)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
@pytest.mark.parametrize(
    "stranger",
    [
        client_without_certificate,
        lambda host, version: client(host, version, stranger=True),
        lambda host, version: client(host, version, alpn=None),
        lambda host, version: client(host, version, alpn="http/1.1"),
    ],
    ids=["no certificate", "another certificate", "no ALPN", "HTTP/1.1 only"],
)
async def test_connection_of_anybody_but_the_host_gets_no_answer(
    host: PluginHost, version: ssl.TLSVersion, stranger: Make
) -> None:
    assert await answer_to(host, stranger(host, version)) == b""
    assert await answer_to(host, client(host, version)) != b""


async def test_plaintext_connection_gets_no_http2_answer(host: PluginHost) -> None:
    reader, writer = await asyncio.open_unix_connection(host.handshake.path)
    writer.write(PREFACE)
    async with asyncio.timeout(20):
        answer = await reader.read(-1)
    writer.close()
    assert not answer.startswith(bytes([0, 0]))


async def test_engine_does_not_talk_to_a_host_with_another_certificate(host: PluginHost) -> None:
    await host.connect()
    host.identity = new_host_identity(host.folder, name="other.pem")
    with pytest.raises(AssertionError):
        await host.mount()


async def test_process_ends_by_itself_when_no_host_ever_connects() -> None:
    host = PluginHost(ECHO, env={"ECHO_HOST_SECONDS": "0.1"})
    try:
        await host.launch()
        assert await host.wait() == 1
        assert list((host.folder / "tmp").iterdir()) == []
        assert "no host connected" in host.log_lines[-1]
    finally:
        await host.close()


async def test_process_ends_by_itself_when_its_host_goes_and_does_not_come_back() -> None:
    async with PluginHost(ECHO, env={"ECHO_HOST_SECONDS": "0.5"}) as host:
        await host.mount()
        await host.disconnect()
        assert await host.wait() == 1
        assert list((host.folder / "tmp").iterdir()) == []
        assert "no host connected" in host.log_lines[-1]


async def test_process_stays_once_its_host_has_connected() -> None:
    async with PluginHost(ECHO, env={"ECHO_HOST_SECONDS": "1"}) as host:
        mount = await host.mount()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await host.process.wait()
        assert await mount.data("read", "info")


def test_cookie_of_the_harness_is_the_hosts() -> None:
    assert COOKIE == {"VAULT_BACKEND_PLUGIN": "6669da05-b1c8-4f49-97d9-c8e5bed98e20"}
