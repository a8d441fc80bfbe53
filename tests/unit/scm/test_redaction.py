"""Foreign text never shows the account's own password, even where it echoes the request's headers."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sectigo_vault_pki.errors import ScmError
from sectigo_vault_pki.scm import SSL, ScmClient, StillProcessing
from sectigo_vault_pki.scm.failures import LONGEST_READ, MAX_DESCRIPTION_LENGTH, presentable
from sectigo_vault_pki.scm.redaction import MASK, Redactor
from tests.unit.scm.script import BASE_URL, PASSWORD, Script, account_at
from tests.unit.scm.test_orders import ORDERS
from tests.unit.scm.test_questions import QUESTIONS

SECRETS = ["demo-password", PASSWORD, 'a"b\\c/d+e&f', "ab  cd?", "pässwörter-密码", "1234", "a.*|(b"]


def spellings(secret: str) -> list[str]:
    raw = secret.encode()
    latin = raw.decode("latin-1")
    return [
        secret,
        secret.upper(),
        latin,
        quote(secret),
        quote(secret, safe="").lower(),
        quote_plus(secret),
        json.dumps(secret),
        json.dumps(json.dumps(latin)),
        json.dumps(secret, ensure_ascii=False),
        repr({"field": latin}),
        str({"field": raw}),
        json.dumps(str({"field": secret})),
        html.escape(secret),
        raw.hex(),
        raw.decode("ascii", "replace"),
        secret.encode("ascii", "replace").decode(),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        *(base64.b64encode(b"user:"[:length] + raw + b"\r\nHost: x").decode() for length in range(1, 6)),
    ]


def traces(secret: str) -> set[str]:
    """Return what must not be left: every stretch of four characters of the password."""
    return {secret[start : start + 4] for start in range(len(secret) - 3)}


@pytest.mark.parametrize("secret", SECRETS)
def test_every_spelling_of_a_password_is_masked(secret: str) -> None:
    redact = Redactor(SecretStr(secret))
    for spelled in spellings(secret):
        shown = redact(f"bad header: {spelled} end")
        assert MASK in shown
        assert shown.startswith("bad header: ")
        assert shown.endswith(" end")
        assert not [trace for trace in traces(secret) if trace in shown]


@given(st.text(min_size=4, max_size=30).filter(lambda text: text.strip() == text and text.isprintable()))
def test_no_password_is_left_in_a_text(secret: str) -> None:
    shown = Redactor(SecretStr(secret))(f"<{secret}>")
    assert secret.lower() not in shown.replace(MASK, "").lower()


@pytest.mark.parametrize("cut", range(4, len("demo-password")))
def test_the_beginning_of_a_password_at_the_end_of_a_text_is_masked(cut: int) -> None:
    assert Redactor(SecretStr("demo-password"))(f"header {'demo-password'[:cut]}") == f"header {MASK}"


@pytest.mark.parametrize("cut", range(4, 20))
def test_the_beginning_of_its_base64_at_the_end_of_a_text_is_masked(cut: int) -> None:
    encoded = base64.b64encode(b"demo-password").decode()
    assert encoded[:4] not in Redactor(SecretStr("demo-password"))(f"header {encoded[:cut]}")


def test_a_very_long_password_is_masked_too() -> None:
    redact = Redactor(SecretStr("abcdefgh" * 500))
    assert redact(f"a {'abcdefgh' * 500} z {'abcdefgh' * 200}") == f"a {MASK} z {MASK}"


def test_a_password_where_the_text_is_cut_is_masked_first() -> None:
    redact = Redactor(SecretStr("demo-password"))
    for start in range(MAX_DESCRIPTION_LENGTH - 20, MAX_DESCRIPTION_LENGTH + 5):
        shown = presentable("x" * start + " demo-password " + "y" * 600, redact)
        assert "demo" not in shown
    for start in range(LONGEST_READ - 20, LONGEST_READ + 5):
        assert "demo" not in presentable(" " * start + "demo-password", redact)


@pytest.mark.parametrize("secret", ["a", "ab", "x1z", "é"])
def test_a_short_password_is_masked_as_a_word_of_its_own_and_leaves_the_text_readable(secret: str) -> None:
    redact = Redactor(SecretStr(secret))
    text = "an able zebra cannot axiomatically ax1zle"
    assert redact(text) == text
    assert redact(f"{{'password': '{secret}'}}") == f"{{'password': '{MASK}'}}"


def echo(request: httpx.Request, *, status: int, code: int) -> httpx.Response:
    headers = {name.decode(): value.decode("latin-1") for name, value in request.headers.raw}
    return httpx.Response(status, json={"code": code, "description": f"bad headers: {headers}", "items": [headers]})


@pytest.mark.parametrize("status", [200, 302, 400, 401, 429, 500])
async def test_an_answer_that_echoes_the_headers_does_not_show_the_password(status: int) -> None:
    for call in [*ORDERS.values(), *QUESTIONS]:
        transport = httpx.MockTransport(lambda request: echo(request, status=status, code=-5))
        client = ScmClient(account_at(BASE_URL), transport=transport, sleep=Script().sleep)
        with pytest.raises(ScmError) as caught:
            await call(client)
        await client.aclose()
        text = str(caught.value)
        assert "api-user" in text
        assert MASK in text
        assert not [
            trace for trace in (*traces(PASSWORD), *traces(PASSWORD.encode().decode("latin-1"))) if trace in text
        ]


async def test_what_scm_says_of_a_pending_certificate_does_not_show_the_password(
    script: Script, client: ScmClient
) -> None:
    script.answers(httpx.Response(400, json={"code": 0, "description": f"in work for {PASSWORD}"}))
    assert await SSL.collect(client, 55) == StillProcessing(0, f"in work for {MASK}")
