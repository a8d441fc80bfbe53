"""`configs/:name/rotate-root`: a new password that only Vault knows, and nobody locked out at any crash point."""

import asyncio
from itertools import count
from typing import Literal

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.store import Repository
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, StorageEntry
from tests.paths.test_logins_at_scm import OAUTH2
from tests.support.crashes import MortalMount
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock


def password_at_scm(mount: Mount) -> str:
    administrator = mount.simulator.accounts.administrator("demo-user")
    assert administrator is not None
    return administrator.password


async def assert_orders(mount: Mount, *config_names: str) -> None:
    for config_name in config_names:
        assert (await mount.enroll(config_name))["status"] == "Issued"


@pytest.fixture
def ready(mount: Mount) -> Mount:
    mount.simulator.settings.pending_polls = 0
    return mount


async def test_the_entry_orders_with_the_new_password_alone(ready: Mount) -> None:
    await ready.configure()
    assert await ready.write("configs/web/rotate-root", {}) is None
    new_password = password_at_scm(ready)
    assert new_password != "demo-password"
    assert len(new_password) == 32
    await assert_orders(ready, "web")
    stored = b"".join(ready.storage.snapshot().values())
    assert b"demo-password" not in stored
    assert new_password not in str(answered(await ready.read("configs/web")))


async def test_every_entry_with_the_login_gets_it_and_no_other(ready: Mount) -> None:
    await ready.configure("web")
    await ready.configure("shop", sectigo_cm_org_id=7001)
    await ready.write("configs/api", {**OAUTH2, "sectigo_config_type": "ssl_cert"})
    response = await ready.write("configs/web/rotate-root", {})
    assert response is not None
    assert response.warnings == ("these config entries have the same login, and the new password: shop",)
    await assert_orders(ready, "web", "shop", "api")
    assert ready.simulator.calls.count("unauthorized") <= 1  # which names the token URL


async def test_a_second_rotation_works_too(ready: Mount) -> None:
    await ready.configure()
    await ready.write("configs/web/rotate-root", {})
    first = password_at_scm(ready)
    await ready.write("configs/web/rotate-root", {})
    assert password_at_scm(ready) != first
    await assert_orders(ready, "web")


async def test_only_a_password_can_be_rotated(ready: Mount) -> None:
    await ready.write("configs/api", {**OAUTH2, "sectigo_config_type": "ssl_cert"})
    with pytest.raises(BadRequestError, match="does not log in by a password"):
        await ready.write("configs/api/rotate-root", {})
    with pytest.raises(BadRequestError, match='no config entry named "nobody"'):
        await ready.write("configs/nobody/rotate-root", {})


async def test_a_refused_rotation_leaves_the_old_password(ready: Mount) -> None:
    await ready.configure()
    ready.simulator.settings.shortest_password = 100
    with pytest.raises(BadRequestError, match="SCM refused changepassword"):
        await ready.write("configs/web/rotate-root", {})
    assert password_at_scm(ready) == "demo-password"
    await assert_orders(ready, "web")


async def test_a_password_that_is_written_ends_an_open_rotation(ready: Mount) -> None:
    await ready.configure()
    ready.simulator.faults.add("change_password", "drop_after")
    with pytest.raises(BadRequestError, match="both passwords are stored"):
        await ready.write("configs/web/rotate-root", {})
    await ready.write("configs/web", {"sectigo_cm_password": password_at_scm(ready)})
    await assert_orders(ready, "web")


async def test_another_kind_of_login_ends_an_open_rotation_and_leaves_no_password(ready: Mount) -> None:
    await ready.configure()
    ready.simulator.faults.add("change_password", "drop_after")
    with pytest.raises(BadRequestError, match="both passwords are stored"):
        await ready.write("configs/web/rotate-root", {})
    await ready.write("configs/web", OAUTH2)
    config = await Repository(ready.storage).config("web")
    assert config is not None
    assert (config.password, config.next_password) == (None, None)
    await assert_orders(ready, "web")
    config = await Repository(ready.storage).config("web")
    assert config is not None
    assert config.password is None


FAULTS: tuple[Literal["drop_before", "drop_after"], ...] = ("drop_before", "drop_after")


