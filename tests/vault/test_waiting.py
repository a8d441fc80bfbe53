"""How long a request waits, and what is there afterwards; on a server that cancels requests after 6 s."""

from collections.abc import Iterator

import httpx
import pytest

from scripts.openbao import OpenBaoServer
from tests.support.certificates import key_fits
from tests.support.polling import until
from tests.support.secrecy import Secrets
from tests.support.vault import ORDER, PLUGIN, TALKATIVE, VaultMount, install, watched

pytestmark = pytest.mark.vault


@pytest.fixture(scope="module")
def server(secrets: Secrets) -> Iterator[OpenBaoServer]:
    settings = 'default_max_request_duration = "6s"'
    with watched(OpenBaoServer.raft(settings=settings, log_level="trace", env=TALKATIVE), secrets) as server:
        server.initialize()
        install(server)
        server.enable(PLUGIN, path="keeper")
        yield server


@pytest.mark.parametrize("max_timeout", [0, 1])
def test_a_request_that_does_not_wait_is_answered_at_once_and_a_read_collects(
    mount: VaultMount, max_timeout: int
) -> None:
    mount.configure()
    mount.scm.set(never_issue=True)
    answer = mount.enroll(sectigo_max_timeout=max_timeout).expect(200)
    assert answer.seconds < max_timeout + 2
    assert answer.data["certificate"] == "TimeoutStateSaved"
    assert [entry["status"] for entry in answer.data["state"]] == ["Applied", "TimeoutStateSaved"]
    assert f"reading certs/web/{answer.data['cert_unique_id']} collects it" in answer.warnings[0]
    mount.scm.issue(mount.scm.order()["id"])
    collected = mount.read(answer.data["cert_unique_id"]).expect(200)
    assert collected.data["status"] == "Issued"
    assert collected.data["private_key"] == answer.data["private_key"]
    assert key_fits(collected.data)
    assert collected.warnings == []


@pytest.mark.parametrize(
    ("config", "order", "trouble"),
    [
        ({}, {"sectigo_max_timeout": 3}, "pending"),
        ({"sectigo_wait_limit": 3}, {}, "pending"),
        ({"sectigo_wait_limit": 3}, {}, "slow"),
    ],
)
def test_a_limit_below_the_servers_own_never_ends_in_an_error(
    mount: VaultMount, config: dict[str, object], order: dict[str, object], trouble: str
) -> None:
    mount.configure(**config)
    if trouble == "slow":
        mount.scm.fault("enroll", "slow", seconds=7)
    else:
        mount.scm.set(never_issue=True)
    answer = mount.enroll(**order).expect(200)
    assert answer.seconds < 5
    assert answer.data["certificate"] == "TimeoutStateSaved"
    assert len(answer.warnings) == 1
    mount.scm.set(never_issue=False)
    listed = answer.data["cert_unique_id"]
    collected = until(
        lambda: (data := mount.read(listed).expect(200).data)["status"] == "Issued" and data, what="the certificate"
    )
    assert collected["private_key"] == answer.data["private_key"]
    assert len(mount.scm.orders()) == 1


def test_a_read_waits_only_where_it_says_so_itself(mount: VaultMount) -> None:
    mount.configure()
    mount.scm.set(never_issue=True)
    pending = mount.enroll(sectigo_max_timeout=0).expect(200).data["cert_unique_id"]
    assert mount.read(pending).expect(200).seconds < 1.5
    waited = mount.read(pending, query="?sectigo_max_timeout=2").expect(200)
    assert 1.5 < waited.seconds < 10
    assert waited.data["status"] == "TimeoutStateSaved"


@pytest.mark.parametrize(("trouble", "collects"), [("pending", 3), ("slow", 1)])
def test_a_client_that_hangs_up_loses_nothing(mount: VaultMount, trouble: str, collects: int) -> None:
    mount.configure()
    if trouble == "slow":
        mount.scm.fault("enroll", "slow", seconds=2)
    else:
        mount.scm.set(pending_polls=collects - 1)
    with pytest.raises(httpx.ReadTimeout):
        mount.api("POST", "enroll/web", ORDER, timeout=0.5)
    assert_collected_in_the_background(mount, collects)


def test_a_request_that_the_server_cancels_loses_nothing(mount: VaultMount) -> None:
    mount.configure()
    mount.scm.set(pending_polls=3)  # the fourth collect is 7 s after the first
    assert mount.enroll().status == 500
    assert mount.scm.order()["collects"] == 3
    assert_collected_in_the_background(mount, 4)


def assert_collected_in_the_background(mount: VaultMount, collects: int) -> None:
    """The engine asks so often without being asked, and then has the certificate: SCM is down for whoever reads."""
    until(lambda: [order["collects"] for order in mount.scm.orders()] == [collects], what="collects by itself")
    mount.scm.fault("collect", "status", status=503, times=None)
    (unique_id,) = mount.ids()
    data = until(
        lambda: (data := mount.read(unique_id).expect(200).data)["status"] == "Issued" and data, what="the certificate"
    )
    assert unique_id == f"{mount.scm.order()['id']}_{mount.scm.customer_uri}"
    assert key_fits(data)
