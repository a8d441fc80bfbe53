"""What a request's header list asks for; read once for each list."""

from dataclasses import dataclass

import grpc

from sectigo_vault_pki.vault_plugin.grpc.metadata import Metadata, metadata_of
from sectigo_vault_pki.vault_plugin.grpc.status import Status
from sectigo_vault_pki.vault_plugin.grpc.timeout import decode_timeout
from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderList

CONTENT_TYPE = b"application/grpc"
_NO_COMPRESSION = (None, b"identity")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A call, before its messages.

    Attributes:
        method: such as `/pb.Backend/Type`.
        timeout: seconds, or None.
        http_refusal: the HTTP status to answer with, where this is no gRPC.
        refusal: the status to answer with, where this is gRPC that we do not speak.
    """

    method: str
    timeout: float | None
    metadata: Metadata
    http_refusal: bytes | None
    refusal: Status | None


def request_head(headers: HeaderList) -> RequestHead:
    """Return what these headers ask for."""
    if not isinstance(headers.reading, RequestHead):
        headers.reading = _read(headers)
    return headers.reading


def is_grpc(content_type: bytes | None) -> bool:
    """Say whether a body of this type consists of gRPC messages in protobuf."""
    return content_type is not None and (
        content_type in (CONTENT_TYPE, CONTENT_TYPE + b"+proto") or content_type.startswith(CONTENT_TYPE + b";")
    )


def _read(headers: HeaderList) -> RequestHead:
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
    return None if is_grpc(headers.get(b"content-type")) else b"415"
