"""Vault's operations, by the words that travel on the wire (plugin-protocol.md 5.1)."""

from enum import StrEnum


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
