"""What is stored when very many lives are over: everything that was bought, its key, and nothing of anybody else's."""

import hashlib
from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from sectigo_vault_pki.scm_simulator.model.orders import Order
from sectigo_vault_pki.store import CertificateRecord
from tests.support.audit import records_of, unique_id_of
from tests.support.chains_of_lives import ENTRIES
from tests.support.many_lives import World


async def check_what_is_stored(world: World) -> None:
    """Compare what is stored with what SCM has."""
    stored = {entry: await records_of(world.mount, entry) for entry in ENTRIES}
    records = [record for entry in stored.values() for record in entry.values()]
    _check_foreign_orders(world, {record.unique_id for record in records})
    digests = {digest for record in records for digest in _keys_of(record)}
    for chain in world.chains:
        for order in chain.orders:
            is_kept = order.request.csr.public_key_sha256 in digests
            assert is_kept, f"the key of {order.handle} is lost\n{world.judge.story(chain)}"
        _check_newest(world, chain.newest, stored[chain.entry], world.judge.story(chain))
    world.figures["chains"] = len(world.chains)
    world.figures["foreign orders"] = len(world.foreign)


def _check_newest(world: World, newest: Order | None, records: Mapping[str, CertificateRecord], story: str) -> None:
    """Check that the newest certificate of a chain is in hand, where it is of use still."""
    if newest is None or newest.issued[0].not_after <= world.now:
        return
    record = records.get(unique_id_of(newest))
    assert record is not None, f"{newest.handle} is not stored\n{story}"
    assert record.current is not None, f"{newest.handle} is not collected\n{story}"


def _check_foreign_orders(world: World, stored: set[str]) -> None:
    held = b"\n".join(world.storage.snapshot().values()).replace(b":", b"")
    for order in world.foreign:
        serials = [f"{one.serial_number:x}".encode() for one in order.issued]
        is_adopted = unique_id_of(order) in stored or any(serial in held for serial in serials)
        assert not is_adopted, f"seed {world.seed}: {order.handle} is somebody else's"


def _keys_of(record: CertificateRecord) -> Iterator[str]:
    """Yield the digests of the private keys that are stored with a record."""
    for one in (record.current, record.order, *record.earlier, *record.superseded):
        if one is not None and one.private_key is not None:
            key = load_pem_private_key(one.private_key.get_secret_value().encode(), password=None)
            der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            yield hashlib.sha256(der).hexdigest()
