"""Client (S/MIME) certificates at SCM, found by e-mail address; their ids are order numbers (scm-api.md 4).

The API behind OAuth2 has version 2 alone, which collects an order by its number in another place, and has no
replacement (scm-api.md 9).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from sectigo_vault_pki.scm.call import Call
from sectigo_vault_pki.scm.certificate_api import (
    PAGE,
    Order,
    WholeList,
    accepted_as,
    marked,
    named_values,
    newest_first,
    whole_list,
)
from sectigo_vault_pki.scm.client import V1, ScmClient
from sectigo_vault_pki.scm.codes import COLLECT, ENROLL, LIST, RENEW, REPLACE
from sectigo_vault_pki.scm.custom_fields import CustomField, listed_custom_fields
from sectigo_vault_pki.scm.profiles import Profile, listed_profiles
from sectigo_vault_pki.scm.results import (
    Accepted,
    Collected,
    Listed,
    Page,
    Pending,
    Remarks,
    ScmJson,
    Standing,
    StillProcessing,
    TextOrNone,
    Unnamed,
    Word,
    as_number,
    as_text,
)

NO_ORDERS = frozenset({"rejected", "blank", "created"})
"""SCM's words for client certificates that no CA makes, and which therefore have no number (scm-api.md 4.2)."""

_NEWER_PREFIX = "/api/smime/v2"  # the only place of renew and replace, and a list that tells more


class _Numbered(ScmJson):
    """An order's number stands under two names, of which either may be missing (scm-api.md 4, 9)."""

    @model_validator(mode="before")
    @classmethod
    def _one_number(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        numbers = (as_number(values.get(name)) for name in ("orderNumber", "backendCertId"))
        return {**values, "orderNumber": next((found for found in numbers if found), None)}


class ClientEnrollAnswer(_Numbered):
    """`{"orderNumber":12345,"backendCertId":"12345"}`."""

    order_number: int = Field(validation_alias="orderNumber")


class ClientRenewAnswer(_Numbered):
    """The same; a version of SCM that gives no number is borne, as for SSL."""

    order_number: int | None = Field(validation_alias="orderNumber")


class ClientListRow(_Numbered):
    """One line of the list; a rejected order's number is 0, and comments that are not there are null."""

    order_number: int | None = Field(validation_alias="orderNumber")
    state: Word = ""
    serial_number: TextOrNone = Field(default="", validation_alias="serialNumber")
    comments: Annotated[str | None, BeforeValidator(as_text)] = None


class SmimeApi:
    """The calls of `CertificateApi`."""

    async def enroll(self, client: ScmClient, order: Order) -> Accepted:
        call = Call(ENROLL, "POST", f"{_prefix(client)}/enroll", body=_enroll_body(order, client.org_id), is_order=True)
        return Accepted((await client.parsed(call, ClientEnrollAnswer)).order_number)

    async def collect(self, client: ScmClient, scm_id: int) -> Collected | StillProcessing:
        """Ask in the format SCM hands out unasked: PKCS#7 with the whole chain."""
        order = "" if client.smime_version == V1 else "order/"  # without it, v2 takes an id of another kind
        return await client.collected(Call(COLLECT, "GET", f"{_prefix(client)}/collect/{order}{scm_id}"))

    async def renew(self, client: ScmClient, scm_id: int, order: Order) -> Accepted | Unnamed:
        """Order a successor for the same key: SCM takes no other; the call has no body."""
        del order
        call = Call(RENEW, "POST", f"{_NEWER_PREFIX}/renew/order/{scm_id}", is_order=True)
        return accepted_as(await client.named(call, ClientRenewAnswer, lambda answer: answer.order_number), scm_id)

    async def replace(self, client: ScmClient, scm_id: int, order: Order) -> None:
        body = {"csr": order.csr, "reason": order.reason or "", "revoke": order.revoke_replaced}
        await client.done(Call(REPLACE, "POST", f"{_NEWER_PREFIX}/replace/order/{scm_id}", body=body, is_order=True))

    async def revoke(self, client: ScmClient, scm_id: int, reason: str, reason_code: int | None) -> None:
        await client.revoked(f"{_prefix(client)}/revoke/order/{scm_id}", reason, reason_code)

    async def listed(self, client: ScmClient, search_name: str) -> tuple[Sequence[Listed], bool]:
        found = await _rows(client, search_name)
        numbered = (Listed(row.order_number, row.comments) for row in found.rows if row.order_number is not None)
        return newest_first(numbered), found.is_whole and not any(map(_may_be_any_order, found.rows))

    async def remarks(self, client: ScmClient, listed: Listed) -> Remarks:
        del client  # the list itself tells the comments
        return Remarks(listed.comments or "", None)

    async def standing(self, client: ScmClient, scm_id: int, search_name: str) -> Standing:
        rows = (await _rows(client, search_name)).rows
        found = (Standing(row.state, row.serial_number) for row in rows if row.order_number == scm_id)
        return next(found, Standing())

    async def pending(self, client: ScmClient) -> Pending | None:
        del client  # whether a row has its order's number before the certificate is issued is not known
        return None

    async def count_pending(self, client: ScmClient) -> tuple[int | None, ...]:
        del client
        return ()

    async def profiles(self, client: ScmClient) -> Page[Profile]:
        return await listed_profiles(client, _prefix(client))

    async def custom_fields(self, client: ScmClient) -> Sequence[CustomField]:
        return await listed_custom_fields(client, "SMIME")


SMIME = SmimeApi()


def _prefix(client: ScmClient) -> str:
    return f"/api/smime/{client.smime_version}"


async def _rows(client: ScmClient, email: str) -> WholeList[ClientListRow]:
    async def page(position: int) -> Page[ClientListRow]:
        query: dict[str, str | int] = {"email": email, "size": PAGE, "position": position}
        return await client.listed(Call(LIST, "GET", _NEWER_PREFIX, query=query), ClientListRow)

    return await whole_list(page)


def _may_be_any_order(row: ClientListRow) -> bool:
    """Whether a row may be any order: the list has no comments, or the CA has not given the order its number."""
    return row.comments is None or (row.order_number is None and row.state.lower() not in NO_ORDERS)


def _enroll_body(order: Order, org_id: int) -> Mapping[str, Any]:
    """Return the order as SCM takes it; SCM takes only the key from the CSR."""
    asked = order.requested.client
    if asked is None:
        raise ValueError("a client order needs client fields")
    optional: dict[str, Any] = {
        "middleName": asked.middle_name,
        "comments": marked(None, order),
        "customFields": named_values(asked.custom_fields),
    }
    return {
        "orgId": org_id,
        "csr": order.csr,
        "certType": asked.certificate_profile,
        "term": asked.validity_days,
        "email": asked.email,
        "firstName": asked.first_name,
        "lastName": asked.last_name,
        **{name: value for name, value in optional.items() if value},
    }
