"""The mark at the end of SCM's comments, by which an order is found whose answer was lost."""

import re

_MARK = re.compile(r"\[vault:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\]\s*\Z")


def mark(order_uuid: str) -> str:
    """Return the mark of an order."""
    return f"[vault:{order_uuid}]"


def marked(comments: str | None, order_uuid: str) -> str:
    """Return the user's comments with the order's mark behind them."""
    return " ".join(filter(None, [comments, mark(order_uuid)]))


def mark_in(comments: str) -> str | None:
    """Return the uuid of the order that some comments belong to, or None."""
    found = _MARK.search(comments)
    return found[1] if found else None
