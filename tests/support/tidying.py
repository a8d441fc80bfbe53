"""Runs of `tidy`, and certificates for them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sectigo_vault_pki.vault_plugin.logical import NotFoundError
from tests.support.mount import Mount, answered

ALL: Mapping[str, Any] = {"tidy_cert_store": True, "tidy_revoked_certs": True, "tidy_orders": True}
LATER = {"days": 365 + 4}
"""From a certificate's birth until it has expired longer than the buffer ago."""


async def tidied(mount: Mount, **wish: Any) -> Mapping[str, Any]:
    """Dry-run, run, wait, and return the status; the dry run must have changed nothing and counted the same."""
    wish = wish or {"tidy_cert_store": True}
    if (await mount.list("configs/")) != []:
        await mount.read(f"configs/{(await mount.list('configs/'))[0]}/test")
    calls = len(mount.simulator.calls)
    before = without_run(mount.storage.snapshot())
    dry = answered(await mount.write("tidy", {**wish, "dry_run": True}))
    assert (dry["state"], dry["dry_run"]) == ("Finished", True)
    assert without_run(mount.storage.snapshot()) == before
    response = await mount.write("tidy", wish)
    assert response is not None
    assert answered(response)["state"] in {"Running", "Finished"}
    assert "successfully started" in response.warnings[0]
    data = await ended(mount)
    assert counts(data) == counts(dry)
    assert len(mount.simulator.calls) == calls
    assert sorted(data["deleted"]) == sorted(dry["deleted"])
    return data


async def ended(mount: Mount) -> Mapping[str, Any]:
    await asyncio.sleep(120)
    data = answered(await mount.read("tidy-status"))
    assert data["state"] not in {"Running", "Cancelling"}
    return data


def without_run(snapshot: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return {key: value for key, value in snapshot.items() if key != "index/tidy"}


def counts(data: Mapping[str, Any]) -> tuple[int, int, int]:
    return data["cert_store_deleted_count"], data["revoked_cert_deleted_count"], data["orders_deleted_count"]


async def stored(mount: Mount, unique_id: str) -> bool:
    try:
        await mount.read(f"readcert/web/{unique_id}")
    except NotFoundError:
        return False
    return True


async def unrenewed(mount: Mount, **changes: Any) -> str:
    """Return the id of a certificate that is not renewed automatically."""
    return str((await mount.enroll(sectigo_auto_renew=False, **changes))["cert_unique_id"])


async def renewed_as(mount: Mount, unique_id: str, **wish: object) -> str:
    return str(answered(await mount.write(f"renew/web/{unique_id}", wish))["cert_unique_id"])
