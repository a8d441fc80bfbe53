"""gRPC's own forms: times, texts, metadata, messages."""

import base64
import itertools

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.vault_plugin.grpc.heads import (
    CallProblem,
    decode_message,
    decode_timeout,
    encode_message,
    encode_timeout,
    metadata_of,
    status_of,
    status_of_http,
    status_of_reset,
)
from sectigo_vault_pki.vault_plugin.grpc.messages import MessageReader, prefixed
from sectigo_vault_pki.vault_plugin.http2 import limits
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"1H", 3600), (b"2M", 120), (b"90S", 90), (b"250m", 0.25), (b"5u", 5e-6), (b"99999999n", 0.099999999)],
)
def test_timeout_is_a_number_and_a_unit(value: bytes, seconds: float) -> None:
    assert decode_timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [b"", b"S", b"1", b"1s", b"-1S", b"1.5S", b"123456789S", b"1S ", b"1S\n"])
def test_anything_else_is_no_timeout(value: bytes) -> None:
    assert decode_timeout(value) is None


@given(st.floats(min_value=0, max_value=3e11))
def test_timeout_that_we_send_is_what_was_asked_for_and_hardly_more(seconds: float) -> None:
    sent = decode_timeout(encode_timeout(seconds))
    assert sent is not None
    assert seconds * (1 - 1e-9) <= sent <= seconds * (1 + 1e-4) + 1e-8 or seconds > 99_999_999 * 60


@pytest.mark.parametrize("seconds", [0, -1, -1e-9])
def test_time_that_is_over_is_sent_as_nothing(seconds: float) -> None:
    assert encode_timeout(seconds) == b"0n"


@given(st.text())
def test_message_survives_its_encoding_in_readable_ascii(text: str) -> None:
    encoded = encode_message(text)
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert decode_message(encoded) == text.encode("utf-8", "replace").decode()


def test_message_that_is_no_encoding_stays_as_it_is() -> None:
    assert decode_message(b"100% sure %4 %zz") == "100% sure %4 %zz"


@given(st.binary())
def test_any_message_is_text(value: bytes) -> None:
    assert isinstance(decode_message(value), str)


@pytest.mark.parametrize(
    ("number", "code"),
    [(b"0", grpc.StatusCode.OK), (b"16", grpc.StatusCode.UNAUTHENTICATED), (b"17", grpc.StatusCode.UNKNOWN)]
    + [(number, grpc.StatusCode.UNKNOWN) for number in (b"", b"x", b"-1")],
)
def test_status_that_nobody_defined_is_unknown(number: bytes, code: grpc.StatusCode) -> None:
    assert status_of(number, b"").code is code


@pytest.mark.parametrize(
    ("http_status", "code"),
    [(b"404", grpc.StatusCode.UNIMPLEMENTED), (b"503", grpc.StatusCode.UNAVAILABLE), (b"200", grpc.StatusCode.UNKNOWN)],
)
def test_answer_in_http_has_a_status_of_grpc(http_status: bytes, code: grpc.StatusCode) -> None:
    assert status_of_http(http_status).code is code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ErrorCode.REFUSED_STREAM, grpc.StatusCode.UNAVAILABLE),
        (ErrorCode.CANCEL, grpc.StatusCode.CANCELLED),
        (ErrorCode.ENHANCE_YOUR_CALM, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (ErrorCode.INADEQUATE_SECURITY, grpc.StatusCode.PERMISSION_DENIED),
        (ErrorCode.PROTOCOL_ERROR, grpc.StatusCode.INTERNAL),
    ],
)
def test_reset_has_a_status_of_grpc(error: ErrorCode, code: grpc.StatusCode) -> None:
    assert status_of_reset(error, "").code is code


KEYS = st.from_regex(r"[a-z0-9_.\-]{1,20}", fullmatch=True).filter(
    lambda key: not key.startswith("grpc-") and key not in {"te", "content-type", "content-length"}
)
TEXT_ENTRIES = st.tuples(
    KEYS.filter(lambda key: not key.endswith("-bin")), st.from_regex(r"([!-~]([ -~]{0,20}[!-~])?)?", fullmatch=True)
)
BINARY_ENTRIES = st.tuples(KEYS.map(lambda key: f"{key}-bin"), st.binary(max_size=50))


def as_field(entry: tuple[str, str | bytes]) -> tuple[bytes, bytes]:
    """Encode an entry as gRPC's clients do."""
    key, value = entry
    return key.encode(), value.encode() if isinstance(value, str) else base64.b64encode(value).rstrip(b"=")


@given(st.lists(st.one_of(TEXT_ENTRIES, BINARY_ENTRIES), max_size=10))
def test_metadata_survives_its_encoding(entries: list[tuple[str, str | bytes]]) -> None:
    assert list(metadata_of([*map(as_field, entries)])) == entries


@pytest.mark.parametrize("value", [b"AP8", b"AP8=", b" AP8"])
def test_binary_metadata_may_be_padded_or_not(value: bytes) -> None:
    assert metadata_of(((b"a-bin", value),)) == (("a-bin", b"\0\xff"),)


def test_binary_metadata_in_one_field_is_several_entries() -> None:
    assert metadata_of(((b"a-bin", b"AA,AQ"),)) == (("a-bin", b"\0"), ("a-bin", b"\1"))


@given(st.lists(st.binary(max_size=100), max_size=8), st.lists(st.integers(0, 1000), max_size=20))
def test_messages_are_found_however_they_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    body = b"".join(map(prefixed, messages))
    positions = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    reader = MessageReader()
    found = []
    for start, end in itertools.pairwise(positions):
        found += reader.read(body[start:end])
    assert (found, bytes(reader.kept)) == (messages, b"")


@pytest.mark.parametrize(
    ("prefix", "code"),
    [
        (b"\1\0\0\0\0", grpc.StatusCode.UNIMPLEMENTED),
        (b"\0" + (limits.MAX_MESSAGE_BYTES + 1).to_bytes(4, "big"), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
    ids=["compressed", "too long"],
)
def test_message_that_we_do_not_take_is_known_by_its_prefix(prefix: bytes, code: grpc.StatusCode) -> None:
    with pytest.raises(CallProblem) as caught:
        MessageReader().read(prefix)
    assert caught.value.status.code is code
