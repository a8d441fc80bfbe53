"""Declarations of paths, and what follows from them: routing, typed fields, help and OpenAPI."""

from sectigo_vault_pki.vault_plugin.framework import kinds
from sectigo_vault_pki.vault_plugin.framework.fields import Field, FieldData, problem_text
from sectigo_vault_pki.vault_plugin.framework.kinds import Kind, KindError
from sectigo_vault_pki.vault_plugin.framework.lists import PAGING, asked_page, page_response
from sectigo_vault_pki.vault_plugin.framework.path import Call, Handler, Path, Review, StrictNames
from sectigo_vault_pki.vault_plugin.framework.path_backend import Node, PathBackend, Router

__all__ = [
    "PAGING",
    "Call",
    "Field",
    "FieldData",
    "Handler",
    "Kind",
    "KindError",
    "Node",
    "Path",
    "PathBackend",
    "Review",
    "Router",
    "StrictNames",
    "asked_page",
    "kinds",
    "page_response",
    "problem_text",
]
