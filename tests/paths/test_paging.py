"""`after` and `limit` of lists, as Vault's own engines take them."""

from collections.abc import Sequence

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.issuing import written
from tests.support.mount import Mount


async def test_a_list_is_read_page_by_page(mount: Mount) -> None:
    await mount.configure()
    for name in ("a", "b", "c", "d"):
        await written(mount, name)
    assert await mount.list("roles/", limit="3") == ["a", "b", "c"]
    assert await mount.list("roles/", limit=3, after="c") == ["d"]
    assert await mount.list("roles/", after="bb") == ["c", "d"]
    assert await mount.list("roles/", after="d") == []


@pytest.mark.parametrize("limit", ["0", "-1", ""])
async def test_a_limit_of_nothing_is_no_limit(mount: Mount, limit: str) -> None:
    await mount.configure("a")
    await mount.configure("b")
    assert await mount.list("configs/", limit=limit) == ["a", "b"]


async def test_every_list_has_pages(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    for _ in range(3):
        await mount.enroll()
    for path in ("certs/web", "certs/"):
        keys = await mount.list(path)
        assert len(keys) == 3
        assert keys == sorted(keys)
        assert [*await mount.list(path, limit=1), *await mount.list(path, after=keys[0], limit=9)] == keys


async def test_serial_numbers_go_on_after_one_in_any_spelling(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    for _ in range(3):
        unique_id = (await mount.enroll())["cert_unique_id"]
        await mount.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"})
    keys = await mount.list("certs/")
    for path in ("certs/", "certs/detailed", "certs/revoked"):
        for number, key in enumerate(keys, start=1):
            for after in (key, key.upper(), key.replace(":", "-"), key.upper().replace(":", "-"), f" {key}"):
                assert await mount.list(path, after=after) == keys[number:]
        assert await mount.list(path, after=keys[0][:7].upper().replace(":", "-")) == keys


async def test_orders_without_an_id_come_behind_all_certificates(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    ids = [(await mount.enroll())["cert_unique_id"] for _ in range(2)]
    mount.simulator.faults.add("enroll", "drop_after", times=2)
    orders = sorted([(await mount.enroll(sectigo_max_timeout=0))["cert_unique_id"] for _ in range(2)])
    keys = [*sorted(ids), *orders]
    assert all(order.startswith("order-") for order in orders)
    assert await mount.list("certs/web") == keys
    for size in (1, 2, 3, 4, 5):
        pages: list[str] = []
        after = ""
        while page := await mount.list("certs/web", limit=size, after=after):
            pages, after = [*pages, *page], page[-1]
        assert pages == keys
    assert await mount.list("certs/web", after=orders[1]) == []


async def test_a_page_costs_what_it_shows(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    for _ in range(4):
        await mount.enroll()
    asked, list_page = [], mount.storage.list_page

    async def noted(prefix: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
        asked.append((prefix, limit))
        return await list_page(prefix, after=after, limit=limit)

    monkeypatch.setattr(mount.storage, "list_page", noted)
    for path, prefix in (("certs/web", "cert/web/"), ("certs/", "index/serial/"), ("certs/revoked", "index/revoked/")):
        await mount.list(path, limit=2)
        assert (prefix, 2) in asked


async def test_a_limit_is_a_number(mount: Mount) -> None:
    with pytest.raises(BadRequestError, match="limit must be a whole number"):
        await mount.list("roles/", limit="many")
