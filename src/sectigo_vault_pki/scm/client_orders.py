"""Client (S/MIME) certificates at SCM: what is asked, and what comes back (scm-api.md 4)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sectigo_vault_pki.scm.calls import named_values, order_call, revocation_call
from sectigo_vault_pki.scm.codes import COLLECT, ENROLL, LIST, RENEW, REPLACE
from sectigo_vault_pki.scm.exchange import Call
from sectigo_vault_pki.scm.models import ClientEnrollAnswer, ClientListRow, ClientRenewAnswer

_PREFIX = "/api/smime/v1"
_NEWER_PREFIX = "/api/smime/v2"  # the only place of renew and replace, and a list that tells more


@dataclass(frozen=True, slots=True)
class ClientOrder:
    """An order for a person's certificate; what is empty is not sent.

    Attributes:
        csr: PEM; SCM takes only the key from it.
        cert_type: id of a certificate profile.
        term: days, one of the profile's terms.
        email: whose certificate it is; at most 128 characters.
        first_name: with the other names and blanks between them at most 64 characters.
        last_name: likewise.
        middle_name: likewise.
        comments: at most 1024 characters.
        custom_fields: pairs of name and value.
    """

    csr: str
    cert_type: int
    term: int
    email: str
    first_name: str
    last_name: str
    middle_name: str = ""
    comments: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ClientAccepted:
    """SCM took an order."""

    order_number: int


@dataclass(frozen=True, slots=True)
class ClientRenewed:
    """SCM took a renewal, which is a new order with a number of its own; None where it did not say which."""

    order_number: int | None


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A line of SCM's list; texts are empty and the day None where it tells nothing.

    Attributes:
        order_number: None before the CA has given one, and where the order was rejected.
        state: SCM's word, such as `requested`, `issued` or `revoked`; lower case.
        serial_number: as SCM prints it, usually upper-case hex with colons.
        comments: ours, with whatever SCM's users made of them; None where the list has no such column.
        expires: the last day.
    """

    order_number: int | None
    state: str
    serial_number: str
    comments: str | None
    expires: date | None


def enroll_call(order: ClientOrder, org_id: int) -> Call:
    """Return the call that places an order."""
    optional: dict[str, Any] = {
        "middleName": order.middle_name,
        "comments": order.comments,
        "customFields": named_values(order.custom_fields),
    }
    body = {
        "orgId": org_id,
        "csr": order.csr,
        "certType": order.cert_type,
        "term": order.term,
        "email": order.email,
        "firstName": order.first_name,
        "lastName": order.last_name,
        **{name: value for name, value in optional.items() if value},
    }
    return order_call(ENROLL, f"{_PREFIX}/enroll", body)


def collect_call(order_number: int) -> Call:
    """Return the call that asks for a certificate, in the format SCM hands out unasked: PKCS#7 with the whole chain."""
    return Call(COLLECT, "GET", f"{_PREFIX}/collect/{order_number}")


def renew_call(order_number: int) -> Call:
    """Return the call that orders a successor for the same key; it has no body."""
    return order_call(RENEW, f"{_NEWER_PREFIX}/renew/order/{order_number}", None)


def replace_call(order_number: int, *, csr: str, reason: str, revoke: bool) -> Call:
    """Return the call that has a certificate issued anew."""
    body = {"csr": csr, "reason": reason, "revoke": revoke}
    return order_call(REPLACE, f"{_NEWER_PREFIX}/replace/order/{order_number}", body)


def revoke_call(order_number: int, reason: str, reason_code: int | None) -> Call:
    """Return the call that revokes a certificate."""
    return revocation_call(f"{_PREFIX}/revoke/order/{order_number}", reason, reason_code)


def list_call(email: str, size: int, position: int) -> Call:
    """Return the call that asks for one page of the list."""
    return Call(LIST, "GET", _NEWER_PREFIX, query={"email": email, "size": size, "position": position})


def accepted_from(answer: ClientEnrollAnswer) -> ClientAccepted:
    """Leave SCM's names behind."""
    return ClientAccepted(answer.order_number)


def renewed_from(answer: ClientRenewAnswer | None, order_number: int) -> ClientRenewed:
    """Take the new number; that of the renewed certificate itself would be none."""
    return ClientRenewed(None if answer is None or answer.order_number == order_number else answer.order_number)


def row_from(row: ClientListRow) -> ClientRow:
    """Leave SCM's names behind."""
    return ClientRow(row.order_number, row.state, row.serial_number, row.comments, row.expires)
