"""SCM's own time, as its answers bring it (RFC 9110 6.6.1)."""

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import ScmError
from sectigo_vault_pki.scm import SSL, ScmClient
from sectigo_vault_pki.scm.exchange import _http_date, _retry_after
from tests.unit.scm.script import Script, refusal

DATE = "Sat, 28 Nov 2026 09:10:11 GMT"
MOMENT = datetime(2026, 11, 28, 9, 10, 11, tzinfo=UTC)


def dated(answer: httpx.Response, date: str = DATE) -> httpx.Response:
    answer.headers["Date"] = date
    return answer


async def heard(client: ScmClient) -> list[datetime]:
    """Make a call, however it ends, and return what was heard of the time."""
    moments: list[datetime] = []
    client.observe_dates(moments.append)
    try:
        await SSL.collect(client, 55)
    except ScmError:
        pass
    finally:
        client.observe_dates(None)
    return moments


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"0\x82"),
        httpx.Response(204),
        refusal(400, 0, "Being processed"),
        refusal(401, -16, "Unknown user"),
        refusal(500, -14, "Unknown error."),
        httpx.Response(404, json={"description": "Certificate not found."}),
    ],
)
async def test_each_answer_of_scm_tells_the_time(answer: httpx.Response, script: Script, client: ScmClient) -> None:
    script.answers(dated(answer))
    assert await heard(client) == [MOMENT]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, text="<html>"),
        httpx.Response(200, text="<html>"),
        httpx.Response(302),
        httpx.Response(401),
        httpx.Response(503),
        httpx.Response(502, json={"message": "no"}),
    ],
)
async def test_a_proxy_does_not_set_the_clock(answer: httpx.Response, script: Script, client: ScmClient) -> None:
    script.answers(dated(answer))
    assert await heard(client) == []


async def test_each_attempt_tells_the_time_and_nobody_has_to_listen(script: Script, client: ScmClient) -> None:
    script.answers(
        dated(refusal(500, -14, "Unknown error.")), dated(httpx.Response(200, json=[])), dated(httpx.Response(204))
    )
    moments: list[datetime] = []
    client.observe_dates(moments.append)
    await SSL.listed(client, "a.test")
    client.observe_dates(None)
    await SSL.collect(client, 55)
    assert moments == [MOMENT, MOMENT]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DATE, MOMENT),
        ("Saturday, 28-Nov-26 09:10:11 GMT", MOMENT),
        ("Sat Nov 28 09:10:11 2026", MOMENT),
        ("Sat, 28 Nov 2026 10:10:11 +0100", MOMENT),
        ("Fri, 31 Dec 9999 23:59:59 GMT", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("Sat, 28 Nov 2026 99999999999999:10:11 GMT", None),
        ("Sat, 28 Nov 2026 09:10:11 +999999", None),
        ("soon", None),
        ("", None),
        (f"{DATE}, {DATE}", None),
        ("9" * 10_000, None),
    ],
)
def test_a_date_of_http_is_a_moment_in_utc_or_none(text: str, expected: datetime | None) -> None:
    assert _http_date(text) == expected


@given(st.text(max_size=40) | st.from_regex(r"(Sat, )?[0-9]{1,9} Nov [0-9]{1,9} [0-9:]{1,12} [+-]?[A-Z0-9]{0,6}"))
def test_any_text_is_a_moment_in_utc_or_none(text: str) -> None:
    moment = _http_date(text)
    assert moment is None or moment.tzinfo is UTC
    wait = _retry_after(httpx.Headers({b"Retry-After": text.encode(), b"Date": DATE.encode()}), MOMENT)
    assert wait is None or wait >= 0.0
