"""A server that keeps its state on disk: restart, seal, and what lies on the disk."""

from collections.abc import Iterator

import pytest

from scripts.openbao import OpenBaoServer
from tests.support.secrecy import Secrets
from tests.support.vault import TALKATIVE, VaultMount, install, plugin_pids, watched

pytestmark = pytest.mark.vault


@pytest.fixture(scope="module")
def server(secrets: Secrets) -> Iterator[OpenBaoServer]:
    with watched(OpenBaoServer.raft(log_level="trace", env=TALKATIVE), secrets) as server:
        server.initialize()
        install(server)
        yield server


def test_a_restarted_server_has_its_certificates_and_starts_the_plugin_by_itself(mount: VaultMount) -> None:
    data = mount.enrolled()
    (before,) = plugin_pids(mount.server)
    mount.server.stop()
    assert plugin_pids(mount.server) == []
    mount.server.start()
    assert mount.read(data["cert_unique_id"]).status == 503
    mount.server.unseal()
    assert mount.read(data["cert_unique_id"]).expect(200).data == data
    assert mount.ids() == [data["cert_unique_id"]]
    assert mount.enroll().expect(200).data["status"] == "Issued"
    assert plugin_pids(mount.server) != [before]


def test_an_order_that_waited_over_a_restart_is_collected_by_a_read(mount: VaultMount) -> None:
    mount.configure()
    mount.scm.set(never_issue=True)
    pending = mount.enroll(sectigo_max_timeout=0).expect(200).data
    mount.server.restart()
    mount.server.unseal()
    mount.scm.issue(mount.scm.order()["id"])
    collected = mount.read(pending["cert_unique_id"]).expect(200).data
    assert collected["status"] == "Issued"
    assert collected["private_key"] == pending["private_key"]


def test_a_server_killed_while_an_order_is_sent_finds_it_again(mount: VaultMount) -> None:
    mount.configure()
    mount.scm.fault("enroll", "slow", seconds=30)
    pending = mount.enroll(sectigo_max_timeout=0).expect(200).data
    mount.server.kill()
    mount.server.start()
    mount.server.unseal()
    found = mount.read(pending["cert_unique_id"]).expect(200).data
    assert found["cert_unique_id"] == f"{mount.scm.order()['id']}_{mount.scm.customer_uri}"
    assert found["status"] == "Issued"
    assert found["private_key"] == pending["private_key"]
    assert mount.ids() == [found["cert_unique_id"]]


def test_the_mount_works_after_seal_and_unseal(mount: VaultMount) -> None:
    data = mount.enrolled()
    assert mount.cli("operator", "seal").returncode == 0
    assert mount.read(data["cert_unique_id"]).status == 503
    assert mount.cli("operator", "unseal", mount.server.unseal_key).returncode == 0
    mount.server.unseal()
    assert mount.read(data["cert_unique_id"]).expect(200).data == data
    assert mount.enroll().expect(200).data["status"] == "Issued"


def test_no_secret_lies_on_the_disk_in_clear(mount: VaultMount) -> None:
    data = mount.enrolled("findable-entry", sectigo_csr_key_algo="RSA")
    assert data["private_key"]
    assert list((mount.server.folder / "raft").rglob("*.db"))
    assert mount.secrets.found_below(mount.server.folder) == {}
