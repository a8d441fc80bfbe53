"""Every answer and every error of the engine is one that its OpenAPI document declares, as the host sends it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from openapi_schema_validator import OAS30Validator

from scripts.field_tables import declared_paths
from sectigo_vault_pki.vault_plugin.framework import Path
from sectigo_vault_pki.vault_plugin.framework.documentation import HelpContext, openapi_document
from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    NotFoundError,
    Operation,
    PluginEnvironment,
    Request,
    Response,
    UnavailableError,
)

_METHODS: Mapping[Operation, str] = {
    Operation.CREATE: "post",
    Operation.UPDATE: "post",
    Operation.PATCH: "patch",
    Operation.READ: "get",
    Operation.LIST: "get",
    Operation.DELETE: "delete",
}
_READING = frozenset({Operation.READ, Operation.LIST})
_STATUSES: Mapping[type[Exception], str] = {BadRequestError: "400", NotFoundError: "404", UnavailableError: "502"}


class Declared:
    """What one operation of the document declares.

    Args:
        path: the operation's.
        operation: what is asked of it.
    """

    def __init__(self, path: Path, operation: Operation) -> None:
        document = _document_of(path)
        (item,) = document["paths"].values()
        self._where = f"{operation} {path.template}"
        self._responses: Mapping[str, Any] = item[_METHODS[operation]]["responses"]
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]
        self._is_read = operation in _READING

    def check(self, response: Response | None) -> None:
        """Make sure that an answer is declared: its status, the type of its body, each key and each value."""
        status = self._status(response)
        assert status in self._responses, (self._where, status, response and response.warnings)
        if status != "200" or response is None or response.data is None:
            return
        (content_type, content), *_ = self._responses[status]["content"].items()
        if "http_raw_body" in response.data:
            assert response.data["http_content_type"] == content_type, self._where
            return
        schema = _closed(self._schemas[content["schema"]["$ref"].rpartition("/")[2]])
        problems = OAS30Validator(schema).iter_errors(json.loads(json.dumps(dict(response.data))))
        told = [f"{self._where}: {'.'.join(map(str, one.path))}: {one.message[-200:]}" for one in problems]
        assert not told, told

    def check_error(self, error: Exception) -> None:
        """Make sure that an error is declared, unless it is the host's own."""
        status = next((known for kind, known in _STATUSES.items() if type(error) is kind), None)
        assert status is None or status in self._responses, (self._where, status, str(error))

    def _status(self, response: Response | None) -> str:
        if self._is_read and (response is None or response.data == {}):
            return "404"
        if response is None or (response.data is None and not response.warnings):
            return "204"
        return "200"


@contextmanager
def errors_as_declared(request: Request) -> Iterator[None]:
    """Check an error that leaves the block."""
    try:
        yield
    except Exception as error:
        if (declared := _declared(request)) is not None:
            declared.check_error(error)
        raise


def as_declared(request: Request, response: Response | None) -> Response | None:
    """Return an answer that has been checked."""
    if (declared := _declared(request)) is not None:
        declared.check(response)
    return response


@cache
def _paths() -> tuple[Path, ...]:
    return tuple(declared_paths())


def _declared(request: Request) -> Declared | None:
    path = next((one for one in _paths() if one.pattern.fullmatch(request.path)), None)
    if path is None or request.operation not in path.operations:
        return None
    return _declared_by(path.template, request.operation)


@cache
def _declared_by(template: str, operation: Operation) -> Declared:
    return Declared(next(path for path in _paths() if path.template == template), operation)


def _document_of(path: Path) -> Mapping[str, Any]:
    return openapi_document([path], "", HelpContext("", PluginEnvironment(vault_version="2.7.2"), "sectigo"))


def _closed(schema: Any) -> Any:
    """Return a schema under which an object has no property that it does not name, if it names any."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    return {**closed, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else closed
