"""Background work, begun by the server's own tick."""

import pytest

from tests.support.polling import until
from tests.support.vault import ORDER, VaultMount

pytestmark = pytest.mark.vault

TICK_SECONDS = 60
"""OpenBao's rollback manager visits each mount once a minute (plugin-protocol.md 5.6)."""


def test_an_order_is_collected_by_the_servers_tick(mount: VaultMount) -> None:
    mount.configure("ticked")
    mount.scm.set(never_issue=True)
    unique_id = (
        mount.api("POST", "enroll/ticked", {**ORDER, "sectigo_max_timeout": 0}).expect(200).data["cert_unique_id"]
    )
    mount.scm.set(never_issue=False)
    line = f"unique_id={unique_id} status=Issued"
    until(lambda: line in mount.server.log(), what="the background's collect", seconds=2 * TICK_SECONDS)
    (told,) = [logged for logged in mount.server.log().splitlines() if line in logged]
    assert "request_id=" not in told
    assert mount.api("GET", f"certs/ticked/{unique_id}").expect(200).data["status"] == "Issued"
