"""A request as the host routes it, the answer, and what an engine is to the plugin process."""

import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Protocol

from sectigo_vault_pki.vault_plugin.logical.host import Storage, SystemView


class Operation(StrEnum):
    """What a request wants done with a path."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    LIST = "list"
    SCAN = "scan"
    HEADER = "header"
    HELP = "help"
    RENEW = "renew"
    REVOKE = "revoke"
    ROLLBACK = "rollback"
    ALIAS_LOOKAHEAD = "alias-lookahead"
    RESOLVE_ROLE = "resolve-role"
    RESOLVE_PATH = "resolve-path"


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a user, an agent or the host itself.

    Attributes:
        operation: what is asked.
        path: relative to the mount, without a leading `/`; the mount root is empty.
        storage: the mount's storage.
        data: the JSON body, or the query of a read, list or delete; may hold secrets.
        id: the host's id of the request, for the logs.
        mount_point: namespace and path of the mount, with a trailing `/`.
        time_limit: seconds left until the host's gRPC deadline, or None where it sent none.
        display_name: of the token, as its auth method made it.
        entity_id: the identity that the token belongs to; empty where it has none, as a root token.
    """

    operation: Operation
    path: str
    storage: Storage = field(repr=False)
    data: Mapping[str, object] = field(default_factory=dict, repr=False)
    id: str = ""
    mount_point: str = ""
    time_limit: float | None = None
    display_name: str = ""
    entity_id: str = ""

    @property
    def requester(self) -> str:
        """Who asks, for logs and records: `<display name> (entity <id>)`, as far as the host says it.

        Short, and of plain characters: a name comes from outside, and must not look like an entity.
        """
        name, entity = _plain(self.display_name), _plain(self.entity_id)
        if not entity:
            return name
        return f"{name} (entity {entity})" if name else f"entity {entity}"


_MAX_NAME = 128
_NOT_PLAIN = re.compile(r"[^\w.@:/+=, -]")


def _plain(text: str) -> str:
    plain = _NOT_PLAIN.sub("_", text)
    return plain if len(plain) <= _MAX_NAME else f"{plain[: _MAX_NAME - 1]}…"


class EncodedData(Mapping[str, object]):
    """Data that is answered many times: its JSON is made when it is first wanted, and kept.

    Nothing in it may change afterwards.
    """

    def __init__(self, data: Mapping[str, object]) -> None:
        self._data = data

    @cached_property
    def json(self) -> str:
        """The data as JSON.

        Raises:
            TypeError, ValueError, RecursionError: it is none.
        """
        return to_json(self._data)

    def __getitem__(self, key: str) -> object:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


class RawData(EncodedData):
    """What the host makes a body of, without its envelope; no other data may have the keys that say so."""


def to_json(data: Mapping[str, object]) -> str:
    """Return data as the host wants it.

    Raises:
        TypeError, ValueError, RecursionError: it is not JSON.
    """
    return json.dumps(data, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Response:
    """What the user gets back under `data` and `warnings`; may hold secrets.

    No answer at all is `None` in place of a response: the host makes 404 of it on a read or list, else 204.
    """

    data: Mapping[str, object] | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()


def list_response(keys: Sequence[str], *, warnings: Sequence[str] = ()) -> Response:
    """Answer a list; the host makes 404 of an empty one."""
    return Response(data={"keys": list(keys)} if keys else {}, warnings=tuple(warnings))


def raw_response(body: bytes, content_type: str) -> Response:
    """Answer a body without the host's envelope; it may not be empty (plugin-protocol.md 5.4)."""
    return Response(
        data=RawData(
            {
                "http_status_code": 200,
                "http_content_type": content_type,
                "http_raw_body": base64.b64encode(body).decode("ascii"),  # the host decodes whatever is valid base64
            }
        )
    )


_NOTHING: Mapping[str, object] = MappingProxyType({})
_known: ContextVar[Mapping[str, object]] = ContextVar("vault_plugin_log_values", default=_NOTHING)


def add_log_values(**values: object) -> None:
    """Let the log lines of this task, and of the tasks it starts, carry some values more. None of them is secret."""
    _known.set({**_known.get(), **values})


def log_values() -> Mapping[str, object]:
    """Return what `add_log_values` was given in this task and before it was started."""
    return _known.get()


class BackendType(IntEnum):
    """The host's kinds of backends."""

    UNKNOWN = 0
    LOGICAL = 1
    CREDENTIAL = 2


@dataclass(frozen=True, slots=True)
class SpecialPaths:
    """Paths and storage keys that the host treats apart (plugin-protocol.md 5.10)."""

    root: tuple[str, ...] = ()
    unauthenticated: tuple[str, ...] = ()
    local_storage: tuple[str, ...] = ()
    seal_wrap_storage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """What one mount's backend is built from.

    Attributes:
        backend_uuid: stable for the mount; empty while the plugin is only being registered.
        options: the mount's options and what the host adds to them, such as `plugin_name`.
        storage: for `initialize` and the backend's own tasks, which outlive a request.
        system: see `SystemView` for when it may be asked.
    """

    storage: Storage = field(repr=False)
    system: SystemView = field(repr=False)
    backend_uuid: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


class Backend(Protocol):
    """One mount's engine."""

    @property
    def backend_type(self) -> BackendType: ...

    @property
    def special_paths(self) -> SpecialPaths: ...

    async def initialize(self) -> None:
        """Start; storage may be written from here on."""

    async def handle_request(self, request: Request) -> Response | None:
        """Answer one request.

        Raises:
            LogicalError: the answer is an error of that kind.
        """

    async def canonical_path(self, path: str) -> str | None:
        """Return the path in the spelling on which policies are written; None where it is right as it is.

        The host asks before each request and uses the path that it gets, so this must not change anything.

        Raises:
            LogicalError: the spelling cannot be found; the request is then refused.
        """

    async def check_existence(self, request: Request) -> bool | None:
        """Return whether a write would update (True) or create (False); None if the path does not distinguish them."""

    async def invalidate_key(self, key: str) -> None:
        """Drop what is cached of a storage key that another node changed."""

    async def cleanup(self) -> None:
        """Release everything; no other call follows."""


BackendFactory = Callable[[BackendConfig], Awaitable[Backend]]
"""Builds a mount's backend, touching neither storage nor network (plugin-protocol.md 5.8)."""
