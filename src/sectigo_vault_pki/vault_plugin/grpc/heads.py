"""How a call begins and ends on the wire: heads and status codes (gRPC over HTTP/2, "Requests", "Responses")."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import grpc

from sectigo_vault_pki.vault_plugin.http2.header_blocks import Fields, HeaderList
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode

StatusCode = grpc.StatusCode

_BY_NUMBER: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
NUMBERS: Mapping[grpc.StatusCode, bytes] = {code: str(code.value[0]).encode() for code in grpc.StatusCode}

_UNREADABLE = re.compile(rb"[^ -$&-~]")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")

_BY_HTTP_STATUS: Mapping[bytes, grpc.StatusCode] = {
    b"400": StatusCode.INTERNAL,
    b"401": StatusCode.UNAUTHENTICATED,
    b"403": StatusCode.PERMISSION_DENIED,
    b"404": StatusCode.UNIMPLEMENTED,
    b"429": StatusCode.UNAVAILABLE,
    b"502": StatusCode.UNAVAILABLE,
    b"503": StatusCode.UNAVAILABLE,
    b"504": StatusCode.UNAVAILABLE,
}
_BY_ERROR_CODE: Mapping[ErrorCode, grpc.StatusCode] = {
    ErrorCode.REFUSED_STREAM: StatusCode.UNAVAILABLE,
    ErrorCode.CANCEL: StatusCode.CANCELLED,
    ErrorCode.ENHANCE_YOUR_CALM: StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.INADEQUATE_SECURITY: StatusCode.PERMISSION_DENIED,
}


class Status(NamedTuple):
    """A code and its text."""

    code: grpc.StatusCode
    details: str = ""


OK = Status(StatusCode.OK)


class CallProblem(Exception):  # noqa: N818  carries a status, which need not be an error of ours
    """A call cannot go on, and ends with this status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.status = Status(code, details)


def encode_message(text: str) -> bytes:
    """Return `grpc-message`: UTF-8, percent-encoded but for readable ASCII."""
    return _UNREADABLE.sub(lambda byte: b"%%%02X" % ord(byte[0]), text.encode("utf-8", "replace"))


def decode_message(value: bytes) -> str:
    """Return the text; invalid encodings are kept."""
    return _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), value).decode("utf-8", "replace")


def status_of(number: bytes, message: bytes) -> Status:
    """Return what `grpc-status` and `grpc-message` say; an undefined status becomes UNKNOWN."""
    code = _BY_NUMBER.get(int(number), StatusCode.UNKNOWN) if number.isdigit() else StatusCode.UNKNOWN
    return Status(code, decode_message(message))


def status_of_http(http_status: bytes) -> Status:
    """Return what an answer without `grpc-status` means (gRPC's "HTTP to gRPC status code mapping")."""
    code = _BY_HTTP_STATUS.get(http_status, StatusCode.UNKNOWN)
    return Status(code, f"an answer with HTTP status {http_status.decode('ascii', 'replace')} and no gRPC status")


def status_of_reset(code: ErrorCode, reason: str) -> Status:
    """Return what RST_STREAM means (gRPC over HTTP/2, "Errors")."""
    return Status(_BY_ERROR_CODE.get(code, StatusCode.INTERNAL), reason)


CONTENT_TYPE = b"application/grpc"
_NO_COMPRESSION = (None, b"identity")
_RESERVED = frozenset({b"te", b"content-type", b"content-length"})

_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])\Z")
_SECONDS = {b"n": 1e-9, b"u": 1e-6, b"m": 1e-3, b"S": 1.0, b"M": 60.0, b"H": 3600.0}
_LARGEST_TIMEOUT = 99_999_999

