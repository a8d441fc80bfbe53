"""Times as users see them."""

from datetime import datetime


def rfc3339(moment: datetime | None) -> str:
    """Write a time in UTC to the second (RFC 3339); empty where there is none."""
    return "" if moment is None else f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
