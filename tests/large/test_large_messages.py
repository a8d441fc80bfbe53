"""Messages as long as Go's plugins take, which cost more time and memory than `make test` should."""

import grpc
import pytest

from sectigo_vault_pki.vault_plugin.grpc.heads import CallProblem
from sectigo_vault_pki.vault_plugin.grpc.messages import MessageReader
from sectigo_vault_pki.vault_plugin.http2.limits import MAX_MESSAGE_BYTES
from sectigo_vault_pki.vault_plugin.testing.plugin_host import AUTO_MTLS, UNWRAP, PluginHost
from tests.support.echo import ECHO

MIB = 1024 * 1024
PIECE = bytes(MIB)


@pytest.mark.parametrize("mode", [AUTO_MTLS, UNWRAP])
async def test_message_of_200_mib_passes_in_both_directions_and_into_storage(mode: str) -> None:
    async with PluginHost(ECHO, mode=mode) as host:
        mount = await host.mount()
        text = "x" * (200 * MIB)
        assert (await mount.data("update", "length", {"text": text}))["text"] == text
        await mount.data("create", "kv/large", {"text": text})
        assert await mount.data("read", "kv/large") == {"text": text}


def test_longest_message_is_read_and_one_more_byte_is_not() -> None:
    reader = MessageReader()
    reader.read(b"\0" + MAX_MESSAGE_BYTES.to_bytes(4, "big"))
    for _ in range(MAX_MESSAGE_BYTES // MIB):
        assert reader.read(PIECE) == []
    (message,) = reader.read(PIECE[: MAX_MESSAGE_BYTES % MIB])
    assert len(message) == MAX_MESSAGE_BYTES == 2**31 - 1
    with pytest.raises(CallProblem) as caught:
        reader.read(b"\0" + (MAX_MESSAGE_BYTES + 1).to_bytes(4, "big"))
    assert caught.value.status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
