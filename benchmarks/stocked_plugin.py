"""The plugin, started as always, with one more path: a write on `benchmark/stock` fills or changes the storage.

`make bench BENCH=stock` installs a command that calls `main` here in place of the plugin's own, and registers the
plugin itself once the storage is filled. Copies of an enrolled certificate are written through `Repository`, so that
they have the same entries as ordered ones; a copy costs no key, no CSR, and no parsing of a certificate.
"""

import asyncio
import hashlib
import os
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel

from benchmarks.profiled_plugin import FILE_VARIABLE, CpuProfiler, toggle
from sectigo_vault_pki import __version__
from sectigo_vault_pki.__main__ import NAME, Factory
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateSummary,
    CurrentCertificate,
    Repository,
    UniqueId,
    layout,
)
from sectigo_vault_pki.store.summaries import Summarise
from sectigo_vault_pki.vault_plugin.logical import (
    Backend,
    BackendConfig,
    BackendType,
    Operation,
    Request,
    Response,
    SpecialPaths,
    Storage,
)
from sectigo_vault_pki.vault_plugin.process import serve

PATH = "benchmark/stock"
FIRST_ID = 50_000_000
"""SCM's number of the first copy; ids ascend with the numbers of the copies."""

ONE_IN = 50
"""So few end within `SOON`, and as few have ended."""
SOON = timedelta(days=7)
DAYS = 365
_REST = timedelta(days=9)
"""No other copy ends earlier: renewals of the background work would be measured in place of its looking."""
_TOGETHER = 64


class Task(BaseModel):
    """What a write on `PATH` asks for.

    Attributes:
        unique_id: the certificate to copy.
        first: the number of the first copy.
        all_soon: all copies end within `SOON`.
        unlisted: delete that many summaries in place of storing copies, as if an earlier version had stored them.
    """

    config: str
    unique_id: str = ""
    first: int = 0
    count: int
    all_soon: bool = False
    unlisted: bool = False


@dataclass(frozen=True, slots=True)
class Ends:
    """Which copies end when."""

    now: datetime
    all_soon: bool

    def end_of(self, number: int) -> tuple[datetime, bool]:
        """Return the end of a copy, and whether the background work renews it."""
        turn, place = number % ONE_IN, number // ONE_IN
        spread = place * 7919  # a prime: neighbours end on different days
        if self.all_soon or turn == 0:
            minutes = int(SOON / timedelta(minutes=1)) - 60
            return self.now + timedelta(minutes=30 + spread % minutes), False
        if turn == 1:
            return self.now - timedelta(days=1 + spread % DAYS), False
        return self.now + _REST + timedelta(days=(spread + turn) % (DAYS - _REST.days)), True


def copy_of(record: CertificateRecord, number: int, ends: Ends) -> CertificateRecord:
    """Return a certificate like an issued one, with its own id, serial number and end."""
    not_after, is_renewed = ends.end_of(number)
    serial = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    current = _held(record).model_copy(
        update={
            "serial_number": ":".join(serial[place : place + 2] for place in range(0, len(serial), 2)),
            "not_before": not_after - timedelta(days=DAYS),
            "not_after": not_after,
        }
    )
    waiting = record.requested.waiting.model_copy(update={} if is_renewed else {"auto_renew": False})
    scm_id, customer = FIRST_ID + number, record.unique_id.partition("_")[2]
    return record.model_copy(
        update={
            "unique_id": UniqueId(f"{scm_id}_{customer}"),
            "scm_id": scm_id,
            "common_name": f"host-{number}.example.test",
            "current": current,
            "requested": record.requested.model_copy(update={"waiting": waiting}),
        }
    )


def summaries_like(summary: CertificateSummary) -> Summarise:
    """Return what makes the summaries of a certificate's copies, without parsing each."""

    def summarise(record: CertificateRecord) -> CertificateSummary:
        current = _held(record)
        return summary.model_copy(
            update={
                "unique_id": record.unique_id,
                "common_name": record.common_name,
                "subject_alt_names": (record.common_name,),
                "serial_number": current.serial_number,
                "not_before": current.not_before,
                "not_after": current.not_after,
            }
        )

    return summarise


def _held(record: CertificateRecord) -> CurrentCertificate:
    if record.current is None:
        raise ValueError(f"{record.unique_id} is not collected: there is nothing to copy")
    return record.current


class StockedBackend:
    """A mount's backend with the benchmark's own path before all others."""

    def __init__(self, backend: Backend, storage: Storage) -> None:
        self._backend = backend
        self._storage = storage

    @property
    def backend_type(self) -> BackendType:
        return self._backend.backend_type

    @property
    def special_paths(self) -> SpecialPaths:
        return self._backend.special_paths

    async def initialize(self) -> None:
        await self._backend.initialize()

    async def canonical_path(self, path: str) -> str | None:
        return await self._backend.canonical_path(path)

    async def check_existence(self, request: Request) -> bool | None:
        return await self._backend.check_existence(request)

    async def invalidate_key(self, key: str) -> None:
        await self._backend.invalidate_key(key)

    async def cleanup(self) -> None:
        await self._backend.cleanup()

    async def handle_request(self, request: Request) -> Response | None:
        if request.path != PATH:
            return await self._backend.handle_request(request)
        if request.operation is Operation.READ:
            return Response(data={"index_complete": await Repository(self._storage).is_index_complete()})
        task = Task.model_validate(request.data)
        await (self._delete_summaries(task) if task.unlisted else self._copy(task))
        return Response(data={})

    async def _copy(self, task: Task) -> None:
        plain, ends = Repository(self._storage), Ends(datetime.now(UTC), task.all_soon)
        record = await plain.certificate(task.config, UniqueId(task.unique_id))
        entry = await plain.summaries.entry(task.config, UniqueId(task.unique_id))
        summary = None if entry is None else await plain.summaries.read(entry)
        if record is None or summary is None:
            raise ValueError(f"there is no certificate {task.unique_id} to copy")
        repository = Repository(self._storage, summarise=summaries_like(summary))
        for start in range(task.first, task.first + task.count, _TOGETHER):
            some = range(start, min(start + _TOGETHER, task.first + task.count))
            copies = [copy_of(record, number, ends) for number in some]
            await asyncio.gather(*(repository.put_certificate(task.config, copy) for copy in copies))
        await repository.put_index_complete()

    async def _delete_summaries(self, task: Task) -> None:
        prefix = layout.summaries_prefix(task.config)
        await self._storage.delete(layout.INDEX_COMPLETE)
        for name in await self._storage.list_page(prefix, limit=task.count):
            await self._storage.delete(prefix + name)


class StockedFactory:
    """Builds mounts as the plugin does, with the benchmark's path."""

    def __init__(self) -> None:
        self._factory = Factory()

    async def __call__(self, config: BackendConfig) -> Backend:
        return StockedBackend(await self._factory(config), config.storage)


def main() -> int:
    """Be the plugin, with the benchmark's path; return the exit status."""
    if FILE_VARIABLE in os.environ:
        signal.signal(signal.SIGUSR1, toggle(CpuProfiler(), Path(os.environ[FILE_VARIABLE])))
    return serve(StockedFactory(), name=NAME, version=__version__)
