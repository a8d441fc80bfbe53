"""Any sequence of operations, faults and time: keys fit, histories grow, and nothing bought or readable is lost."""

import asyncio
import os
import random
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sectigo_vault_pki.scm_simulator.faults import FaultKind
from sectigo_vault_pki.scm_simulator.model.orders import Order, Status
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings
from sectigo_vault_pki.store import CertificateRecord, OrderOperation, OrderRecord, Repository, agenda_keys
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, NotFoundError, Response, UnavailableError
from tests.support.audit import (
    assert_answer_fits,
    assert_fits,
    assert_summaries_are_true,
    both_books,
    entries_of,
    key_digests_of,
    records_of,
    unique_id_of,
)
from tests.support.mount import Mount, answered
from tests.support.orders import ORDERS
from tests.support.virtual_time import LoopClock, VirtualTimeLoop

T = TypeVar("T")

CONFIGS = {"web": "ssl_cert", "mail": "client_cert"}
STATUSES = {"Applied", "Issued", "TimeoutStateSaved", "ErrorCode", "Unsettled", "Renewed", "Replaced", "Revoked"}
AS_IT_IS = {"sectigo_auto_renew": False, "sectigo_read_renewed_cert": False}
LONG_ENOUGH = 700.0
"""Seconds after which no task of ours is waiting any more."""

names = st.sampled_from(sorted(CONFIGS))
picks = st.integers(min_value=0, max_value=7)
waits = st.sampled_from([{}, {"sectigo_max_timeout": 0}, {"sectigo_max_timeout": 5}])
reading_flags = st.fixed_dictionaries(
    {},
    optional={
        "sectigo_auto_renew": st.booleans(),
        "sectigo_read_renewed_cert": st.booleans(),
        "sectigo_expiry_window": st.sampled_from([7, 400]),
        "sectigo_max_timeout": st.sampled_from([0, 3]),
    },
)
kinds: Sequence[FaultKind] = ("drop_before", "drop_after", "status", "slow")
of_orders: Sequence[FaultKind] = (*kinds, "empty")
faults = st.one_of(
    st.tuples(st.sampled_from(["replace", "revoke", "collect", "list", "details"]), st.sampled_from(kinds)),
    st.tuples(st.sampled_from(["enroll", "renew"]), st.sampled_from(of_orders)),
    st.just(("collect", "stale")),
)


