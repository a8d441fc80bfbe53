"""The plugin's lines in the server's log."""

import re

import pytest

from tests.support.polling import until
from tests.support.vault import ORDER, VaultMount

pytestmark = pytest.mark.vault

_OF_THE_WORK = re.compile(r"@module=sectigo_vault_pki\.(lifecycle|scm|store|paths)")


def lines_of(mount: VaultMount, *parts: str) -> list[str]:
    return [line for line in mount.server.log().splitlines() if all(part in line for part in parts)]


def test_every_line_that_is_written_for_a_request_names_it_and_its_config_entry(mount: VaultMount) -> None:
    mount.configure("logged")
    answer = mount.api("POST", "enroll/logged", ORDER).expect(200)
    told = f"request_id={answer.body['request_id']}"
    until(lambda: lines_of(mount, told, "status=Issued"), what="the line of the issued certificate")
    lines = [line for line in lines_of(mount, "config=logged") if _OF_THE_WORK.search(line)]
    assert any("SCM call" in line for line in lines)
    assert all(told in line for line in lines)
    assert f"unique_id={answer.data['cert_unique_id']}" in lines_of(mount, told, "status=Issued")[0]


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
