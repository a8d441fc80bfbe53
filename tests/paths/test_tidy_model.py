"""`tidy` against a model: random chains of renewals, and random rules.

Nothing that is valid, open, or that an id still leads to goes; and everything else that the rules are about does.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.store import (
    CertificateRecord,
    CurrentCertificate,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    RequestedFields,
    SslFields,
    Status,
    UniqueId,
    WaitingAndRenewal,
)
from tests.support.mount import Mount, answered
from tests.support.records import UUID, certificate_record
from tests.support.virtual_time import LoopClock, VirtualTimeLoop

pytestmark = pytest.mark.long

DAY = timedelta(days=1)
LIFE = 90
DECLINED = -1112


@dataclass(frozen=True)
class Link:
    """One certificate of a chain.

    Attributes:
        ended: how many days ago it expired.
        earlier_ended: the same of a version before its replacement, which was not revoked.
        lost_order_days: how many days ago an order for it was lost, whose key it keeps.
    """

    ended: int
    config: str = "web"
    is_stored: bool = True
    is_revoked: bool = False
    is_submitting: bool = False
    is_replacing: bool = False
    earlier_ended: int | None = None
    auto_renew: bool | None = None
    lost_order_days: int | None = None


@dataclass(frozen=True)
class Order:
    """A record without a certificate; `declined` days ago, or not at all."""

    declined: int | None


@dataclass(frozen=True)
class Wish:
    """What a run is asked for; times in days."""

    cert_store: bool
    revoked_certs: bool
    orders: bool
    buffer: int
    revoked_buffer: int | None
    page_size: int

    @property
    def fields(self) -> Mapping[str, Any]:
        revoked = {} if self.revoked_buffer is None else {"revoked_safety_buffer": f"{self.revoked_buffer}d"}
        return {
            "tidy_cert_store": self.cert_store,
            "tidy_revoked_certs": self.revoked_certs,
            "tidy_orders": self.orders,
            "safety_buffer": f"{self.buffer}d",
            "page_size": self.page_size,
            **revoked,
        }


@dataclass
class World:
    """What is stored, by id: an id and its renewals are a chain."""

    chains: Sequence[Sequence[tuple[str, Link]]]
    orders: Sequence[tuple[str, Order]]
    configs: Sequence[str] = field(default=("web", "other"))


days = st.integers(-20, 90)
ages = st.none() | st.integers(0, 120)
links = st.builds(
    Link,
    ended=days,
    is_stored=st.sampled_from([True, True, True, True, False]),
    is_revoked=st.sampled_from([False, False, False, True]),
    is_submitting=st.sampled_from([False] * 5 + [True]),
    is_replacing=st.sampled_from([False] * 5 + [True]),
    earlier_ended=st.none() | days,
    auto_renew=st.sampled_from([False, False, None, True]),
    lost_order_days=st.sampled_from([None] * 5) | ages,
)
expired = st.builds(Link, ended=st.integers(25, 90), auto_renew=st.just(False))  # noqa: FBT003 - a value
orders = st.builds(Order, declined=ages)
wishes = st.builds(
    Wish,
    cert_store=st.sampled_from([True, True, True, False]),
    revoked_certs=st.booleans(),
    orders=st.booleans(),
    buffer=st.integers(1, 30),
    revoked_buffer=st.none() | st.integers(1, 30),
    page_size=st.integers(5, 20),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Chains in entries that exist and in one that is deleted, with ids in no order of age."""
    of_chains = [expired, expired | links, links]
    sizes = draw(st.lists(st.integers(1, 6), max_size=4))
    configs = [draw(st.sampled_from(["web", "other", "deleted"])) for _ in sizes]
    numbers = draw(st.permutations(range(100, 100 + sum(sizes) + 3)))
    ids = iter(f"{number}_demo-customer" for number in numbers)
    chains = []
    for size, config in zip(sizes, configs, strict=True):
        kind = draw(st.sampled_from(of_chains))
        chain = [draw(kind) for _ in range(size)]
        chains.append([(next(ids), Link(**{**vars(link), "config": config})) for link in chain])
    return World(chains, [(next(ids), draw(orders)) for _ in range(draw(st.integers(0, 3)))])


# The model.


def free(link: Link, wish: Wish, *, is_newest: bool) -> bool:
    """Whether nothing about a certificate itself keeps it."""
    if not (wish.revoked_certs if link.is_revoked else wish.cert_store):
        return False
    buffer = wish.buffer if not link.is_revoked or wish.revoked_buffer is None else wish.revoked_buffer
    ends = [link.ended] if link.earlier_ended is None else [link.ended, link.earlier_ended]
    if min(ends) <= buffer or link.is_submitting or link.is_replacing:
        return False
    if link.lost_order_days is not None and link.lost_order_days <= LIFE:
        return False
    may_be_renewed = is_newest and not link.is_revoked and link.config != "deleted"
    return not (may_be_renewed and link.auto_renew is not False)


def gone(world: World, wish: Wish) -> set[str]:
    """Return the ids that go."""
    found = {unique_id for unique_id, order in world.orders if declined_long_ago(order, wish)}
    for chain in world.chains:
        for segment in segments(chain):
            newest = segment[-1][0] if segment[-1][0] == chain[-1][0] else None
            going = {unique_id for unique_id, link in segment if free(link, wish, is_newest=unique_id == newest)}
            if len(going) < len(segment):
                going -= {segment[0][0], segment[-1][0]}
            found |= going
    return found


def declined_long_ago(order: Order, wish: Wish) -> bool:
    return wish.orders and order.declined is not None and order.declined > wish.buffer


