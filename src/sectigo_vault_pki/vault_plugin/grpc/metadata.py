"""Metadata: header fields that belong to the application (gRPC over HTTP/2, "Custom-Metadata")."""

import base64
import binascii
import re
from collections.abc import Iterable

import grpc

from sectigo_vault_pki.vault_plugin.http2.header_blocks import Fields
from sectigo_vault_pki.vault_plugin.http2.limits import MAX_HEADER_LIST_BYTES

Metadata = tuple[tuple[str, str | bytes], ...]

_KEY = re.compile(r"[0-9a-z_.\-]+\Z")
_TEXT_VALUE = re.compile(r"[ -~]*\Z")
_RESERVED = frozenset({b"te", b"content-type", b"content-length"})


def metadata_of(fields: Fields) -> Metadata:
    """Return the metadata among these fields."""
    found: list[tuple[str, str | bytes]] = []
    for name, value in fields:
        if name in _RESERVED or name.startswith((b":", b"grpc-")):
            continue
        key = name.decode("ascii")
        if key.endswith("-bin"):
            found += ((key, _unbase64(part)) for part in value.split(b","))
        else:
            found.append((key, value.decode("ascii", "replace")))
    return tuple(found)


def fields_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> list[tuple[bytes, bytes]]:
    """Return metadata as header fields.

    Raises:
        grpc.aio.UsageError: a key or a value is not allowed.
    """
    fields = [_field(key, value) for key, value in metadata or ()]
    if sum(len(key) + len(value) for key, value in fields) > MAX_HEADER_LIST_BYTES:
        raise grpc.aio.UsageError("metadata is too long")
    return fields


def _field(key: str, value: str | bytes) -> tuple[bytes, bytes]:
    if not _KEY.match(key) or key.startswith("grpc-") or key.encode() in _RESERVED:
        raise grpc.aio.UsageError(f"metadata key {key!r} is not allowed")
    if key.endswith("-bin"):
        return key.encode(), base64.b64encode(value if isinstance(value, bytes) else value.encode()).rstrip(b"=")
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not _TEXT_VALUE.match(text) or text != text.strip():
        raise grpc.aio.UsageError(f"the value of metadata key {key!r} is not allowed")
    return key.encode(), text.encode("ascii")


def _unbase64(value: bytes) -> bytes:
    """Return what was encoded, with padding or without; nothing, where nothing valid was."""
    value = value.strip()
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return b""
