"""A mount at another path, as the migration page lets it change places with the old plugin's, or in a namespace."""

from collections.abc import Iterator
from dataclasses import replace
from secrets import token_hex

import httpx
import pytest

from scripts.openbao import OpenBaoServer
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import VaultMount, install

pytestmark = pytest.mark.vault


def test_a_mount_that_is_moved_keeps_entries_and_certificates(mount: VaultMount) -> None:
    issued = mount.enrolled()
    moved = replace(mount, path=f"moved-{token_hex(4)}")
    move(mount, moved)
    try:
        assert moved.read(issued["cert_unique_id"]).expect(200).data == issued
        assert moved.enroll().expect(200).data["status"] == "Issued"
    finally:
        move(moved, mount)


@pytest.fixture
def namespace(server: OpenBaoServer) -> Iterator[str]:
    name = f"ns-{token_hex(4)}"
    server.api("PUT", f"sys/namespaces/{name}", {}).expect(200, 204)
    yield name
    server.api("DELETE", f"sys/namespaces/{name}").expect(200, 202, 204)


@pytest.fixture
def movable(
    server: OpenBaoServer, namespace: str, scm: ScmProcess, secrets: Secrets
) -> Iterator[tuple[VaultMount, VaultMount]]:
    """A mount with a process of its own, and the same as it is known once it is moved into a namespace."""
    name = f"movable-{token_hex(4)}"
    install(server, name=name)
    server.enable(name, path=name)
    yield VaultMount(server, name, scm, secrets), VaultMount(server, f"{namespace}/{name}", scm, secrets)
    server.api("DELETE", f"{namespace}/sys/mounts/{name}").expect(200, 204)


def test_a_mount_that_is_moved_into_a_namespace_orders_nothing_until_it_is_reloaded(
    movable: tuple[VaultMount, VaultMount], namespace: str
) -> None:
    mount, moved = movable
    issued = mount.enrolled()
    orders = len(mount.scm.orders())
    move(mount, moved)
    for refused in (moved.enroll(), moved.renew(issued["cert_unique_id"])):
        assert refused.status >= 400
        assert "storage" in refused.errors[0]
        assert "reload" in refused.errors[0]
    assert len(mount.scm.orders()) == orders

    reloaded = moved.cli("plugin", "reload", f"-namespace={namespace}", f"-mounts={mount.path}/")
    assert reloaded.returncode == 0, reloaded.stderr
    assert moved.ids() == [issued["cert_unique_id"]]
    assert moved.read(issued["cert_unique_id"]).expect(200).data == issued
    ordered = moved.enroll().expect(200).data
    assert ordered["status"] == "Issued"
    assert sorted(moved.ids()) == sorted([issued["cert_unique_id"], ordered["cert_unique_id"]])


def move(old: VaultMount, new: VaultMount) -> None:
    answer = old.server.api("POST", "sys/remount", {"from": old.path, "to": new.path}).expect(200, 204)
    if answer.status == httpx.codes.NO_CONTENT:  # an old server moves before it answers
        return
    started = answer.data
    status = f"sys/remount/status/{started['migration_id']}"

    def has_moved() -> bool:
        known: str = old.server.api("GET", status).expect(200).data["migration_info"]["status"]
        assert known != "failure"
        return known == "success"

    until(has_moved, what=f"{new.path} in the place of {old.path}")
