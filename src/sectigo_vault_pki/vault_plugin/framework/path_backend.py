"""An engine that is nothing but its paths: from a request to the handler of its path, and back with warnings."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from sectigo_vault_pki.vault_plugin.framework.documentation import HelpContext, path_help, root_help
from sectigo_vault_pki.vault_plugin.framework.fields import FieldData, problem_text
from sectigo_vault_pki.vault_plugin.framework.kinds import KindError
from sectigo_vault_pki.vault_plugin.framework.path import Path, warnings_about
from sectigo_vault_pki.vault_plugin.logical import (
    BackendConfig,
    BackendType,
    BadRequestError,
    LogicalError,
    Operation,
    PluginEnvironment,
    ReadOnlyError,
    Request,
    Response,
    SpecialPaths,
    SystemView,
    UnsupportedOperationError,
    UnsupportedPathError,
    add_log_values,
)

_log = logging.getLogger(__name__)

_BY_URL = frozenset({Operation.READ, Operation.LIST, Operation.DELETE})
_ANSWERLESS = frozenset({Operation.CREATE, Operation.UPDATE, Operation.PATCH, Operation.DELETE})


class Router:
    """Routes the requests of one mount.

    Args:
        paths: in the order in which they are tried.
        title: the engine's name for people.
        description: the engine's help text, for the mount root.
        is_read_only: asks whether this node must leave writing to another one.
        environment: asks for the host's version, for the OpenAPI document.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        title: str,
        description: str,
        is_read_only: Callable[[], Awaitable[bool]],
        environment: Callable[[], Awaitable[PluginEnvironment]],
    ) -> None:
        self._paths = paths
        self._canonical_paths = CanonicalPaths(paths)
        self._title = title
        self._description = description
        self._is_read_only = is_read_only
        self._environment = environment

    @property
    def unauthenticated(self) -> tuple[str, ...]:
        """The paths that need no token, as the host wants them listed."""
        return tuple(path.host_pattern for path in self._paths if path.is_unauthenticated)

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
        data, warnings = await _checked_fields(path, captured, request)
        if handler.forwarded and await self._is_read_only():
            raise ReadOnlyError
        response = await handler.call(request, data)
        if response is None:
            return Response(warnings=warnings) if warnings and request.operation in _ANSWERLESS else None
        return Response(data=response.data, warnings=warnings + response.warnings)

    async def exists(self, request: Request) -> bool | None:
        """Return whether a write would update; None if the path does not distinguish create from update."""
        path, captured = self._match(request.path)
        if path.existence_check is None:
            return None
        names = {name: path.by_name[name].parse(value) for name, value in captured.items()}
        return await path.existence_check(request, FieldData(names))

    async def canonical_path(self, relative_path: str) -> str | None:
        """Return the canonical spelling of a path that has several; None if it has it already.

        Raises:
            LogicalError: it cannot be found.
        """
        return await self._canonical_paths.find(relative_path)

    def _match(self, relative_path: str) -> tuple[Path, Mapping[str, str]]:
        for path in self._paths:
            if match := path.pattern.fullmatch(relative_path):
                return path, match.groupdict()
        raise UnsupportedPathError

    async def _help(self, request: Request) -> Response:
        prefix = str(request.data.get("requestResponsePrefix", ""))
        asked = HelpContext(self._title, await self._environment(), prefix)
        if request.path == "":
            data = root_help(self._paths, self._description, asked)
        else:
            path, _ = self._match(request.path)
            data = path_help(path, request.path, asked)
        return Response(data=data)


async def _checked_fields(
    path: Path, captured: Mapping[str, str], request: Request
) -> tuple[FieldData, tuple[str, ...]]:
    """Return the fields of a request without problems, and the warnings about them.

    Raises:
        BadRequestError: there are problems; the text names them all.
    """
    read = read_fields(path, captured, request)
    problems = list(read.problems)
    if path.review is not None and request.operation not in _BY_URL and _has_its_names(path, read.data):
        try:
            problems += await path.review(request, read.data)
        except BadRequestError as error:
            problems.append(str(error))
    if problems:
        raise BadRequestError(problem_text(problems))
    return read.data, read.warnings


def _has_its_names(path: Path, data: FieldData) -> bool:
    return all(data.is_usable(path.by_name[name]) for name in path.captured)


