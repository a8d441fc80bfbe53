"""Whatever index entry cannot be written, and whatever happens next: something leads to each certificate."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateSummary,
    Repository,
    RequestedFields,
    SummaryEntry,
    UniqueId,
    WaitingAndRenewal,
)
from sectigo_vault_pki.store.index import index_keys
from sectigo_vault_pki.vault_plugin.logical import StorageEntry, StorageError
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from tests.support.records import certificate_record, current_certificate
from tests.support.virtual_time import START

ID = UniqueId("55_demo-customer")
PENDING = f"index/pending/web/{ID}"
KINDS = ("index/expiry/", "index/wanted/", "index/ends/", "index/serial/", "index/summary/", "index/pending/", "cert/")


class Failing(InmemStorage):
    """Refuses to write, or to delete, what begins with one of some prefixes."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: tuple[str, ...] = ()

    async def put(self, entry: StorageEntry) -> None:
        self._refuse(entry.key)
        await super().put(entry)

    async def delete(self, key: str) -> None:
        self._refuse(f"delete {key}")
        await super().delete(key)

    def _refuse(self, what: str) -> None:
        if what.startswith(self.refused):
            raise StorageError("full")


def summarise(record: CertificateRecord) -> CertificateSummary:
    """Tell what a list could show, without a certificate to parse."""
    return CertificateSummary(
        unique_id=record.unique_id,
        certificate_type=record.certificate_type,
        common_name=record.common_name,
        revoked_at=record.revoked_at,
        renewed_to=record.renewed_to,
    )


def stated(kind: str) -> CertificateRecord:
    """Return the certificate in one of the states that it may have."""
    rest = certificate_record(order=None, current=current_certificate())
    match kind:
        case "open":
            return rest.model_copy(update={"submitting": "uuid"})
        case "replacing":
            return certificate_record(current=current_certificate())
        case "revoked":
            return rest.model_copy(update={"revoked_at": START})
        case "renewed":
            return rest.model_copy(update={"renewed_to": UniqueId("56_demo-customer")})
        case "wanted" | "unwanted":
            waiting = WaitingAndRenewal(auto_renew=kind == "wanted")
        case "waits":  # which no entry tells
            waiting = WaitingAndRenewal(max_timeout=5)
        case _:
            waiting = WaitingAndRenewal()
    return rest.model_copy(update={"requested": RequestedFields(waiting=waiting)})


async def check(storage: Failing) -> None:
    """Nothing leads to a certificate only where all of its entries are there."""
    repository = Repository(storage, summarise=summarise)
    stored = storage.snapshot().keys()
    summaries = {entry.key for entry in await repository.summaries.page("web", limit=100)}
    record = await repository.certificate("web", ID)
    if record is None:
        assert summaries == set() or PENDING in stored
        return
    own = SummaryEntry.of("web", record).key
    if PENDING not in stored:
        assert index_keys("web", record) <= stored
        assert own in summaries
    for key in summaries:
        assert key == own, "a summary that is not true"
    if own in summaries and record.is_at_rest:
        assert await repository.summaries.read(SummaryEntry.of("web", record)) == summarise(record)


STATES = ("rest", "open", "replacing", "revoked", "renewed", "wanted", "unwanted", "waits", "deleted")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(STATES),
        st.lists(st.sampled_from([*KINDS, *(f"delete {kind}" for kind in KINDS)]), max_size=3),
        st.booleans(),
    ),
    max_size=8,
)


@given(steps=STEPS)
def test_a_certificate_that_nothing_leads_to_has_all_of_its_entries(
    steps: Sequence[tuple[str, list[str], bool]],
) -> None:
    async def scenario() -> None:
        storage = Failing()
        repository = Repository(storage, summarise=summarise)
        for kind, refused, is_restarted in steps:
            if is_restarted:
                repository = Repository(storage, summarise=summarise)
            before = await repository.certificate("web", ID)
            storage.refused = tuple(refused)
            with suppress(StorageError):
                if kind == "deleted":
                    await repository.delete_certificate("web", ID, before=before)
                else:
                    await repository.put_certificate("web", stated(kind), before=before)
            storage.refused = ()
            await check(storage)

    asyncio.run(scenario())
