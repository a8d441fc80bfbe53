"""What is read of SCM's lists: all of it, or it is said that it is not all."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date

import httpx
import pytest
from pydantic import SecretStr

from sectigo_vault_pki.errors import ScmUnavailableError
from sectigo_vault_pki.scm import (
    CERTIFICATE_APIS,
    SMIME,
    SSL,
    CertificateApi,
    Listed,
    PasswordLogin,
    Pending,
    Remarks,
    ScmAccount,
    ScmClient,
    Standing,
)
from sectigo_vault_pki.scm.certificate_api import MAX_LISTED, PAGE
from sectigo_vault_pki.scm.ssl import PENDING
from sectigo_vault_pki.store import CertificateType

NAME = "web.example.test"


@dataclass
class Scm:
    """Lists rows, page by page; `details` are those of any entry."""

    rows: Sequence[object] = ()
    details: object = None
    largest_page: int = PAGE
    tells_total: bool = True
    total: int | None = None
    positions: list[int] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        if "position" not in query:
            return httpx.Response(200, json=self.details)
        position = int(query["position"])
        self.positions.append(position)
        page = self.rows[position : position + min(int(query["size"]), self.largest_page)]
        total = len(self.rows) if self.total is None else self.total
        return httpx.Response(200, json=page, headers={"X-Total-Count": str(total)} if self.tells_total else {})


@asynccontextmanager
async def client_of(scm: Scm) -> AsyncIterator[ScmClient]:
    account = ScmAccount("https://scm.example.test", PasswordLogin("user", SecretStr("password")), "acme", 7001)
    client = ScmClient(account, transport=httpx.MockTransport(scm.handle))
    yield client
    await client.aclose()


def named(*ssl_ids: int) -> list[object]:
    return [{"sslId": ssl_id, "commonName": NAME} for ssl_id in ssl_ids]


async def listed_ids(scm: Scm, api: CertificateApi = SSL) -> tuple[list[int], bool]:
    async with client_of(scm) as client:
        listed, is_whole = await api.listed(client, NAME)
    return [entry.scm_id for entry in listed], is_whole


def test_every_certificate_type_has_its_calls() -> None:
    assert set(CERTIFICATE_APIS) == set(CertificateType)


async def test_the_entries_of_a_name_are_listed_newest_first() -> None:
    rows = [*named(5, 7, 6), {"sslId": 8, "commonName": f"a.{NAME}"}, {"sslId": 9, "commonName": NAME.upper()}]
    assert await listed_ids(Scm(rows)) == ([9, 7, 6, 5], True)


@pytest.mark.parametrize(
    "row",
    [
        {"sslId": 8},
        {"sslId": "8", "commonName": None},
        {"sslId": 8, "commonName": "  "},
        {"sslId": 8, "commonName": []},
        {"sslId": None, "id": 8, "commonName": "wéb.example.test", "subjectAlternativeNames": NAME},
    ],
)
async def test_a_row_whose_name_does_not_tell_is_looked_at_by_its_details(row: object) -> None:
    assert await listed_ids(Scm([*named(7), row])) == ([8, 7], True)


@pytest.mark.parametrize("row", [{}, None, "row", {"sslId": 0, "commonName": NAME}, {"sslId": -1}])
async def test_a_row_that_cannot_be_read_leaves_the_search_incomplete(row: object) -> None:
    assert await listed_ids(Scm([*named(7), row, *named(6)])) == ([7, 6], False)


@pytest.mark.parametrize(("count", "tells_total", "calls"), [(PAGE, False, 2), (PAGE, True, 1), (PAGE + 1, True, 2)])
async def test_a_list_is_read_to_its_end(count: int, calls: int, *, tells_total: bool) -> None:
    scm = Scm(named(*range(1, count + 1)), tells_total=tells_total)
    ids, is_whole = await listed_ids(scm)
    assert (len(ids), is_whole, len(scm.positions)) == (count, True, calls)


async def test_shorter_pages_than_asked_for_are_no_end_where_scm_says_that_there_is_more() -> None:
    scm = Scm(named(*range(1, 251)), largest_page=100)
    ids, is_whole = await listed_ids(scm)
    assert (len(ids), is_whole, scm.positions) == (250, True, [0, 100, 200])


async def test_rows_that_are_counted_and_not_listed_leave_the_search_incomplete() -> None:
    assert await listed_ids(Scm(named(7), total=2)) == ([7], False)


async def test_a_count_below_what_is_listed_is_passed_over() -> None:
    scm = Scm(named(*range(1, PAGE + 2)), total=3)
    ids, is_whole = await listed_ids(scm)
    assert (len(ids), is_whole) == (PAGE + 1, True)


async def test_a_list_that_is_too_long_leaves_the_search_incomplete() -> None:
    ids, is_whole = await listed_ids(Scm(named(*range(1, MAX_LISTED + PAGE))))
    assert (len(ids), is_whole) == (MAX_LISTED, False)


@pytest.mark.parametrize(
    "answer", [httpx.Response(204), httpx.Response(200, text="null"), httpx.Response(200, json={})]
)
async def test_what_is_no_list_is_no_empty_one(answer: httpx.Response, monkeypatch: pytest.MonkeyPatch) -> None:
    scm = Scm()
    monkeypatch.setattr(scm, "handle", lambda _request: answer)
    async with client_of(scm) as client:
        for api in (SSL, SMIME):
            with pytest.raises(ScmUnavailableError, match=r"cannot be read|no body"):
                await api.listed(client, NAME)


@pytest.mark.parametrize(
    ("row", "is_whole"),
    [
        ({"orderNumber": 8, "state": "issued", "comments": None}, True),
        ({"orderNumber": 0, "state": "Rejected", "comments": None}, True),
        ({"orderNumber": None, "state": "created", "comments": ""}, True),
        ({"orderNumber": 0, "state": "requested", "comments": ""}, False),
        ({"orderNumber": "x", "state": "issued", "comments": ""}, False),
        ({"orderNumber": 8, "state": "issued"}, False),
        ({"orderNumber": 8, "comments": {}}, False),
        (None, False),
    ],
)
async def test_a_client_row_that_may_be_any_order_leaves_the_search_incomplete(row: object, is_whole: object) -> None:
    rows = [{"orderNumber": 7, "state": "issued", "comments": "ours"}, row]
    ids, found = await listed_ids(Scm(rows), SMIME)
    assert found is is_whole
    assert 7 in ids


async def test_details_tell_remarks_and_standing() -> None:
    details = {"sslId": 8, "status": "Issued", "comments": "c", "requested": "11/28/2026", "serialNumber": "0A"}
    async with client_of(Scm(details={**details, "renewed": True})) as client:
        assert await SSL.remarks(client, Listed(8, None)) == Remarks("c", date(2026, 11, 28))
        assert await SSL.standing(client, 8, NAME) == Standing("Issued", "0A", renewed=True)
    async with client_of(Scm(details=details)) as client:
        assert (await SSL.standing(client, 8, NAME)).renewed is None


async def test_the_list_of_client_certificates_tells_remarks_and_standing() -> None:
    scm = Scm([{"orderNumber": 8, "state": "issued", "serialNumber": "0A", "comments": "c"}])
    async with client_of(scm) as client:
        ((entry,), _) = await SMIME.listed(client, NAME)
        assert await SMIME.remarks(client, entry) == Remarks("c", None)
        assert await SMIME.standing(client, 8, NAME) == Standing("issued", "0A", renewed=None)


async def test_pending_orders_are_counted_and_listed() -> None:
    scm = Scm(named(*range(1, PAGE + 2)))
    async with client_of(scm) as client:
        assert await SSL.pending(client) == Pending(frozenset(range(1, PAGE + 2)), 2 * len(PENDING))


async def test_a_pending_order_that_cannot_be_read_may_be_any() -> None:
    async with client_of(Scm([*named(7), {}])) as client:
        assert await SSL.pending(client) is None
