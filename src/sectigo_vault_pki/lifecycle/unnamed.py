"""Orders without an id of SCM's, which users know as `order-<uuid>`: reading finds out what became of one."""

from sectigo_vault_pki.errors import ConflictError, UnknownCertificateError, UnknownConfigError
from sectigo_vault_pki.lifecycle.answers import Answer, OrderAnswer, order_id
from sectigo_vault_pki.lifecycle.enrolling import Enroller
from sectigo_vault_pki.lifecycle.operations import Operations
from sectigo_vault_pki.lifecycle.orders.idempotency import Repetitions
from sectigo_vault_pki.lifecycle.orders.journal import WriteAhead
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.settling import NOTHING_BOUGHT, Settler
from sectigo_vault_pki.lifecycle.steps import Reader
from sectigo_vault_pki.store import OrderRecord, Status, UniqueId, WaitingAndRenewal


class UnnamedOrders:
    """Answers and forgets orders that SCM has not named, as far as is known here."""

    def __init__(
        self,
        resources: Resources,
        *,
        enroller: Enroller,
        operations: Operations,
        reader: Reader,
        repetitions: Repetitions,
        settler: Settler,
        write_ahead: WriteAhead,
    ) -> None:
        self._resources = resources
        self._enroller = enroller
        self._operations = operations
        self._reader = reader
        self._repetitions = repetitions
        self._settler = settler
        self._write_ahead = write_ahead

    async def read(
        self, config_name: str, order_uuid: str, wish: WaitingAndRenewal, *, time_limit: float | None
    ) -> Answer:
        """Answer what an order has become, after looking for it at SCM; see `Engine.read`."""
        repository = self._resources.repository
        if (sending := self._enroller.being_sent(config_name, order_uuid)) is not None:
            return sending
        order = await repository.order(config_name, order_uuid)
        unique_id = await repository.certificate_of_order(config_name, order_uuid)
        if order is not None and not await self._resources.is_read_only():
            await self._clear_up(config_name, order, unique_id)
        if unique_id is not None:
            return await self._reader.read(config_name, unique_id, wish, time_limit=time_limit)
        if order is None:
            raise UnknownCertificateError(config_name, order_id(order_uuid))
        if order.unique_id is not None:
            return await self._reader.read(config_name, order.unique_id, wish, time_limit=time_limit)
        return await self._look_for(config_name, order, wish, time_limit)

    async def _look_for(
        self, config_name: str, order: OrderRecord, wish: WaitingAndRenewal, time_limit: float | None
    ) -> Answer:
        config = await self._resources.repository.config(config_name)
        if config is None:
            warning = f"{UnknownConfigError(config_name)}: SCM cannot be asked what became of the order"
            return OrderAnswer(order.uuid, Status.UNSETTLED, order, (warning,))
        await self._resources.must_write()
        if (hold := await self._resources.clients.login_hold(config_name, config)) is not None:
            return OrderAnswer(order.uuid, Status.UNSETTLED, order, (hold.reason,))
        answer = await self._settler.settle(config_name, config, order)
        if isinstance(answer, OrderAnswer):
            return answer
        return await self._reader.read(config_name, answer.record.unique_id, wish, time_limit=time_limit)

    async def _clear_up(self, config_name: str, order: OrderRecord, named: UniqueId | None) -> None:
        """Remove an entry that says nothing any more: its outcome is stored, or it was never sent."""
        if order.unique_id is None:
            if named is not None:
                await self._write_ahead.hand_over(config_name, order.uuid, named)
            return
        if self._operations.under_way(config_name, order.unique_id):
            return
        record = await self._resources.repository.certificate(config_name, order.unique_id)
        if record is None or record.submitting != order.uuid:
            await self._write_ahead.remove(config_name, order.uuid)

    async def forget(self, config_name: str, order_uuid: str, *, force: bool) -> None:
        """Remove an order, with its key, from storage; see `Engine.forget`."""
        repository = self._resources.repository
        if self._enroller.is_under_way(config_name, order_uuid):
            raise ConflictError("the order is being sent to SCM right now; read it again in a moment")
        unique_id = await repository.certificate_of_order(config_name, order_uuid)
        if unique_id is not None:
            raise ConflictError(f"the order has become certificate {unique_id}; delete that one")
        order = await repository.order(config_name, order_uuid)
        if order is None:
            return
        if not force:
            if self._settler.is_not_booked(order_uuid):
                raise ConflictError(NOTHING_BOUGHT)
            raise ConflictError(
                "SCM may have taken this order, and its private key goes with it; delete it with sectigo_force=true "
                "if that is what you want, or read it to find out"
            )
        if order.unique_id is not None:
            await self._write_ahead.close(config_name, order.unique_id, order, lambda record: record)
            return
        await repository.delete_order(config_name, order_uuid)
        await self._repetitions.release(config_name, order.request_id, order_uuid)
