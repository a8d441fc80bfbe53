"""SCM's order book against what a real server holds: by what it answers, and by what is stored below the mount.

Each wish is for a name of its own, so that two orders for one name, neither of them a renewal, were one wish.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sectigo_vault_pki.lifecycle import summary_of
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateSummary,
    CurrentCertificate,
    SummaryEntry,
    UniqueId,
)
from tests.support.certificates import key_fits
from tests.support.scm_process import ScmProcess
from tests.support.vault import VaultMount

RAW_STORAGE = "raw_storage_endpoint = true\n"
"""The server's setting with which its operator reads storage decrypted."""


def disagreements(scm: ScmProcess, listed: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Compare SCM's order book with what Vault answers, and say where they differ."""
    book = _book(scm)
    for unique_id, order in book.items():
        held = listed.get(unique_id)
        if not held or not held.get("leaf_certificate"):
            yield f"{unique_id} ({order['status']}) was bought, and Vault holds no certificate of it"
            continue
        if not key_fits(held):
            yield f"the key of {unique_id} does not fit"
        if held["serial_number"] != order["serials"][-1].lower():
            yield f"Vault holds an old certificate of {unique_id}"
        if held["status"] == "Revoked" and order["status"] != "Revoked":
            yield f"Vault says that {unique_id} is revoked, and SCM has it as {order['status']}"
        renewed_to = f"{order['renewed_to']}_{scm.customer_uri}" if order["renewed_to"] else ""
        if held["renewed_to"] != renewed_to:
            yield f"{unique_id} was renewed as {renewed_to or 'nothing'}, and Vault says {held['renewed_to']}"
    for unique_id, held in listed.items():
        if unique_id not in book and not _may_be_open(unique_id, held, book):
            yield f"Vault holds {unique_id} ({held.get('status')}), which SCM does not have"
    yield from _bought_twice(book)


def lost_keys(mount: VaultMount, name: str = "web") -> Iterator[str]:
    """Look for each certificate that SCM ever issued, those replaced since among them, and for its key, in storage.

    The server has to have `RAW_STORAGE`.
    """
    for unique_id, order in _book(mount.scm).items():
        record = _stored(mount, f"cert/{name}/{unique_id}")
        held = {one.serial_number: one for one in (record.current, *record.earlier) if one is not None}
        for serial in map(str.lower, order["serials"]):
            if serial not in held:
                yield f"SCM issued {serial} under {unique_id}, which is not stored"
            elif not _fits(held[serial]):
                yield f"the key stored with {serial} of {unique_id} does not fit"


def untrue_summaries(mount: VaultMount, name: str = "web") -> Iterator[str]:
    """Compare the index with the records, and the numbers of `status` with what is stored, and say where they differ.

    The server has to have `RAW_STORAGE`.
    """
    ids = [unique_id for unique_id in mount.ids(name) if not unique_id.startswith("order-")]
    records = {unique_id: _stored(mount, f"cert/{name}/{unique_id}") for unique_id in ids}
    entries = {SummaryEntry.named(name, found).unique_id: found for found in _names(mount, f"index/summary/{name}")}
    for unique_id, found in entries.items():
        record = records.get(UniqueId(unique_id))
        told = _raw(mount, f"index/summary/{name}/{found}")
        if record is None:
            yield f"{unique_id} has a summary, and is not stored"
        elif SummaryEntry.of(name, record).key != f"index/summary/{name}/{found}":
            yield f"{unique_id} stands otherwise than the index says: {found}"
        elif CertificateSummary.model_validate_json(told) != summary_of(record):
            yield f"the summary of {unique_id} is not true"
    pending = {*_names(mount, f"index/pending/{name}")}
    yield from (f"nothing leads to {unique_id}" for unique_id in records.keys() - entries.keys() - pending)
    counted = mount.api("GET", "status").expect(200).data["by_status"]
    stored = dict(Counter(record.newest_status for record in records.values()))
    if counted != stored:
        yield f"status counts {counted}, and {stored} are stored"


def _names(mount: VaultMount, prefix: str) -> list[str]:
    keys: list[str] = mount.server.api("LIST", f"sys/raw/{_place(mount)}/{prefix}").data.get("keys", [])
    return keys


def _book(scm: ScmProcess) -> Mapping[str, Mapping[str, Any]]:
    return {f"{order['id']}_{scm.customer_uri}": order for order in scm.orders()}


def _stored(mount: VaultMount, key: str) -> CertificateRecord:
    return CertificateRecord.model_validate_json(_raw(mount, key))


def _raw(mount: VaultMount, key: str) -> str:
    value: str = mount.server.api("GET", f"sys/raw/{_place(mount)}/{key}").expect(200).data["value"]
    return value


def _place(mount: VaultMount) -> str:
    """Return where the mount's storage lies in the server's."""
    mount_id = mount.server.api("GET", "sys/mounts").expect(200).data[f"{mount.path}/"]["uuid"]
    return f"logical/{mount_id}"


def _fits(held: CurrentCertificate) -> bool:
    if held.private_key is None:
        return False
    key = held.private_key.get_secret_value()
    return key_fits({"leaf_certificate": held.bundle, "csr": held.csr, "private_key": key})


def _may_be_open(unique_id: str, held: Mapping[str, Any], book: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it is an order that SCM never took, which nobody may conclude in the first ten minutes (design.md 5).

    One for a certificate in hand answers that certificate; an enrolment's leads nowhere yet, and SCM has no such mark.
    """
    if not unique_id.startswith("order-"):
        return False
    if held.get("cert_unique_id") in book:
        return True
    uuid = unique_id.removeprefix("order-")
    is_saved = held.get("status") == "Unsettled" and bool(held.get("private_key"))
    return is_saved and not any(uuid in order["comments"] for order in book.values())


def _bought_twice(book: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Find wishes with more orders than one; a renewal carries its first order's mark, and its predecessor names it."""
    renewals = {order["renewed_to"] for order in book.values()}
    first: dict[str, str] = {}
    for unique_id, order in book.items():
        if order["id"] in renewals:
            continue
        others = {first.setdefault(order[what], unique_id) for what in ("comments", "common_name")} - {unique_id}
        for other in others:
            yield f"{other} and {unique_id} were bought for one wish"
