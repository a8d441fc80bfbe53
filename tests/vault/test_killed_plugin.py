"""The plugin is killed while SCM has its order and it waits for the answer: nothing is lost, nothing ordered twice."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.certificates import key_fits
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import CLIENT, SSL, OwnEngine, VaultMount, kill_plugin

pytestmark = pytest.mark.vault


@pytest.fixture(params=[SSL, CLIENT], ids=lambda kind: kind.name)
def killable(
    engine: OwnEngine, scm: ScmProcess, secrets: Secrets, request: pytest.FixtureRequest
) -> Iterator[VaultMount]:
    """A mount of an engine whose process no other test shares."""
    with engine.mounted(killable={}) as (path,):
        yield VaultMount(engine.server, path, scm, secrets, request.param)


def kill_once(mount: VaultMount, call: Callable[[], object], *, booked: Callable[[], bool]) -> None:
    """Begin a call, and kill the plugin when SCM has booked what it asks for."""
    with pytest.raises(httpx.ReadTimeout):
        call()
    until(booked, what="an order that is booked at SCM")
    kill_plugin(mount.server, name=mount.path.partition("/")[0])


@pytest.mark.parametrize("asked_by", ["write", "read"])
def test_a_read_carries_on_a_renewal_that_was_being_sent(killable: VaultMount, asked_by: str) -> None:
    mount = killable
    old = mount.aged()
    mount.scm.fault("renew", "slow", seconds=30)
    renew, due = f"renew/web/{old['cert_unique_id']}", f"certs/web/{old['cert_unique_id']}?sectigo_expiry_window=400"

    def ask() -> None:
        if asked_by == "write":
            mount.api("POST", renew, {}, timeout=0.5)
        else:
            mount.api("GET", due, timeout=0.5)

    kill_once(mount, ask, booked=lambda: len(mount.scm.orders()) == 2)
    found = mount.read(old["cert_unique_id"]).expect(200).data
    (_, renewal) = mount.scm.orders()
    assert found["cert_unique_id"] == f"{renewal['id']}_{mount.scm.customer_uri}"
    assert found["status"] == "Issued"
    assert found["renewed_from"] == old["cert_unique_id"]
    assert key_fits(found)
    assert sorted(mount.ids()) == sorted([old["cert_unique_id"], found["cert_unique_id"]])
    assert mount.read(old["cert_unique_id"], query="?sectigo_read_renewed_cert=false").data["status"] == "Renewed"


def test_a_second_write_carries_on_a_renewal_that_was_being_sent(killable: VaultMount) -> None:
    mount = killable
    old = mount.enrolled()
    mount.scm.fault("renew", "slow", seconds=30)
    path = f"renew/web/{old['cert_unique_id']}"
    kill_once(mount, lambda: mount.api("POST", path, {}, timeout=0.5), booked=lambda: len(mount.scm.orders()) == 2)
    new = mount.renew(old["cert_unique_id"]).expect(200).data
    assert new["status"] == "Issued"
    assert new["renewed_from"] == old["cert_unique_id"]
    assert len(mount.scm.orders()) == 2


def test_a_read_carries_on_a_renewal_that_waited_to_be_issued(killable: VaultMount) -> None:
    mount = killable
    old = mount.enrolled()
    mount.scm.set(never_issue=True)
    path = f"renew/web/{old['cert_unique_id']}"
    kill_once(mount, lambda: mount.api("POST", path, {}, timeout=0.5), booked=lambda: len(mount.scm.orders()) == 2)
    assert mount.read(old["cert_unique_id"]).expect(200).data == old
    (_, renewal) = mount.scm.orders()
    mount.scm.issue(renewal["id"])
    found = mount.read(old["cert_unique_id"]).expect(200).data
    assert found["cert_unique_id"] == f"{renewal['id']}_{mount.scm.customer_uri}"
    assert key_fits(found)
    assert len(mount.scm.orders()) == 2


def test_a_read_carries_on_a_replacement_that_was_being_sent(killable: VaultMount) -> None:
    mount = killable
    old = mount.enrolled()
    mount.scm.fault("replace", "slow", seconds=30)
    path, fields = f"replace/web/{old['cert_unique_id']}", mount.kind.replacement
    kill_once(
        mount,
        lambda: mount.api("POST", path, fields, timeout=0.5),
        booked=lambda: mount.scm.order()["times"]["replaced"] is not None,
    )
    found = mount.read(old["cert_unique_id"]).expect(200).data
    assert found["cert_unique_id"] == old["cert_unique_id"]
    assert found["private_key"] not in {"", old["private_key"]}
    assert key_fits(found)
    assert [serial.lower() for serial in mount.scm.order()["serials"]] == [old["serial_number"], found["serial_number"]]
    assert mount.ids() == [old["cert_unique_id"]]
    assert [entry["status"] for entry in found["state"]] == ["Applied", "Issued", "Replaced", "Issued"]


def test_a_read_carries_on_a_replacement_that_waited_to_be_issued(killable: VaultMount) -> None:
    mount = killable
    old = mount.enrolled()
    mount.scm.set(never_issue=True)
    path, fields = f"replace/web/{old['cert_unique_id']}", mount.kind.replacement
    kill_once(
        mount,
        lambda: mount.api("POST", path, fields, timeout=0.5),
        booked=lambda: mount.scm.order()["times"]["replaced"] is not None,
    )
    assert mount.read(old["cert_unique_id"]).expect(200).data["serial_number"] == old["serial_number"]
    mount.scm.issue(old[mount.kind.scm_id])
    found = mount.read(old["cert_unique_id"]).expect(200).data
    assert found["private_key"] not in {"", old["private_key"]}
    assert found["serial_number"] != old["serial_number"]
    assert key_fits(found)
    assert len(mount.scm.order()["serials"]) == 2


def test_a_read_carries_on_a_revocation_that_was_being_sent(killable: VaultMount) -> None:
    mount = killable
    old = mount.enrolled()
    mount.scm.fault("revoke", "slow", seconds=30)
    path = f"revoke/web/{old['cert_unique_id']}"
    kill_once(
        mount,
        lambda: mount.api("POST", path, {"sectigo_reason": "keyCompromise"}, timeout=0.5),
        booked=lambda: mount.scm.order()["times"]["revoked"] is not None,
    )
    found = mount.read(old["cert_unique_id"]).expect(200).data
    assert found["status"] == "Revoked"
    assert found["private_key"] == old["private_key"]
