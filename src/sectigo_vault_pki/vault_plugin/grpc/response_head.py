"""What a response's header lists say; read once for each list."""

from dataclasses import dataclass

from sectigo_vault_pki.vault_plugin.grpc.metadata import Metadata, metadata_of
from sectigo_vault_pki.vault_plugin.grpc.request_head import is_grpc
from sectigo_vault_pki.vault_plugin.grpc.status import Status, status_of, status_of_http
from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderList


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The headers or the trailers of an answer.

    Attributes:
        status: how the call ended, or None where that is not said here.
        problem: what the call ends with at once, where this is no answer in gRPC.
    """

    status: Status | None
    problem: Status | None
    metadata: Metadata


def response_head(headers: HeaderList) -> ResponseHead:
    """Return what these headers say."""
    if not isinstance(headers.reading, ResponseHead):
        headers.reading = _read(headers)
    return headers.reading


def _read(headers: HeaderList) -> ResponseHead:
    number = headers.get(b"grpc-status")
    status = None if number is None else status_of(number, headers.get(b"grpc-message") or b"")
    return ResponseHead(status, None if status is not None else _problem(headers), metadata_of(headers.fields))


def _problem(headers: HeaderList) -> Status | None:
    http_status = headers.get(b":status")
    if http_status is None:
        return None
    if http_status != b"200" or not is_grpc(headers.get(b"content-type")):
        return status_of_http(http_status)
    return None
