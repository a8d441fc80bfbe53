"""What answers and their schemas are made of."""

from collections.abc import Mapping
from datetime import datetime

Schema = Mapping[str, Mapping[str, object]]
"""The fields of an answer: name to JSON schema."""

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
INT64 = {**NUMBER, "format": "int64"}
TEXTS = {"type": "array", "items": TEXT}
OBJECT = {"type": "object"}
SENSITIVE = {"x-vault-displayAttrs": {"sensitive": True}}

LIST_SCHEMA: Schema = {"keys": TEXTS}


def rfc3339(moment: datetime | None) -> str:
    """Write a time in UTC to the second (RFC 3339); empty if there is none."""
    return "" if moment is None else f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
