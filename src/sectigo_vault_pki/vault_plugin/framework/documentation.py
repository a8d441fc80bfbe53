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
_BODY_TYPES = {"patch": "application/merge-patch+json"}
"""What a host requires of a body, and with anything else answers 415; its own document says JSON of all."""
_UNITS: Mapping[object, timedelta] = {"days": timedelta(days=1), "seconds": timedelta(seconds=1)}
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
        fields = sorted(path.fields, key=lambda declared: declared.name)
        parts += ["## PARAMETERS", "\n\n".join(_field_help(declared) for declared in fields)]
    parts += ["## DESCRIPTION", path.description.strip()]
    document = openapi_document([path], path.synopsis, asked)
    return {"help": "\n\n".join(parts), "see_also": None, "openapi": document}


def _field_help(declared: Field[object]) -> str:
    text = textwrap.fill(field_text(declared), width=88)
    return f"    {declared.name} ({declared.kind.label})\n\n{textwrap.indent(text, ' ' * 8)}"


def field_text(declared: Field[object]) -> str:
    """Return the field's help with its default, and with its need where it has one."""
    text = declared.description.strip()
    if declared.without_effect:
        return f"{text} No effect on this path."
    if declared.required:
        text += " Required."
    return text


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
    return {
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
    described: Document = {
        "summary": handler.summary or path.synopsis,
        "description": path.description.strip(),
        "operationId": operation_id,
        "tags": ["secrets"],
        "responses": _responses(handler, method, operation_id, schemas),
    }
    body_fields = [field for field in path.fields if field.name not in path.captured]
    if method in {"post", "patch"} and body_fields:
        name = _title(operation_id) + "Request"
        schemas[name] = _object_schema(body_fields, is_change=method == "patch")
        described["requestBody"] = {"required": True, "content": _content(name, _BODY_TYPES.get(method, _JSON))}
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
        return {"204": {"description": "empty body"}} if method != "get" else {"200": {"description": "OK"}}
    name = _title(operation_id) + "Response"
    schemas[name] = {"type": "object", "properties": dict(handler.answer)}
    return {"200": {"description": "OK", "content": _content(name)}}


def _content(schema_name: str, media_type: str = _JSON) -> Document:
    """Refer to a schema; twice, because the host drops a plugin's `$ref` and makes its own of `ref`.

    What stands beside `$ref` has no meaning (OpenAPI 3.0.2, Reference Object).
    """
    reference = f"#/components/schemas/{schema_name}"
    return {media_type: {"schema": {"$ref": reference, "ref": reference}}}


def _operation_id(path: Path, operation: Operation, prefix: str) -> str:
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
        "description": field.description,
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


def _object_schema(fields: Sequence[Field[object]], *, is_change: bool) -> Document:
    """Return the schema of a body; one that changes what exists requires nothing, and leaving out is no default."""
    declared = [replace(field, default=None) for field in fields] if is_change else fields
    schema: Document = {"type": "object", "properties": {field.name: _property(field) for field in declared}}
    if not is_change and (required := sorted(field.name for field in fields if field.required)):
        schema["required"] = required
    return schema


def _property(field: Field[object]) -> Document:
    return {**field.kind.schema, "description": field.description, **_default(field), **_display(field)}


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