def segments(chain: Sequence[tuple[str, Link]]) -> Iterator[Sequence[tuple[str, Link]]]:
    """Split a chain where somebody has deleted one of it."""
    segment: list[tuple[str, Link]] = []
    for unique_id, link in chain:
        if link.is_stored:
            segment.append((unique_id, link))
            continue
        if segment:
            yield segment
        segment = []
    if segment:
        yield segment


# What is stored.


def records(world: World, now: datetime) -> Iterator[tuple[str, CertificateRecord]]:
    for chain in world.chains:
        ids = [UniqueId(unique_id) for unique_id, _ in chain]
        for number, (_, link) in enumerate(chain):
            if not link.is_stored:
                continue
            after = ids[number + 1] if number + 1 < len(ids) else None
            before = ids[number - 1] if number else None
            yield f"cert/{link.config}/{ids[number]}", record_of(ids[number], link, before, after, now)
    for unique_id, order in world.orders:
        at = now - (order.declined or 0) * DAY
        in_flight = flight(at).model_copy(update={"in_trouble": order.declined is not None})
        status = Status.APPLIED if order.declined is None else Status.ERROR_CODE
        code = None if order.declined is None else DECLINED
        history = (HistoryEntry(status=status, at=at, code=code),)
        yield (
            f"cert/web/{unique_id}",
            certificate_record(unique_id=unique_id, order=in_flight, history=history),
        )


def record_of(
    unique_id: UniqueId, link: Link, before: UniqueId | None, after: UniqueId | None, now: datetime
) -> CertificateRecord:
    earlier = () if link.earlier_ended is None else (held("0a", now - link.earlier_ended * DAY),)
    lost = () if link.lost_order_days is None else (flight(now - link.lost_order_days * DAY),)
    return certificate_record(
        unique_id=unique_id,
        requested=RequestedFields(
            ssl=SslFields(certificate_profile=501, validity_days=LIFE),
            waiting=WaitingAndRenewal(auto_renew=link.auto_renew),
        ),
        current=held("0b", now - link.ended * DAY),
        order=flight(now - 90 * DAY) if link.is_replacing else None,
        submitting=UUID if link.is_submitting else None,
        earlier=earlier,
        superseded=lost,
        renewed_from=before,
        renewed_to=after,
        revoked_at=now - 50 * DAY if link.is_revoked else None,
    )


def held(serial_number: str, end: datetime) -> CurrentCertificate:
    return CurrentCertificate(
        bundle="leaf",
        csr="csr",
        private_key=SecretStr("key"),
        serial_number=serial_number,
        not_before=end - LIFE * DAY,
        not_after=end,
        collected_at=end - LIFE * DAY,
    )


def flight(at: datetime) -> OrderInFlight:
    return OrderInFlight(uuid=UUID, operation=OrderOperation.REPLACE, accepted_at=at)


def stored(mount: Mount) -> dict[str, CertificateRecord]:
    return {
        key.rpartition("/")[2]: CertificateRecord.model_validate_json(value)
        for key, value in mount.storage.snapshot().items()
        if key.startswith("cert/")
    }


def newest_of(found: Mapping[str, CertificateRecord], unique_id: str) -> str:
    """Return where a read of an id leads."""
    while (following := found[unique_id].renewed_to) is not None and following in found:
        unique_id = following
    return unique_id


@given(worlds(), wishes)
def test_exactly_what_the_model_lets_go_goes(world: World, wish: Wish) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(compare(world, wish))


async def compare(world: World, wish: Wish) -> None:
    clock = LoopClock()
    simulator = Simulator(now=clock.now)
    mount = Mount(simulator, clock)
    for name in world.configs:
        await mount.configure(name)
    now = clock.now() + timedelta(hours=1)  # a run comes soon enough to be before that
    for key, record in records(world, now):
        await mount.overwrite(key, record.model_dump_json(exclude_none=True).encode())
    before, going = stored(mount), gone(world, wish)
    gaps: list[str] = []
    mount.storage.on_write = lambda _: gaps.extend(dangling(before, stored(mount)))
    await mount.read("configs/web/test")
    dry = await mount.write("tidy", {**wish.fields, "dry_run": True})
    await mount.write("tidy", wish.fields)
    await asyncio.sleep(5)
    after = stored(mount)
    assert before.keys() - after.keys() == going
    assert gaps == []
    assert dry is not None
    deleted: list[str] = answered(dry)["deleted"]
    assert {name.rpartition("/")[2] for name in deleted} == going
    check_that_ids_lead_on(before, after)
    await mount.write("tidy", wish.fields)
    await asyncio.sleep(5)
    assert stored(mount) == after
    await mount.backend.cleanup()


def check_that_ids_lead_on(before: Mapping[str, CertificateRecord], after: Mapping[str, CertificateRecord]) -> None:
    """Every id that is left leads where it did, and the first of a chain is left if the newest is."""
    for unique_id in after:
        assert newest_of(after, unique_id) == newest_of(before, unique_id)
    for unique_id, record in before.items():
        is_first = record.renewed_from is None or record.renewed_from not in before
        newest = newest_of(before, unique_id)
        if is_first and newest in after:
            assert unique_id in after


def dangling(before: Mapping[str, CertificateRecord], now: Mapping[str, CertificateRecord]) -> Sequence[str]:
    """Return what leads to something that was stored, as a crash at this moment would leave it."""
    return [
        unique_id
        for unique_id, record in now.items()
        if record.renewed_to is not None and record.renewed_to in before and record.renewed_to not in now
    ]
