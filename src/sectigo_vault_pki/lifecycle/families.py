"""SSL and client certificates: the same steps, each family by SCM's own calls for it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Protocol

from sectigo_vault_pki.lifecycle.marks import marked
from sectigo_vault_pki.lifecycle.states import Accepted, Unnamed
from sectigo_vault_pki.pki import normalise_names, reason_code_of
from sectigo_vault_pki.scm import ClientOrder, Collected, ScmClient, SslOrder, StillProcessing
from sectigo_vault_pki.store import CertificateType, OrderRecord

MAX_LISTED = 10_000
"""Rows of SCM's list that are looked through for one name."""
PAGE = 200
"""SCM's largest page (scm-api.md 2)."""
MAX_PENDING = 10_000
"""Rows of one status beyond which a list is too long to be read again and again."""
PENDING = ("Requested", "Approved", "Applied")
"""SCM's words for orders on their way to a certificate (scm-api.md 3.8, 3.10)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What SCM says of one entry; empty where it says nothing.

    Attributes:
        status: SCM's word.
        serial_number: of the newest certificate, in hex, with or without colons.
    """

    status: str = ""
    serial_number: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry that SCM lists; the comments are None, and the standing empty, where the list does not tell them."""

    scm_id: int
    comments: str | None
    standing: Standing = field(default_factory=Standing)


@dataclass(frozen=True, slots=True)
class Remarks:
    """What SCM says of one entry: its comments, and the day it was asked for."""

    comments: str
    requested: date | None


@dataclass(frozen=True, slots=True)
class Pending:
    """Every order of an account that SCM has not issued, and how many calls it took to learn that."""

    scm_ids: frozenset[int]
    calls: int


class Family(Protocol):
    """What can be asked of SCM for one certificate type."""

    async def enroll(self, client: ScmClient, order: OrderRecord) -> Accepted: ...

    async def collect(self, client: ScmClient, scm_id: int) -> Collected | StillProcessing: ...

    async def renew(self, client: ScmClient, scm_id: int, order: OrderRecord) -> Accepted | Unnamed:
        """Order a renewal; older builds of SCM accept it without naming it."""

    async def replace(self, client: ScmClient, scm_id: int, order: OrderRecord) -> None: ...

    async def revoke(self, client: ScmClient, scm_id: int, reason: str) -> None:
        """Revoke; one that is revoked already is no error."""

    async def listed(self, client: ScmClient, search_name: str) -> tuple[Sequence[Listed], bool]:
        """Return what SCM lists for a name, newest first, and whether that is all."""

    async def remarks(self, client: ScmClient, listed: Listed) -> Remarks: ...

    async def standing(self, client: ScmClient, scm_id: int, search_name: str) -> Standing:
        """Return what SCM says of an entry."""

    async def pending(self, client: ScmClient) -> Pending | None:
        """Return the account's orders that are not issued; None where SCM lists too many, or none by that."""

    async def count_pending(self, client: ScmClient) -> tuple[int | None, ...]:
        """Return how many these are, of each status by which SCM lists them; None where it does not tell."""


class SslFamily:
    """SSL certificates, found by their common name."""

    async def enroll(self, client: ScmClient, order: OrderRecord) -> Accepted:
        taken = await client.enroll_ssl(ssl_order(order))
        return Accepted(taken.ssl_id, taken.renew_id)

    async def collect(self, client: ScmClient, scm_id: int) -> Collected | StillProcessing:
        return await client.collect_ssl(scm_id)

    async def renew(self, client: ScmClient, scm_id: int, order: OrderRecord) -> Accepted | Unnamed:
        return _named((await client.renew_ssl(scm_id, csr=order.csr or None)).ssl_id)

    async def replace(self, client: ScmClient, scm_id: int, order: OrderRecord) -> None:
        await client.replace_ssl(
            scm_id,
            csr=order.csr,
            reason=order.reason or "",
            common_name=order.common_name or None,
            subject_alt_names=order.subject_alt_names,
        )

    async def revoke(self, client: ScmClient, scm_id: int, reason: str) -> None:
        await client.revoke_ssl(scm_id, reason=reason, reason_code=reason_code_of(reason))

    async def listed(self, client: ScmClient, search_name: str) -> tuple[Sequence[Listed], bool]:
        async def page(position: int) -> tuple[list[Listed], int]:
            rows = await client.list_ssl(common_name=search_name, size=PAGE, position=position)
            # SCM may also list names that only contain this one.
            fitting = [row for row in rows if not search_name or row.common_name.lower() == search_name.lower()]
            return [Listed(row.ssl_id, None) for row in fitting], len(rows)

        return await _all_pages(page)

    async def remarks(self, client: ScmClient, listed: Listed) -> Remarks:
        details = await client.ssl_details(listed.scm_id)
        return Remarks(details.comments, details.requested)

    async def standing(self, client: ScmClient, scm_id: int, search_name: str) -> Standing:
        del search_name
        details = await client.ssl_details(scm_id)
        return Standing(details.status, details.serial_number)

    async def pending(self, client: ScmClient) -> Pending | None:
        found: set[int] = set()
        calls = 0
        for status in PENDING:
            for position in range(0, MAX_PENDING, PAGE):
                rows = await client.list_ssl_by_status(status, size=PAGE, position=position)
                calls += 1
                found.update(row.ssl_id for row in rows)
                if len(rows) < PAGE:
                    break
            else:
                return None
        return Pending(frozenset(found), calls)

    async def count_pending(self, client: ScmClient) -> tuple[int | None, ...]:
        return tuple([await client.count_ssl_by_status(status) for status in PENDING])