@pytest.mark.parametrize("fault", FAULTS)
async def test_after_a_lost_answer_the_next_order_finds_out_which_password_is_in_force(
    ready: Mount, fault: Literal["drop_before", "drop_after"]
) -> None:
    await ready.configure("web")
    await ready.configure("shop")
    ready.simulator.faults.add("change_password", fault)
    with pytest.raises(BadRequestError, match="both passwords are stored"):
        await ready.write("configs/web/rotate-root", {})
    await assert_orders(ready, "shop", "web")
    assert (password_at_scm(ready) == "demo-password") is (fault == "drop_before")
    ready.clock.advance(minutes=11)
    await ready.write("configs/web/rotate-root", {})
    await assert_orders(ready, "web", "shop")


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_rotation_that_waits_for_one_whose_answer_is_lost_locks_nobody_out(
    ready: Mount, fault: Literal["drop_before", "drop_after"], monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready.configure("web")
    await ready.configure("shop")
    put = ready.storage.put

    async def put_by_the_host(entry: StorageEntry) -> None:
        await asyncio.sleep(0)  # as every call of the host's does, this one lets other requests go on
        await put(entry)

    monkeypatch.setattr(ready.storage, "put", put_by_the_host)
    ready.simulator.faults.add("change_password", fault)
    first, second = await asyncio.gather(
        ready.write("configs/web/rotate-root", {}),
        ready.write("configs/shop/rotate-root", {}),
        return_exceptions=True,
    )
    assert "both passwords are stored" in str(first)
    assert isinstance(second, BaseException) is (fault == "drop_before")
    await assert_orders(ready, "web", "shop")


async def test_a_change_that_scm_carries_out_after_its_lost_answer_locks_nobody_out(ready: Mount) -> None:
    await ready.configure("web")
    ready.simulator.faults.add("change_password", "drop_before")
    with pytest.raises(BadRequestError, match="both passwords are stored"):
        await ready.write("configs/web/rotate-root", {})
    await assert_orders(ready, "web")
    with pytest.raises(BadRequestError, match="SCM may still carry it out: try again in 10 minutes"):
        await ready.write("configs/web/rotate-root", {})
    config = await Repository(ready.storage).config("web")
    administrator = ready.simulator.accounts.administrator("demo-user")
    assert config is not None
    assert config.next_password is not None
    assert administrator is not None
    administrator.password = config.next_password.get_secret_value()
    await assert_orders(ready, "web")


@pytest.mark.parametrize("at_scm", ["old", "new"])
async def test_a_refusal_that_says_nothing_of_the_login_proves_no_password(ready: Mount, at_scm: str) -> None:
    await ready.configure("web")
    ready.simulator.faults.add("change_password", "drop_before" if at_scm == "old" else "drop_after")
    with pytest.raises(BadRequestError, match="both passwords are stored"):
        await ready.write("configs/web/rotate-root", {})
    ready.simulator.faults.add("*", "status", status=403, code=-37, description="Access denied", times=None)
    with pytest.raises(BadRequestError, match="Access denied"):
        await ready.enroll()
    ready.simulator.faults.clear()
    await assert_orders(ready, "web")


@pytest.mark.long
@pytest.mark.parametrize("first_to_rotate", ["nobody", "web", "shop"])
async def test_a_crash_at_any_point_locks_nobody_out(
    simulator: Simulator, clock: LoopClock, first_to_rotate: str
) -> None:
    simulator.settings.pending_polls = 0
    for deeds in count(0):
        simulator.reset()
        simulator.settings.pending_polls = 0
        mount = MortalMount(simulator, clock)
        await mount.configure("web")
        await mount.configure("shop")
        mount.life.end_after(deeds)
        rotation = asyncio.ensure_future(mount.write("configs/web/rotate-root", {}))
        ended = asyncio.ensure_future(mount.life.ended.wait())
        await asyncio.wait({rotation, ended}, return_when=asyncio.FIRST_COMPLETED)
        is_whole = rotation.done()
        rotation.cancel()
        ended.cancel()
        restarted = await mount.restarted()
        restarted.clock.advance(minutes=11)
        if first_to_rotate != "nobody":
            await restarted.write(f"configs/{first_to_rotate}/rotate-root", {})
        await assert_orders(restarted, "shop", "web")
        await restarted.write("configs/shop/rotate-root", {})
        await assert_orders(restarted, "web", "shop")
        if is_whole:
            assert deeds > 4
            return