Metadata = tuple[tuple[str, str | bytes], ...]
"""Header fields that belong to the application (gRPC over HTTP/2, "Custom-Metadata")."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A call, before its messages.

    Attributes:
        method: such as `/pb.Backend/Type`.
        timeout: seconds, or None.
        http_refusal: the HTTP status to answer with if this is not gRPC.
        refusal: the status to answer with if this needs a feature that we do not have.
    """

    method: str
    timeout: float | None
    metadata: Metadata
    http_refusal: bytes | None
    refusal: Status | None


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The headers or the trailers of an answer.

    Attributes:
        status: how the call ended, or None if these headers do not contain it.
        problem: the status that ends the call if this is not a gRPC answer.
    """

    status: Status | None
    problem: Status | None


def request_head(headers: HeaderList) -> RequestHead:
    """Return what these headers ask for."""
    if not isinstance(headers.reading, RequestHead):
        headers.reading = _read_request(headers)
    return headers.reading


def response_head(headers: HeaderList) -> ResponseHead:
    """Return what these headers say."""
    if not isinstance(headers.reading, ResponseHead):
        number = headers.get(b"grpc-status")
        status = None if number is None else status_of(number, headers.get(b"grpc-message") or b"")
        headers.reading = ResponseHead(status, None if status is not None else _problem(headers))
    return headers.reading


def _read_request(headers: HeaderList) -> RequestHead:
    timeout_field = headers.get(b"grpc-timeout")
    timeout = None if timeout_field is None else decode_timeout(timeout_field)
    refusal = None
    if timeout_field is not None and timeout is None:
        refusal = Status(grpc.StatusCode.INTERNAL, "grpc-timeout is no time")
    elif headers.get(b"grpc-encoding") not in _NO_COMPRESSION:
        refusal = Status(grpc.StatusCode.UNIMPLEMENTED, "messages must not be compressed")
    return RequestHead(
        method=(headers.get(b":path") or b"").decode("ascii", "replace"),
        timeout=timeout,
        metadata=metadata_of(headers.fields),
        http_refusal=_http_refusal(headers),
        refusal=refusal,
    )


def _http_refusal(headers: HeaderList) -> bytes | None:
    if headers.get(b":method") != b"POST":
        return b"405"
    return None if _is_grpc(headers) else b"415"


def _problem(headers: HeaderList) -> Status | None:
    http_status = headers.get(b":status")
    if http_status is None:
        return None
    return None if http_status == b"200" and _is_grpc(headers) else status_of_http(http_status)


def _is_grpc(headers: HeaderList) -> bool:
    """Return whether the body consists of gRPC messages in protobuf."""
    content_type = headers.get(b"content-type")
    return content_type is not None and (
        content_type in (CONTENT_TYPE, CONTENT_TYPE + b"+proto") or content_type.startswith(CONTENT_TYPE + b";")
    )


def metadata_of(fields: Fields) -> Metadata:
    """Return the metadata among these fields."""
    found: list[tuple[str, str | bytes]] = []
    for name, value in fields:
        if name in _RESERVED or name.startswith((b":", b"grpc-")):
            continue
        key = name.decode("ascii")
        if key.endswith("-bin"):
            found += ((key, _unbase64(part)) for part in value.split(b","))
        else:
            found.append((key, value.decode("ascii", "replace")))
    return tuple(found)


def _unbase64(value: bytes) -> bytes:
    """Decode, with padding or without; return nothing if it is not valid."""
    value = value.strip()
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return b""


def decode_timeout(value: bytes) -> float | None:
    """Return `grpc-timeout` (at most 8 digits and a unit) in seconds, or None if it is not valid."""
    parts = _TIMEOUT.match(value)
    return None if parts is None else int(parts[1]) * _SECONDS[parts[2]]


def encode_timeout(seconds: float) -> bytes:
    """Return a `grpc-timeout` that is not shorter, in the finest unit that it fits into; 0 if the time is over."""
    for unit, length in _SECONDS.items():
        number = max(-int(-seconds // length), 0)
        if number <= _LARGEST_TIMEOUT:
            return b"%d%b" % (number, unit)
    return b"%dH" % _LARGEST_TIMEOUT
