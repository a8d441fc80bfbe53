from pathlib import Path

import pytest

from scripts.small_curl import request_from

URL = "http://127.0.0.1:8200/v1/sectigo-vault-pki/configs"


def test_without_data_it_gets() -> None:
    request = request_from(["-s", "-H", "X-Vault-Token: root", URL])
    assert (request.method, request.url, request.body) == ("GET", URL, None)
    assert request.headers == {"X-Vault-Token": "root"}


def test_data_is_posted() -> None:
    request = request_from(["--data", '{"sectigo_reason": "superseded"}', URL])
    assert (request.method, request.body) == ("POST", b'{"sectigo_reason": "superseded"}')


def test_data_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    file.write_text("{}")
    assert request_from(["--data", f"@{file}", URL]).body == b"{}"


def test_method_and_epilogue_are_chosen() -> None:
    request = request_from(["-s", "-w", "%{http_code}\\n", "-X", "DELETE", URL])
    assert (request.method, request.epilogue) == ("DELETE", "%{http_code}\n")


def test_an_option_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(SystemExit):
        request_from(["--max-time", "3", URL])
