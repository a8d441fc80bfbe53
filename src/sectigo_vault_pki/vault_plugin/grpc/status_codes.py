"""How a call ends, on the wire (gRPC over HTTP/2, "Responses"; "Errors")."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import grpc

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
