"""SCM's answer to an order got lost: never a second order, and the first one is found again."""

import pytest

from tests.support.certificates import key_fits
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault


def lose_an_answer(mount: VaultMount, kind: str) -> str:
    mount.configure()
    mount.scm.fault("enroll", kind)
    answer = mount.enroll().expect(200)
    unique_id: str = answer.data["cert_unique_id"]
    assert unique_id.startswith("order-")
    assert answer.data["status"] == "Unsettled"
    assert answer.data["private_key"]
    assert "do not order again" in answer.warnings[0]
    assert mount.ids() == [unique_id]
    return unique_id


def test_a_read_finds_the_order_that_scm_took_and_collects_it(mount: VaultMount) -> None:
    unsettled = lose_an_answer(mount, "drop_after")
    found = mount.read(unsettled).expect(200).data
    assert found["cert_unique_id"] == f"{mount.scm.order()['id']}_{mount.scm.customer_uri}"
    assert found["status"] == "Issued"
    assert key_fits(found)
    assert mount.ids() == [found["cert_unique_id"]]
    assert mount.read(unsettled).expect(200).data == found
    assert len(mount.scm.orders()) == 1


def test_an_order_that_scm_did_not_take_is_not_given_up_before_ten_minutes(mount: VaultMount) -> None:
    unsettled = lose_an_answer(mount, "drop_before")
    answer = mount.read(unsettled).expect(200)
    assert answer.data["status"] == "Unsettled"
    assert "does not list the order yet" in answer.warnings[0]
    assert mount.ids() == [unsettled]
    assert mount.scm.orders() == []


def test_an_unsettled_order_is_deleted_only_by_force(mount: VaultMount) -> None:
    path = f"certs/web/{lose_an_answer(mount, 'drop_after')}"
    refused = mount.api("DELETE", path)
    assert refused.status == 400
    assert "sectigo_force=true" in refused.errors[0]
    assert len(mount.ids()) == 1
    assert mount.cli("delete", f"{{mount}}/{path}", "sectigo_force=true").returncode == 0
    assert mount.ids() == []
    assert mount.read(path.rpartition("/")[2]).status == 404


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_error_is_no_clear_answer_either(mount: VaultMount, status: int) -> None:
    mount.configure()
    mount.scm.fault("enroll", "status", status=status)
    assert mount.enroll().expect(200).data["status"] == "Unsettled"
    assert len(mount.ids()) == 1
