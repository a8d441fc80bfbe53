"""What can be asked of SCM for a certificate of one type; SSL and client certificates answer the same verbs."""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.custom_fields import CustomField
from sectigo_vault_pki.scm.profiles import Profile
from sectigo_vault_pki.scm.results import (
    Accepted,
    Collected,
    Listed,
    Page,
    Pending,
    Remarks,
    Standing,
    StillProcessing,
    Unnamed,
)

_Row = TypeVar("_Row")

PAGE = 200
"""SCM's largest page (scm-api.md 2)."""
MAX_LISTED = 10_000
"""Rows of SCM's list that are looked through for one name, or for one status."""

_MARK = re.compile(r"\[vault:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\]\s*\Z")


class CommonFields(Protocol):
    """What an order of either type says of its certificate: the profile's id, the validity in days, custom fields."""

    @property
    def certificate_profile(self) -> int: ...
    @property
    def validity_days(self) -> int: ...
    @property
    def custom_fields(self) -> Sequence[tuple[str, str]]: ...


class SslFields(CommonFields, Protocol):
    """The same of an SSL order; `external_requester` are e-mail addresses with commas between them."""

    @property
    def subject_alt_names(self) -> Sequence[str]: ...
    @property
    def external_requester(self) -> str | None: ...
    @property
    def comments(self) -> str | None: ...
    @property
    def number_servers(self) -> int | None: ...
    @property
    def server_type(self) -> int | None: ...


class ClientFields(CommonFields, Protocol):
    """The same of a person's order; `email` says whose certificate it is."""

    @property
    def email(self) -> str: ...
    @property
    def first_name(self) -> str: ...
    @property
    def middle_name(self) -> str | None: ...
    @property
    def last_name(self) -> str: ...


class RequestedFields(Protocol):
    """The fields of one type; None for the other."""

    @property
    def ssl(self) -> SslFields | None: ...
    @property
    def client(self) -> ClientFields | None: ...


class Validation(Protocol):
    """How domains are validated; None where SCM is to decide."""

    @property
    def mode(self) -> str | None: ...
    @property
    def email(self) -> str | None: ...


class Order(Protocol):
    """An order as it is stored before it is sent.

    Attributes:
        uuid: stands as a mark in SCM's comments.
        csr: PEM; empty for a renewal for which SCM takes the one that it has.
        subject_alt_names: normalised, those of the CSR.
        reason: of a replacement, 1 to 512 characters.
        revoke_replaced: whether a replaced client certificate is revoked.
        validation: how the domains of an SSL order are validated.
    """

    @property
    def uuid(self) -> str: ...
    @property
    def common_name(self) -> str: ...
    @property
    def csr(self) -> str: ...
    @property
    def subject_alt_names(self) -> Sequence[str]: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def revoke_replaced(self) -> bool: ...
    @property
    def validation(self) -> Validation: ...
    @property
    def requested(self) -> RequestedFields: ...


class CertificateApi(Protocol):
    """SCM's calls for certificates of one type.

    What every call may raise: `ScmRefusedError` and `ScmUnavailableError`. Of those, `enroll`, `renew` and `replace`
    raise the second only if SCM certainly took nothing; otherwise `ScmAnswerLostError`. They are sent again only if
    nothing was taken, and take up to 300 s, or the account's limit if that is longer.
    """

    async def enroll(self, client: ScmClient, order: Order) -> Accepted:
        """Place an order, which SCM books anew each time."""

    async def collect(self, client: ScmClient, scm_id: int) -> Collected | StillProcessing:
        """Ask once for a certificate and its whole chain."""

    async def renew(self, client: ScmClient, scm_id: int, order: Order) -> Accepted | Unnamed:
        """Order a successor with an id of its own; the renewed certificate stays valid."""

    async def replace(self, client: ScmClient, scm_id: int, order: Order) -> None:
        """Have a certificate issued anew under the same id, for the CSR's key.

        Until that is done, SCM may hand out the old one.
        """

    async def revoke(self, client: ScmClient, scm_id: int, reason: str, reason_code: int | None) -> None:
        """Revoke a certificate; one that is revoked already is no error, and asked several times it happens once.

        Args:
            client: the account.
            scm_id: of an issued certificate.
            reason: 1 to 512 characters.
            reason_code: of RFC 5280 5.3.1; SCM takes 0, 1, 3, 4 and 5.
        """

    async def listed(self, client: ScmClient, search_name: str) -> tuple[Sequence[Listed], bool]:
        """Return what SCM lists for a name, newest first, and whether that is all.

        It is not all if SCM lists too many, or rows that cannot be read and may be anything.
        """

    async def remarks(self, client: ScmClient, listed: Listed) -> Remarks:
        """Return what SCM says of who asked for an entry, and when."""

    async def standing(self, client: ScmClient, scm_id: int, search_name: str) -> Standing:
        """Return what SCM says of an entry."""

    async def pending(self, client: ScmClient) -> Pending | None:
        """Return the account's orders that are not issued; None if SCM lists too many, or cannot filter by status."""

    async def count_pending(self, client: ScmClient) -> tuple[int | None, ...]:
        """Return how many these are, of each status by which SCM lists them; None where it does not tell."""

    async def profiles(self, client: ScmClient) -> Page[Profile]:
        """List the certificate profiles that the organization may order; SCM may name one twice."""

    async def custom_fields(self, client: ScmClient) -> Sequence[CustomField]:
        """List the customer's custom fields of this type."""


def mark(order_uuid: str) -> str:
    """Return the mark at the end of SCM's comments, by which an order is found whose answer was lost."""
    return f"[vault:{order_uuid}]"


def marked(comments: str | None, order: Order) -> str:
    """Return the user's comments with the order's mark behind them."""
    return " ".join(filter(None, [comments, mark(order.uuid)]))


def mark_in(comments: str) -> str | None:
    """Return the uuid of the order that some comments belong to, or None."""
    found = _MARK.search(comments)
    return found[1] if found else None


def named_values(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return custom fields in SCM's shape."""
    return [{"name": name, "value": value} for name, value in pairs]


def accepted_as(new_id: int | None, renewed_id: int) -> Accepted | Unnamed:
    """Return the renewal by its new id; that of the renewed certificate itself would be none."""
    return Unnamed() if new_id is None or new_id == renewed_id else Accepted(new_id)


def newest_first(entries: Iterable[Listed]) -> list[Listed]:
    """Sort by SCM's ids, which grow (scm-api.md 6.3)."""
    return sorted(entries, key=lambda entry: entry.scm_id, reverse=True)


@dataclass(frozen=True, slots=True)
class WholeList(Generic[_Row]):
    """What a list has, as far as it was read; whole if that is every row, and how many calls it took."""

    rows: Sequence[_Row]
    is_whole: bool
    calls: int


def has_more(page: Page[_Row], position: int) -> bool:
    """Whether a list goes on behind a page that ends at a position: by its total, or because the page is full."""
    return page.length >= PAGE if page.total is None or page.total < position else position < page.total


async def whole_list(page: Callable[[int], Awaitable[Page[_Row]]]) -> WholeList[_Row]:
    """Read a list page by page, up to a limit; SCM may cut its pages shorter than asked for."""
    rows: list[_Row] = []
    position = unreadable = calls = 0
    while position < MAX_LISTED:
        found = await page(position)
        calls += 1
        rows += found.rows
        unreadable += found.unreadable
        position += found.length
        more = has_more(found, position)
        if not more or not found.length:
            return WholeList(rows, is_whole=not more and not unreadable, calls=calls)
    return WholeList(rows, is_whole=False, calls=calls)
