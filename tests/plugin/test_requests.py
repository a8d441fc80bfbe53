"""A whole plugin process, asked by a host of the test's own."""

import asyncio
import itertools
import json
import ssl
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from sectigo_vault_pki.vault_plugin.logical import ReadOnlyError, ReplicationState
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from sectigo_vault_pki.vault_plugin.proto.health_pb2_grpc import HealthStub
from sectigo_vault_pki.vault_plugin.proto.multiplexing_pb2 import MultiplexingSupportRequest
from sectigo_vault_pki.vault_plugin.proto.multiplexing_pb2_grpc import PluginMultiplexingStub
from sectigo_vault_pki.vault_plugin.proto.version_pb2 import Empty as VersionEmpty
from sectigo_vault_pki.vault_plugin.proto.version_pb2_grpc import PluginVersionStub
from sectigo_vault_pki.vault_plugin.testing.plugin_host import AUTO_MTLS, UNWRAP, PluginHost
from tests.support.echo import ECHO

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]


VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=itertools.product((AUTO_MTLS, UNWRAP), VERSIONS),
    ids=lambda param: f"{param[0]} {param[1].name}",
)
async def host(request: pytest.FixtureRequest) -> AsyncIterator[PluginHost]:
    """A host of today, and one before Vault 1.12, whose plugin has one mount at a time: its newest."""
    mode, version = request.param
    async with PluginHost(ECHO, mode=mode, tls_version=version) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=VERSIONS, ids=lambda version: version.name)
async def multiplexing(request: pytest.FixtureRequest) -> AsyncIterator[PluginHost]:
    """A host of today: one process, many mounts."""
    async with PluginHost(ECHO, tls_version=request.param) as running:
        yield running


async def test_write_is_stored_at_the_host_and_read_back(host: PluginHost) -> None:
    mount = await host.mount()
    await mount.data("create", "kv/a", {"text": "hello"})
    entry = await mount.storage.get("kv/a")
    assert entry is not None
    assert (entry.value, entry.seal_wrap) == (b"hello", True)
    assert await mount.data("read", "kv/a") == {"text": "hello"}
    assert await mount.data("list", "kv/") == {"keys": ["a"]}


async def test_warnings_travel_with_the_answer(host: PluginHost) -> None:
    mount = await host.mount()
    reply = await mount.request("create", "kv/a", {"text": "hello"})
    assert list(reply.response.warnings) == ["written"]


async def test_read_of_nothing_is_an_empty_reply(host: PluginHost) -> None:
    mount = await host.mount()
    assert await mount.request("read", "kv/nothing") == pb.HandleRequestReply()


async def test_rollback_reaches_the_engine_which_has_nothing_to_do(host: PluginHost) -> None:
    mount = await host.mount()
    assert await mount.request("rollback", "") == pb.HandleRequestReply()


async def test_path_of_one_spelling_is_not_resolved_and_nothing_is_done(host: PluginHost) -> None:
    mount = await host.mount()
    writes = list(mount.storage.writes)
    reply = await mount.request("resolve-path", "kv/a", {"text": "hello"})
    assert reply.err.err_type == 5
    assert not reply.HasField("response")
    assert mount.storage.writes == writes


async def test_path_of_several_spellings_is_resolved_to_one_and_nothing_is_done(host: PluginHost) -> None:
    mount = await host.mount()
    writes = list(mount.storage.writes)
    reply = await mount.request("resolve-path", "kv/A", {"text": "hello"})
    assert json.loads(reply.response.data) == {"path": "kv/a"}
    assert not reply.HasField("err")
    assert mount.storage.writes == writes


async def test_path_whose_spelling_cannot_be_told_is_refused(host: PluginHost) -> None:
    mount = await host.mount()
    failed = await mount.request("resolve-path", "fail/spelling-storage")
    assert (failed.err.err_type, failed.err.err_msg) == (0, "disk on fire")
    broken = await mount.request("resolve-path", "fail/spelling-bug")
    assert broken.err.err_type == 2
    assert "hunter2" not in str(broken)


