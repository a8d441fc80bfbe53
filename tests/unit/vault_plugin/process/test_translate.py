"""The one table between the host's messages and the engine's words."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.vault_plugin import logical
from sectigo_vault_pki.vault_plugin.process import translate
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.testing import InmemStorage

STORAGE = InmemStorage()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def kinds(base: type[logical.LogicalError]) -> Iterator[type[logical.LogicalError]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


def ask(
    operation: str = "read",
    *,
    data: str = "null",
) -> logical.Request:
    message = pb.Request(operation=operation, path="a/b", data=data)
    return translate.request_from_wire(message, storage=STORAGE, time_limit=3.5)


def test_every_kind_of_error_has_its_place_on_the_wire() -> None:
    ours = {
        kind
        for kind in kinds(logical.LogicalError)
        if kind.__module__.startswith("sectigo_vault_pki.vault_plugin.logical")
    }
    assert set(translate.ERRORS) == ours


def test_no_error_type_is_one_that_the_host_takes_for_success() -> None:
    for wire in translate.ERRORS.values():
        assert wire.err_type is None or 0 <= wire.err_type <= 9
        assert 0 <= wire.check_type <= 9


def test_an_error_kind_of_an_engine_travels_as_the_nearest_known_one() -> None:
    class GoneError(logical.NotFoundError):
        pass

    assert translate.wire_error(GoneError("gone")) is translate.ERRORS[logical.NotFoundError]


@pytest.mark.parametrize(
    ("error", "response", "err"),
    [
        (logical.BadRequestError("wrong"), '{"error": "wrong"}', None),
        (logical.NotFoundError("gone"), '{"error": "gone"}', pb.ProtoError(err_type=6, err_msg="gone")),
        (
            logical.UnavailableError("down"),
            '{"error": "down"}',
            pb.ProtoError(err_type=0, err_msg="upstream rate limited"),
        ),
        (logical.UnsupportedPathError(), None, pb.ProtoError(err_type=6, err_msg="unsupported path")),
        (logical.UnsupportedOperationError(), None, pb.ProtoError(err_type=5, err_msg="unsupported operation")),
        (logical.StorageError("disk on fire"), None, pb.ProtoError(err_type=0, err_msg="disk on fire")),
        (logical.ReadOnlyError(), None, pb.ProtoError(err_type=0, err_msg=logical.READ_ONLY_TEXT)),
        (logical.LogicalError("odd"), None, pb.ProtoError(err_type=2, err_msg="odd")),
    ],
)
def test_error_reply_has_the_form_that_gives_its_http_status(
    error: logical.LogicalError, response: str | None, err: pb.ProtoError | None
) -> None:
    reply = translate.reply_from_error(error)
    assert reply.HasField("response") == (response is not None)
    assert reply.response.data == (response or "")
    assert reply.HasField("err") == (err is not None)
    assert reply.err == (err or pb.ProtoError())


@pytest.mark.parametrize(
    ("error", "err_type"),
    [
        (logical.BadRequestError("wrong"), 1),
        (logical.NotFoundError("gone"), 6),
        (logical.UnsupportedPathError(), 6),
        (logical.UnsupportedOperationError(), 6),
        (logical.UnavailableError("down"), 0),
        (logical.StorageError("disk on fire"), 0),
        (logical.LogicalError("odd"), 2),
    ],
)
def test_existence_check_error_lets_the_host_go_on_where_the_request_says_it_better(
    error: logical.LogicalError, err_type: int
) -> None:
    reply = translate.check_reply_from_error(error)
    assert (reply.err.err_type, reply.err.err_msg) == (err_type, str(error))
    assert not reply.check_found


@pytest.mark.parametrize(("exists", "found"), [(True, True), (False, True), (None, False)])
def test_existence_check_says_whether_there_is_one(exists: bool | None, found: bool) -> None:
    reply = translate.check_reply(exists)
    assert (reply.check_found, reply.exists) == (found, bool(exists))


def test_text_that_is_no_unicode_still_travels() -> None:
    text = "no field \ud800"
    assert translate.reply_from_error(logical.StorageError(text)).err.err_msg == "no field ?"
    assert translate.reply_from_error(logical.NotFoundError(text)).err.err_type == 6
    assert translate.check_reply_from_error(logical.BadRequestError(text)).err.err_msg == "no field ?"
    assert translate.initialize_error(logical.BadRequestError(text)).err_msg == "no field ?"
    reply = translate.reply_from_response(logical.Response({"a": text}, warnings=(text,)))
    assert json.loads(reply.response.data) == {"a": text}
    assert list(reply.response.warnings) == ["no field ?"]


def test_internal_errors_say_nothing_of_what_went_wrong() -> None:
    assert translate.internal_error_reply().err == pb.ProtoError(err_type=2, err_msg=translate.INTERNAL_ERROR_TEXT)
    assert translate.internal_error_check_reply().err == pb.ProtoError(
        err_type=2, err_msg=translate.INTERNAL_ERROR_TEXT
    )


def test_request_carries_what_the_host_said() -> None:
    message = pb.Request(
        operation="update",
        path="a/b",
        data='{"a": [1, "b"]}',
        id="id-1",
        mount_point="ns/sectigo/",
        display_name="userpass-ann",
        entity_id="7a3",
    )
    request = translate.request_from_wire(message, storage=STORAGE, time_limit=3.5)
    assert request == logical.Request(
        operation=logical.Operation.UPDATE,
        path="a/b",
        storage=STORAGE,
        data={"a": [1, "b"]},
        id="id-1",
        mount_point="ns/sectigo/",
        time_limit=3.5,
        display_name="userpass-ann",
        entity_id="7a3",
    )
    assert request.requester == "userpass-ann (entity 7a3)"


@pytest.mark.parametrize("data", ["", "null", "{}"])
def test_request_without_data_has_an_empty_mapping(data: str) -> None:
    assert ask(data=data).data == {}


def test_request_data_keeps_every_digit_of_an_integer() -> None:
    assert ask(data='{"n": 9007199254740993123}').data == {"n": 9007199254740993123}


@pytest.mark.parametrize("data", ["[]", '"text"', "1", "{", '{"a": NaN}', '{"n": ' + "9" * 5000 + "}", "[" * 200_000])
def test_request_data_that_is_no_json_object_is_a_bad_request(data: str) -> None:
    with pytest.raises(logical.BadRequestError, match="data"):
        ask(data=data)


def test_operation_that_only_the_host_knows_is_unsupported() -> None:
    with pytest.raises(logical.UnsupportedOperationError):
        ask(operation="teleport")


@pytest.mark.parametrize("operation", list(logical.Operation))
def test_every_operation_is_known_by_the_hosts_word(operation: logical.Operation) -> None:
    assert ask(operation=operation.value).operation is operation


def test_no_response_is_an_empty_reply() -> None:
    assert translate.reply_from_response(None) == pb.HandleRequestReply()


def test_response_without_data_is_json_null() -> None:
    reply = translate.reply_from_response(logical.Response(warnings=("careful",)))
    assert reply.response.data == "null"
    assert list(reply.response.warnings) == ["careful"]


@given(st.dictionaries(st.text().filter(lambda key: key not in {"error", "http_status_code"}), json_values))
def test_response_data_is_json_that_reads_back_as_it_was(data: dict[str, object]) -> None:
    assert json.loads(translate.reply_from_response(logical.Response(data)).response.data) == data


@pytest.mark.parametrize(
    "data",
    [{"error": "x"}, {"error": "x", "data": 1}, {"http_status_code": 200}, {"a": object()}, {"a": float("nan")}],
)
def test_response_data_that_the_host_would_misread_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(translate.UnusableResponseError):
        translate.reply_from_response(logical.Response(data))


def test_an_error_among_other_values_is_a_value() -> None:
    data = {"error": "the disk is full", "state": "Error"}
    assert json.loads(translate.reply_from_response(logical.Response(data)).response.data) == data


def test_a_raw_answer_travels_in_the_keys_that_the_host_takes_a_body_from() -> None:
    reply = translate.reply_from_response(logical.raw_response(b"\x30\x00", "application/pkix-cert"))
    assert json.loads(reply.response.data) == {
        "http_status_code": 200,
        "http_content_type": "application/pkix-cert",
        "http_raw_body": "MAA=",
    }


def test_refusal_of_response_data_quotes_no_value() -> None:
    class Secret:
        def __repr__(self) -> str:
            return "hunter2"

    with pytest.raises(translate.UnusableResponseError) as caught:
        translate.reply_from_response(logical.Response({"a": Secret()}))
    assert "hunter2" not in str(caught.value)


def test_special_paths_travel_list_by_list() -> None:
    paths = logical.SpecialPaths(
        root=("a/*",), unauthenticated=("b",), local_storage=("c/",), seal_wrap_storage=("d/", "e")
    )
    wire = translate.special_paths_to_wire(paths).paths
    assert list(wire.root) == ["a/*"]
    assert list(wire.unauthenticated) == ["b"]
    assert list(wire.local_storage) == ["c/"]
    assert list(wire.seal_wrap_storage) == ["d/", "e"]


def test_encoded_data_travels_like_any_other() -> None:
    data = {"a": [1, "ü"], "b": None}
    encoded = translate.reply_from_response(logical.Response(logical.EncodedData(data)))
    assert encoded == translate.reply_from_response(logical.Response(data))


@pytest.mark.parametrize("data", [{"error": "x"}, {"a": object()}, {"a": float("nan")}])
def test_encoded_data_is_checked_like_any_other(data: dict[str, object]) -> None:
    with pytest.raises(translate.UnusableResponseError):
        translate.reply_from_response(logical.Response(logical.EncodedData(data)))
