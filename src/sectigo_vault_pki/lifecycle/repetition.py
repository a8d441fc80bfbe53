"""Repeated enrolments: one `sectigo_request_id`, one order."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sectigo_vault_pki.errors import ConflictError
from sectigo_vault_pki.lifecycle.enrolment import EnrolmentRequest
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import RequestIndex


@dataclass(frozen=True, slots=True)
class Claim:
    """The order that answers a request; `is_new` where no request before was answered by it."""

    order_uuid: str
    is_new: bool


class Repetitions:
    """Knows which order a request id stands for."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    @asynccontextmanager
    async def claim(self, config_name: str, request: EnrolmentRequest, new_uuid: str) -> AsyncIterator[Claim]:
        """Yield the order that answers the request: the new one, or that of the first such request.

        No other request with the same id passes until the block ends.

        Raises:
            ConflictError: the id stands for an enrolment with other fields.
        """
        if request.request_id is None:
            yield Claim(new_uuid, is_new=True)
            return
        digest = _digest(request.request_id)
        repository = self._resources.repository
        async with self._resources.locks.hold("request", config_name, digest):
            first = await repository.request(config_name, digest)
            if first is not None and await self.is_known(config_name, first.order_uuid):
                if first.fingerprint != request.fingerprint():
                    raise ConflictError("sectigo_request_id belongs to an enrolment with other fields")
                yield Claim(first.order_uuid, is_new=False)
                return
            index = RequestIndex(order_uuid=new_uuid, fingerprint=request.fingerprint())
            await self._resources.tasks.finish(repository.put_request(config_name, digest, index))
            yield Claim(new_uuid, is_new=True)

    async def release(self, config_name: str, request_id: str | None, order_uuid: str | None) -> None:
        """Forget what a request id stands for, if that is this order; by now it may be a later one's."""
        if request_id is not None and order_uuid is not None:
            await self._resources.tasks.finish(self._release(config_name, _digest(request_id), order_uuid))

    async def order_of(self, config_name: str, request_id: str) -> RequestIndex | None:
        """Return the order that a request id stands for, if that is known."""
        index = await self._resources.repository.request(config_name, _digest(request_id))
        if index is None or not await self.is_known(config_name, index.order_uuid):
            return None
        return index

    async def note_answered(self, config_name: str, request_id: str, order_uuid: str | None) -> None:
        """Note that the certificate of a request id's order has been handed out."""
        await self._resources.tasks.finish(self._note_answered(config_name, _digest(request_id), order_uuid))

    async def _release(self, config_name: str, digest: str, order_uuid: str) -> None:
        repository = self._resources.repository
        async with self._resources.locks.hold("request", config_name, digest):
            index = await repository.request(config_name, digest)
            if index is not None and index.order_uuid == order_uuid:
                await repository.delete_request(config_name, digest)

    async def _note_answered(self, config_name: str, digest: str, order_uuid: str | None) -> None:
        repository = self._resources.repository
        async with self._resources.locks.hold("request", config_name, digest):
            index = await repository.request(config_name, digest)
            if index is not None and index.order_uuid == order_uuid and not index.is_answered:
                await repository.put_request(config_name, digest, index.model_copy(update={"is_answered": True}))

    async def is_known(self, config_name: str, order_uuid: str) -> bool:
        """Whether the order is being made, stands or has become a certificate; a crash may have come before that."""
        repository = self._resources.repository
        return (
            self._resources.tasks.running(("enroll", config_name, order_uuid))
            or await repository.order(config_name, order_uuid) is not None
            or await repository.certificate_of_order(config_name, order_uuid) is not None
        )


def _digest(request_id: str) -> str:
    return hashlib.sha256(request_id.encode()).hexdigest()
