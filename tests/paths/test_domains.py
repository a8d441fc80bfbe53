"""`domains/`: the state of domain validation, as SCM tells it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    NotFoundError,
    ReadOnlyError,
    UnavailableError,
)
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.mount import Mount, answered

NOTHING = dict.fromkeys(("dcv_mode", "domain", "email", "first_line", "host", "point", "second_line", "url"), "")


async def list_response(mount: Mount, **paging: object) -> Mapping[str, Any]:
    return answered(await mount.listing("domains/web", **paging))


async def test_a_list_shows_each_domain_with_its_state(ready: Mount) -> None:
    domains, now = ready.simulator.domains, ready.clock.now()
    domains.validate("good.example.test", at=now, method="TXT")
    domains.validate("old.example.test", at=now - timedelta(days=400))
    domains.add("new.example.test")
    shown = await list_response(ready)
    assert shown["keys"] == ["good.example.test", "new.example.test", "old.example.test"]
    states = shown["key_info"]
    assert states["good.example.test"] == {
        "dcv_method": "DNSTXT_RANDOM_VALUE",
        "dcv_status": "Validated",
        "expiration": "2027-06-09T18:00:00Z",
        "order_method": "",
        "order_status": "Not initiated",
    }
    assert (states["new.example.test"]["dcv_status"], states["new.example.test"]["expiration"]) == (
        "Not validated",
        "",
    )
    assert states["old.example.test"]["dcv_status"] == "Expired"


async def test_a_list_asks_scm_for_all_domains_by_pages_and_answers_the_page_that_is_asked_for(ready: Mount) -> None:
    names = [f"d{number:03}.example.test" for number in range(450)]
    for name in names:
        ready.simulator.domains.add(name)
    shown = await list_response(ready, after=names[99], limit=5)
    assert shown["keys"] == names[100:105] == list(shown["key_info"])
    assert ready.simulator.calls.operations() == ["validations"] * 3


async def test_a_read_asks_for_one_domain(ready: Mount) -> None:
    ready.simulator.domains.validate("example.test", at=ready.clock.now())
    shown = answered(await ready.read("domains/web/Example.TEST"))
    assert (shown["domain"], shown["dcv_status"], shown["dcv"]) == ("example.test", "Validated", [])
    assert shown["expiration"] == "2027-06-09T18:00:00Z"
    assert ready.simulator.calls.operations() == ["validation_status"]


@pytest.mark.parametrize(
    ("mode", "told"),
    [("CNAME", {"host", "point"}), ("TXT", {"host", "point"}), ("HTTP", {"url", "first_line", "second_line"})],
)
async def test_a_domain_that_is_being_validated_says_what_to_publish_where(
    ready: Mount, mode: str, told: set[str]
) -> None:
    ready.simulator.domains.begin(["example.test"], mode)
    shown = answered(await ready.read("domains/web/example.test"))
    assert (shown["dcv_status"], shown["dcv_method"], shown["order_status"]) == ("Not validated", mode, "Submitted")
    (instruction,) = shown["dcv"]
    assert instruction.keys() == NOTHING.keys()
    assert {name for name, value in instruction.items() if value} == {"dcv_mode", "domain"} | told
    assert (instruction["dcv_mode"], instruction["domain"]) == (mode, "example.test")


async def test_a_domain_that_scm_does_not_know_is_not_found(ready: Mount) -> None:
    with pytest.raises(NotFoundError, match=r'SCM does not know the domain "no\.example\.test"'):
        await ready.read("domains/web/no.example.test")


@pytest.mark.parametrize("name", ["not a domain", "-", "a..b", "x" * 300])
async def test_what_is_no_domain_is_refused_before_scm_is_asked(ready: Mount, name: str) -> None:
    with pytest.raises(BadRequestError, match="must be a domain"):
        await ready.read(f"domains/web/{name}")
    assert ready.simulator.calls.operations() == []


async def test_domains_have_one_canonical_spelling_in_policies(ready: Mount) -> None:
    assert await ready.backend.canonical_path("domains/web/WWW.Example.Test") == "domains/web/www.example.test"
    assert await ready.backend.canonical_path("domains/web/www.example.test") is None


@pytest.mark.parametrize("path", ["domains/web", "domains/web/example.test"])
async def test_an_entry_for_client_certificates_has_no_domains(mount: Mount, path: str) -> None:
    await mount.configure_client("web")
    with pytest.raises(BadRequestError, match="for which no domain is validated"):
        await (mount.list(path) if path == "domains/web" else mount.read(path))


async def test_an_unknown_entry_is_not_found(mount: Mount) -> None:
    with pytest.raises(NotFoundError, match='no config entry named "web"'):
        await mount.list("domains/web")


async def test_a_login_without_the_privilege_is_told_so(ready: Mount) -> None:
    ready.simulator.accounts.add_administrator("demo-user", "demo-password", privileges=())
    with pytest.raises(BadRequestError, match=r"SCM refused validation: .*the account lacks a privilege"):
        await ready.list("domains/web")


async def test_an_older_service_is_named_as_the_reason(ready: Mount) -> None:
    ready.simulator.faults.add("validations", "page", status=404)
    with pytest.raises(UnavailableError, match="an older SCM may not tell the state of domain validation"):
        await ready.list("domains/web")
    ready.simulator.faults.add("validations", "status", status=404, code=-1, description="No such path")
    with pytest.raises(BadRequestError, match=r"No such path .*an older SCM may not tell"):
        await ready.list("domains/web")


async def test_what_scm_leaves_out_is_empty_and_a_row_without_a_domain_is_said_to_be_missing(ready: Mount) -> None:
    rows = '[{"domain": "a.test"}, {"dcvStatus": "Validated"}, {"domain": "b.test", "expirationDate": "2027-01-31"}]'
    ready.simulator.faults.add("validations", "body", status=200, body=rows)
    response = await ready.listing("domains/web")
    shown = answered(response)
    assert set(shown["key_info"]["a.test"].values()) == {""}
    assert shown["key_info"]["b.test"]["expiration"] == "2027-01-31"
    assert response is not None
    assert "this is a part of them" in response.warnings[0]


async def test_a_standby_asks_nothing(ready: Mount) -> None:
    ready.system.state = STANDBY
    await ready.restart()
    with pytest.raises(ReadOnlyError):
        await ready.list("domains/web")
    with pytest.raises(ReadOnlyError):
        await ready.read("domains/web/example.test")
    assert ready.simulator.calls.operations() == []
