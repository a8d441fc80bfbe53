"""The order book: every order of both kinds, and the moment at which each is due."""

import logging
import secrets
import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from cryptography import x509

from sectigo_vault_pki.scm_simulator.model.ca import CertificateAuthority, leaf, server_authentication_alone
from sectigo_vault_pki.scm_simulator.model.domains import Domains
from sectigo_vault_pki.scm_simulator.model.orders import (
    CertificateRequest,
    InFlight,
    Issued,
    Kind,
    Order,
    Status,
    Subscription,
)
from sectigo_vault_pki.scm_simulator.model.tenant import PRIVATE
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

_RENEW_ID_ALPHABET = string.ascii_letters + string.digits
_RENEW_ID_LENGTH = 20

_log = logging.getLogger(__name__)

Dating: TypeAlias = Callable[[Order, datetime], tuple[datetime, datetime]]
"""From when until when a certificate is valid that is signed for an order at some moment."""


class OrderBook:
    """Keeps the orders and issues each when its time has come.

    Certificates are signed when somebody looks and the order is due by then; they are dated to the moment it was due.
    Every method that hands out an order has looked already.

    Attributes:
        now: The time of day, in UTC.
        dating: Dates what is signed; the term or the settings unless somebody puts another in its place.

    Args:
        ca: Signs.
        settings: Read each time, so that turning a knob moves orders that wait.
        domains: Until when which names are validated.
        now: The time of day, in UTC.
    """

    def __init__(
        self, *, ca: CertificateAuthority, settings: Settings, domains: Domains, now: Callable[[], datetime]
    ) -> None:
        self._ca = ca
        self._settings = settings
        self._domains = domains
        self.now = now
        self.dating: Dating = self._dates
        self._orders: dict[int, Order] = {}
        self._waiting: dict[int, Order] = {}
        self._by_id: dict[int, Order] = {}
        self._by_renew_id: dict[str, Order] = {}
        self._by_serial: dict[int, Order] = {}
        # A start of its own each time, so that nobody counts on an id.
        self._next_id = 100_000 + secrets.randbelow(800_000)
        self._next_order_number = 1_000_000_000 + secrets.randbelow(900_000_000)

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[Order]:
        """Walk through all orders, oldest first."""
        for order in list(self._waiting.values()):
            self._settle(order)
        return iter(list(self._orders.values()))

    def of_kind(self, kind: Kind) -> Iterator[Order]:
        """Walk through the orders of one API, oldest first."""
        return (order for order in self if order.kind is kind)

    def get(self, handle: int) -> Order | None:
        """Find an order by the number that the API's paths take."""
        return self._settled(self._orders.get(handle))

    def by_id(self, scm_id: int) -> Order | None:
        """Find an order by SCM's own id."""
        return self._settled(self._by_id.get(scm_id))

    def by_renew_id(self, renew_id: str) -> Order | None:
        return self._settled(self._by_renew_id.get(renew_id))

    def by_serial(self, serial_number: int) -> Order | None:
        """Find the order of a certificate by its serial number, also when it was replaced since."""
        return self._settled(self._by_serial.get(serial_number))

    def chain(self, issued: Issued) -> list[x509.Certificate]:
        """Return a certificate with those of the CA, leaf first."""
        return [issued.certificate, self._ca.intermediate, self._ca.root]

    def add(
        self,
        request: CertificateRequest,
        subscription: Subscription,
        *,
        requester: str,
        renewed_from: int | None = None,
        approved: bool = True,
    ) -> Order:
        """Book a new order; `approved` if it needs no approval by somebody else, unless the settings demand one."""
        now = self.now()
        order = Order(
            id=self._next_id,
            renew_id=_new_renew_id() if subscription.person is None else None,
            order_number=self._next_order_number,
            subscription=subscription,
            requester=requester,
            requested_at=now,
            in_flight=InFlight(request, ordered_at=now),
            approved_at=now if approved and self._settings.auto_approve else None,
            renewed_from=renewed_from,
        )
        self._next_id += 1
        self._next_order_number += 1
        self._orders[order.handle] = self._by_id[order.id] = self._waiting[order.id] = order
        if order.renew_id is not None:
            self._by_renew_id[order.renew_id] = order
        self._begin_validation(order)
        self._settle(order)
        return order

    def renew(
        self, order: Order, request: CertificateRequest, *, term: int, requester: str, approved: bool = True
    ) -> Order:
        """Book a new order in place of an issued one, which stays valid."""
        renewal = replace(order.subscription, term=term)
        renewed = self.add(request, renewal, requester=requester, renewed_from=order.handle, approved=approved)
        order.renewed_at, order.renewed_to = self.now(), renewed.handle
        return renewed

    def replace(self, order: Order, request: CertificateRequest) -> None:
        """Order another certificate under the same id, for what remains of the validity (scm-api.md 3.6)."""
        now = self.now()
        order.in_flight = InFlight(request, ordered_at=now, not_after=order.issued[-1].not_after)
        order.replaced_at = now
        order.dcv_rechecks = 0
        self._waiting[order.id] = order
        self._begin_validation(order)
        self._settle(order)

    def note_collect(self, order: Order) -> None:
        """Count a collect; one that came too early brings the certificate nearer."""
        order.collects += 1
        if order.in_flight is not None and order.status(self.now()) is Status.APPLIED:
            order.in_flight.polls += 1
            order.in_flight.polled_at = self.now()

    def recheck(self, order: Order) -> None:
        """Look at the validation of an order's names again; after as many times as the knob says it has succeeded."""
        order.dcv_rechecks += 1
        needed = self._settings.dcv_rechecks
        for name in self.unvalidated(order):
            if needed is not None and order.dcv_rechecks >= needed:
                self._domains.validate(name, method=order.request.dcv_mode or "CNAME")
            else:
                self._domains.add(name).last_check = self.now()
        self._settle(order)

    def unvalidated(self, order: Order) -> list[str]:
        """Return the names that the order waits for, without wildcards; none where validation has no say."""
        return self._domains.missing(order.request.names) if self._needs_validation(order) else []

    def _begin_validation(self, order: Order) -> None:
        if self._needs_validation(order):
            self._domains.begin(order.request.names, order.request.dcv_mode)

    def _needs_validation(self, order: Order) -> bool:
        """Whether domains have a say: not for people, nor for a private CA."""
        subscription = order.subscription
        is_public_server = subscription.person is None and subscription.profile.validation_type != PRIVATE
        return is_public_server and self._settings.dcv != "off"

    def approve(self, order: Order, *, message: str = "") -> None:
        order.approved_at, order.message = self.now(), message
        self._settle(order)

    def decline(self, order: Order, *, message: str = "") -> None:
        """Refuse an order before its approval, or a request that the CA has already got."""
        if order.in_flight is not None and order.approved_at is not None:
            order.in_flight.rejected_at = self.now()
        else:
            order.declined_at = self.now()
        order.message = message
        self._waiting.pop(order.id, None)

    def issue(self, order: Order) -> None:
        """Approve and issue now, whatever the settings say."""
        if order.in_flight is not None:
            order.approved_at = order.approved_at or self.now()
            order.in_flight.forced_at = self.now()
            self._settle(order)

    def clear(self) -> None:
        """Forget every order; ids go on growing."""
        for mapping in (self._orders, self._waiting, self._by_id, self._by_renew_id, self._by_serial):
            mapping.clear()

    def _settled(self, order: Order | None) -> Order | None:
        if order is not None:
            self._settle(order)
        return order

    def _settle(self, order: Order) -> None:
        in_flight = order.in_flight
        if in_flight is None or order.status(self.now()) is not Status.APPLIED:
            return
        due = self._due(order, in_flight)
        if due is None or due > self.now():
            return
        issued = self._sign_if_possible(order, in_flight, due)
        if issued is None:
            in_flight.rejected_at = due
            del self._waiting[order.id]
            return
        order.issued.append(issued)
        order.in_flight = None
        self._by_serial[issued.serial_number] = order
        del self._waiting[order.id]

    def _sign_if_possible(self, order: Order, in_flight: InFlight, due: datetime) -> Issued | None:
        if in_flight.not_after is not None and in_flight.not_after <= due:
            return None  # nothing is left of the validity that a replacement takes over
        try:
            return self._sign(order, in_flight, due)
        except Exception:  # noqa: BLE001  logged; else it would end every later look at the book
            _log.exception("order %s cannot be signed: the CA rejects it", order.handle)
            return None

    def _due(self, order: Order, in_flight: InFlight) -> datetime | None:
        """Tell when the request is issued, or None while that depends on something yet to happen."""
        if in_flight.forced_at is not None:
            return in_flight.forced_at
        settings = self._settings
        if settings.never_issue or in_flight.polls < settings.pending_polls:
            return None
        begun = max(in_flight.ordered_at, order.approved_at or in_flight.ordered_at)
        if self._needs_validation(order):
            validated_since = self._domains.validated_since(in_flight.request.names)
            if validated_since is None:
                return None
            begun = max(begun, validated_since)
        due = begun + timedelta(seconds=settings.pending_seconds)
        if settings.pending_polls and in_flight.polled_at is not None:
            return max(due, in_flight.polled_at)
        return due

    def _sign(self, order: Order, in_flight: InFlight, due: datetime) -> Issued:
        request = in_flight.request
        not_before, not_after = self.dating(order, due.replace(microsecond=0))
        wanted = leaf(request, order.subscription)
        if order.kind is Kind.SSL and not self._settings.tls_client_auth:
            wanted = server_authentication_alone(wanted)
        certificate = self._ca.issue(
            wanted,
            not_before=not_before,
            not_after=in_flight.not_after or not_after,
        )
        return Issued(certificate=certificate, request=request, issued_at=due)

    def _dates(self, order: Order, due: datetime) -> tuple[datetime, datetime]:
        not_before = due - timedelta(seconds=self._settings.backdated_seconds)
        return not_before, not_before + self._validity(order.subscription)

    def _validity(self, subscription: Subscription) -> timedelta:
        seconds = self._settings.validity_seconds
        return timedelta(days=subscription.term) if seconds is None else timedelta(seconds=seconds)


def _new_renew_id() -> str:
    return "".join(secrets.choice(_RENEW_ID_ALPHABET) for _ in range(_RENEW_ID_LENGTH))
