"""A whole plugin process on hosts before Vault 1.12: app protocols 3 and 4, in their two modes."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
import trustme

from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from sectigo_vault_pki.vault_plugin.proto.health_pb2_grpc import HealthStub
from sectigo_vault_pki.vault_plugin.proto.multiplexing_pb2 import MultiplexingSupportRequest
from sectigo_vault_pki.vault_plugin.proto.multiplexing_pb2_grpc import PluginMultiplexingStub
from sectigo_vault_pki.vault_plugin.proto.version_pb2 import Empty as VersionEmpty
from sectigo_vault_pki.vault_plugin.proto.version_pb2_grpc import PluginVersionStub
from sectigo_vault_pki.vault_plugin.testing.host_identity import new_shared_identity
from sectigo_vault_pki.vault_plugin.testing.plugin_host import METADATA, UNWRAP, Mount, PluginHost
from tests.support.echo import ECHO

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]

OLD_VAULT: dict[str, str | None] = dict.fromkeys(
    [f"BAO_{name}" for name in ("VERSION", "PLUGIN_METADATA_MODE", "UNWRAP_TOKEN", "PLUGIN_AUTOMTLS_ENABLED")]
)
OLD_VAULT["VAULT_PLUGIN_AUTOMTLS_ENABLED"] = None
"""What a Vault of that time does not set."""

ECHO_PATHS = pb.Paths(root=["root/*"], seal_wrap_storage=["kv/"])
REFUSED = (grpc.StatusCode.UNKNOWN, "plugin server can not perform action while in metadata mode")


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name
)
async def unwrapped(request: pytest.FixtureRequest) -> AsyncIterator[PluginHost]:
    """A Vault of the time in unwrap-token mode, with its plugin."""
    async with PluginHost(ECHO, mode=UNWRAP, env=OLD_VAULT, tls_version=request.param, pages=False) as host:
        yield host


@pytest_asyncio.fixture(loop_scope="module")
async def metadata() -> AsyncIterator[PluginHost]:
    """A Vault of the time in metadata mode, with its plugin."""
    async with PluginHost(ECHO, mode=METADATA, env=OLD_VAULT, pages=False) as host:
        yield host


async def what_it_is(mount: Mount) -> tuple[int, pb.Paths]:
    kind = await mount.stub.Type(pb.Empty())
    return kind.type, (await mount.stub.SpecialPaths(pb.Empty())).paths


async def test_host_reads_the_protocol_and_no_certificate(unwrapped: PluginHost, metadata: PluginHost) -> None:
    for host in (unwrapped, metadata):
        core, app, network, path, protocol, certificate = host.handshake.fields
        assert (core, app, network, protocol, certificate) == ("1", "4", "unix", "grpc", "")
        assert path.startswith(str(host.folder / "tmp"))


async def test_whole_job_is_done_with_the_certificate_from_the_hosts_api(unwrapped: PluginHost) -> None:
    mount = await unwrapped.mount(options={"plugin_name": "echo"}, backend_uuid="uuid-1")
    assert mount.metadata == ()
    assert await what_it_is(mount) == (1, ECHO_PATHS)
    assert await mount.check_existence("kv/a") == pb.HandleExistenceCheckReply(check_found=True, exists=False)
    await mount.data("create", "kv/a", {"text": "hello"})
    assert await mount.data("read", "kv/a") == {"text": "hello"}
    assert await mount.data("list", "kv/") == {"keys": ["a"]}
    await mount.stub.InvalidateKey(pb.InvalidateKeyArgs(key="kv/a"))
    info = await mount.data("read", "info")
    assert (info["options"], info["backend_uuid"]) == ({"plugin_name": "echo"}, "uuid-1")
    assert (info["initialized"], info["invalidated"]) == (True, ["kv/a"])
    (call,) = unwrapped.api.calls
    assert (call.method, call.path) == ("PUT", "/v1/sys/wrapping/unwrap")


async def test_process_has_one_mount_which_another_setup_replaces(unwrapped: PluginHost) -> None:
    old, new = await unwrapped.mount(), await unwrapped.mount(options={"name": "new"})
    assert (await old.data("read", "info"))["options"] == {"name": "new"}
    assert old.storage.writes[-1] == "put cleaned-up"
    await new.clean_up()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await new.stub.Type(pb.Empty())
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNKNOWN, "no backend instance found")


async def test_metadata_mode_tells_what_the_engine_is_and_does_nothing_else(metadata: PluginHost) -> None:
    mount = await metadata.mount(initialize=False)
    assert await what_it_is(mount) == (1, ECHO_PATHS)
    request = pb.HandleRequestArgs(request=pb.Request(operation="update", path="kv/a", data='{"text": "x"}'))
    check = pb.HandleExistenceCheckArgs(request=request.request)
    for call in (
        mount.stub.Initialize(pb.InitializeArgs()),
        mount.stub.HandleRequest(request),
        mount.stub.HandleExistenceCheck(check),
        mount.stub.InvalidateKey(pb.InvalidateKeyArgs(key="kv/a")),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert (caught.value.code(), caught.value.details()) == REFUSED
    await mount.stub.Cleanup(pb.Empty())
    assert mount.storage.writes == ["put cleaned-up"]


async def test_process_says_what_it_is_and_knows_nothing_of_multiplexing(
    unwrapped: PluginHost, metadata: PluginHost
) -> None:
    for host in (unwrapped, metadata):
        assert (await PluginVersionStub(host.channel).Version(VersionEmpty())).plugin_version == "v1.2.3"
        health = await HealthStub(host.channel).Check(HealthCheckRequest(service="plugin"))
        assert health.status == HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await PluginMultiplexingStub(host.channel).MultiplexingSupport(MultiplexingSupportRequest())
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_host_of_old_protocols_that_gives_its_certificate_is_met_with_automtls() -> None:
    async with PluginHost(ECHO, env={"PLUGIN_PROTOCOL_VERSIONS": "3"}) as host:
        assert host.handshake.fields[1] == "3"
        one, two = await host.mount(options={"name": "one"}), await host.mount(options={"name": "two"})
        assert (await one.data("read", "info"))["options"] == {"name": "two"}
        assert (await two.data("read", "info"))["options"] == {"name": "two"}


@pytest.mark.parametrize("mode", [METADATA, UNWRAP])
async def test_shutdown_ends_the_process_and_leaves_nothing(mode: str) -> None:
    async with PluginHost(ECHO, mode=mode) as host:
        await host.mount(initialize=mode == UNWRAP)
        assert await host.shut_down() < 2.0
        assert host.process.returncode == 0
        assert list((host.folder / "tmp").iterdir()) == []
        assert {json.loads(line)["@level"] for line in host.log_lines} == {"debug"}


async def test_token_is_in_no_log_line_and_not_in_the_process_any_more() -> None:
    async with PluginHost(ECHO, mode=UNWRAP) as host:
        mount = await host.mount()
        info = await mount.data("read", "info")
        assert {name for name in info["environment"] if "UNWRAP" in name} == set()
        await host.shut_down()
        assert any('"mode": "unwrap"' in line for line in host.log_lines)
        assert not any(part in line for part in host.api.token.split(".") for line in host.log_lines)


async def test_host_that_shows_another_certificate_is_refused_and_logged() -> None:
    host = PluginHost(ECHO, mode=UNWRAP)
    try:
        await host.launch()
        stranger = new_shared_identity(host.folder, name="stranger.pem")
        reader, writer = await asyncio.open_unix_connection(
            host.handshake.path, ssl=host.client_context(identity=stranger), server_hostname=host.identity.name
        )
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.transport.abort()
        await host.logged("refused a connection", "certificate is not the expected one")
        await host.connect()
        assert await (await host.mount()).data("read", "info")
    finally:
        await host.close()


async def test_engine_does_not_talk_to_a_host_with_another_certificate() -> None:
    async with PluginHost(ECHO, mode=UNWRAP) as host:
        host.identity = new_shared_identity(host.folder, name="other.pem")
        with pytest.raises(AssertionError):
            await host.mount()


async def ended(host: PluginHost) -> str:
    """Launch, and return what the process says before it ends without a handshake."""
    try:
        handshake = await host.launch()
        assert await host.wait() == 1
        assert handshake.fields == ("",)
        assert list((host.folder / "tmp").iterdir()) == []
        (line,) = (json.loads(line) for line in host.log_lines)
        assert line["@level"] == "error"
        return str(line["@message"])
    finally:
        await host.close()


async def test_process_that_is_stopped_while_the_api_is_silent_ends_at_once() -> None:
    host = PluginHost(ECHO, mode=UNWRAP)
    host.api.mute = True
    saying = asyncio.create_task(ended(host))
    async with asyncio.timeout(20):
        await host.api.called.wait()
        host.process.terminate()
        assert "stopped" in await saying


async def test_host_whose_api_is_not_trusted_reads_why_the_plugin_does_not_start() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    assert "CERTIFICATE_VERIFY_FAILED" in await ended(PluginHost(ECHO, mode=UNWRAP, api_tls=tls))


async def test_operators_arguments_are_for_the_api_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    ca, file = trustme.CA(), tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(file)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("vault.example.test").configure_cert(tls)
    arguments = ["-ca-cert", str(file), "--tls-server-name=vault.example.test"]
    async with PluginHost([*ECHO, *arguments], mode=UNWRAP, api_tls=tls) as host:
        mount = await host.mount()
        assert await mount.data("read", "info")
    async with PluginHost([*ECHO, "-tls-skip-verify"], mode=UNWRAP, api_tls=tls) as host:
        assert await (await host.mount()).data("read", "info")
        host.identity = new_shared_identity(host.folder, name="other.pem")
        with pytest.raises(AssertionError):
            await host.mount()


async def test_unusable_arguments_are_said() -> None:
    assert "no/such.pem" in await ended(PluginHost([*ECHO, "-ca-cert=/no/such.pem"], mode=UNWRAP))


async def test_limit_that_is_none_is_said() -> None:
    host = PluginHost(ECHO, env={"ECHO_PLUGIN_MAX_PROTOCOL": "four"})
    assert "ECHO_PLUGIN_MAX_PROTOCOL must be one of 3, 4, 5" in await ended(host)
