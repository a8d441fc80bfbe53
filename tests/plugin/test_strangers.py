"""Whoever is not the host and connects to the plugin: refused, said once, and the host notices nothing of it."""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sectigo_vault_pki.vault_plugin.http2.frames import PREFACE, FrameType
from sectigo_vault_pki.vault_plugin.testing.host_identity import host_context, new_host_identity
from sectigo_vault_pki.vault_plugin.testing.plugin_host import AUTO_MTLS, METADATA, UNWRAP, PluginHost
from tests.support.echo import ECHO
from tests.support.http2 import headers_frame, settings_frame

pytestmark = pytest.mark.process

A_CALL = PREFACE + settings_frame().serialize() + headers_frame(1, end=True).serialize()
"""Whoever may call is answered with HEADERS, if only that there is no such method."""

CLIENT_HELLO_START = bytes.fromhex("160301020001")


async def exchange(host: PluginHost, sent: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Connect, send this, and return what comes back until the plugin ends the connection."""
    name = None if context is None else host.identity.name
    try:
        reader, writer = await asyncio.open_unix_connection(host.handshake.path, ssl=context, server_hostname=name)
    except (ssl.SSLError, ConnectionError):
        return b""
    try:
        writer.write(sent)
        async with asyncio.timeout(20):
            return await reader.read(-1)
    except (ssl.SSLError, ConnectionError):
        return b""
    finally:
        writer.transport.abort()


async def garbage(host: PluginHost) -> bytes:
    return await exchange(host, b"\0" + os.urandom(300))


async def http_1(host: PluginHost) -> bytes:
    return await exchange(host, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


async def plaintext_http_2(host: PluginHost) -> bytes:
    return await exchange(host, A_CALL)


async def no_certificate(host: PluginHost) -> bytes:
    context = host_context(ssl.PROTOCOL_TLS_CLIENT, identity=None, plugin_der=host.plugin_certificate)
    return await exchange(host, A_CALL, context)


async def another_certificate(host: PluginHost) -> bytes:
    stranger = new_host_identity(host.folder, name="stranger.pem")
    return await exchange(host, A_CALL, host.client_context(identity=stranger))


async def no_http_2(host: PluginHost) -> bytes:
    return await exchange(host, A_CALL, host.client_context(alpn=None))


async def garbage_within_tls(host: PluginHost) -> bytes:
    return await exchange(host, os.urandom(300), host.client_context())


async def a_second_client(host: PluginHost) -> bytes:
    context = None if not host.has_tls else host.client_context()
    return await exchange(host, A_CALL, context)


async def a_word_and_nothing_more(host: PluginHost) -> bytes:
    reader, writer = await asyncio.open_unix_connection(host.handshake.path)
    writer.write(CLIENT_HELLO_START)
    writer.write_eof()
    try:
        async with asyncio.timeout(20):
            return await reader.read(-1)
    finally:
        writer.transport.abort()


def kinds_of_frames(answer: bytes) -> set[int]:
    """Return the kinds of HTTP/2 frames in an answer; none in one of TLS."""
    kinds = set()
    while answer[:1] == b"\0":
        kinds.add(answer[3])
        answer = answer[9 + int.from_bytes(answer[:3], "big") :]
    return kinds


Stranger = Callable[[PluginHost], Awaitable[bytes]]
WITH_TLS: list[tuple[Stranger, str]] = [
    (garbage, "no TLS"),
    (http_1, "no TLS: http request"),
    (plaintext_http_2, "no TLS"),
    (no_certificate, "no TLS: peer did not return a certificate"),
    (another_certificate, "its certificate is not the expected one"),
    (no_http_2, "it does not negotiate HTTP/2"),
    (garbage_within_tls, "HTTP/2"),
    (a_second_client, "another client is connected"),
    (a_word_and_nothing_more, "TLS"),
]
WITHOUT_TLS: list[tuple[Stranger, str]] = [
    (garbage, "HTTP/2"),
    (http_1, "HTTP/2"),
    (a_second_client, "another client is connected"),
    (a_word_and_nothing_more, "HTTP/2"),
]


@pytest.fixture(params=[AUTO_MTLS, UNWRAP])
async def host(request: pytest.FixtureRequest) -> AsyncIterator[PluginHost]:
    async with PluginHost(ECHO, mode=request.param) as host:
        yield host


async def assert_refused(host: PluginHost, strangers: list[tuple[Stranger, str]]) -> None:
    for stranger, reason in strangers:
        before = len(host.log_lines)
        assert FrameType.HEADERS not in kinds_of_frames(await stranger(host)), stranger.__name__
        line = json.loads(await host.logged("refused a connection", after=before))
        assert line["@level"] == "warn"
        assert reason in line["reason"], stranger.__name__
        assert len(host.log_lines) == before + 1, host.log_lines[before:]


async def test_each_stranger_is_refused_and_told_of_in_one_line_and_the_host_goes_on(host: PluginHost) -> None:
    mount = await host.mount()
    await assert_refused(host, WITH_TLS)
    assert await mount.data("read", "info")
    assert await (await host.mount()).data("read", "info")


async def test_strangers_in_metadata_mode_are_refused_too() -> None:
    async with PluginHost(ECHO, mode=METADATA) as host:
        mount = await host.mount(initialize=False)
        await assert_refused(host, WITHOUT_TLS)
        await mount.clean_up()


@pytest.mark.parametrize("host", [AUTO_MTLS], indirect=True)
async def test_thousand_strangers_do_not_fill_the_log(host: PluginHost) -> None:
    mount = await host.mount()
    for _ in range(10):
        await asyncio.gather(*(plaintext_http_2(host) for _ in range(95)))
        await asyncio.gather(*(another_certificate(host) for _ in range(5)))
        assert await mount.data("read", "info")
    await host.shut_down()
    *told, last = (line for line in map(json.loads, host.log_lines) if line["@level"] != "debug")
    assert {line["@message"] for line in told} == {"refused a connection"}
    assert len(told) == 10
    assert (last["@message"], last["connections"]) == ("refused more connections", 990)


async def test_strangers_that_only_hold_the_line_do_not_keep_the_host_out() -> None:
    host = PluginHost(ECHO)
    try:
        await host.launch()
        held = [await asyncio.open_unix_connection(host.handshake.path) for _ in range(200)]
        await host.connect()
        assert await (await host.mount()).data("read", "info")
        for _, writer in held:
            writer.transport.abort()
    finally:
        await host.close()


async def test_host_that_was_cut_off_may_connect_again() -> None:
    async with PluginHost(ECHO) as host:
        await host.mount()
        await host.disconnect()
        await host.connect()
        assert await (await host.mount()).data("read", "info")