async def test_existence_check_tells_create_from_update(host: PluginHost) -> None:
    mount = await host.mount()
    assert await mount.check_existence("kv/a") == pb.HandleExistenceCheckReply(check_found=True, exists=False)
    await mount.data("create", "kv/a", {"text": "hello"})
    assert await mount.check_existence("kv/a") == pb.HandleExistenceCheckReply(check_found=True, exists=True)
    assert await mount.check_existence("info") == pb.HandleExistenceCheckReply(check_found=False)
    refused = await mount.check_existence("fail/check-bad-request")
    assert (refused.err.err_type, refused.err.err_msg) == (1, "the field is wrong")


async def test_read_only_storage_answers_in_the_text_that_makes_the_host_forward(host: PluginHost) -> None:
    mount = await host.mount()
    mount.storage.failures["put"] = ReadOnlyError("put: cannot write to readonly storage")
    reply = await mount.request("update", "kv/a", {"text": "hello"})
    assert reply.err == pb.ProtoError(err_type=0, err_msg="put: cannot write to readonly storage")
    assert not reply.HasField("response")


@pytest.mark.parametrize("path", ["fail/unexpected", "fail/check-unexpected"])
async def test_unexpected_exception_is_hidden_from_client_and_log(host: PluginHost, path: str) -> None:
    mount = await host.mount()
    reply = await (mount.check_existence(path) if "check" in path else mount.request("read", path))
    error = reply.err
    assert error.err_type == 2
    assert "hunter2" not in error.err_msg
    await host.logged('"error": "RuntimeError"', f'"path": "{path}"')
    assert "hunter2" not in "".join(host.log_lines)


async def test_type_and_special_paths_are_the_engines(host: PluginHost) -> None:
    mount = await host.mount()
    assert (await mount.stub.Type(pb.Empty(), metadata=mount.metadata)).type == 1
    reply = await mount.stub.SpecialPaths(pb.Empty(), metadata=mount.metadata)
    assert reply.paths == pb.Paths(root=["root/*"], seal_wrap_storage=["kv/"])


async def test_engine_sees_its_options_and_the_hosts_answers(host: PluginHost) -> None:
    mount = await host.mount(options={"plugin_name": "echo"}, backend_uuid="uuid-1")
    mount.system.replication_state = ReplicationState.PERFORMANCE_STANDBY
    info = await mount.data("read", "info")
    assert info["options"] == {"plugin_name": "echo"}
    assert info["backend_uuid"] == "uuid-1"
    assert info["initialized"] is True
    assert info["vault_version"] == "2.7.2"
    assert info["replication"] == ReplicationState.PERFORMANCE_STANDBY
    assert info["time_limit"] is None


async def test_engine_sees_the_hosts_deadline_where_there_is_one(host: PluginHost) -> None:
    mount = await host.mount()
    reply = await mount.request("read", "info", seconds=25)
    assert 20 < json.loads(reply.response.data)["time_limit"] < 26


async def test_two_mounts_of_one_process_share_nothing(multiplexing: PluginHost) -> None:
    one, two = await multiplexing.mount(options={"name": "one"}), await multiplexing.mount(options={"name": "two"})
    await one.data("create", "kv/a", {"text": "of one"})
    assert (await two.request("read", "kv/a")) == pb.HandleRequestReply()
    first, second = await one.data("read", "info"), await two.data("read", "info")
    assert first["pid"] == second["pid"]
    assert (first["options"], second["options"]) == ({"name": "one"}, {"name": "two"})
    await one.clean_up()
    await two.data("create", "kv/a", {"text": "of two"})


async def test_messages_of_many_megabytes_pass_in_both_directions(host: PluginHost) -> None:
    mount = await host.mount()
    text = "x" * 20 * 1024 * 1024
    assert await mount.data("update", "length", {"text": text}) == {"length": len(text), "text": text}
    await mount.data("create", "kv/large", {"text": text})
    assert await mount.data("read", "kv/large") == {"text": text}


