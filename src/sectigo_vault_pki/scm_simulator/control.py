"""The control listener: what a real SCM would never offer, for tests and demos (design.md 3)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sectigo_vault_pki.scm_simulator.faults import DEFAULT_STATUS, FaultKind, Faults
from sectigo_vault_pki.scm_simulator.model.book import OrderBook
from sectigo_vault_pki.scm_simulator.model.orders import Order, Status, colon_hex
from sectigo_vault_pki.scm_simulator.simulator_settings import Seconds, Settings
from sectigo_vault_pki.scm_simulator.tenant_control import control_body

Operation = Literal[
    "*",
    "approve",
    "change_password",
    "client_report",
    "collect",
    "custom_fields",
    "dcv",
    "dcv_recheck",
    "decline",
    "details",
    "enroll",
    "list",
    "organizations",
    "password",
    "privileges",
    "renew",
    "replace",
    "revoke",
    "ssl_report",
    "token",
    "types",
    "validation_status",
    "validations",
]


class FaultBody(BaseModel):
    """A fault as it is posted; see `faults.Fault`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    operation: Operation
    kind: FaultKind
    status: Annotated[int, Field(ge=200, le=599)] = DEFAULT_STATUS
    retry_after: Annotated[int, Field(ge=0)] | None = None
    seconds: Seconds = 0
    code: int | None = None
    description: str = ""
    body: str = ""
    booked: bool = False
    times: Annotated[int, Field(ge=1)] | None = 1

    @model_validator(mode="after")
    def _status_of_an_error(self) -> Self:
        if self.kind == "status" and self.status < HTTPStatus.BAD_REQUEST:
            raise ValueError("status: a fault of this kind needs one of 400 to 599")
        return self


def build_control_app(
    *,
    orders: OrderBook,
    faults: Faults,
    settings: Settings,
    reset: Callable[[], None],
    now: Callable[[], datetime],
    more: Sequence[Route] = (),
) -> ASGIApp:
    """Return the control listener's app with `more` routes; everyone who reaches it may do everything."""
    control = Control(orders=orders, faults=faults, settings=settings, reset=reset, now=now)
    return Starlette(
        routes=[
            Route("/orders", control.list_orders, methods=["GET"]),
            Route("/orders/{order_id:int}/approve", control.approve, methods=["POST"]),
            Route("/orders/{order_id:int}/decline", control.decline, methods=["POST"]),
            Route("/orders/{order_id:int}/issue", control.issue, methods=["POST"]),
            Route("/faults", control.add_fault, methods=["POST"]),
            Route("/faults", control.clear_faults, methods=["DELETE"]),
            Route("/settings", control.change_settings, methods=["POST"]),
            Route("/reset", control.reset, methods=["POST"]),
            *more,
        ],
        exception_handlers={HTTPException: _http_error, ValidationError: _invalid},
    )


class Control:
    """The control listener's handlers."""

    def __init__(
        self,
        *,
        orders: OrderBook,
        faults: Faults,
        settings: Settings,
        reset: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._orders = orders
        self._faults = faults
        self._settings = settings
        self._reset = reset
        self._now = now

    async def list_orders(self, _request: Request) -> Response:
        return JSONResponse([order_json(order, self._now()) for order in self._orders])

    async def approve(self, request: Request) -> Response:
        order = self._order(request, {Status.REQUESTED})
        self._orders.approve(order)
        return JSONResponse(order_json(order, self._now()))

    async def decline(self, request: Request) -> Response:
        order = self._order(request, {Status.REQUESTED, Status.APPLIED})
        self._orders.decline(order)
        return JSONResponse(order_json(order, self._now()))

    async def issue(self, request: Request) -> Response:
        order = self._order(request, {Status.REQUESTED, Status.APPLIED, Status.ISSUED})
        self._orders.issue(order)
        return JSONResponse(order_json(order, self._now()))

    async def add_fault(self, request: Request) -> Response:
        fault = FaultBody.model_validate_json(await control_body(request))
        self._faults.add(**fault.model_dump())
        return JSONResponse(fault.model_dump(), status_code=HTTPStatus.CREATED)

    async def clear_faults(self, _request: Request) -> Response:
        self._faults.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def change_settings(self, request: Request) -> Response:
        """Change what is named; all of it or, if a value is wrong, nothing."""
        changes = _Changes.model_validate_json(await control_body(request))
        current = self._settings.model_dump()
        self._settings.change_to(Settings.model_validate({**current, **(changes.model_extra or {})}))
        return JSONResponse(self._settings.model_dump(mode="json"))

    async def reset(self, _request: Request) -> Response:
        self._reset()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _order(self, request: Request, statuses: set[Status]) -> Order:
        order = self._orders.get(request.path_params["order_id"])
        if order is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no order {request.path_params['order_id']}")
        status = order.status(self._now())
        if status not in statuses:
            raise HTTPException(HTTPStatus.CONFLICT, f"order {order.handle} is {status}")
        return order


class _Changes(BaseModel):
    """Any JSON object."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)


def order_json(order: Order, now: datetime) -> dict[str, Any]:
    """An order as the control listener shows it; times are RFC 3339 or null."""
    current, person = order.current, order.subscription.person
    return {
        "id": order.handle,
        **({} if person is None else {"scm_id": order.id, "email": person.email}),
        "kind": order.kind,
        "status": order.status(now),
        "common_name": order.request.common_name,
        "subject_alt_names": list(order.request.names),
        "comments": order.subscription.comments,
        "external_requester": order.subscription.external_requester,
        "profile": order.subscription.profile.id,
        "term": order.subscription.term,
        "renew_id": order.renew_id,
        "order_number": order.order_number,
        "renewed_to": order.renewed_to,
        "serials": [colon_hex(issued.serial_number) for issued in order.issued],
        "public_key_sha256": order.request.csr.public_key_sha256,
        "collects": order.collects,
        "times": {
            "requested": _time(order.requested_at),
            "approved": _time(order.approved_at),
            "declined": _time(order.declined_at),
            "issued": _time(current.issued_at if current else None),
            "expires": _time(current.not_after if current else None),
            "replaced": _time(order.replaced_at),
            "renewed": _time(order.renewed_at),
            "revoked": _time(current.revoked_at if current else None),
        },
        "revocation_reason": current.reason if current else "",
        "revocation_reason_code": current.reason_code if current else None,
        **_validation(order),
    }


def _validation(order: Order) -> dict[str, str]:
    """Show what the order says about its validation, if anything."""
    given = {"dcv_mode": order.request.dcv_mode, "dcv_email": order.request.dcv_email}
    return {name: value for name, value in given.items() if value is not None}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


async def _http_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ValidationError):
        raise error
    flaws = [
        f"{'.'.join(str(part) for part in flaw['loc']) or 'body'}: {flaw['msg']}"
        for flaw in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return JSONResponse({"error": "; ".join(flaws)}, status_code=HTTPStatus.BAD_REQUEST)
