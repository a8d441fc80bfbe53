"""Lists in pages: `after` and `limit`, as the host's own engines take them."""

from collections.abc import Mapping, Sequence

from sectigo_vault_pki.vault_plugin.framework import kinds
from sectigo_vault_pki.vault_plugin.framework.fields import Field, FieldData
from sectigo_vault_pki.vault_plugin.logical import Response, list_response

AFTER = Field(
    name="after",
    kind=kinds.text(max_length=1024),
    description="Return only what comes after this key; it need not exist.",
)
LIMIT = Field(
    name="limit",
    kind=kinds.whole_number(),
    description="Return at most so many keys; 0 or less: all. Without it, all.",
)
PAGING: tuple[Field[object], ...] = (AFTER, LIMIT)


def asked_page(data: FieldData) -> tuple[str, int]:
    """Return after which key a request wants how many keys; 0 or less: all of them."""
    return data.get(AFTER) or "", data.get(LIMIT) or 0


def _page(keys: Sequence[str], data: FieldData) -> Sequence[str]:
    """Return the keys of a list that a request asks for, in ascending order."""
    after, limit = asked_page(data)
    left = sorted(key for key in keys if key > after)
    return left[:limit] if limit > 0 else left


def page_response(
    keys: Sequence[str], data: FieldData, *, key_info: Mapping[str, Mapping[str, object]] | None = None
) -> Response:
    """Answer the page of a list that a request asks for; the host makes 404 of an empty one.

    Args:
        keys: all of them, in any order.
        data: the request's, with `PAGING` among the path's fields.
        key_info: what is told of each key.
    """
    shown = _page(keys, data)
    if not shown or key_info is None:
        return list_response(shown)
    return Response(data={"keys": list(shown), "key_info": {key: key_info[key] for key in shown}})
