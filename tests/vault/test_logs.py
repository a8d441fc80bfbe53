"""The plugin's lines in the server's log."""

import re
from collections.abc import Iterator

import pytest

from scripts.openbao import OpenBaoServer
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import ORDER, PLUGIN, VaultMount, install, watched

pytestmark = pytest.mark.vault

_OF_THE_WORK = re.compile(r"@module=sectigo_vault_pki\.(lifecycle|scm|store|paths)")


PASSWORD = "of ann, who asks"


def lines_of(mount: VaultMount, *parts: str) -> list[str]:
    return [line for line in mount.server.log().splitlines() if all(part in line for part in parts)]


def test_every_line_that_is_written_for_a_request_names_it_and_its_config_entry(mount: VaultMount) -> None:
    mount.configure("logged")
    answer = mount.api("POST", "enroll/logged", ORDER).expect(200)
    told = f"request_id={answer.body['request_id']}"
    until(lambda: lines_of(mount, told, "certificate issued"), what="the line of the issued certificate")
    lines = [line for line in lines_of(mount, "config=logged") if _OF_THE_WORK.search(line)]
    assert any("SCM call" in line for line in lines)
    assert all(told in line for line in lines)
    assert f"unique_id={answer.data['cert_unique_id']}" in lines_of(mount, told, "certificate issued")[0]


def test_a_line_of_a_read_names_the_certificate(mount: VaultMount) -> None:
    mount.configure("looked-at")
    mount.scm.set(never_issue=True)
    unique_id = mount.api("POST", "enroll/looked-at", {**ORDER, "sectigo_max_timeout": 0}).data["cert_unique_id"]
    read = mount.api("GET", f"certs/looked-at/{unique_id}").expect(200)
    told = f"request_id={read.body['request_id']}"
    until(lambda: lines_of(mount, told, "SCM call"), what="the line of the read's call to SCM")
    for line in lines_of(mount, told):
        if _OF_THE_WORK.search(line):
            assert f"unique_id={unique_id}" in line
            assert "config=looked-at" in line


@pytest.fixture
def usual(scm: ScmProcess, secrets: Secrets) -> Iterator[VaultMount]:
    """A mount on a server that was started at level info, and says nothing to the plugin about levels."""
    with watched(OpenBaoServer.dev(env={"SECTIGO_VAULT_PKI_BACKGROUND": "off"}), secrets) as server:
        install(server)
        server.enable(PLUGIN, path="usual")
        yield VaultMount(server, "usual", scm, secrets)


def levels_of_an_order(mount: VaultMount, name: str) -> set[str]:
    """Order a certificate, and return the levels of the plugin's lines about it."""
    mount.configure(name)
    mount.enroll(name).expect(200)
    until(lambda: lines_of(mount, f"config={name}", "certificate issued"), what="the line of the issued certificate")
    mount.api("LIST", f"certs/{name}").expect(200)
    told = [line for line in lines_of(mount, f"config={name}") if _OF_THE_WORK.search(line)]
    return {level for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR") for line in told if f"[{level}]" in line}


def change_level(mount: VaultMount, level: str) -> None:
    """Change the server's level. It takes what its plugins say at the level that it had when it started them."""
    mount.server.api("POST", "sys/loggers", {"level": level}).expect(200, 204)
    mount.server.reload(PLUGIN)


def test_the_log_level_is_the_servers_and_follows_it(usual: VaultMount) -> None:
    assert levels_of_an_order(usual, "first") == {"INFO"}
    change_level(usual, "debug")
    assert levels_of_an_order(usual, "second") == {"DEBUG", "INFO"}
    change_level(usual, "info")
    assert levels_of_an_order(usual, "third") == {"INFO"}


def test_a_level_that_is_changed_holds_for_the_plugin_from_its_next_start(usual: VaultMount) -> None:
    usual.server.api("POST", "sys/loggers", {"level": "debug"}).expect(200, 204)
    assert levels_of_an_order(usual, "before") == {"INFO"}
    usual.server.reload(PLUGIN)
    usual.server.api("POST", "sys/loggers", {"level": "info"}).expect(200, 204)
    assert levels_of_an_order(usual, "after") == {"DEBUG", "INFO"}


def test_a_line_names_who_asked_by_the_tokens_display_name_and_entity(mount: VaultMount) -> None:
    mount.configure("asked-for")
    server = mount.server
    server.api("POST", "sys/auth/userpass", {"type": "userpass"}).expect(200, 204)
    server.api("POST", "sys/policies/acl/everything", {"policy": 'path "*" { capabilities = ["update"] }'}).expect(
        200, 204
    )
    user = {"password": PASSWORD, "token_policies": "everything"}
    server.api("POST", "auth/userpass/users/ann", user).expect(200, 204)
    person = server.api("POST", "auth/userpass/login/ann", {"password": user["password"]}).expect(200)
    entity = person.body["auth"]["entity_id"]
    machine = server.api("POST", "auth/token/create", {"display_name": "ci", "policies": ["everything"]}).expect(200)
    for login, requester in ((person, f'"userpass-ann (entity {entity})"'), (machine, "token-ci")):
        answer = mount.api("POST", "enroll/asked-for", ORDER, token=login.body["auth"]["client_token"]).expect(200)
        assert_asked_by(mount, answer.data["cert_unique_id"], requester)


def assert_asked_by(mount: VaultMount, unique_id: str, requester: str) -> None:
    told = f"unique_id={unique_id}"
    until(lambda: lines_of(mount, told, "certificate issued"), what="the line of the certificate")
    assert all(f"requested_by={requester}" in line for line in lines_of(mount, told, "event_log"))
