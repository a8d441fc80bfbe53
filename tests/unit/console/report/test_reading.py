"""How the certificates are read from the server."""

from datetime import UTC, datetime

import httpx
import pytest

from sectigo_vault_pki.console.failures import ConsoleError, RefusedError, SettingsError
from sectigo_vault_pki.console.report.reading import PAGE, config_names, read_certificates
from tests.support.console import answering, scripted
from tests.support.inventory import MOUNT, answer, inventory

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def test_every_certificate_of_every_entry_is_read_page_by_page() -> None:
    found = inventory(3_000, now=NOW)
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        status, body = answer(found, str(request.url), ())
        return httpx.Response(status, json=body)

    server = answering(handler)
    told: list[tuple[str, int]] = []
    names = config_names(server, MOUNT)
    read = list(read_certificates(server, MOUNT, names, lambda *progress: told.append(progress)))
    assert names == sorted(found)
    assert {row.unique_id for row in read} == {key for infos in found.values() for key in infos}
    assert len(read) == 3_000
    assert dict(told) == {name: len(infos) for name, infos in found.items()}
    assert all(f"limit={PAGE}" in url for url in asked[1:])


def test_a_mount_without_entries_has_no_certificates() -> None:
    empty = httpx.Response(404, json={"errors": []})
    assert config_names(scripted({f"{MOUNT}/configs": empty}), MOUNT) == []


@pytest.mark.parametrize("text", ["no handler for route", "unsupported path", 'no config entry named "nope"'])
def test_a_slip_in_the_mount_or_the_entry_is_no_empty_report(text: str) -> None:
    missing = httpx.Response(404, json={"errors": [text]})
    with pytest.raises(SettingsError, match=text):
        config_names(scripted({"slip/configs": missing}), "slip")
    if text != "unsupported path":
        with pytest.raises(SettingsError, match=text):
            list(read_certificates(scripted({f"{MOUNT}/certs/nope/detailed": missing}), MOUNT, ["nope"]))


def test_a_plugin_that_knows_no_details_is_named_as_too_old() -> None:
    unsupported = httpx.Response(404, json={"errors": ["1 error occurred:\n\t* unsupported path\n\n"]})
    with pytest.raises(SettingsError, match="too old"):
        list(read_certificates(scripted({f"{MOUNT}/certs/web/detailed": unsupported}), MOUNT, ["web"]))


def test_a_token_that_may_not_list_gets_the_refusal() -> None:
    with pytest.raises(RefusedError, match="HTTP 403"):
        list(read_certificates(scripted({f"{MOUNT}/certs/web/detailed": 403}), MOUNT, ["web"]))


def test_a_server_that_answers_the_same_page_for_ever_ends_the_report() -> None:
    page = {"keys": ["1_a"], "key_info": {"1_a": {}}}
    with pytest.raises(ConsoleError, match="same page again"):
        list(read_certificates(scripted({f"{MOUNT}/certs/web/detailed": page}), MOUNT, ["web"]))


def test_an_empty_page_is_not_the_end_if_the_engine_says_where_it_goes_on() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        match request.url.params.get("after"):
            case None:
                return httpx.Response(
                    404, json={"errors": [], "warnings": ["there may be more: continue with after=5_a"]}
                )
            case "5_a":
                return httpx.Response(200, json={"data": {"keys": ["6_a"], "key_info": {"6_a": {}}}})
            case _:
                return httpx.Response(404, json={"errors": []})

    assert [row.unique_id for row in read_certificates(answering(handler), MOUNT, ["web"])] == ["6_a"]