async def test_many_requests_at_once_are_answered_each_with_its_own(host: PluginHost) -> None:
    mount = await host.mount()
    await asyncio.gather(*(mount.data("create", f"kv/{n}", {"text": str(n)}) for n in range(200)))
    answers = await asyncio.gather(*(mount.data("read", f"kv/{n}") for n in range(200)))
    assert [answer["text"] for answer in answers] == [str(n) for n in range(200)]


async def test_request_that_the_host_gives_up_is_cancelled_in_the_engine(host: PluginHost) -> None:
    mount = await host.mount()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await mount.request("read", "wait", seconds=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    call = asyncio.create_task(mount.request("read", "wait"))
    while (await mount.data("read", "info"))["waiting"] == 0:
        pass
    call.cancel()
    async with asyncio.timeout(10):
        while (await mount.data("read", "info"))["cancelled"] < 2:
            pass


async def test_setup_that_the_engine_refuses_says_why(host: PluginHost) -> None:
    with pytest.raises(AssertionError, match="this mount is refused"):
        await host.mount(options={"refuse": "yes"})


async def test_setup_that_fails_unexpectedly_does_not_say_why(host: PluginHost) -> None:
    with pytest.raises(AssertionError, match="internal error") as caught:
        await host.mount(options={"break": "yes"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("how", "text"), [("refuse", "this mount does not start"), ("break", "internal error")])
async def test_start_that_fails_says_no_more_than_it_may(host: PluginHost, how: str, text: str) -> None:
    with pytest.raises(AssertionError, match=text) as caught:
        await host.mount(options={"initialize": how})
    assert "hunter2" not in str(caught.value)


async def test_setup_again_replaces_the_engine_and_cleans_up_the_old_one(host: PluginHost) -> None:
    old = await host.mount(multiplex_id="twice")
    new = await host.mount(multiplex_id="twice", options={"name": "new"})
    assert (await old.data("read", "info"))["options"] == {"name": "new"}
    assert old.storage.writes[-1] == "put cleaned-up"
    assert "put cleaned-up" not in new.storage.writes


async def test_cleanup_reaches_the_engine_and_forgets_the_mount(host: PluginHost) -> None:
    mount = await host.mount()
    await mount.clean_up()
    assert mount.storage.writes[-1] == "put cleaned-up"
    for call in (mount.request("read", "kv/a"), mount.stub.Cleanup(pb.Empty(), metadata=mount.metadata)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNKNOWN, "no backend instance found")


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ((), "no multiplexing ID found"),
        ((("multiplex_id", ""),), "empty multiplex ID in metadata"),
        ((("multiplex_id", "a"), ("multiplex_id", "b")), "unexpected number of IDs in metadata: (2)"),
        ((("multiplex_id", "unknown"),), "no backend instance found"),
    ],
)
async def test_call_for_no_known_mount_is_refused(
    multiplexing: PluginHost, metadata: tuple[tuple[str, str], ...], text: str
) -> None:
    mount = await multiplexing.mount()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await mount.stub.Type(pb.Empty(), metadata=metadata)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNKNOWN, text)


async def test_invalidate_key_reaches_the_engine(host: PluginHost) -> None:
    mount = await host.mount()
    await mount.stub.InvalidateKey(pb.InvalidateKeyArgs(key="kv/a"), metadata=mount.metadata)
    assert (await mount.data("read", "info"))["invalidated"] == ["kv/a"]


async def test_process_serves_many_mounts_and_says_so(multiplexing: PluginHost) -> None:
    stub = PluginMultiplexingStub(multiplexing.channel)
    assert (await stub.MultiplexingSupport(MultiplexingSupportRequest())).supported


async def test_process_says_what_it_is(host: PluginHost) -> None:
    version = await PluginVersionStub(host.channel).Version(VersionEmpty())
    assert version.plugin_version == "v1.2.3"
    health = await HealthStub(host.channel).Check(HealthCheckRequest(service="plugin"))
    assert health.status == HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await HealthStub(host.channel).Check(HealthCheckRequest(service="unheard.of"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert await HealthStub(host.channel).Check(HealthCheckRequest()) == health
    watch = HealthStub(host.channel).Watch(HealthCheckRequest(service="plugin"))
    assert await watch.read() == health
    watch.cancel()