class ClientFamily:
    """Client certificates, found by the person's e-mail address; their ids are order numbers."""

    async def enroll(self, client: ScmClient, order: OrderRecord) -> Accepted:
        return Accepted((await client.enroll_client(client_order(order))).order_number)

    async def collect(self, client: ScmClient, scm_id: int) -> Collected | StillProcessing:
        return await client.collect_client(scm_id)

    async def renew(self, client: ScmClient, scm_id: int, order: OrderRecord) -> Accepted | Unnamed:
        del order  # SCM renews client certificates with the key they have
        return _named((await client.renew_client(scm_id)).order_number)

    async def replace(self, client: ScmClient, scm_id: int, order: OrderRecord) -> None:
        await client.replace_client(scm_id, csr=order.csr, reason=order.reason or "", revoke=order.revoke_replaced)

    async def revoke(self, client: ScmClient, scm_id: int, reason: str) -> None:
        await client.revoke_client(scm_id, reason=reason, reason_code=reason_code_of(reason))

    async def listed(self, client: ScmClient, search_name: str) -> tuple[Sequence[Listed], bool]:
        async def page(position: int) -> tuple[list[Listed], int]:
            rows = await client.list_client(email=search_name, size=PAGE, position=position)
            numbered = [
                Listed(row.order_number, row.comments, Standing(row.state, row.serial_number))
                for row in rows
                if row.order_number is not None
            ]
            return numbered, len(rows)

        return await _all_pages(page)

    async def remarks(self, client: ScmClient, listed: Listed) -> Remarks:
        del client  # the list itself tells the comments
        return Remarks(listed.comments or "", None)

    async def standing(self, client: ScmClient, scm_id: int, search_name: str) -> Standing:
        listed, _ = await self.listed(client, search_name)
        return next((entry.standing for entry in listed if entry.scm_id == scm_id), Standing())

    async def pending(self, client: ScmClient) -> Pending | None:
        del client  # whether a row has its order's number before the certificate is issued is not known
        return None

    async def count_pending(self, client: ScmClient) -> tuple[int | None, ...]:
        del client
        return ()


FAMILIES: Mapping[CertificateType, Family] = MappingProxyType(
    {CertificateType.SSL: SslFamily(), CertificateType.CLIENT: ClientFamily()}
)


def ssl_order(order: OrderRecord) -> SslOrder:
    """Return the order as SCM takes it; SCM ignores the CSR's own names, so they stand beside it (scm-api.md 3.2)."""
    asked = order.requested.ssl
    if asked is None:
        raise ValueError("an SSL order needs SSL fields")
    names = normalise_names((*asked.subject_alt_names, *order.subject_alt_names))
    return SslOrder(
        csr=order.csr,
        cert_type=asked.certificate_profile,
        term=asked.validity_days,
        subject_alt_names=tuple(name for name in names if name.lower() != order.common_name.lower()),
        comments=marked(asked.comments, order.uuid),
        external_requester=asked.external_requester or "",
        custom_fields=asked.custom_fields,
        number_servers=asked.number_servers,
        server_type=asked.server_type,
    )


def client_order(order: OrderRecord) -> ClientOrder:
    """Return the order as SCM takes it."""
    asked = order.requested.client
    if asked is None:
        raise ValueError("a client order needs client fields")
    return ClientOrder(
        csr=order.csr,
        cert_type=asked.certificate_profile,
        term=asked.validity_days,
        email=asked.email,
        first_name=asked.first_name,
        middle_name=asked.middle_name or "",
        last_name=asked.last_name,
        comments=marked(None, order.uuid),
        custom_fields=asked.custom_fields,
    )


def _named(scm_id: int | None) -> Accepted | Unnamed:
    return Unnamed() if scm_id is None else Accepted(scm_id)


async def _all_pages(page: Callable[[int], Awaitable[tuple[list[Listed], int]]]) -> tuple[Sequence[Listed], bool]:
    entries: list[Listed] = []
    for position in range(0, MAX_LISTED, PAGE):
        listed, rows = await page(position)
        entries += listed
        if rows < PAGE:
            return _newest_first(entries), True
    return _newest_first(entries), False


def _newest_first(entries: list[Listed]) -> list[Listed]:
    """Sort by SCM's ids, which grow (scm-api.md 6.3)."""
    return sorted(entries, key=lambda entry: entry.scm_id, reverse=True)
