import asyncio

from sectigo_vault_pki.lifecycle import NamedLocks


async def test_one_name_is_held_by_one_at_a_time() -> None:
    locks = NamedLocks()
    inside = 0
    most = 0

    async def work() -> None:
        nonlocal inside, most
        async with locks.hold("certificate", "web", "1"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(20)))
    assert most == 1


async def test_two_names_do_not_wait_for_each_other() -> None:
    locks = NamedLocks()
    async with locks.hold("web"), locks.hold("mail"):
        assert len(locks) == 2


async def test_a_name_nobody_uses_costs_nothing() -> None:
    locks = NamedLocks()
    for number in range(100):
        async with locks.hold(number):
            pass
    assert len(locks) == 0


async def test_a_cancelled_wait_leaves_no_trace() -> None:
    locks = NamedLocks()

    async def wait() -> None:
        async with locks.hold("web"):
            pass

    async with locks.hold("web"):
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
    assert len(locks) == 0
