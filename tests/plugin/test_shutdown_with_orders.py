"""The host's stop while enrolments wait: as quick as ever, and what was ordered is known to the next process."""

import asyncio
import sys
from collections.abc import Iterator
from secrets import token_hex

import grpc
import pytest

from sectigo_vault_pki.vault_plugin.testing.plugin_host import Mount, PluginHost
from tests.support.certificates import key_fits
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.vault import ORDER

pytestmark = pytest.mark.process

ENGINE = [sys.executable, "-m", "sectigo_vault_pki"]
ORDERS = 500
HOST_PATIENCE_SECONDS = 2.0


@pytest.fixture
def scm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScmProcess]:
    with ScmProcess(tmp_path_factory.mktemp("scm"), password=f"canary-{token_hex(12)}") as scm:
        scm.set(never_issue=True)
        yield scm


async def enroll(mount: Mount, number: int) -> None:
    await mount.request("update", "enroll/web", {**ORDER, "sectigo_csr_domain": f"www{number}.example.test"})


async def test_shutdown_with_500_enrolments_waiting_is_quick_and_loses_none(scm: ScmProcess) -> None:
    async with PluginHost(ENGINE) as host:
        mount = await host.mount()
        reply = await mount.request("update", "configs/web", {**scm.config(), "sectigo_wait_limit": 600})
        assert not reply.HasField("err"), reply.err
        waiting = [asyncio.create_task(enroll(mount, number)) for number in range(ORDERS)]
        await asyncio.to_thread(until, lambda: len(scm.orders()) == ORDERS, what="all orders", seconds=60)
        assert await host.shut_down() < HOST_PATIENCE_SECONDS
        assert host.process.returncode == 0
        assert list((host.folder / "tmp").iterdir()) == []
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(end is None or isinstance(end, grpc.aio.AioRpcError) for end in ends)
        storage = mount.storage
    async with PluginHost(ENGINE) as host:
        mount = await host.mount(storage=storage)
        listed = (await mount.data("list", "certs/web/"))["keys"]
        assert len(listed) == ORDERS
        assert {name.split("_")[0] for name in listed} == {str(order["id"]) for order in scm.orders()}
        scm.issue(int(listed[0].split("_")[0]))
        collected = await mount.data("read", f"certs/web/{listed[0]}")
        assert collected["status"] == "Issued"
        assert key_fits(collected)
    assert len(scm.orders()) == ORDERS
