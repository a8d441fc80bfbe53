"""Between the host's protobuf messages and `logical`, with the one table of errors (plugin-protocol.md 5.2 to 5.4)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sectigo_vault_pki.vault_plugin import logical
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb

RESOLVE_PATH = logical.Operation.RESOLVE_PATH.value
INTERNAL_ERROR_TEXT = "internal error of the plugin; its log lines in the server log say more"

_RAW_KEY = "http_status_code"
"""With this key the host takes data for a raw HTTP response."""


class UnusableResponseError(Exception):
    """The engine's answer cannot be sent as it is meant."""


@dataclass(frozen=True, slots=True)
class WireError:
    """How one kind of error travels.

    Attributes:
        err_type: the number of plugin-protocol.md 5.4 in a request's reply, or None if the response is enough.
        check_type: the number in an existence check's reply, which has no response.
        in_response: whether the text goes into an error response. Only then do clients see it undecorated; what the
            host finds beside it in `err` still makes the HTTP status (measured on OpenBao 2.7.2).
        status_text: the text in `err` that stands for the HTTP status, in place of the error's own.
    """

    err_type: int | None
    check_type: int
    in_response: bool = False
    status_text: str | None = None


_UNKNOWN, _USER, _INTERNAL, _UNSUPPORTED_OPERATION, _UNSUPPORTED_PATH = 0, 1, 2, 5, 6

INTERNAL_ERROR = WireError(_INTERNAL, check_type=_INTERNAL)
ERRORS: Mapping[type[logical.LogicalError], WireError] = {
    logical.LogicalError: INTERNAL_ERROR,
    logical.BadRequestError: WireError(None, check_type=_USER, in_response=True),
    # A coded error (type 3) would lose against the response's own 400; these types do not.
    logical.NotFoundError: WireError(_UNSUPPORTED_PATH, check_type=_UNSUPPORTED_PATH, in_response=True),
    logical.UnavailableError: WireError(
        _UNKNOWN, check_type=_UNKNOWN, in_response=True, status_text="upstream rate limited"
    ),
    # An existence check that ends as an unsupported path makes the host go on, and get the request's own refusal.
    logical.UnsupportedPathError: WireError(_UNSUPPORTED_PATH, check_type=_UNSUPPORTED_PATH),
    logical.UnsupportedOperationError: WireError(_UNSUPPORTED_OPERATION, check_type=_UNSUPPORTED_PATH),
    # Bare and verbatim: the host looks into this text to decide on forwarding.
    logical.StorageError: WireError(_UNKNOWN, check_type=_UNKNOWN),
    logical.ReadOnlyError: WireError(_UNKNOWN, check_type=_UNKNOWN),
}


def request_from_wire(
    message: pb.Request, *, storage: logical.Storage, time_limit: float | None = None
) -> logical.Request:
    """Return the request as the engine knows it.

    Raises:
        UnsupportedOperationError: the host knows an operation that `logical` does not.
        BadRequestError: the data is no JSON object that can be held.
    """
    try:
        operation = logical.Operation(message.operation)
    except ValueError:
        raise logical.UnsupportedOperationError from None
    return logical.Request(
        operation=operation,
        path=message.path,
        storage=storage,
        data=_data_from_wire(message.data),
        id=message.id,
        mount_point=message.mount_point,
        time_limit=time_limit,
        display_name=message.display_name,
        entity_id=message.entity_id,
    )


def _data_from_wire(text: str) -> dict[str, object]:
    if not text:
        return {}
    try:
        # The host bounds the text (max_request_size, max_request_json_*) and keeps its numbers' digits.
        data = _DECODER.decode(text)
    except (ValueError, RecursionError):  # also a number of more digits than Python converts
        raise logical.BadRequestError("the request's data cannot be read as JSON") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise logical.BadRequestError("the request's data must be a JSON object")
    return data


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def reply_from_response(response: logical.Response | None) -> pb.HandleRequestReply:
    """Return the reply for what the engine answered.

    Raises:
        UnusableResponseError: the data is not JSON, or has a key that makes the host take it for something else.
    """
    if response is None:
        return pb.HandleRequestReply()
    return pb.HandleRequestReply(
        response=pb.Response(data=_data_to_wire(response.data), warnings=[*map(wire_text, response.warnings)])
    )