@dataclass(frozen=True, slots=True)
class ReadFields:
    """What was made of a request's values.

    Attributes:
        data: the typed values.
        problems: why the request cannot be carried out: in the order in which the path declares its fields, then names.
        warnings: what had no effect.
    """

    data: FieldData
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def read_fields(path: Path, captured: Mapping[str, str], request: Request) -> ReadFields:
    """Turn a request's values into typed ones; the path's own win over those of the body."""
    values: dict[str, object] = {}
    emptied: set[str] = set()
    refused: dict[str, str] = {}
    unknown: list[str] = []
    warnings: list[str] = []
    for name, value in {**request.data, **captured}.items():
        declared = path.by_name.get(name)
        if declared is None:
            unknown.append(name)
        elif value == "" or (value is None and request.operation is Operation.PATCH):  # RFC 7396: null removes
            emptied.add(name)
        elif declared.secret and request.operation in _BY_URL and value is not None:
            warnings.append(f"{name} was ignored: a read carries its parameters in the URL, where secrets leak")
        elif value is not None and not declared.without_effect:
            try:
                values[name] = declared.parse(value)
            except BadRequestError as error:
                refused[name] = str(error)
    data = FieldData(values, frozenset(emptied), frozenset(refused))
    told = refused | {declared.name: declared.missing_text for declared in path.missing(request.operation, data)}
    problems = [told[declared.name] for declared in path.fields if declared.name in told] if told else []
    unknown.sort()
    warnings += warnings_about(unknown, sorted(set(captured) & set(request.data)), path.strict)
    return ReadFields(data, (*problems, *_misspelt(path, unknown, request.data)), tuple(warnings))


def _misspelt(path: Path, unknown: Sequence[str], sent: Mapping[str, object]) -> list[str]:
    """Return what is wrong with undeclared names; one without a value asks for nothing."""
    if path.strict is None:
        return []
    return path.strict.complaints([name for name in unknown if sent[name] not in (None, "")], tuple(path.by_name))


class CanonicalPaths:
    """Finds the canonical spelling of one engine's paths.

    Args:
        paths: in the order in which requests are matched.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._beginnings = tuple(path.template.partition("{")[0] for path in paths if _has_spellings(path))

    async def find(self, relative_path: str) -> str | None:
        """Return the canonical spelling of a path; None if it is canonical, or has no other spelling.

        Raises:
            LogicalError: it cannot be found, so that no policy can be applied.
        """
        if not relative_path.startswith(self._beginnings):
            return None
        for path in self._paths:
            if match := path.pattern.fullmatch(relative_path):
                return await _canonical(path, match.groupdict()) if _has_spellings(path) else None
        return None


def _has_spellings(path: Path) -> bool:
    return path.canonical is not None or any(path.by_name[name].kind.canonical for name in path.captured)


async def _canonical(path: Path, captured: Mapping[str, str]) -> str | None:
    values = dict(captured)
    try:
        for name in path.captured:
            if (canonical := path.by_name[name].kind.canonical) is not None:
                values[name] = canonical(values[name])
    except KindError:
        return None  # the request itself is refused for it
    if path.canonical is not None:
        values |= await path.canonical(values)
    return None if values == captured else path.template.format_map(values)


class Node:
    """What the host reports about itself, asked once: a node that changes its role builds new backends."""

    def __init__(self, system: SystemView) -> None:
        self._system = system
        self._read_only: bool | None = None
        self._caching_disabled: bool | None = None
        self._environment: PluginEnvironment | None = None

    async def is_read_only(self) -> bool:
        """Whether another node must do what writes or has effects outside."""
        if self._read_only is None:
            state = await self._system.replication_state()
            writes_locally = state.writes_local_mounts and await self._system.local_mount()
            self._read_only = state.is_read_only and not writes_locally
        return self._read_only

    async def is_caching_disabled(self) -> bool:
        """Whether storage must not be cached; a host that does not answer is asked again next time."""
        if self._caching_disabled is None:
            try:
                self._caching_disabled = await self._system.caching_disabled()
            except LogicalError as error:
                _log.warning(
                    "the server does not say whether records may be cached", extra={"kv": {"error": str(error)}}
                )
                return True
        return self._caching_disabled

    async def environment(self) -> PluginEnvironment:
        if self._environment is None:
            self._environment = await self._system.plugin_environment()
        return self._environment


class PathBackend:
    """`logical.Backend` for an engine without a cache and without work of its own; derive from it for either."""

    backend_type = BackendType.LOGICAL

    def __init__(
        self,
        config: BackendConfig,
        paths: Sequence[Path],
        *,
        title: str,
        description: str,
        special_paths: SpecialPaths | None = None,
    ) -> None:
        """Build one mount's engine.

        Args:
            config: what the factory was given.
            paths: in the order in which requests are matched.
            title: the engine's name for people.
            description: its help text.
            special_paths: what the host treats apart; without it, only the paths that need no token.
        """
        node = Node(config.system)
        self._router = Router(
            paths,
            title=title,
            description=description,
            is_read_only=node.is_read_only,
            environment=node.environment,
        )
        self.special_paths = special_paths or SpecialPaths(unauthenticated=self._router.unauthenticated)

    async def initialize(self) -> None:
        """Nothing is started."""

    async def handle_request(self, request: Request) -> Response | None:
        if request.operation is Operation.ROLLBACK:  # the host's tick, once a minute (plugin-protocol.md 5.6)
            return None
        return await self._router.route(request)

    async def canonical_path(self, path: str) -> str | None:
        return await self._router.canonical_path(path)

    async def check_existence(self, request: Request) -> bool | None:
        return await self._router.exists(request)

    async def invalidate_key(self, key: str) -> None:
        """Nothing is remembered."""

    async def cleanup(self) -> None:
        """Nothing is held."""
