"""What a report takes from the engine's own status."""

from typing import Any

import pytest

from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.report.engine_status import EngineStatus, read_status
from tests.support.console import scripted


def of(**data: Any) -> EngineStatus:
    return read_status(scripted({"pki/status": data}), "pki")


def test_what_is_left_out_is_what_neither_an_entry_nor_the_list_has() -> None:
    status = of(certificates=10, accounts={"web": {"certificates": 4}, "shop": {"certificates": 3}})
    assert status.left_out(7) == 3
    assert status.left_out(5) == 3  # two were enrolled since
    assert status.left_out(9) == 1  # two belong to an entry that cannot be read
    assert status.left_out(12) == 0  # some were deleted since


def test_a_status_that_may_not_be_read_is_said_and_leaves_nothing_out() -> None:
    status = read_status(scripted({"pki/status": 403}), "pki")
    assert status.warnings == ["The status could not be read: HTTP 403."]
    assert status.left_out(0) == 0


@pytest.mark.parametrize("answer", [404, {}, {"certificates": "many"}])
def test_a_mount_of_another_engine_is_wrong_use(answer: object) -> None:
    with pytest.raises(SettingsError, match="pki/ is not this engine"):
        read_status(scripted({"pki/status": answer}), "pki")
