"""What both APIs do with orders: find, collect, renew, replace, revoke (scm-api.md 3.4 to 3.7 and 4)."""

from collections.abc import Mapping
from dataclasses import replace

from sectigo_vault_pki.scm_simulator.api import lists, scm_problems
from sectigo_vault_pki.scm_simulator.api.certificates import DEFAULT_FORMAT, is_known_format, render
from sectigo_vault_pki.scm_simulator.api.inbound import Caller, Inbound
from sectigo_vault_pki.scm_simulator.api.lists import Filter, Page
from sectigo_vault_pki.scm_simulator.api.rules import Rules
from sectigo_vault_pki.scm_simulator.api.scm_problems import REFUSALS
from sectigo_vault_pki.scm_simulator.faults import Faults
from sectigo_vault_pki.scm_simulator.model.book import OrderBook
from sectigo_vault_pki.scm_simulator.model.orders import (
    CertificateRequest,
    Issued,
    Kind,
    Order,
    Status,
    Subscription,
    parse_serial_number,
)
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

_LARGEST_ID = 2**31 - 1
_AUTOMATIC_APPROVAL = "autoApproveCertificates"


class OrderOperations:
    """The orders of one kind, and what may be done with them when; raises `Problem` where SCM refuses.

    Args:
        kind: Orders of the other kind do not exist here.
        rules: What the tenant allows.
        settings: The knobs.
        orders: The book of all orders.
        faults: Asked for stale certificates; every other fault happens outside.
    """

    def __init__(
        self,
        *,
        kind: Kind,
        rules: Rules,
        settings: Settings,
        orders: OrderBook,
        faults: Faults,
    ) -> None:
        self._kind = kind
        self._refusals = REFUSALS[kind]
        self._rules = rules
        self._settings = settings
        self._orders = orders
        self._faults = faults
        self.now = orders.now

    def find(self, handle: str) -> Order | None:
        """Find an order by the number in a path."""
        number = _number(handle)
        return None if number is None else self._ours(self._orders.get(number))

    def find_by_id(self, scm_id: str) -> Order | None:
        """Find an order by SCM's own id."""
        number = _number(scm_id)
        return None if number is None else self._ours(self._orders.by_id(number))

    def find_by_renew_id(self, renew_id: str) -> Order | None:
        return self._ours(self._orders.by_renew_id(renew_id))

    def every(self) -> list[Order]:
        return list(self._orders.of_kind(self._kind))

    def page(self, query: Mapping[str, str], filters: Mapping[str, Filter]) -> Page:
        return lists.find(self._orders.of_kind(self._kind), query, self.now(), filters)

    def add(self, request: CertificateRequest, subscription: Subscription, caller: Caller) -> Order:
        return self._orders.add(request, subscription, requester=caller.login, approved=caller.may(_AUTOMATIC_APPROVAL))

    def collect(self, order: Order, inbound: Inbound) -> bytes:
        """Return the certificate in the format that the path or the query names."""
        name = inbound.path.get("format") or inbound.query.get("format") or DEFAULT_FORMAT
        if not is_known_format(name):
            raise self._refusals.unknown_format(name)
        self._orders.note_collect(order)
        chain = self._orders.chain(self._collectable(order))
        return render(chain, name, crlf=self._settings.crlf)

    def _collectable(self, order: Order) -> Issued:
        """Choose the certificate that a collect delivers, after it was counted."""
        status = order.status(self.now())
        if status in {Status.DECLINED, Status.REJECTED}:
            raise self._refusals.declined(status)
        if status is Status.REVOKED:
            raise self._refusals.revoked()
        older = order.issued if order.in_flight is not None else order.issued[:-1]
        if older and self._faults.take_stale():
            return older[-1]
        if order.in_flight is not None:
            raise self._refusals.pending(self._settings.pending_code)
        return order.issued[-1]

    def renew(
        self,
        order: Order,
        caller: Caller,
        csr: str | None = None,
        *,
        dcv_mode: str | None = None,
        dcv_email: str | None = None,
    ) -> Order:
        """Order again; without a CSR with a key, and without a `dcv_mode` with the validation, that the order had."""
        status = order.status(self.now())
        if status not in {Status.ISSUED, Status.EXPIRED}:
            raise scm_problems.not_renewable_state(status)
        profile = order.subscription.profile
        term = self._rules.renewed_term(profile, order.subscription.term)
        request = order.issued[0].request if self._settings.renew_reuses_first_csr else order.request
        if csr is not None:
            request = replace(request, csr=self._rules.csr(csr, profile))
        if dcv_mode is not None:
            request = replace(request, dcv_mode=dcv_mode, dcv_email=dcv_email)
        if self._kind is Kind.SSL:
            self._rules.check_dcv(request.names, profile, mode=request.dcv_mode, email=request.dcv_email)
        return self._orders.renew(
            order, request, term=term, requester=caller.login, approved=caller.may(_AUTOMATIC_APPROVAL)
        )

    def unvalidated(self, order: Order) -> list[str]:
        """Return the names whose validation the order waits for."""
        return self._orders.unvalidated(order)

    def recheck(self, order: Order) -> None:
        """Look at the validation of an order's domains again."""
        self._orders.recheck(order)

    def check_replaceable(self, order: Order) -> None:
        status = order.status(self.now())
        if status is not Status.ISSUED:
            raise self._refusals.not_replaceable(status)

    def replace(self, order: Order, request: CertificateRequest) -> None:
        """Order another certificate under the same number, in place of an issued one."""
        self._orders.replace(order, request)

    def revoke(self, order: Order, *, reason: str, code: int) -> None:
        """Revoke the newest certificate of an order."""
        status = order.status(self.now())
        if status is Status.REVOKED:
            raise scm_problems.already_revoked()
        if status is not Status.ISSUED:
            raise scm_problems.not_revocable_state()
        order.issued[-1].revoke(self.now(), reason=reason, code=code)

    def revoke_by_serial(self, serial: str, *, reason: str, code: int) -> None:
        """Revoke one certificate, which may be one that was replaced since."""
        issued = self._certificate(serial)
        if issued.revoked_at is not None:
            raise scm_problems.already_revoked()
        if issued.not_after <= self.now():
            raise scm_problems.not_revocable_state()
        issued.revoke(self.now(), reason=reason, code=code)

    def order_of(self, serial: str) -> Order:
        """Find the order of a certificate, whether it was replaced since or not."""
        number = parse_serial_number(serial)
        order = None if number is None else self._ours(self._orders.by_serial(number))
        if order is None:
            raise scm_problems.certificate_not_found(serial, status=400)
        return order

    def _certificate(self, serial: str) -> Issued:
        number = parse_serial_number(serial)
        return next(issued for issued in self.order_of(serial).issued if issued.serial_number == number)

    def approve(self, order: Order, *, message: str) -> None:
        self._check_requested(order)
        self._orders.approve(order, message=message)

    def decline(self, order: Order, *, message: str) -> None:
        self._check_requested(order)
        self._orders.decline(order, message=message)

    def _check_requested(self, order: Order) -> None:
        status = order.status(self.now())
        if status is not Status.REQUESTED:
            raise scm_problems.not_approvable_state(status)

    def _ours(self, order: Order | None) -> Order | None:
        return order if order is not None and order.kind is self._kind else None


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_ID))):
        return None
    return int(text)
