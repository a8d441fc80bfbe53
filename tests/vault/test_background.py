"""Background work, begun by the server's own tick."""

import json

import pytest

from scripts.openbao import OpenBaoServer
from tests.support.polling import until
from tests.support.secrecy import Secrets
from tests.support.vault import PLUGIN, VaultMount, install, watched

pytestmark = pytest.mark.vault

TICK_SECONDS = 60
"""OpenBao's rollback manager visits each mount once a minute (plugin-protocol.md 5.6)."""


def test_an_order_is_collected_by_the_servers_tick(ticking: tuple[VaultMount, str]) -> None:
    mount, unique_id = ticking
    parts = (f"unique_id={unique_id}", "certificate issued")

    def told_of_it() -> list[str]:
        return [line for line in mount.server.log().splitlines() if all(part in line for part in parts)]

    (told,) = until(told_of_it, what="the background's collect", seconds=2 * TICK_SECONDS)
    assert "request_id=" not in told
    assert mount.read(unique_id, "ticked").expect(200).data["status"] == "Issued"
    status = json.loads(mount.cli("read", "-format=json", "{mount}/status").stdout)["data"]
    assert (status["by_status"], status["pending"], status["unsettled"]) == ({"Issued": 1}, 0, 0)
    assert status["background"]["enabled"] is True
    assert status["background"]["started_at"]
    account = status["accounts"]["ticked"]
    assert (account["breaker"], account["trouble"], account["login_refused_until"]) == ("closed", "", "")
    assert abs(account["clock_difference"]) <= TICK_SECONDS


def test_a_word_that_is_neither_on_nor_off_stops_the_mount(secrets: Secrets) -> None:
    mistyped = {"SECTIGO_VAULT_PKI_BACKGROUND": "of"}
    with watched(OpenBaoServer.dev(log_level="trace", env=mistyped), secrets) as server:
        install(server)
        answer = server.api("POST", "sys/mounts/mistyped", {"type": PLUGIN})
        assert answer.status == 400
        assert "SECTIGO_VAULT_PKI_BACKGROUND must be on or off" in answer.errors[0]
