"""Repeated enrolments: one `sectigo_request_id`, one order."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from sectigo_vault_pki.errors import ConflictError
from sectigo_vault_pki.lifecycle.orders.enrolment import EnrolmentRequest
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import RequestIndex

_Change: TypeAlias = Callable[[RequestIndex], RequestIndex | None]


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
            if first is not None and not first.is_over and await self.is_known(config_name, first.order_uuid):
                if first.fingerprint != request.fingerprint():
                    raise ConflictError("sectigo_request_id belongs to an enrolment with other fields")
                yield Claim(first.order_uuid, is_new=False)
                return
            failures = 0 if first is None else first.failures
            index = RequestIndex(order_uuid=new_uuid, fingerprint=request.fingerprint(), failures=failures)
            await self._resources.tasks.finish(repository.put_request(config_name, digest, index))
            yield Claim(new_uuid, is_new=True)

    async def release(self, config_name: str, request_id: str | None, order_uuid: str | None) -> None:
        """Forget what a request id stands for, if that is this order; by now it may be a later one's."""
        if request_id is not None and order_uuid is not None:
            await self._change(config_name, request_id, order_uuid, lambda _: None)

    async def withdraw(self, config_name: str, request_id: str | None, order_uuid: str) -> None:
        """Forget an order that was not placed; that others before it came to nothing stays known."""
        if request_id is not None:
            over = {"is_over": True}
            await self._change(
                config_name,
                request_id,
                order_uuid,
                lambda index: index.model_copy(update=over) if index.failures else None,
            )

    async def give_up(self, config_name: str, request_id: str, order_uuid: str) -> None:
        """Let the next request order anew: this order came to nothing."""
        await self._change(config_name, request_id, order_uuid, _given_up)

    async def order_of(self, config_name: str, request_id: str) -> RequestIndex | None:
        """Return the order that a request id stands for, if that is known."""
        index = await self._resources.repository.request(config_name, _digest(request_id))
        if index is None or index.is_over or not await self.is_known(config_name, index.order_uuid):
            return None
        return index

    async def note_answered(self, config_name: str, request_id: str, order_uuid: str | None) -> None:
        """Note that the certificate of a request id's order has been handed out."""
        if order_uuid is not None:
            answered = {"is_answered": True, "failures": 0}
            await self._change(config_name, request_id, order_uuid, lambda index: index.model_copy(update=answered))

    async def _change(self, config_name: str, request_id: str, order_uuid: str, change: _Change) -> None:
        """Change what a request id stands for, or forget it, if it still stands for that order."""
        await self._resources.tasks.finish(self._changed(config_name, _digest(request_id), order_uuid, change))

    async def _changed(self, config_name: str, digest: str, order_uuid: str, change: _Change) -> None:
        repository = self._resources.repository
        async with self._resources.locks.hold("request", config_name, digest):
            index = await repository.request(config_name, digest)
            if index is None or index.order_uuid != order_uuid:
                return
            changed = change(index)
            if changed is None:
                await repository.delete_request(config_name, digest)
            elif changed != index:
                await repository.put_request(config_name, digest, changed)

    async def is_known(self, config_name: str, order_uuid: str) -> bool:
        """Whether the order is being made, stands or has become a certificate; a crash may have come before that."""
        repository = self._resources.repository
        return (
            self._resources.tasks.running(("enroll", config_name, order_uuid))
            or await repository.order(config_name, order_uuid) is not None
            or await repository.certificate_of_order(config_name, order_uuid) is not None
        )


def _given_up(index: RequestIndex) -> RequestIndex:
    return index if index.is_over else index.model_copy(update={"is_over": True, "failures": index.failures + 1})


def _digest(request_id: str) -> str:
    return hashlib.sha256(request_id.encode()).hexdigest()
