"""A run of `tidy` that is killed at any point leaves nothing that a read fails on, and the next one does the rest."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import NotFoundError
from tests.support.crashes import MortalMount
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock

WISH: Mapping[str, object] = {"tidy_cert_store": True, "tidy_revoked_certs": True, "tidy_orders": True}


@dataclass(frozen=True)
class Stored:
    """Ids of what is stored before a run.

    Attributes:
        living: a chain whose newest is valid.
        over: a chain that is over.
        alone: expired, or revoked and expired.
    """

    living: Sequence[str]
    over: Sequence[str]
    alone: Sequence[str]


@pytest.mark.long
async def test_a_run_that_is_killed_at_any_point_leaves_everything_readable(
    simulator: Simulator, clock: LoopClock
) -> None:
    dead: list[MortalMount] = []  # whose tasks wait for ever
    for deeds in count(0):
        simulator.reset()
        simulator.settings.pending_polls = 0
        mount = MortalMount(simulator, clock)
        dead.append(mount)
        await mount.configure("web")
        stored = await filled(mount, clock)
        mount.life.end_after(deeds)
        writing = asyncio.ensure_future(mount.write("tidy", WISH))
        ended = asyncio.ensure_future(mount.life.ended.wait())
        passing = asyncio.ensure_future(asyncio.sleep(60))
        await asyncio.wait({ended, passing}, return_when=asyncio.FIRST_COMPLETED)
        is_whole = not ended.done()
        for waiting in (writing, ended, passing):
            waiting.cancel()
        restarted = await mount.restarted()
        await check(restarted, stored, deeds)
        await restarted.read("configs/web/test")
        await restarted.write("tidy", WISH)
        await asyncio.sleep(60)
        data = answered(await restarted.read("tidy-status"))
        assert (data["state"], data["errors"]) == ("Finished", []), deeds
        assert await restarted.list("certs/web") == sorted([stored.living[0], stored.living[-1]]), deeds
        assert await read_as(restarted, stored.living[0]) == stored.living[-1], deeds
        left = [key for key in restarted.storage.snapshot() if key.startswith(("index/order/", "index/request/"))]
        assert len(left) == 3, deeds  # of the first and the newest, and of the request that led to the first
        await restarted.backend.cleanup()
        if is_whole:
            assert deeds > 30
            return


async def filled(mount: Mount, clock: LoopClock) -> Stored:
    """Let some lives end, and one go on."""
    alone = [str((await mount.enroll(sectigo_auto_renew=False, sectigo_request_id="alone"))["cert_unique_id"])]
    revoked = await mount.enroll(sectigo_auto_renew=False, sectigo_csr_domain="revoked.example.test")
    await mount.write(f"revoke/web/{revoked['cert_unique_id']}", {"sectigo_reason": "gone"})
    over = await chain(mount, clock, 3, name="over.example.test")
    clock.advance(days=400)
    living = await chain(mount, clock, 4, name="living.example.test", sectigo_request_id="living")
    clock.advance(days=20)
    await mount.read("configs/web/test")
    return Stored(living, over, [*alone, str(revoked["cert_unique_id"])])


async def chain(mount: Mount, clock: LoopClock, length: int, *, name: str, **fields: object) -> Sequence[str]:
    first = answered(
        await mount.write(
            "enroll/web",
            {
                "sectigo_csr_domain": name,
                "sectigo_csr_key_algo": "EC",
                "sectigo_ssl_cert_type": 501,
                "sectigo_ssl_cert_validity": 365,
                "sectigo_auto_renew": False,
                **fields,
            },
        )
    )
    ids = [str(first["cert_unique_id"])]
    for _ in range(length - 1):
        clock.advance(days=355)
        ids.append(str(answered(await mount.write(f"renew/web/{ids[-1]}", {}))["cert_unique_id"]))
    return ids


async def check(mount: Mount, stored: Stored, deeds: int) -> None:
    """Every list and every id answers; the living chain's first and newest lead to the newest, at each moment."""
    for unique_id in await mount.list("certs/web"):
        assert await read_as(mount, unique_id) is not None, (deeds, unique_id)
    for unique_id in (stored.living[0], stored.living[-1]):
        assert await read_as(mount, unique_id) == stored.living[-1], deeds
    for unique_id in (*stored.living, *stored.over, *stored.alone):
        await read_as(mount, unique_id)
    over = [unique_id for unique_id in stored.over if await read_as(mount, unique_id) is not None]
    for unique_id in over:
        assert await read_as(mount, unique_id) == stored.over[-1], deeds
    again = await mount.enroll(
        sectigo_csr_domain="living.example.test", sectigo_auto_renew=False, sectigo_request_id="living"
    )
    assert again["cert_unique_id"] == stored.living[-1], deeds
    await mount.read("status")


async def read_as(mount: Mount, unique_id: str) -> str | None:
    """Return the id that a read of an id answers; None where that is gone."""
    try:
        return str(answered(await mount.read(f"certs/web/{unique_id}"))["cert_unique_id"])
    except NotFoundError:
        return None
