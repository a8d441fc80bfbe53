"""Newest chains: who issues under a config entry, known without a look through its certificates."""

import heapq
import logging
from datetime import timedelta

from sectigo_vault_pki.errors import NotFoundError, RecordError, SectigoVaultPkiError
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.pki import PemBundle, Published
from sectigo_vault_pki.store import CertificateRecord, CertificateType, NewestChain, StorageError, UniqueId

MAX_LOOKED_AT = 100
"""Certificates of an earlier version that are read, once, for the newest chain."""
RENOTED_AFTER = timedelta(days=1)
"""A note of the same chain is written again for a certificate that is so much newer, and not for each."""

_log = logging.getLogger(__name__)


class NewestChains:
    """Notes the chain of each config entry's newest SSL certificate, and returns the one of the mount's default entry.

    A certificate stored by an earlier version has left no note; the newest of them are looked through once.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._without: set[str] = set()

    async def note(self, config_name: str, record: CertificateRecord) -> None:
        """Note the chain of a certificate that has just been collected; what prevents that is only logged."""
        if record.certificate_type is not CertificateType.SSL:
            return
        try:
            chain = chain_of(record)
            if chain is not None and _adds(chain, await self._noted(config_name)):
                await self._resources.tasks.finish(self._put(config_name, chain))
        except (StorageError, SectigoVaultPkiError) as error:
            self._without.discard(config_name)
            values = {"config": config_name, "unique_id": record.unique_id, "error": error}
            _log.warning("the issuers of a certificate could not be noted", extra={"kv": values})

    async def newest(self) -> NewestChain:
        """Return the chain of the newest certificate under the mount's default config entry.

        Raises:
            NotFoundError: there is none, or no such entry; the text says why.
            StandbyError: certificates must be looked through, and this node must not keep what is found.
        """
        config_name = await self._default_entry()
        chain = await self._noted(config_name)
        if chain is None and config_name not in self._without:
            chain = await self._looked_up(config_name)
        if chain is None:
            raise NotFoundError(
                f'no certificate with its issuers has been collected under config entry "{config_name}" yet, and SCM '
                "does not tell in advance who will issue"
            )
        return chain

    async def _default_entry(self) -> str:
        repository = self._resources.repository
        if named := (await repository.role_defaults()).config_name:
            return named
        found: list[str] = []
        for name in await repository.config_names():
            config = await repository.config(name)
            if config is not None and config.certificate_type is CertificateType.SSL:
                found.append(name)
            if len(found) > 1:
                raise NotFoundError(
                    "several config entries order SSL certificates: write the one whose CA this mount is to show to "
                    "config/roles, as config"
                )
        if not found:
            raise NotFoundError("no config entry orders SSL certificates, so there is no CA to show")
        return found[0]

    async def _looked_up(self, config_name: str) -> NewestChain | None:
        """Look through the newest certificates of an entry, and keep what is found."""
        await self._resources.must_write()
        async with self._resources.locks.hold("newest chain lookup", config_name):
            noted = await self._noted(config_name)
            if noted is not None or config_name in self._without:
                return noted
            chain = await self._chain_in_hand(config_name)
            if chain is None:
                self._without.add(config_name)
                return None
            try:
                await self._resources.tasks.finish(self._put(config_name, chain))
            except StorageError as error:
                _log.warning(
                    "the newest issuers could not be noted", extra={"kv": {"config": config_name, "error": error}}
                )
        return chain

    async def _chain_in_hand(self, config_name: str) -> NewestChain | None:
        repository = self._resources.repository
        for unique_id in heapq.nlargest(MAX_LOOKED_AT, await repository.unique_ids(config_name), key=_number):
            try:
                record = await repository.certificate_once(config_name, UniqueId(unique_id))
                chain = chain_of(record) if record is not None else None
            except SectigoVaultPkiError:  # a record that cannot be read is named by `status`
                continue
            if chain is not None:
                return chain
        return None

    async def _noted(self, config_name: str) -> NewestChain | None:
        """Return the note; None where there is none, or none that can be read, and another takes its place."""
        try:
            return await self._resources.repository.newest_chain(config_name)
        except RecordError as error:
            _log.warning("a note of issuers is written again", extra={"kv": {"config": config_name, "error": error}})
            return None

    async def _put(self, config_name: str, chain: NewestChain) -> None:
        async with self._resources.locks.hold("newest chain", config_name):
            if _adds(chain, await self._noted(config_name)):
                await self._resources.repository.put_newest_chain(config_name, chain)


def chain_of(record: CertificateRecord) -> NewestChain | None:
    """Return what is noted of a certificate; None while it, or its issuers, are not in hand.

    Raises:
        ChainError: it cannot be read.
    """
    if record.current is None:
        return None
    bundle = PemBundle.split(record.current.bundle)
    if not bundle.issuers_pem:
        return None
    published = Published.by_ca_of(bundle.leaf_pem)
    return NewestChain(
        unique_id=record.unique_id,
        not_before=record.current.not_before,
        issuers_pem=bundle.issuers_pem,
        crl_distribution_points=published.crl_distribution_points,
        issuing_certificates=published.issuing_certificates,
        ocsp_servers=published.ocsp_servers,
    )


def _adds(chain: NewestChain, noted: NewestChain | None) -> bool:
    """Whether a chain is newer than the noted one, and another or so much newer that the note grows old."""
    if noted is None:
        return True
    about = {"unique_id": noted.unique_id, "not_before": noted.not_before}
    if chain.model_copy(update=about) == noted:
        return chain.not_before - noted.not_before > RENOTED_AFTER
    return chain.not_before >= noted.not_before


def _number(unique_id: str) -> int:
    """Return SCM's id in a unique id; an id that has none comes last."""
    number = unique_id.partition("_")[0]
    return int(number) if number.isdecimal() else -1
