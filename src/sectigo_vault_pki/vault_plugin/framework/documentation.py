"""How paths are documented: `path-help` in the layout of Vault's own engines, and OpenAPI (plugin-protocol.md 5.5)."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

from sectigo_vault_pki.vault_plugin.framework.fields import Field
from sectigo_vault_pki.vault_plugin.framework.path import Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, PluginEnvironment

Document: TypeAlias = dict[str, object]

_METHODS: Mapping[str, tuple[Operation, ...]] = {
    "post": (Operation.UPDATE, Operation.CREATE),
    "get": (Operation.READ, Operation.LIST),
    "patch": (Operation.PATCH,),
    "delete": (Operation.DELETE,),
}
_JSON = "application/json"
_BODIES: Mapping[str, str] = {"patch": "application/merge-patch+json"}
"""Types of bodies that the host takes, if that is not JSON."""
_UNITS: Mapping[object, timedelta] = {"days": timedelta(days=1), "seconds": timedelta(seconds=1)}
_PLACEHOLDER = re.compile(r"<([^<>]*)>")
_ERRORS: Document = {"type": "object", "properties": {"errors": {"type": "array", "items": {"type": "string"}}}}
_FAILURES = {
    400: "The request cannot be carried out; errors says why",
    404: "There is none",
    502: "What the engine calls did not answer",
}
_VERBS = {Operation.UPDATE: "write", Operation.CREATE: "write"}


@dataclass(frozen=True, slots=True)
class HelpContext:
    """What a help text depends on beside the paths.

    Attributes:
        title: the engine's name for people.
        environment: the host's version.
        prefix: what the host wants before each operation's id, such as the mount's type.
    """

    title: str
    environment: PluginEnvironment
    prefix: str


_HOW_TO_ASK = (
    "The following paths are supported by this backend. To view help for\n"
    "any of the paths below, use the help command with any route matching\n"
    "the path pattern. Note that depending on the policy of your auth token,\n"
    "you may or may not be able to access certain paths."
)


def root_help(paths: Sequence[Path], description: str, asked: HelpContext) -> Mapping[str, object]:
    """Return the answer to a help request for the mount root."""
    routes = "\n\n".join(
        f"    {path.pattern.pattern}\n        {path.synopsis}"
        for path in sorted(paths, key=lambda p: p.pattern.pattern)
    )
    text = f"## DESCRIPTION\n\n{description.strip()}\n\n## PATHS\n\n{_HOW_TO_ASK}\n\n{routes}"
    document = openapi_document(paths, description, asked)
    return {"help": text, "see_also": None, "openapi": document}


def path_help(path: Path, requested: str, asked: HelpContext) -> Mapping[str, object]:
    """Return the answer to a help request for one path."""
    parts = [
        f"Request:        {requested}\nMatching Route: {path.pattern.pattern}",
        path.synopsis.strip(),
    ]
    if path.fields:
        parts += ["## PARAMETERS", *_parameters_help(path)]
    parts += ["## DESCRIPTION", path.description.strip()]
    document = openapi_document([path], path.synopsis, asked)
    return {"help": "\n\n".join(parts), "see_also": None, "openapi": document}


def _parameters_help(path: Path) -> Sequence[str]:
    fields = sorted(path.fields, key=lambda declared: declared.name)
    told = [_field_help(path, declared) for declared in fields if not declared.without_effect]
    ignored = ", ".join(declared.name for declared in fields if declared.without_effect)
    if not ignored:
        return told
    line = textwrap.fill(f"Accepted without effect on this path: {ignored}", width=92, break_on_hyphens=False)
    return [*told, textwrap.indent(line, " " * 4)]


def _field_help(path: Path, declared: Field[object]) -> str:
    text = textwrap.fill(field_text(path, declared), width=88)
    return f"    {declared.name} ({declared.kind.label})\n\n{textwrap.indent(text, ' ' * 8)}"


def field_text(path: Path, declared: Field[object]) -> str:
    """Return a field's help with its need where it has one."""
    text = declared.description.strip()
    if declared.without_effect:
        return f"{text} No effect on this path."
    if path.always_requires(declared):
        return f"{text} Required."
    return f"{text} Required to create." if declared.required else text


def openapi_document(paths: Sequence[Path], description: str, asked: HelpContext) -> Document:
    """Return the document of some paths.

    Args:
        paths: the paths to describe.
        description: the document's description.
        asked: for what and by whom.
    """
    schemas: Document = {}
    items = {f"/{path.template.removesuffix('/')}": {} for path in paths}  # type: dict[str, Document]
    for path in paths:
        items[f"/{path.template.removesuffix('/')}"] |= _path_item(path, asked.prefix, schemas)
    document: Document = {
        "openapi": "3.0.2",
        "info": {
            "title": asked.title,
            "description": description.strip(),
            "version": asked.environment.vault_version or "unknown",
            "license": {"name": "Mozilla Public License 2.0", "url": "https://www.mozilla.org/en-US/MPL/2.0"},
        },
        "paths": items,
        "components": {"schemas": schemas},
    }
    return {name: _without_markup(part) for name, part in document.items()}


def _without_markup(node: object) -> object:
    """Write `<name>` in texts for people as `{name}`: they are shown as HTML, which takes the former for an element."""
    if isinstance(node, dict):
        return {
            name: _PLACEHOLDER.sub(r"{\1}", value)
            if name in {"description", "summary"} and isinstance(value, str)
            else _without_markup(value)
            for name, value in node.items()
        }
    return [_without_markup(item) for item in node] if isinstance(node, list) else node