class Lives(RuleBasedStateMachine):
    """Certificates of both types under one mount, an SCM with moods, and a user who does anything."""

    def __init__(self) -> None:
        super().__init__()
        self.uuids = mock.patch("uuid.uuid4", same_uuids())
        self.uuids.start()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.clock = LoopClock()
        self.mount = self.runner.run(self.prepared())
        self.known: list[tuple[str, str]] = []
        self.histories: dict[tuple[str, str], tuple[object, ...]] = {}
        self.in_hand: dict[tuple[str, str], str] = {}
        self.forgotten: set[tuple[str, str]] = set()
        self.forgotten_keys: set[str] = set()
        self.heals_by_itself = False

    async def prepared(self) -> Mount:
        mount = Mount(Simulator(now=self.clock.now), self.clock)
        for name, certificate_type in CONFIGS.items():
            await mount.configure(name, sectigo_config_type=certificate_type)
        return mount

    # what the user does

    @initialize(first=names, heals_by_itself=st.booleans())
    def begin(self, first: str, heals_by_itself: bool) -> None:
        self.heals_by_itself = heals_by_itself
        self.enroll(name=first, host="a", wait={})

    @rule(name=names, host=st.sampled_from("ab"), wait=waits)
    def enroll(self, name: str, host: str, wait: Mapping[str, object]) -> None:
        self.write(f"enroll/{name}", {**ORDERS[CONFIGS[name]](host), **wait})

    @precondition(lambda self: self.known)
    @rule(pick=picks, flags=reading_flags)
    def read(self, pick: int, flags: Mapping[str, object]) -> None:
        self.look_at(*self.one_of_known(pick), flags)

    @precondition(lambda self: self.known)
    @rule(pick=picks, new_key=st.booleans(), wait=waits)
    def renew(self, pick: int, new_key: bool, wait: Mapping[str, object]) -> None:
        name, unique_id = self.one_of_known(pick)
        extra = {"sectigo_renew_new_key": True} if new_key else {}
        self.write(f"renew/{name}/{unique_id}", {**wait, **extra})

    @precondition(lambda self: self.known)
    @rule(pick=picks, revoked=st.booleans(), wait=waits)
    def replace(self, pick: int, revoked: bool, wait: Mapping[str, object]) -> None:
        name, unique_id = self.one_of_known(pick)
        self.write(f"replace/{name}/{unique_id}", {**replacement(name, revoked=revoked), **wait})

    @precondition(lambda self: self.known)
    @rule(pick=picks)
    def revoke(self, pick: int) -> None:
        name, unique_id = self.one_of_known(pick)
        self.write(f"revoke/{name}/{unique_id}", {"sectigo_reason": "superseded"})

    @precondition(lambda self: self.known)
    @rule(pick=picks, chosen=st.lists(st.sampled_from(["renew", "replace", "revoke", "read"]), min_size=2, max_size=4))
    def do_at_once(self, pick: int, chosen: list[str]) -> None:
        name, unique_id = self.one_of_known(pick)
        data = {"read": {}, "renew": {}, "revoke": {"sectigo_reason": "superseded"}, "replace": replacement(name)}
        before = len(self.orders)

        async def act() -> None:
            asked = [
                self.mount.read(f"certs/{name}/{unique_id}")
                if operation == "read"
                else self.mount.write(f"{operation}/{name}/{unique_id}", data[operation])
                for operation in chosen
            ]
            await asyncio.gather(*(self.checked(one) for one in asked))
            await asyncio.sleep(LONG_ENOUGH)

        self.run(act())
        assert len(self.orders) <= before + 1

    @precondition(lambda self: self.orders)
    @rule(pick=picks)
    def fetch(self, pick: int) -> None:
        order = self.orders[pick % len(self.orders)]
        (name,) = (name for name in CONFIGS if CONFIGS[name].startswith(order.kind.value))
        if self.write(f"fetch/{name}/{order.handle}", {}):
            self.forgotten.discard((name, unique_id_of(order)))

    @precondition(lambda self: self.known)
    @rule(pick=picks, force=st.booleans())
    def delete(self, pick: int, force: bool) -> None:
        name, unique_id = self.one_of_known(pick)
        entries = self.entries_behind(name, unique_id)
        keys = self.keys_of(name, unique_id)
        aliases = self.aliases_of(name, unique_id)
        try:
            self.run(self.mount.delete(f"certs/{name}/{unique_id}", {"sectigo_force": force}))
        except BadRequestError:
            assert self.run(self.is_stored(name, unique_id))
            return
        assert force or not entries
        self.forgotten_keys |= {entry.key_digest for entry in entries} | keys
        self.forgotten.add((name, unique_id))
        self.known = [one for one in self.known if one not in {(name, unique_id), *aliases}]
        self.histories.pop((name, unique_id), None)
        self.in_hand.pop((name, unique_id), None)

    @rule(name=names)
    def list_all(self, name: str) -> None:
        listed = self.run(self.mount.list(f"certs/{name}"))
        assert len(set(listed)) == len(listed)
        self.meet(name, *listed)

    @rule(name=names, wait_limit=st.sampled_from([1, 50]), auto_renew=st.booleans())
    def change_config(self, name: str, wait_limit: int, auto_renew: bool) -> None:
        changes = {"sectigo_wait_limit": wait_limit, "sectigo_auto_renew": auto_renew}
        self.run(self.mount.write(f"configs/{name}", changes))

    @rule(name=names, pick=picks)
    def delete_config_for_a_moment(self, name: str, pick: int) -> None:
        self.run(self.mount.delete(f"configs/{name}"))
        if self.known:
            self.look_at(*self.one_of_known(pick), {})
        self.run(self.mount.configure(name, sectigo_config_type=CONFIGS[name]))

    # what happens meanwhile

    @rule(passing=st.sampled_from([{"minutes": 11}, {"hours": 2}, {"days": 30}, {"days": 355}, {"days": 400}]))
    def let_time_pass(self, passing: Mapping[str, float]) -> None:
        self.clock.advance(**passing)

    @rule()
    def tick(self) -> None:
        self.run(self.mount.tick(LONG_ENOUGH))

    @rule()
    def restart(self) -> None:
        async def act() -> None:
            await self.mount.restart()
            await self.mount.backend.initialize()
            await asyncio.sleep(LONG_ENOUGH)

        self.run(act())

    @rule(
        fault=faults,
        status=st.sampled_from([400, 429, 500, 503]),
        seconds=st.sampled_from([10, 70]),
        times=st.integers(min_value=1, max_value=3),
    )
    def plan_a_fault(self, fault: tuple[str, FaultKind], status: int, seconds: int, times: int) -> None:
        self.mend_scm()
        self.mount.simulator.faults.add(*fault, status=status, seconds=seconds, times=times)

    @rule()
    def mend_scm(self) -> None:
        self.mount.simulator.faults.clear()

    @rule(
        flags=st.fixed_dictionaries(
            {
                "never_issue": st.booleans(),
                "auto_approve": st.booleans(),
                "renew_answers_id": st.booleans(),
                "renew_reuses_first_csr": st.booleans(),
            }
        ),
        polls=st.sampled_from([0, 2, 5]),
    )
    def change_scm(self, flags: Mapping[str, bool], polls: int) -> None:
        self.mount.simulator.settings.change_to(Settings(pending_polls=polls, **flags))

    @precondition(lambda self: self.orders)
    @rule(pick=picks, decision=st.sampled_from(["approve", "decline", "issue"]))
    def decide_at_scm(self, pick: int, decision: str) -> None:
        waiting = [order for order in self.orders if order.in_flight is not None and order.declined_at is None]
        book = self.mount.simulator.orders

        async def act() -> None:
            order = waiting[pick % len(waiting)]
            {"approve": book.approve, "decline": book.decline, "issue": book.issue}[decision](order)

        if waiting:
            self.run(act())

    # what must hold

    @invariant()
    def all_is_well(self) -> None:
        self.run(self.check())

    async def check(self) -> None:
        for name in CONFIGS:
            records, entries = await records_of(self.mount, name), await entries_of(self.mount, name)
            try:
                self.check_records(name, records)
                await assert_summaries_are_true(self.mount, name)
                self.check_book(name, records, entries)
            except AssertionError as error:
                error.add_note(both_books(records.values(), entries, self.orders_of(name)))
                raise
            self.meet(name, *records, *(f"order-{e.uuid}" for e in entries if e.operation is OrderOperation.ENROLL))
        for name, unique_id in self.known:
            assert await self.is_stored(name, unique_id), f"{unique_id} is gone"

    def check_records(self, name: str, records: Mapping[str, CertificateRecord]) -> None:
        for unique_id, record in records.items():
            assert agenda_keys(name, record) <= self.mount.storage.snapshot().keys()
            history = tuple(record.history)
            before = self.histories.get((name, unique_id), ())
            assert history[: len(before)] == before
            assert {entry.status.value for entry in history} <= STATUSES
            self.histories[name, unique_id] = history
            held = [one.serial_number for one in (record.current, *record.earlier) if one is not None]
            assert (serial := self.in_hand.get((name, unique_id))) is None or serial in held
            if record.current is not None:
                self.in_hand[name, unique_id] = record.current.serial_number
            successor = records.get(record.renewed_to or "")
            if successor is not None and successor.renewed_from == unique_id:  # else it was deleted, and fetched again
                assert successor.current is not None

    def check_book(self, name: str, records: Mapping[str, CertificateRecord], entries: Sequence[OrderRecord]) -> None:
        sought = {entry.key_digest for entry in entries} | self.forgotten_keys
        for asking in (record for record in records.values() if record.submitting is not None):
            sought |= key_digests_of(asking, ())
        for order in self.orders_of(name):
            record = records.get(unique_id_of(order))
            if record is not None:
                inherited = key_digests_of(records.get(record.renewed_from or ""), ()) | self.forgotten_keys
                assert_fits(record, order, sought, inherited)
            elif order.status(self.clock.now()) in {Status.DECLINED, Status.REJECTED} and not order.issued:
                continue  # never bought, and SCM lists a client order without its number then (scm-api.md 4.2)
            elif (name, unique_id_of(order)) not in self.forgotten:
                assert order.request.csr.public_key_sha256 in sought, f"nothing is known of {unique_id_of(order)}"
        assert set(records) <= {unique_id_of(order) for order in self.mount.simulator.orders}

    def teardown(self) -> None:
        try:
            self.run(self.heal())
            self.run(self.check())
            self.run(self.check_that_nothing_is_open())
            self.run(self.mount.backend.cleanup())
        finally:
            self.runner.close()
            self.uuids.stop()

    async def heal(self) -> None:
        """Let SCM be well, and touch everything, or let the background do so, until nothing changes any more."""
        simulator = self.mount.simulator
        simulator.faults.clear()
        simulator.settings.change_to(Settings(pending_polls=0))
        await asyncio.sleep(LONG_ENOUGH)
        for _ in range(4):
            await self.touch_everything_after(hours=2)
        if any(order.status(self.clock.now()) is Status.REQUESTED for order in simulator.orders):
            # Whose an order is that nobody approves may never be told: what may be it stays open for three days.
            for _ in range(2):
                await self.touch_everything_after(hours=36)

    async def touch_everything_after(self, *, hours: int) -> None:
        self.clock.advance(hours=hours)
        if self.heals_by_itself:
            await self.mount.tick(LONG_ENOUGH)
            return
        for name in CONFIGS:
            for unique_id in await self.mount.list(f"certs/{name}"):
                await self.checked(self.mount.read(f"certs/{name}/{unique_id}", AS_IT_IS))

    async def check_that_nothing_is_open(self) -> None:
        for name in CONFIGS:
            records, entries = await records_of(self.mount, name), await entries_of(self.mount, name)
            of_stored = {record.submitting for record in records.values()}
            assert of_stored == {None} or not records
            assert [
                entry for entry in entries if entry.operation in {OrderOperation.RENEW, OrderOperation.REPLACE}
            ] == []
            for order in self.orders_of(name):
                unique_id = unique_id_of(order)
                if (name, unique_id) in self.forgotten or order.request.csr.public_key_sha256 in self.forgotten_keys:
                    continue
                if order.status(self.clock.now()) is Status.ISSUED:
                    assert records[unique_id].current is not None
                    assert records[unique_id].order is None

    # how it is done

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def write(self, path: str, data: Mapping[str, object]) -> bool:
        async def act() -> bool:
            before = self.bought()
            is_answered = await self.checked(self.mount.write(path, data))
            assert is_answered or self.bought() == before, "an error was answered, and SCM had booked something"
            await asyncio.sleep(LONG_ENOUGH)
            return is_answered

        return self.run(act())

    def look_at(self, name: str, unique_id: str, flags: Mapping[str, object]) -> None:
        async def act() -> None:
            assert await self.checked(self.mount.read(f"certs/{name}/{unique_id}", flags)), "it was readable before"

        self.run(act())

    async def checked(self, asked: Awaitable[Response | None]) -> bool:
        """Whether it was answered; whatever is answered fits, and whatever is refused is refused properly."""
        try:
            data = answered(await asked)
        except (BadRequestError, UnavailableError, NotFoundError):
            return False
        assert_answer_fits(data)
        assert {entry["status"] for entry in data["state"]} <= STATUSES
        return True

    def one_of_known(self, pick: int) -> tuple[str, str]:
        return self.known[-1 - pick % len(self.known)]

    def meet(self, name: str, *unique_ids: str) -> None:
        self.known += [(name, one) for one in unique_ids if (name, one) not in self.known]

    @property
    def orders(self) -> list[Order]:
        async def every() -> list[Order]:
            return list(self.mount.simulator.orders)

        return self.run(every())

    def orders_of(self, name: str) -> Iterator[Order]:
        return (order for order in self.mount.simulator.orders if CONFIGS[name].startswith(order.kind.value))

    def bought(self) -> int:
        return sum(1 + len(order.issued) + (order.in_flight is not None) for order in self.mount.simulator.orders)

    def entries_behind(self, name: str, unique_id: str) -> Sequence[OrderRecord]:
        async def find() -> Sequence[OrderRecord]:
            record = (await records_of(self.mount, name)).get(unique_id)
            uuids = {unique_id.removeprefix("order-"), record.submitting if record else None}
            return [entry for entry in await entries_of(self.mount, name) if entry.uuid in uuids]

        return self.run(find())

    def aliases_of(self, name: str, unique_id: str) -> set[tuple[str, str]]:
        """Return the ids that a certificate had while it was an order."""
        repository = Repository(self.mount.storage)

        async def led_to(one: str) -> str | None:
            return await repository.certificate_of_order(name, one.removeprefix("order-"))

        orders = [one for owner, one in self.known if owner == name and one.startswith("order-")]
        return {(name, one) for one in orders if self.run(led_to(one)) == unique_id}

    def keys_of(self, name: str, unique_id: str) -> set[str]:
        return key_digests_of(self.run(records_of(self.mount, name)).get(unique_id), ())

    async def is_stored(self, name: str, unique_id: str) -> bool:
        snapshot = self.mount.storage.snapshot()
        order_uuid = unique_id.removeprefix("order-")
        keys = (f"cert/{name}/{unique_id}", f"order/{name}/{order_uuid}", f"index/order/{name}/{order_uuid}")
        return any(key in snapshot for key in keys)


def replacement(name: str, *, revoked: bool = False) -> Mapping[str, object]:
    """Return the fields of a replacement."""
    of_client = {"sectigo_client_cert_revoked_on_replace": revoked} if name == "mail" else {}
    return {"sectigo_reason": "key rotation", **of_client}


def same_uuids() -> Callable[[], uuid.UUID]:
    """Return a source of uuids that are the same in each run: storage lists orders by them."""
    source = random.Random(0)
    return lambda: uuid.UUID(int=source.getrandbits(128), version=4)


EXAMPLES = int(os.environ.get("HISTORIES", "100"))
"""Always the same ones; as many others as the variable says where it is set."""


@pytest.mark.long
def test_any_history_keeps_what_was_bought_and_what_was_readable() -> None:
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            derandomize="HISTORIES" not in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
            print_blob=False,
        ),
    )
