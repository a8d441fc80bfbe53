"""Repeated enrolments: one `sectigo_request_id`, one order."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sectigo_vault_pki.errors import ConflictError
from sectigo_vault_pki.lifecycle.enrolment import EnrolmentRequest
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import RequestIndex


class Repetitions:
    """Knows which order a request id stands for."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    @asynccontextmanager
    async def claim(self, config_name: str, request: EnrolmentRequest, new_uuid: str) -> AsyncIterator[str]:
        """Yield the uuid of the order that answers the request: the new one, or that of the first such request.

        No other request with the same id passes until the block ends.

        Raises:
            ConflictError: the id stands for an enrolment with other fields.
        """
        if request.request_id is None:
            yield new_uuid
            return
        digest = _digest(request.request_id)
        repository = self._resources.repository
        async with self._resources.locks.hold("request", config_name, digest):
            first = await repository.request(config_name, digest)
            if first is not None and await self.is_known(config_name, first.order_uuid):
                if first.fingerprint != request.fingerprint():
                    raise ConflictError("sectigo_request_id belongs to an enrolment with other fields")
                yield first.order_uuid
                return
            index = RequestIndex(order_uuid=new_uuid, fingerprint=request.fingerprint())
            await self._resources.tasks.finish(repository.put_request(config_name, digest, index))
            yield new_uuid

    async def release(self, config_name: str, request_id: str | None) -> None:
        """Forget a request id whose order was not taken, or whose certificate was deleted."""
        if request_id is not None:
            delete = self._resources.repository.delete_request(config_name, _digest(request_id))
            await self._resources.tasks.finish(delete)

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
