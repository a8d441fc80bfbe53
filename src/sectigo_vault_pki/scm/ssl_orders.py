"""SSL certificates at SCM: what is asked, and what comes back (scm-api.md 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sectigo_vault_pki.scm.calls import named_values, order_call, revocation_call
from sectigo_vault_pki.scm.codes import COLLECT, DETAILS, ENROLL, LIST, RENEW, REPLACE, TYPES
from sectigo_vault_pki.scm.exchange import Call
from sectigo_vault_pki.scm.models import DetailsAnswer, EnrollAnswer, ListRow, ProfileRow, RenewAnswer

_PREFIX = "/api/ssl/v1"
_WHOLE_CHAIN = "x509"


@dataclass(frozen=True, slots=True)
class SslOrder:
    """An order for a new SSL certificate; what is empty or None is not sent.

    Attributes:
        csr: PEM.
        cert_type: id of a certificate profile.
        term: days, one of the profile's terms.
        subject_alt_names: SCM takes these and overlooks those in the CSR.
        comments: at most 1024 characters.
        external_requester: e-mail addresses with commas between them.
        custom_fields: pairs of name and value.
        number_servers: of old tenants.
        server_type: of old tenants; -1 is "other".
    """

    csr: str
    cert_type: int
    term: int
    subject_alt_names: tuple[str, ...] = ()
    comments: str = ""
    external_requester: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()
    number_servers: int | None = None
    server_type: int | None = None


@dataclass(frozen=True, slots=True)
class SslAccepted:
    """SCM took an order; `renew_id` is empty where it gave none."""

    ssl_id: int
    renew_id: str


@dataclass(frozen=True, slots=True)
class SslRenewed:
    """SCM took a renewal, which is a new order with an id of its own; None where it did not say which."""

    ssl_id: int | None


@dataclass(frozen=True, slots=True)
class SslRow:
    """A line of SCM's list; names and serial number are empty until the certificate is issued."""

    ssl_id: int
    common_name: str
    subject_alt_names: tuple[str, ...]
    serial_number: str


@dataclass(frozen=True, slots=True)
class SslDetails:
    """What SCM tells of one certificate; texts are empty and days None where it tells nothing.

    Attributes:
        status: SCM's word, such as `Applied` or `Issued`.
        serial_number: as SCM prints it, usually upper-case hex with colons.
        comments: ours, with whatever SCM's users made of them.
        replaced: the day it was last issued anew under this id.
        renewed: whether SCM took an order to renew it, as another entry; None where it does not say.
    """

    ssl_id: int
    status: str
    common_name: str
    subject_alt_names: tuple[str, ...]
    serial_number: str
    comments: str
    external_requester: str
    requested: date | None
    issued: date | None
    expires: date | None
    replaced: date | None
    revoked: date | None
    renewed: bool | None


@dataclass(frozen=True, slots=True)
class SslProfile:
    """A certificate profile; `terms` are the validities on offer, in days, or empty where they cannot be told."""

    id: int
    terms: tuple[int, ...]


def enroll_call(order: SslOrder, org_id: int) -> Call:
    """Return the call that places an order."""
    return order_call(ENROLL, f"{_PREFIX}/enroll", _enroll_body(order, org_id))


def collect_call(ssl_id: int) -> Call:
    """Return the call that asks for a certificate."""
    return Call(COLLECT, "GET", f"{_PREFIX}/collect/{ssl_id}", query={"format": _WHOLE_CHAIN})


def renew_call(ssl_id: int, csr: str | None) -> Call:
    """Return the call that orders a successor; without a CSR, SCM takes the one it has."""
    return order_call(RENEW, f"{_PREFIX}/renewById/{ssl_id}", {} if csr is None else {"csr": csr})


def replace_call(
    ssl_id: int, *, csr: str, reason: str, common_name: str | None, subject_alt_names: tuple[str, ...]
) -> Call:
    """Return the call that has a certificate issued anew."""
    body: dict[str, Any] = {"csr": csr, "reason": reason}
    if common_name:
        body["commonName"] = common_name
    if subject_alt_names:
        body["subjectAlternativeNames"] = list(subject_alt_names)  # a list here, one text in enroll
    return order_call(REPLACE, f"{_PREFIX}/replace/{ssl_id}", body)


def revoke_call(ssl_id: int, reason: str, reason_code: int | None) -> Call:
    """Return the call that revokes a certificate."""
    return revocation_call(f"{_PREFIX}/revoke/{ssl_id}", reason, reason_code)


def list_call(common_name: str, size: int, position: int) -> Call:
    """Return the call that asks for one page of the list."""
    return Call(LIST, "GET", _PREFIX, query={"commonName": common_name, "size": size, "position": position})


def status_list_call(status: str, org_id: int, size: int, position: int) -> Call:
    """Return the call that asks for one page of what an organization has in a status (scm-api.md 3.8)."""
    query: dict[str, str | int] = {"status": status, "orgId": org_id, "size": size, "position": position}
    return Call(LIST, "GET", _PREFIX, query=query)


def status_count_call(status: str, org_id: int) -> Call:
    """Return the call that asks how many an organization has in a status (scm-api.md 2)."""
    return Call(LIST, "HEAD", _PREFIX, query={"status": status, "orgId": org_id})


def details_call(ssl_id: int) -> Call:
    """Return the call that asks for one entry's details."""
    return Call(DETAILS, "GET", f"{_PREFIX}/{ssl_id}")


def profiles_call(org_id: int) -> Call:
    """Return the call that asks for an organization's certificate profiles."""
    return Call(TYPES, "GET", f"{_PREFIX}/types", query={"organizationId": org_id})


def accepted_from(answer: EnrollAnswer) -> SslAccepted:
    """Leave SCM's names behind."""
    return SslAccepted(ssl_id=answer.ssl_id, renew_id=answer.renew_id)


def renewed_from(answer: RenewAnswer | None, ssl_id: int) -> SslRenewed:
    """Take the new id; that of the renewed certificate itself would be none."""
    return SslRenewed(None if answer is None or answer.ssl_id == ssl_id else answer.ssl_id)


def row_from(row: ListRow) -> SslRow:
    """Leave SCM's names behind."""
    return SslRow(row.ssl_id, row.common_name, row.subject_alt_names, row.serial_number)


def details_from(answer: DetailsAnswer) -> SslDetails:
    """Leave SCM's names behind."""
    return SslDetails(
        ssl_id=answer.ssl_id,
        status=answer.status,
        common_name=answer.common_name,
        subject_alt_names=answer.subject_alt_names,
        serial_number=answer.serial_number,
        comments=answer.comments,
        external_requester=answer.external_requester,
        requested=answer.requested,
        issued=answer.issued,
        expires=answer.expires,
        replaced=answer.replaced,
        revoked=answer.revoked,
        renewed=answer.renewed,
    )


def profile_from(row: ProfileRow) -> SslProfile:
    """Leave SCM's names behind."""
    return SslProfile(row.id, tuple(sorted(set(row.terms))))


def _enroll_body(order: SslOrder, org_id: int) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "subjAltNames": ",".join(order.subject_alt_names),  # one text: a list is refused with -1002
        "comments": order.comments,
        "externalRequester": order.external_requester,
        "customFields": named_values(order.custom_fields),
    }
    numbers = {"numberServers": order.number_servers, "serverType": order.server_type}
    return {
        "orgId": org_id,
        "csr": order.csr,
        "certType": order.cert_type,
        "term": order.term,
        **{name: value for name, value in fields.items() if value},
        **{name: value for name, value in numbers.items() if value is not None},
    }
