"""Submitting: from a wish to an order that SCM has named. Written before it is bought, at every step."""

import logging
import uuid
from dataclasses import dataclass

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.accepting import Acceptor
from sectigo_vault_pki.lifecycle.answers import Answer, CertificateAnswer, unsettled
from sectigo_vault_pki.lifecycle.enrolment import EnrolmentRequest, applied, write_ahead
from sectigo_vault_pki.lifecycle.order_limits import OrderLimits
from sectigo_vault_pki.lifecycle.order_log import of_certificate
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.sending import send
from sectigo_vault_pki.lifecycle.states import Accepted, AnswerLost, Found, NotSent, Refused, Unnamed
from sectigo_vault_pki.lifecycle.write_ahead import WriteAhead
from sectigo_vault_pki.pki import KeyParameters
from sectigo_vault_pki.scm import CERTIFICATE_APIS
from sectigo_vault_pki.store import CertificateRecord, ConfigRecord, OrderRecord, StorageError, UniqueId

_log = logging.getLogger(__name__)

ORDERS = uuid.UUID("2c1f2f4e-6a0b-4f0e-9d3a-8f5b7c1d9e60")
"""The namespace (RFC 9562 5.5) of the uuids that name orders."""


@dataclass(slots=True)
class Progress:
    """How far an enrolment has come, for a caller who cannot wait for its end."""

    order_uuid: str
    order: OrderRecord | None = None
    record: CertificateRecord | None = None


class Submitter:
    """Sends orders to SCM."""

    def __init__(self, resources: Resources, write_ahead: WriteAhead, acceptor: Acceptor, limits: OrderLimits) -> None:
        self._resources = resources
        self._write_ahead = write_ahead
        self._acceptor = acceptor
        self._limits = limits

    def begin(self, config_name: str, request: EnrolmentRequest) -> Progress:
        """Name an order: a call that the host sends again names the same one."""
        call = request.host_request_id
        return Progress(order_uuid=str(uuid.uuid5(ORDERS, f"{config_name}/{call}") if call else uuid.uuid4()))

    async def submit(
        self, config_name: str, config: ConfigRecord, request: EnrolmentRequest, progress: Progress
    ) -> Answer:
        """Store the order, send it, and store what SCM called it.

        Raises:
            InvalidInputError: no CSR can be made of the request; nothing was stored.
            OrderLimitError, StorageMovedError: nothing may be ordered.
            ScmRefusedError, ScmUnavailableError: SCM took nothing, and nothing stays stored.
            StorageError: the order could not be stored, and was not sent.
        """
        resources = self._resources
        key = request.private_key
        if key is None and request.csr is None:
            key = await resources.make_key(request.key_parameters or KeyParameters.parse())
        order = write_ahead(
            request,
            key,
            certificate_type=config.certificate_type,
            order_uuid=progress.order_uuid,
            created_at=resources.clock.now(),
        )
        async with self._limits.admission(config_name, config, order.created_at):
            await resources.tasks.finish(resources.repository.put_order(config_name, order))
            progress.order = order
            return await self._send(config_name, config, order, progress)

    async def _send(self, config_name: str, config: ConfigRecord, order: OrderRecord, progress: Progress) -> Answer:
        event = await send(self._enroll(config_name, config, order), config_name=config_name, order=order)
        match event:
            case Accepted():
                return await self.accepted(config_name, config, order, event, progress)
            case Unnamed():
                return unsettled(order, "SCM accepted the order without naming it", config_name)
            case AnswerLost(error):
                return unsettled(order, f"SCM's answer to the order was lost ({error})", config_name)
            case Refused(error) | NotSent(error):
                await self._write_ahead.remove(config_name, order.uuid)
                raise error

    async def accepted(
        self,
        config_name: str,
        config: ConfigRecord,
        order: OrderRecord,
        event: Accepted | Found,
        progress: Progress,
    ) -> Answer:
        """Store the certificate's record under SCM's id; the write-ahead entry stands until `hand_over`.

        A failure to store is no failure of the order: the entry stands, and is settled later by its mark. It must not
        end the request in an error either, because the host or the client would send it again and buy twice.
        """
        record = applied(order, event, config, self._resources.clock.now())
        try:
            stored = await self._acceptor.store(config_name, order.uuid, record, led_to_by_order=True)
        except (StorageError, RecordError):
            _log.error(
                "an accepted order could not be stored; its write-ahead entry stands",
                extra=of_certificate(config_name, record),
            )
            return unsettled(order, "SCM took the order, and its id could not be stored", config_name)
        progress.record = stored
        return CertificateAnswer(stored)

    async def hand_over(self, config_name: str, order_uuid: str, unique_id: UniqueId) -> None:
        """Let go of the write-ahead entry of a certificate that was stored just now, if that was not done yet."""
        if self._resources.repository.is_led_to_by_order(config_name, unique_id):
            await self._write_ahead.hand_over(config_name, order_uuid, unique_id)

    async def _enroll(self, config_name: str, config: ConfigRecord, order: OrderRecord) -> Accepted:
        async with self._resources.clients.lend(config_name, config) as client:
            return await CERTIFICATE_APIS[order.certificate_type].enroll(client, order)
