"""A mount at another path, as the migration page lets it change places with the old plugin's."""

from dataclasses import replace
from secrets import token_hex

import pytest

from tests.support.polling import until
from tests.support.vault import VaultMount

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


def move(old: VaultMount, new: VaultMount) -> None:
    started = old.server.api("POST", "sys/remount", {"from": old.path, "to": new.path}).expect(200).data
    status = f"sys/remount/status/{started['migration_id']}"

    def has_moved() -> bool:
        known: str = old.server.api("GET", status).expect(200).data["migration_info"]["status"]
        assert known != "failure"
        return known == "success"

    until(has_moved, what=f"{new.path} in the place of {old.path}")
