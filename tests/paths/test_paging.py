"""`after` and `limit` of lists, as Vault's own engines take them."""

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


async def test_a_limit_is_a_number(mount: Mount) -> None:
    with pytest.raises(BadRequestError, match="limit must be a whole number"):
        await mount.list("roles/", limit="many")
