"""SSL certificates at SCM, found by their common name (scm-api.md 3)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import Field, model_validator

from sectigo_vault_pki.scm.call import Call
from sectigo_vault_pki.scm.certificate_api import (
    PAGE,
    Order,
    accepted_as,
    marked,
    named_values,
    newest_first,
    whole_list,
)
from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.codes import COLLECT, DETAILS, ENROLL, LIST, RENEW, REPLACE
from sectigo_vault_pki.scm.custom_fields import CustomField, listed_custom_fields
from sectigo_vault_pki.scm.profiles import Profile, listed_profiles
from sectigo_vault_pki.scm.results import (
    Accepted,
    Collected,
    Day,
    Flag,
    Id,
    Listed,
    Number,
    Page,
    Pending,
    Remarks,
    ScmJson,
    Standing,
    StillProcessing,
    Text,
    TextOrNone,
    Unnamed,
    Word,
    as_number,
)

PENDING = ("Requested", "Approved", "Applied")
"""SCM's words for orders on their way to a certificate (scm-api.md 3.8, 3.10)."""


_WHOLE_CHAIN = "x509"


class EnrollAnswer(ScmJson):
    """`{"sslId":55,"renewId":"gu03sW6WENt7GTvDTuOP"}`."""

    ssl_id: Id = Field(validation_alias="sslId")
    renew_id: TextOrNone = Field(default="", validation_alias="renewId")


class RenewAnswer(ScmJson):
    """`{"sslId":56}`; some versions of SCM give no id (scm-api.md 3.5)."""

    ssl_id: Number = Field(default=None, validation_alias="sslId")


