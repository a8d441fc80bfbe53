"""SCM's order book against what is stored: nothing bought may be without its record and its key."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import SecretStr

from sectigo_vault_pki.lifecycle import summary_of
from sectigo_vault_pki.scm_simulator.model.orders import Order
from sectigo_vault_pki.store import (
    CertificateRecord,
    CurrentCertificate,
    OrderRecord,
    Repository,
    SummaryEntry,
    UniqueId,
)
from sectigo_vault_pki.store.index import index_keys
from tests.support.mount import Mount


async def records_of(mount: Mount, name: str) -> Mapping[str, CertificateRecord]:
    """Return the stored certificates of a config entry by their unique ids."""
    repository = Repository(mount.storage)
    records = [await repository.certificate(name, UniqueId(found)) for found in await repository.unique_ids(name)]
    return {record.unique_id: record for record in records if record is not None}


async def entries_of(mount: Mount, name: str) -> Sequence[OrderRecord]:
    """Return the write-ahead entries of a config entry, oldest first."""
    repository = Repository(mount.storage)
    entries = [await repository.order(name, order_uuid) for order_uuid in await repository.order_uuids(name)]
    return sorted((entry for entry in entries if entry is not None), key=lambda entry: entry.created_at)


async def assert_summaries_are_true(mount: Mount, name: str) -> None:
    """Check that each summary says what its record says, and that every certificate has one, or is pending."""
    repository = Repository(mount.storage, summarise=summary_of)
    records = await records_of(mount, name)
    entries = await repository.summaries.page(name, limit=10_000)
    for entry in entries:
        record = records[entry.unique_id]
        assert entry == SummaryEntry.of(name, record)
        assert await repository.summaries.read(entry) == summary_of(record)
    pending = {entry.unique_id for entry in await repository.pending() if entry.config_name == name}
    stored = mount.storage.snapshot().keys()
    open_orders = {*await repository.order_uuids(name)}
    led_to_by_orders = {record.unique_id for record in records.values() if record.order_uuid in open_orders}
    for unique_id in records.keys() - pending - led_to_by_orders:
        assert unique_id in {entry.unique_id for entry in entries}
        assert index_keys(name, records[unique_id]) <= stored


def unique_id_of(order: Order) -> str:
    """Return the unique id under which an order of SCM's is to be stored."""
    return f"{order.handle}_demo-customer"


def key_digests_of(record: CertificateRecord | None, entries: Iterable[OrderRecord]) -> set[str]:
    """Return the digests of the keys that go with a record and its write-ahead entries."""
    digests = {entry.key_digest for entry in entries}
    if record is None:
        return digests
    digests |= {order.key_digest for order in (record.order, *record.superseded) if order is not None}
    for held in (record.current, *record.earlier):
        if held is not None:
            digests.add(_digest_of(held))
    return digests


def both_books(records: Iterable[CertificateRecord], entries: Iterable[OrderRecord], orders: Iterable[Order]) -> str:
    """Describe what is stored and what SCM has, for a test that found them at odds; keys by their digests' starts."""
    lines = []
    for record in records:
        held = [_digest_of(one)[:8] for one in (record.current, *record.earlier) if one is not None]
        in_flight = f"{record.order.operation} {record.order.key_digest[:8]}" if record.order else "nothing"
        links = {name: getattr(record, name) for name in ("submitting", "successor", "renewed_from", "renewed_to")}
        history = [entry.status.value for entry in record.history]
        lines.append(f"stored {record.unique_id}: holds {held}, in flight {in_flight}, {links}, {history}")
    lines += [f"entry {one.uuid}: {one.operation} of {one.unique_id}, key {one.key_digest[:8]}" for one in entries]
    for order in orders:
        issued = [one.request.csr.public_key_sha256[:8] for one in order.issued]
        asked = order.in_flight.request.csr.public_key_sha256[:8] if order.in_flight else "nothing"
        lines.append(f"SCM's {unique_id_of(order)}: issued {issued}, in flight {asked}, renewed to {order.renewed_to}")
    return "\n".join(lines)


def assert_answer_fits(data: Mapping[str, Any]) -> None:
    """Check that the key, the CSR and the certificate of an answer belong together, as far as it has them."""
    digests = set()
    if data["leaf_certificate"]:
        digests.add(_digest(x509.load_pem_x509_certificate(data["leaf_certificate"].encode()).public_key()))
    if data["csr"]:
        digests.add(_digest(x509.load_pem_x509_csr(data["csr"].encode()).public_key()))
    if data["private_key"]:
        digests.add(_digest(load_pem_private_key(data["private_key"].encode(), password=None).public_key()))
    assert len(digests) <= 1


def assert_fits(
    record: CertificateRecord, order: Order, sought: Collection[str] = (), inherited: Collection[str] = ()
) -> None:
    """Check that the keys of a record belong to what SCM has booked and issued under its id.

    Args:
        record: what is stored.
        order: what SCM has.
        sought: digests of keys of which nobody knows yet whether SCM has them.
        inherited: digests of the keys of the certificate that was renewed; SCM may take any of them.
    """
    issued = {_digest(one.certificate.public_key()) for one in order.issued}
    booked = {order.request.csr.public_key_sha256} | {one.request.csr.public_key_sha256 for one in order.issued}
    known = {record.order.key_digest if record.order else "", *sought, *inherited} | key_digests_of(record, ())
    if record.order is None or record.order.key_digest:
        assert order.request.csr.public_key_sha256 in known
    for held in (record.current, *record.earlier):
        if held is not None:
            leaf = x509.load_pem_x509_certificate(held.bundle.encode())
            assert _digest(leaf.public_key()) in issued
            _assert_key(held.private_key, held.csr, _digest(leaf.public_key()))
    if record.order is not None:
        assert record.order.key_digest in booked | {""} or not booked.isdisjoint(inherited)
        _assert_key(record.order.private_key, record.order.csr, record.order.key_digest)


def _assert_key(private_key: SecretStr | None, csr: str, digest: str) -> None:
    if private_key is not None:
        key = load_pem_private_key(private_key.get_secret_value().encode(), password=None)
        assert _digest(key.public_key()) == digest
    if csr:
        assert _digest(x509.load_pem_x509_csr(csr.encode()).public_key()) == digest


def _digest_of(held: CurrentCertificate) -> str:
    return _digest(x509.load_pem_x509_certificate(held.bundle.encode()).public_key())


def _digest(key: PublicKeyTypes) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
