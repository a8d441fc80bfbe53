"""What SCM says of domains, as sparse and as odd as it may come."""

from datetime import UTC, datetime

import httpx
import pytest

from sectigo_vault_pki.errors import ScmRefusedError, ScmUnavailableError, UnknownDomainError
from sectigo_vault_pki.scm import Instruction, ScmClient, domain_details, instructions_of_order, listed_domains
from tests.unit.scm.script import BASE_URL, Script, refusal


async def test_the_list_is_read_to_its_end(script: Script, client: ScmClient) -> None:
    rows = [{"domain": f"d{number}.test"} for number in range(200)]
    script.answers(
        httpx.Response(200, json=rows, headers={"X-Total-Count": "201"}),
        httpx.Response(200, json=[{"domain": "last.test"}], headers={"X-Total-Count": "201"}),
    )
    found = await listed_domains(client)
    assert (len(found.rows), found.is_whole, found.calls) == (201, True, 2)
    assert script.requests[1].url.copy_with(query=None) == f"{BASE_URL}/api/dcv/v2/validation"
    assert dict(script.requests[1].url.params) == {"size": "200", "position": "200"}


async def test_rows_may_lack_everything_but_the_domain(script: Script, client: ScmClient) -> None:
    rows = [{"domain": "A.Test."}, {}, {"domain": ""}, {"domain": "a/b"}, {"domain": 7}, "row", {"domain": "b.test"}]
    script.answers(httpx.Response(200, json=rows))
    found = await listed_domains(client)
    assert ([row.domain for row in found.rows], found.is_whole) == (["a.test", "b.test"], False)
    assert (found.rows[0].status, found.rows[0].ends_at) == ("", None)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2027-06-09T18:00:00.000Z", datetime(2027, 6, 9, 18, tzinfo=UTC)),
        ("2027-06-09T18:00:00+02:00", datetime(2027, 6, 9, 16, tzinfo=UTC)),
        ("2027-06-09T18:00:00", datetime(2027, 6, 9, 18, tzinfo=UTC)),
        ("2027-06-09", datetime(2027, 6, 9, tzinfo=UTC)),
        ("06/09/2027", datetime(2027, 6, 9, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        ("", None),
        (None, None),
        (17, None),
    ],
)
async def test_an_end_may_be_a_time_or_a_day(
    script: Script, client: ScmClient, text: object, end: datetime | None
) -> None:
    script.answers(httpx.Response(200, json=[{"domain": "a.test", "expirationDate": text}]))
    assert (await listed_domains(client)).rows[0].ends_at == end


async def test_one_domain_is_asked_for_by_its_name(script: Script, client: ScmClient) -> None:
    told = {
        "status": "Not validated",
        "orderMode": "HTTP",
        "url": "http://a.test/x",
        "firstLine": "a",
        "secondLine": "b",
    }
    script.answers(httpx.Response(200, json=told))
    details = await domain_details(client, "a.test")
    assert script.requests[0].content == b'{"domain": "a.test"}'
    assert details.instruction == Instruction.model_validate({**told, "orderMode": "HTTP"})
    assert (details.status, details.order_method, details.instruction.second_line) == ("Not validated", "HTTP", "b")


async def test_an_answer_about_one_domain_may_be_empty(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, json={"host": None, "url": {}, "status": ["x"]}))
    details = await domain_details(client, "a.test")
    assert (details.status, details.instruction) == ("", None)


async def test_refusals_say_what_they_mean(script: Script, client: ScmClient) -> None:
    script.answers(refusal(404, -727, "Domain a.test not found."))
    with pytest.raises(UnknownDomainError, match=r"a\.test"):
        await domain_details(client, "a.test")
    script.answers(refusal(400, -3, "You are not authorized."))
    with pytest.raises(ScmRefusedError, match="lacks a privilege"):
        await listed_domains(client)
    script.answers(refusal(404, -1, "No such path"))
    with pytest.raises(ScmRefusedError, match="an older SCM may not tell"):
        await listed_domains(client)
    script.answers(httpx.Response(404, text="<html>"))
    with pytest.raises(ScmUnavailableError, match="an older SCM may not tell"):
        await listed_domains(client)


async def test_instructions_of_an_order_are_read_as_far_as_they_can_be(script: Script, client: ScmClient) -> None:
    script.answers(
        httpx.Response(
            200,
            json=[
                {
                    "instructions": [
                        {"domainName": "a.test", "dcvMode": "HTTP", "url": "u", "file": "one\ntwo\n"},
                        7,
                        None,
                    ]
                },
                {"dcvLog": {}, "instructions": None},
                {"instructions": [{"domainName": "b.test", "dcvMode": "EMAIL", "dcvEmail": "x@b.test", "more": 1}]},
                "row",
            ],
        )
    )
    first, second = await instructions_of_order(client, 55)
    assert (first.domain, first.url, first.first_line, first.second_line) == ("a.test", "u", "one", "two")
    assert (second.domain, second.mode, second.email) == ("b.test", "EMAIL", "x@b.test")
    assert script.requests[0].url == f"{BASE_URL}/api/ssl/v1/55/dcv"


async def test_what_is_shown_is_one_printable_line(script: Script, client: ScmClient) -> None:
    script.answers(
        httpx.Response(200, json=[{"instructions": [{"domainName": "a.test\x1b[2J", "point": "x\ny" * 999}]}])
    )
    (told,) = await instructions_of_order(client, 55)
    assert told.domain == "a.test [2J"
    assert len(told.point) <= 512
    assert "\n" not in told.point
