"""A plugin process's end, and what it leaves behind: nothing."""

import asyncio
import json
import os
import select
import signal
import sys
from pathlib import Path

import grpc
import pytest

from sectigo_vault_pki.vault_plugin.proto.health_pb2 import HealthCheckRequest, HealthCheckResponse
from sectigo_vault_pki.vault_plugin.proto.health_pb2_grpc import HealthStub
from sectigo_vault_pki.vault_plugin.testing.plugin_host import Mount, PluginHost
from tests.support.echo import ECHO

pytestmark = pytest.mark.process

HOST_PATIENCE_SECONDS = 2.0


def assert_nothing_left(host: PluginHost) -> None:
    assert list((host.folder / "tmp").iterdir()) == []


def assert_log_is_harmless(host: PluginHost) -> None:
    for line in map(json.loads, host.log_lines):
        assert all(isinstance(line[key], str) for key in ("@level", "@message", "@timestamp", "@module"))


async def waiting(mount: Mount) -> "asyncio.Task[object]":
    """Start a request that never ends by itself, and return it once the engine has it."""
    task: asyncio.Task[object] = asyncio.create_task(mount.request("read", "wait"))
    while (await mount.data("read", "info"))["waiting"] == 0:
        pass
    return task


async def test_shutdown_is_answered_and_followed_by_the_end() -> None:
    async with PluginHost(ECHO) as host:
        mount = await host.mount()
        await mount.data("create", "kv/a", {"text": "hello"})
        assert await host.shut_down() < HOST_PATIENCE_SECONDS
        assert host.process.returncode == 0
        assert_nothing_left(host)
        assert mount.storage.writes[-1] == "put cleaned-up"


async def test_health_is_told_until_the_end() -> None:
    async with PluginHost(ECHO) as host:
        health = HealthStub(host.channel)
        known, unknown = (health.Watch(HealthCheckRequest(service=name)) for name in ("plugin", "unheard.of"))
        assert await known.read() == HealthCheckResponse(status=HealthCheckResponse.SERVING)
        assert await unknown.read() == HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        await host.shut_down()
        assert await known.read() == HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)


async def test_shutdown_ends_requests_that_are_still_open() -> None:
    async with PluginHost(ECHO) as host:
        requests = [await waiting(await host.mount()) for _ in range(3)]
        assert await host.shut_down() < HOST_PATIENCE_SECONDS
        for request in requests:
            with pytest.raises(grpc.aio.AioRpcError):
                await request
        assert_nothing_left(host)


async def test_shutdown_does_not_wait_for_an_engine_that_hangs() -> None:
    async with PluginHost(ECHO) as host:
        await host.mount(options={"hang": "yes"})
        assert await host.shut_down() < HOST_PATIENCE_SECONDS
        assert host.process.returncode == 0
        assert_nothing_left(host)


async def test_shutdown_does_not_wait_for_a_thread_that_hangs() -> None:
    async with PluginHost(ECHO) as host:
        mount = await host.mount()
        await mount.request("read", "block-thread")
        assert await host.shut_down() < HOST_PATIENCE_SECONDS
        assert host.process.returncode == 0
        assert_nothing_left(host)


async def test_sigterm_ends_the_process_in_an_orderly_way() -> None:
    async with PluginHost(ECHO) as host:
        mount = await host.mount()
        host.process.terminate()
        assert await host.wait() == 0
        assert mount.storage.writes[-1] == "put cleaned-up"
        assert_nothing_left(host)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_signals_of_the_hosts_terminal_are_ignored(number: signal.Signals) -> None:
    async with PluginHost(ECHO) as host:
        mount = await host.mount()
        host.process.send_signal(number)
        assert await mount.data("read", "info")
        assert await host.shut_down() < HOST_PATIENCE_SECONDS
        assert host.process.returncode == 0


async def test_connection_lost_without_a_word_leaves_the_process_serving_others() -> None:
    async with PluginHost(ECHO) as host:
        reader, writer = await asyncio.open_unix_connection(
            host.handshake.path, ssl=host.client_context(), server_hostname="localhost"
        )
        writer.transport.abort()
        mount = await host.mount()
        assert await mount.data("read", "info")
        del reader


async def test_engines_prints_become_harmless_log_lines() -> None:
    async with PluginHost(ECHO) as host:
        await host.mount(options={"print": "yes"})
        line = json.loads(await host.logged("@message", "5}"))
        assert line["@message"] == '{"@message": 5}'
        await host.logged("to stderr")
        await host.shut_down()
        assert_log_is_harmless(host)


async def test_log_at_trace_level_is_harmless_through_a_whole_life() -> None:
    async with PluginHost(ECHO, env={"ECHO_PLUGIN_LOG_LEVEL": "trace"}) as host:
        mount = await host.mount()
        await mount.request("read", "fail/unexpected")
        await mount.clean_up()
        await host.shut_down()
        assert len(host.log_lines) >= 2
        assert_log_is_harmless(host)


async def test_quiet_process_says_nothing_to_a_server_that_does_not_debug() -> None:
    async with PluginHost(ECHO) as host:
        mount = await host.mount()
        await mount.data("create", "kv/a", {"text": "hello"})
        await mount.clean_up()
        await host.shut_down()
        assert {json.loads(line)["@level"] for line in host.log_lines} == {"debug"}


def ends_in_time(pid: int) -> bool:
    process = os.pidfd_open(pid)
    try:
        ended, _, _ = select.select([process], [], [], 10)
    finally:
        os.close(process)
    return bool(ended)


LAUNCHER = """
import subprocess, sys
plugin = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
print(plugin.pid, plugin.stdout.readline().decode().split("|")[3], flush=True)
plugin.wait()
"""


async def test_process_ends_when_its_host_is_killed() -> None:
    host = PluginHost([sys.executable, "-c", LAUNCHER, *ECHO])
    try:
        (words,) = (await host.launch()).fields
        pid, path = words.split()
        assert Path(path).is_socket()  # noqa: ASYNC240  a moment
        host.process.kill()
        assert ends_in_time(int(pid))
        assert_nothing_left(host)
    finally:
        await host.close()