def canonical_path_reply(path: str) -> pb.HandleRequestReply:
    """Return the reply that makes the host go on with another spelling of the path (plugin-protocol.md 5.1)."""
    return pb.HandleRequestReply(response=pb.Response(data=logical.to_json({"path": path})))


def _data_to_wire(data: Mapping[str, object] | None) -> str:
    if data is None:
        return "null"
    if not isinstance(data, logical.RawData) and (_RAW_KEY in data or _looks_like_error(data)):
        raise UnusableResponseError(f"a response's data may not have the key {_RAW_KEY}, nor error alone or with data")
    try:
        return data.json if isinstance(data, logical.EncodedData) else logical.to_json(data)
    except (TypeError, ValueError, RecursionError):
        # The original error may quote a value.
        raise UnusableResponseError("a response's data is not JSON") from None


def _looks_like_error(data: Mapping[str, object]) -> bool:
    """Whether the host takes data for an error: `IsError` in its sdk/logical/response.go."""
    return "error" in data and data.keys() <= {"error", "data"}


def reply_from_error(error: logical.LogicalError) -> pb.HandleRequestReply:
    """Return the reply for an error of the engine's."""
    return _error_reply(wire_error(error), str(error))


def internal_error_reply() -> pb.HandleRequestReply:
    """Return the reply for an unexpected error, without its text."""
    return _error_reply(INTERNAL_ERROR, INTERNAL_ERROR_TEXT)


def _error_reply(wire: WireError, text: str) -> pb.HandleRequestReply:
    reply = pb.HandleRequestReply()
    if wire.in_response:
        reply.response.data = json.dumps({"error": text})
    if wire.err_type is not None:
        reply.err.CopyFrom(pb.ProtoError(err_type=wire.err_type, err_msg=wire.status_text or wire_text(text)))
    return reply


def check_reply(exists: bool | None) -> pb.HandleExistenceCheckReply:  # noqa: FBT001  the check's one value
    """Return the reply of an existence check; None means that the path has none."""
    return pb.HandleExistenceCheckReply(check_found=exists is not None, exists=bool(exists))


def check_reply_from_error(error: logical.LogicalError) -> pb.HandleExistenceCheckReply:
    """Return the reply of an existence check that ended in an error of the engine's."""
    return _check_error_reply(wire_error(error), str(error))


def internal_error_check_reply() -> pb.HandleExistenceCheckReply:
    """Return the reply of an existence check that ended in an error that should not happen."""
    return _check_error_reply(INTERNAL_ERROR, INTERNAL_ERROR_TEXT)


def _check_error_reply(wire: WireError, text: str) -> pb.HandleExistenceCheckReply:
    return pb.HandleExistenceCheckReply(err=pb.ProtoError(err_type=wire.check_type, err_msg=wire_text(text)))


def initialize_error(error: logical.LogicalError) -> pb.ProtoError:
    """Return what fails the mount's start with the error's text; only the text matters there."""
    return pb.ProtoError(err_type=_UNKNOWN, err_msg=wire_text(str(error)))


def wire_text(text: str) -> str:
    """Return the text without the lone surrogates that JSON may bring in and protobuf does not take."""
    return text.encode(errors="replace").decode()


def wire_error(error: logical.LogicalError) -> WireError:
    """Return the table's entry for the error's kind, or for the nearest kind above it."""
    return next(ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS)


def special_paths_to_wire(paths: logical.SpecialPaths) -> pb.SpecialPathsReply:
    """Return the reply that lists the engine's special paths."""
    return pb.SpecialPathsReply(
        paths=pb.Paths(
            root=paths.root,
            unauthenticated=paths.unauthenticated,
            local_storage=paths.local_storage,
            seal_wrap_storage=paths.seal_wrap_storage,
        )
    )
