"""From a request to the handler of its path, and back with warnings."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from sectigo_vault_pki.framework.canonical import CanonicalPaths
from sectigo_vault_pki.framework.fields import FieldData
from sectigo_vault_pki.framework.help import path_help, root_help
from sectigo_vault_pki.framework.path import Path
from sectigo_vault_pki.logical import (
    BadRequestError,
    Operation,
    PluginEnvironment,
    ReadOnlyError,
    Request,
    Response,
    UnsupportedOperationError,
    UnsupportedPathError,
    add_log_values,
)

_BY_URL = frozenset({Operation.READ, Operation.LIST, Operation.DELETE})
_ANSWERLESS = frozenset({Operation.CREATE, Operation.UPDATE, Operation.DELETE})


class Router:
    """Routes the requests of one mount.

    Args:
        paths: in the order in which they are tried.
        description: the engine's help text, for the mount root.
        is_read_only: asks whether this node must leave writing to another one.
        environment: asks for the host's version, for the OpenAPI document.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        description: str,
        is_read_only: Callable[[], Awaitable[bool]],
        environment: Callable[[], Awaitable[PluginEnvironment]],
    ) -> None:
        self._paths = paths
        self._canonical_paths = CanonicalPaths(paths)
        self._description = description
        self._is_read_only = is_read_only
        self._environment = environment

    async def route(self, request: Request) -> Response | None:
        """Answer a request.

        Raises:
            LogicalError: the answer is an error of that kind.
        """
        if request.operation is Operation.HELP:
            return await self._help(request)
        path, captured = self._match(request.path)
        add_log_values(**{key: captured[name] for name, key in path.log_keys.items()})
        handler = path.operations.get(request.operation)
        if handler is None:
            raise UnsupportedOperationError
        data, warnings = read_fields(path, captured, request)
        if handler.forwarded and await self._is_read_only():
            raise ReadOnlyError
        response = await handler.call(request, data)
        if response is None:
            return Response(warnings=warnings) if warnings and request.operation in _ANSWERLESS else None
        return Response(data=response.data, warnings=warnings + response.warnings)

    async def exists(self, request: Request) -> bool | None:
        """Say whether a write would update; None where the path does not tell create from update."""
        path, captured = self._match(request.path)
        if path.existence_check is None:
            return None
        names = {name: path.by_name[name].parse(value) for name, value in captured.items()}
        return await path.existence_check(request, FieldData(names))

    async def canonical_path(self, relative_path: str) -> str | None:
        """Return how a path that has several spellings is to be known; None where it needs no other.

        Raises:
            LogicalError: it cannot be told.
        """
        return await self._canonical_paths.find(relative_path)

    def _match(self, relative_path: str) -> tuple[Path, Mapping[str, str]]:
        for path in self._paths:
            if match := path.pattern.fullmatch(relative_path):
                return path, match.groupdict()
        raise UnsupportedPathError

    async def _help(self, request: Request) -> Response:
        environment = await self._environment()
        prefix = str(request.data.get("requestResponsePrefix", ""))
        if request.path == "":
            data = root_help(self._paths, self._description, environment, prefix)
        else:
            path, _ = self._match(request.path)
            data = path_help(path, request.path, environment, prefix)
        return Response(data=data)


def read_fields(path: Path, captured: Mapping[str, str], request: Request) -> tuple[FieldData, tuple[str, ...]]:
    """Turn a request's values into typed ones, with the warnings that they give rise to.

    Raises:
        BadRequestError: a value is not of its field's kind, or a required one is missing.
    """
    values: dict[str, object] = {}
    emptied: set[str] = set()
    unrecognised: list[str] = []
    warnings: list[str] = []
    for name, value in request.data.items():
        declared = path.by_name.get(name)
        if declared is None:
            unrecognised.append(name)
        elif name in captured or value is None:
            continue
        elif value == "":
            emptied.add(name)
        elif declared.secret and request.operation in _BY_URL:
            warnings.append(f"{name} was ignored: a read carries its parameters in the URL, where secrets leak")
        elif declared.without_effect:
            continue
        else:
            values[name] = declared.parse(value)
    values.update((name, path.by_name[name].parse(value)) for name, value in captured.items())
    for name in path.required(request.operation):
        if name not in values:
            raise BadRequestError(f"{name} is required")
    warnings += _name_warnings(unrecognised, sorted(set(captured) & set(request.data)))
    return FieldData(values, frozenset(emptied)), tuple(warnings)


def _name_warnings(unrecognised: Sequence[str], replaced: Sequence[str]) -> list[str]:
    warnings = []
    if unrecognised:
        names = " ".join(sorted(printable(name) for name in unrecognised[:MAX_NAMES_SHOWN]))
        warnings.append(f"Endpoint ignored these unrecognized parameters: [{names}]")
    if replaced:
        warnings.append(
            "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: "
            f"[{' '.join(replaced)}]"
        )
    return warnings


MAX_NAMES_SHOWN = 50
_MAX_SHOWN_LENGTH = 64


def printable(name: str) -> str:
    """Return a foreign name in a form that is short and safe to show."""
    return re.sub(r"[^\x21-\x7e]", "?", name[:_MAX_SHOWN_LENGTH])
