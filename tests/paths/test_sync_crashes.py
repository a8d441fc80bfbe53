"""A run of `sync/` that is killed at any point goes on, does nothing twice, and counts everything once."""

import asyncio
from itertools import count

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.paths.test_sync import IMPORT, bought, cert, order_of
from tests.support.certificates import key_fits
from tests.support.crashes import MortalMount
from tests.support.foreign_orders import foreign_order
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock


@pytest.mark.long
@pytest.mark.parametrize("by", ["reports", "lists"])
async def test_a_run_that_is_killed_at_any_point_goes_on_and_does_nothing_twice(
    simulator: Simulator, clock: LoopClock, by: str
) -> None:
    dead: list[MortalMount] = []  # whose tasks wait for ever
    for deeds in count(0):
        simulator.reset()
        simulator.settings.pending_polls = 0
        mount = MortalMount(simulator, clock)
        dead.append(mount)
        await mount.configure("web")
        if by == "lists":
            simulator.faults.add("ssl_report", "status", status=404, times=None)
        expected = await differ(mount, Mount(simulator, clock), by_lists=by == "lists")
        booked, paid = len(simulator.orders), bought(mount)
        mount.life.end_after(deeds)
        writing = asyncio.ensure_future(mount.write("sync/web", IMPORT))
        ended = asyncio.ensure_future(mount.life.ended.wait())
        await asyncio.wait({writing, ended}, return_when=asyncio.FIRST_COMPLETED)
        is_whole = writing.done()
        writing.cancel()
        ended.cancel()
        restarted = await mount.restarted()
        if not any(key.startswith("index/sync/") for key in restarted.storage.snapshot()):
            await restarted.write("sync/web", IMPORT)  # it was killed before the run was stored
        await restarted.read("sync/web")
        await asyncio.sleep(60)
        data = answered(await restarted.read("sync/web"))
        assert (data["status"], data["errors"]) == ("ended", []), deeds
        assert data["found"] == expected, deeds
        assert data["counts"] == {kind: len(ids) for kind, ids in expected.items()}, deeds
        assert (len(simulator.orders), bought(mount)) == (booked, paid), deeds
        for unique_id in (*expected["replaced"], *expected["settled"], *expected.get("renewed", ())):
            assert key_fits(await cert(restarted, unique_id)), deeds
        again = answered(await restarted.write("sync/web", IMPORT))
        assert again["counts"] == {}, deeds
        await restarted.backend.cleanup()
        if is_whole:
            assert deeds > 20
            return


async def differ(mount: Mount, other: Mount, *, by_lists: bool) -> dict[str, list[str]]:
    """Let everything happen elsewhere that can; return what a run finds."""
    await other.configure("web")
    revoked = await mount.enroll(sectigo_csr_domain="revoked.example.test")
    replaced = await mount.enroll(sectigo_csr_domain="replaced.example.test")
    renewed = await mount.enroll(sectigo_csr_domain="renewed.example.test")
    for ours in (revoked, replaced, renewed):
        await other.write(f"fetch/web/{ours['ssl_id']}", {})
    await other.write(f"revoke/web/{revoked['cert_unique_id']}", {"sectigo_reason": "gone"})
    wish = {"sectigo_reason": "x", "sectigo_common_name": "replaced.example.test", "sectigo_csr": replaced["csr"]}
    await other.write(f"replace/web/{replaced['cert_unique_id']}", wish)
    successor = answered(await other.write(f"renew/web/{renewed['cert_unique_id']}", {}))
    mount.simulator.faults.add("enroll", "drop_after")
    await mount.enroll(sectigo_csr_domain="lost.example.test")
    lost = list(mount.simulator.orders)[-1]
    foreign = foreign_order(mount.simulator, order_of(mount, revoked), is_approved=True)
    await other.backend.cleanup()
    imported = [f"{foreign.handle}_demo-customer"]
    by_mark = {} if by_lists else {"renewed": [successor["cert_unique_id"]]}
    return {
        "revoked": [revoked["cert_unique_id"]],
        "replaced": [replaced["cert_unique_id"]],
        "settled": [f"{lost.handle}_demo-customer"],
        "imported": ([successor["cert_unique_id"], *imported] if by_lists else imported),
        **by_mark,
    }