class ListRow(ScmJson):
    """One line of the list; the common name is missing until the certificate is issued.

    Nothing but the id has to be readable, and that may stand under its old name (scm-api.md 3.9).
    """

    ssl_id: Id = Field(validation_alias="sslId")
    common_name: TextOrNone = Field(default="", validation_alias="commonName")

    @model_validator(mode="before")
    @classmethod
    def _one_id(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {**values, "sslId": as_number(values.get("sslId")) or as_number(values.get("id"))}


class DetailsAnswer(ListRow):
    """What is used of the details; the comments decide whose order it is, and have to be readable."""

    status: Word = ""
    serial_number: TextOrNone = Field(default="", validation_alias="serialNumber")
    comments: Text = ""
    requested: Day = None
    renewed: Flag = None


class SslApi:
    """The calls of `CertificateApi`."""

    async def enroll(self, client: ScmClient, order: Order) -> Accepted:
        call = Call(
            ENROLL, "POST", await _path(client, "/enroll"), body=_enroll_body(order, client.org_id), is_order=True
        )
        answer = await client.parsed(call, EnrollAnswer)
        return Accepted(answer.ssl_id, answer.renew_id)

    async def collect(self, client: ScmClient, scm_id: int) -> Collected | StillProcessing:
        return await client.collected(
            Call(COLLECT, "GET", await _path(client, f"/collect/{scm_id}"), query={"format": _WHOLE_CHAIN})
        )

    async def renew(self, client: ScmClient, scm_id: int, order: Order) -> Accepted | Unnamed:
        """Without a CSR, SCM uses the first order's again, and so its key."""
        body = {**({"csr": order.csr} if order.csr else {}), **_validation(order)}
        call = Call(RENEW, "POST", await _path(client, f"/renewById/{scm_id}"), body=body, is_order=True)
        return accepted_as(await client.named(call, RenewAnswer, lambda answer: answer.ssl_id), scm_id)

    async def replace(self, client: ScmClient, scm_id: int, order: Order) -> None:
        body: dict[str, Any] = {"csr": order.csr, "reason": order.reason or ""}
        if order.common_name:
            body["commonName"] = order.common_name
        if order.subject_alt_names:
            body["subjectAlternativeNames"] = list(order.subject_alt_names)  # a list here, one text in enroll
        body |= _validation(order)
        await client.done(Call(REPLACE, "POST", await _path(client, f"/replace/{scm_id}"), body=body, is_order=True))

    async def revoke(self, client: ScmClient, scm_id: int, reason: str, reason_code: int | None) -> None:
        await client.revoked(await _path(client, f"/revoke/{scm_id}"), reason, reason_code)

    async def listed(self, client: ScmClient, search_name: str) -> tuple[Sequence[Listed], bool]:
        found = await whole_list(partial(_page, client, {"commonName": search_name}))
        fitting = (row for row in found.rows if _may_be(row.common_name, search_name))
        return newest_first(Listed(row.ssl_id, None) for row in fitting), found.is_whole

    async def remarks(self, client: ScmClient, listed: Listed) -> Remarks:
        details = await _details(client, listed.scm_id)
        return Remarks(details.comments, details.requested)

    async def standing(self, client: ScmClient, scm_id: int, search_name: str) -> Standing:
        del search_name
        details = await _details(client, scm_id)
        return Standing(details.status, details.serial_number, details.renewed)

    async def pending(self, client: ScmClient) -> Pending | None:
        found: set[int] = set()
        calls = 0
        for status in PENDING:
            read = await whole_list(partial(_page, client, _of_status(client, status)))
            if not read.is_whole:
                return None
            calls += read.calls
            found.update(row.ssl_id for row in read.rows)
        return Pending(frozenset(found), calls)

    async def count_pending(self, client: ScmClient) -> tuple[int | None, ...]:
        calls = [Call(LIST, "HEAD", await _path(client), query=_of_status(client, status)) for status in PENDING]
        return tuple([(await client.settled(call)).total for call in calls])

    async def profiles(self, client: ScmClient) -> Page[Profile]:
        return await listed_profiles(client, await _path(client))

    async def custom_fields(self, client: ScmClient) -> Sequence[CustomField]:
        return await listed_custom_fields(client, "SSL")


SSL = SslApi()


async def _path(client: ScmClient, rest: str = "") -> str:
    return f"/api/ssl/{await client.api_version()}{rest}"


async def _page(client: ScmClient, query: Mapping[str, str | int], position: int) -> Page[ListRow]:
    call = Call(LIST, "GET", await _path(client), query={**query, "size": PAGE, "position": position})
    return await client.listed(call, ListRow)


def _of_status(client: ScmClient, status: str) -> Mapping[str, str | int]:
    """Return the query for what the organization has in a status (scm-api.md 2, 3.8)."""
    return {"status": status, "orgId": client.org_id}


async def _details(client: ScmClient, ssl_id: int) -> DetailsAnswer:
    return await client.parsed(Call(DETAILS, "GET", await _path(client, f"/{ssl_id}")), DetailsAnswer)


def _may_be(common_name: str, search_name: str) -> bool:
    """Whether a row of SCM's list may be about a name: SCM also lists names that only contain it.

    A row without a name may be, and one whose name SCM prints in letters other than ours: its details tell.
    """
    return not search_name or not common_name.isascii() or common_name.strip().lower() in {"", search_name.lower()}


def _enroll_body(order: Order, org_id: int) -> Mapping[str, Any]:
    """Return the order as SCM takes it; SCM ignores the CSR's own names, so they stand beside it (scm-api.md 3.2)."""
    asked = order.requested.ssl
    if asked is None:
        raise ValueError("an SSL order needs SSL fields")
    names = dict.fromkeys((*asked.subject_alt_names, *order.subject_alt_names))
    fields: dict[str, Any] = {
        # One text: a list is refused with -1002.
        "subjAltNames": ",".join(name for name in names if name.lower() != order.common_name.lower()),
        "comments": marked(asked.comments, order),
        "externalRequester": asked.external_requester,
        "customFields": named_values(asked.custom_fields),
    }
    numbers = {"numberServers": asked.number_servers, "serverType": asked.server_type}
    return {
        "orgId": org_id,
        "csr": order.csr,
        "certType": asked.certificate_profile,
        "term": asked.validity_days,
        **{name: value for name, value in fields.items() if value},
        **{name: value for name, value in numbers.items() if value is not None},
        **_validation(order),
    }


def _validation(order: Order) -> Mapping[str, str]:
    """Return how domains are validated, as the user said it: SCM's words grow (scm-api.md 13.3)."""
    said = {"dcvMode": order.validation.mode, "dcvEmail": order.validation.email}
    return {name: value for name, value in said.items() if value}
