import json

import httpx
import pytest

from sectigo_vault_pki.errors import ScmRefusedError
from sectigo_vault_pki.scm import SSL, ScmClient
from tests.unit.scm.script import BASE_URL, Script, refusal, ssl_order


async def test_a_replacement_keeps_its_id_and_answers_nothing(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(204))
    order = ssl_order(csr="PEM", reason="lost", common_name="a.test", subject_alt_names=("a.test", "b.test"))
    await SSL.replace(client, 55, order)
    (request,) = script.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}/api/ssl/v1/replace/55")
    assert json.loads(request.content) == {
        "csr": "PEM",
        "reason": "lost",
        "commonName": "a.test",
        "subjectAlternativeNames": ["a.test", "b.test"],
    }


async def test_a_short_replacement_sends_only_what_it_has(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(204))
    await SSL.replace(client, 55, ssl_order(csr="PEM", reason="lost"))
    assert json.loads(script.requests[0].content) == {"csr": "PEM", "reason": "lost"}


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (-130, "only an issued certificate can be replaced"),
        (-1148, "SCM's own agent installs this certificate: replace it in SCM"),
        (-124, "check the certificate's id"),
        (-39, "the certificate profile is gone: enroll a new certificate with another one"),
        (-141, "choose a key algorithm and size that the certificate profile allows"),
    ],
)
async def test_a_refused_replacement_says_what_to_do(code: int, hint: str, script: Script, client: ScmClient) -> None:
    script.answers(refusal(400, code, "No"))
    with pytest.raises(ScmRefusedError) as caught:
        await SSL.replace(client, 55, ssl_order(csr="PEM", reason="lost"))
    assert str(caught.value) == f"SCM refused replace: No (code {code}); {hint}"
