"""Header blocks: what we write, anybody reads; what anybody writes, we read once."""

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderDecoder, encode
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode

FIELDS = st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.binary(max_size=20_000)), max_size=5)


@given(FIELDS)
def test_what_we_encode_hpack_decodes(fields: list[tuple[bytes, bytes]]) -> None:
    decoder = Decoder(max_header_list_size=10**6)
    assert [tuple(field) for field in decoder.decode(encode(fields), raw=True)] == fields


@given(st.lists(FIELDS, max_size=5))
def test_what_hpack_encodes_with_its_table_we_decode(lists: list[list[tuple[bytes, bytes]]]) -> None:
    encoder, decoder = Encoder(), HeaderDecoder()
    for fields in lists:
        if sum(len(name) + len(value) + 32 for name, value in fields) < 65_536:
            assert list(decoder.decode(encoder.encode(fields)).fields) == fields


def test_equal_blocks_are_decoded_once_without_a_table_and_each_time_with_one() -> None:
    block = encode(((b"a", b"b"),))
    decoder = HeaderDecoder()
    assert decoder.decode(block) is not decoder.decode(block)
    decoder.forbid_table()
    decoder.decode(b"\x20" + block)
    assert decoder.decode(block) is decoder.decode(block)


def test_peer_that_keeps_its_table_after_it_was_forbidden_is_refused() -> None:
    decoder = HeaderDecoder()
    decoder.forbid_table()
    with pytest.raises(ConnectionProblem) as caught:
        decoder.decode(encode(((b"a", b"b"),)))
    assert caught.value.code is ErrorCode.COMPRESSION_ERROR


@given(st.binary(max_size=100))
def test_any_bytes_are_a_block_or_a_problem(data: bytes) -> None:
    try:
        fields = HeaderDecoder().decode(data).fields
    except ConnectionProblem:
        return
    assert {type(part) for field in fields for part in field} <= {bytes}
