"""The texts of `path-help`, in the layout of Vault's own engines (plugin-protocol.md 5.5)."""

import textwrap
from collections.abc import Mapping, Sequence

from sectigo_vault_pki.vault_plugin.framework.fields import Field
from sectigo_vault_pki.vault_plugin.framework.openapi import HelpContext, openapi_document
from sectigo_vault_pki.vault_plugin.framework.path import Path

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
