import httpx
import pytest

from sectigo_vault_pki.errors import ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm import SSL, Collected, ScmClient, StillProcessing
from tests.unit.scm.script import BASE_URL, Script, Step, refusal, too_long


async def test_a_ready_certificate_is_collected_with_its_chain(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(200, content=b"-----BEGIN\r\n", headers={"Content-Type": "application/octet-stream"}))
    assert await SSL.collect(client, 55) == Collected(b"-----BEGIN\r\n")
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("GET", f"{BASE_URL}/api/ssl/v1/collect/55?format=x509")


@pytest.mark.parametrize(
    ("code", "says_so"),
    [(0, True), (-1400, True), (-183, True), (-109, False), (-129, False), (-140, False), (-195, False)],
)
@pytest.mark.parametrize("status", [400, 404, 500])
async def test_a_pending_certificate_is_a_value_that_tells_work_from_trouble(
    code: int, says_so: bool, status: int, script: Script, client: ScmClient
) -> None:
    script.answers(refusal(status, code, "Being processed\nby Sectigo"))
    assert await SSL.collect(client, 55) == StillProcessing(code, "Being processed by Sectigo", says_so=says_so)


@pytest.mark.parametrize("answer", [httpx.Response(200), httpx.Response(200, text=" \r\n"), httpx.Response(204)])
async def test_an_empty_success_is_pending(answer: httpx.Response, script: Script, client: ScmClient) -> None:
    script.answers(answer)
    assert await SSL.collect(client, 55) == StillProcessing(None, "", says_so=False)


@pytest.mark.parametrize(
    ("status", "code"), [(400, -110), (400, -1), (400, -1112), (404, -5101), (401, -16), (400, -103)]
)
async def test_another_code_is_a_refusal(status: int, code: int, script: Script, client: ScmClient) -> None:
    script.answers(refusal(status, code, "No"))
    with pytest.raises(ScmRefusedError) as caught:
        await SSL.collect(client, 55)
    assert (caught.value.code, caught.value.description, caught.value.operation) == (code, "No", "collect")


@pytest.mark.parametrize(
    "outcome",
    [
        httpx.ConnectError("no"),
        httpx.ReadTimeout("late"),
        httpx.Response(429),
        httpx.Response(503),
        httpx.Response(500, json={"code": -14, "description": "Unknown error."}),
        too_long,
    ],
)
async def test_trouble_is_reported_at_once(outcome: Step, script: Script, client: ScmClient) -> None:
    script.answers(outcome)
    with pytest.raises(ScmUnavailableError, match="SCM is not available for collect"):
        await SSL.collect(client, 55)
    assert not script.pauses
