"""The change of a password: what its errors say, and that none of them shows the new password."""

import httpx
import pytest

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmRefusedError
from sectigo_vault_pki.scm import ScmClient, change_password
from tests.unit.scm.script import Script, refusal

NEW = "n3w-Pa55word-of-tests"


async def test_a_refusal_that_repeats_the_new_password_is_masked(script: Script, client: ScmClient) -> None:
    script.answers(refusal(400, -1601, f"{NEW} is too weak"))
    with pytest.raises(ScmRefusedError) as caught:
        await change_password(client, NEW)
    assert "*** is too weak" in str(caught.value)
    assert NEW not in f"{caught.value!s} {caught.value!r}"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, json={"error": f"cannot read {NEW}"}),
        httpx.Response(200, json={"code": 0, "description": f"password is {NEW}"}),
    ],
)
async def test_a_lost_answer_is_one_about_a_password_and_does_not_show_it(
    script: Script, client: ScmClient, answer: httpx.Response
) -> None:
    script.answers(answer)
    with pytest.raises(ScmAnswerLostError, match="it may have taken the new password") as caught:
        await change_password(client, NEW)
    assert "***" in str(caught.value)
    assert NEW not in str(caught.value)