def _path_item(path: Path, prefix: str, schemas: Document) -> Document:
    item: Document = {"description": path.synopsis}
    parameters = [_parameter(path.by_name[name], "path", required=True) for name in path.captured]
    if parameters:
        item["parameters"] = sorted(parameters, key=lambda parameter: str(parameter["name"]).lower())
    if path.is_unauthenticated:
        item["x-vault-unauthenticated"] = True
    if Operation.CREATE in path.operations:
        item["x-vault-createSupported"] = True
    for method, candidates in _METHODS.items():
        declared = [operation for operation in candidates if operation in path.operations]
        if declared:
            item[method] = _operation(path, method, declared, prefix, schemas)
    return item


def _operation(path: Path, method: str, declared: Sequence[Operation], prefix: str, schemas: Document) -> Document:
    first = declared[0]
    handler = path.operations[first]
    operation_id = _operation_id(path, first, prefix)
    body = [field for field in handler.body or path.fields if field.name not in path.captured]
    described: Document = {
        "summary": handler.summary or path.synopsis,
        "description": path.description.strip(),
        "operationId": operation_id,
        "tags": ["secrets"],
        "responses": _responses(handler, method, operation_id, schemas) | _failures(path, handler, method),
    }
    if method in {"post", "patch"} and body:
        name = _title(operation_id) + "Request"
        schemas[name] = schema = _object_schema(path, body, is_change=method == "patch")
        described["requestBody"] = {
            "required": "required" in schema,
            "content": _content(name, _BODIES.get(method, _JSON)),
        }
    query = [_parameter(field, "query", required=False) for field in handler.query]
    if Operation.LIST in declared:
        query.append(_list_parameter(required=Operation.READ not in declared))
    if query:
        described["parameters"] = sorted(query, key=lambda parameter: str(parameter["name"]).lower())
    return described


def _responses(handler: Handler, method: str, operation_id: str, schemas: Document) -> Document:
    if handler.content_type:
        raw = {handler.content_type: {"schema": {"type": "string", "format": "binary"}}}
        return {"200": {"description": "OK", "content": raw}}
    if not handler.answer:
        warned: Document = {"200": {"description": "OK, with warnings and without data"}} if handler.warns else {}
        return {"204": {"description": "empty body"}, **warned} if method != "get" else {"200": {"description": "OK"}}
    name = _title(operation_id) + "Response"
    schemas[name] = {"type": "object", "properties": dict(handler.answer)}
    return {"200": {"description": "OK", "content": _content(name)}}


def _failures(path: Path, handler: Handler, method: str) -> Document:
    """Return the errors that are the engine's own; the host adds those of tokens, of its state and of its limits."""
    wrong = {400} if path.fields else set()
    absent = {404} if method == "get" and (path.captured or Operation.LIST in path.operations) else set()
    content = {_JSON: {"schema": _ERRORS}}
    return {
        str(status): {"description": _FAILURES[status], "content": content}
        for status in sorted(wrong | absent | {*handler.failures})
    }


def _content(schema_name: str, content_type: str = _JSON) -> Document:
    """Refer to a schema; twice, because the host drops a plugin's `$ref` and makes its own of `ref`.

    What stands beside `$ref` has no meaning (OpenAPI 3.0.2, Reference Object).
    """
    reference = f"#/components/schemas/{schema_name}"
    return {content_type: {"schema": {"$ref": reference, "ref": reference}}}


def _operation_id(path: Path, operation: Operation, prefix: str) -> str:
    if declared := path.operations[operation].operation_id:
        return "-".join([*filter(None, [prefix]), declared]).lower()
    words = re.findall(r"[A-Za-z0-9]+", path.operation_words or re.sub(r"\{\w+\}", " ", path.template))
    verb = _VERBS.get(operation, operation.value)
    captured = ["by", *path.captured[-1].split("_")] if len(path.captured) > 1 else []
    return "-".join([*filter(None, [prefix]), verb, *words, *captured]).replace("_", "-").lower()


def _title(operation_id: str) -> str:
    return "".join(word.capitalize() for word in operation_id.split("-"))


def _parameter(field: Field[object], place: str, *, required: bool) -> Document:
    return {
        "name": field.name,
        "in": place,
        "required": required,
        "description": field.description.strip(),
        "schema": {**field.kind.schema, **_default(field), **_display(field)},
    }


def _list_parameter(*, required: bool) -> Document:
    schema: Document = {"type": "string", "enum": ["true"]} if required else {"type": "string"}
    return {
        "name": "list",
        "in": "query",
        "required": required,
        "description": "Return a list if `true`",
        "schema": schema,
    }


def _object_schema(path: Path, fields: Sequence[Field[object]], *, is_change: bool) -> Document:
    """Return the schema of a body; one that changes what exists requires nothing, and leaving out is no default."""
    declared = [replace(field, default=None) for field in fields] if is_change else fields
    schema: Document = {"type": "object", "properties": {field.name: _property(path, field) for field in declared}}
    if not is_change and (required := sorted(field.name for field in fields if path.always_requires(field))):
        schema["required"] = required
    return schema


def _property(path: Path, field: Field[object]) -> Document:
    return {**field.kind.schema, "description": field_text(path, field), **_default(field), **_display(field)}


def _display(field: Field[object]) -> Document:
    """Return what the host's web UI shows beside a field (plugin-protocol.md 5.5)."""
    shown: Document = {"name": field.label or field.name.replace("_", " ").capitalize()}
    if default := _default(field):
        shown["value"] = default["default"]
    if field.secret:
        shown["sensitive"] = True
    return {"x-vault-displayAttrs": shown}


def _default(field: Field[object]) -> Document:
    """Return a field's default, unless sending it would change something: the host's web UI sends what is declared."""
    if field.inherits or field.without_effect:
        return {}
    match field.default:
        case None:
            return {}
        case timedelta() as length:
            return {"default": length // _UNITS[field.kind.schema["format"]]}
        case default:
            return {"default": default}
