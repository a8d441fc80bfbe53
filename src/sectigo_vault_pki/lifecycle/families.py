"""SSL and client certificates: the same steps, each family by SCM's own calls for it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from sectigo_vault_pki.lifecycle.marks import marked
from sectigo_vault_pki.lifecycle.rules.states import Accepted, Unnamed
from sectigo_vault_pki.pki import normalise_names, reason_code_of
from sectigo_vault_pki.scm import (
    ClientOrder,
    ClientRow,
    Collected,
    Page,
    ScmClient,
    SslOrder,
    SslRow,
    StillProcessing,
)
from sectigo_vault_pki.store import CertificateType, OrderRecord

_Row = TypeVar("_Row")

MAX_LISTED = 10_000
"""Rows of SCM's list that are looked through for one name."""
PAGE = 200
"""SCM's largest page (scm-api.md 2)."""
MAX_PENDING = 10_000
"""Rows of one status beyond which a list is too long to be read again and again."""
NO_ORDERS = frozenset({"rejected", "blank", "created"})
"""SCM's words for client certificates that no CA makes, and which therefore have no number (scm-api.md 4.2)."""
PENDING = ("Requested", "Approved", "Applied")
"""SCM's words for orders on their way to a certificate (scm-api.md 3.8, 3.10)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What SCM says of one entry; empty where it says nothing.

    Attributes:
        status: SCM's word.
        serial_number: of the newest certificate, in hex, with or without colons.
        renewed: whether SCM took an order to renew it; None where it does not tell, as for client certificates.
    """

    status: str = ""
    serial_number: str = ""
    renewed: bool | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry that SCM lists; the comments are None, and the standing empty, where the list does not tell them."""

    scm_id: int
    comments: str | None
    standing: Standing = field(default_factory=Standing)


@dataclass(frozen=True, slots=True)
class Remarks:
    """What SCM says of one entry: its comments, the day it was asked for, and SCM's word for its status."""

    comments: str
    requested: date | None
    status: str = ""


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
        """Return what SCM lists for a name, newest first, and whether that is all.

        It is not all where SCM lists too many, or rows that cannot be read and may be anything.
        """

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
        async def page(position: int) -> Page[SslRow]:
            return await client.list_ssl(common_name=search_name, size=PAGE, position=position)

        read = await _read(page, limit=MAX_LISTED)
        fitting = (row for row in read.rows if _may_be(row.common_name, search_name))
        return _newest_first(Listed(row.ssl_id, None) for row in fitting), read.is_whole

    async def remarks(self, client: ScmClient, listed: Listed) -> Remarks:
        details = await client.ssl_details(listed.scm_id)
        return Remarks(details.comments, details.requested, details.status)

    async def standing(self, client: ScmClient, scm_id: int, search_name: str) -> Standing:
        del search_name
        details = await client.ssl_details(scm_id)
        return Standing(details.status, details.serial_number, details.renewed)

    async def pending(self, client: ScmClient) -> Pending | None:
        found: set[int] = set()
        calls = 0
        for status in PENDING:

            async def page(position: int, status: str = status) -> Page[SslRow]:
                return await client.list_ssl_by_status(status, size=PAGE, position=position)

            read = await _read(page, limit=MAX_PENDING)
            if not read.is_whole:
                return None
            calls += read.calls
            found.update(row.ssl_id for row in read.rows)
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
        async def page(position: int) -> Page[ClientRow]:
            return await client.list_client(email=search_name, size=PAGE, position=position)

        read = await _read(page, limit=MAX_LISTED)
        numbered = (
            Listed(row.order_number, row.comments, Standing(row.state, row.serial_number))
            for row in read.rows
            if row.order_number is not None
        )
        return _newest_first(numbered), read.is_whole and not any(map(_is_riddle, read.rows))

    async def remarks(self, client: ScmClient, listed: Listed) -> Remarks:
        del client  # the list itself tells the comments
        return Remarks(listed.comments or "", None, listed.standing.status)

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


def _may_be(common_name: str, search_name: str) -> bool:
    """Whether a row of SCM's list may be about a name: SCM also lists names that only contain it.

    A row without a name may be, and one whose name SCM prints in letters other than ours: its details tell.
    """
    return not search_name or not common_name.isascii() or common_name.strip().lower() in {"", search_name.lower()}


def _is_riddle(row: ClientRow) -> bool:
    """Whether a row may be any order: the list has no comments, or the CA has not given the order its number."""
    return row.comments is None or (row.order_number is None and row.state.lower() not in NO_ORDERS)


@dataclass(frozen=True, slots=True)
class _Read(Generic[_Row]):
    """What a list has, as far as it was read; whole where that is every row, and how many calls it took."""

    rows: Sequence[_Row]
    is_whole: bool
    calls: int


async def _read(page: Callable[[int], Awaitable[Page[_Row]]], *, limit: int) -> _Read[_Row]:
    """Read a list page by page up to so many rows; SCM may cut its pages shorter than asked for."""
    rows: list[_Row] = []
    position = unreadable = calls = 0
    while position < limit:
        found = await page(position)
        calls += 1
        rows += found.rows
        unreadable += found.unreadable
        position += found.length
        has_more = found.length >= PAGE if found.total is None or found.total < position else position < found.total
        if not has_more or not found.length:
            return _Read(rows, is_whole=not has_more and not unreadable, calls=calls)
    return _Read(rows, is_whole=False, calls=calls)


def _newest_first(entries: Iterable[Listed]) -> list[Listed]:
    """Sort by SCM's ids, which grow (scm-api.md 6.3)."""
    return sorted(entries, key=lambda entry: entry.scm_id, reverse=True)
