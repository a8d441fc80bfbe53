"""From ASGI to a handler and back, with the faults in between."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.inbound import (
    CALLER_EXTENSION,
    JSON_TYPE,
    Call,
    Caller,
    CallLog,
    CutResponse,
    Inbound,
    problem_response,
)
from sectigo_vault_pki.scm_simulator.api.scm_problems import Problem
from sectigo_vault_pki.scm_simulator.faults import Fault, Faults
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

LARGEST_BODY = 256 * 1024
_LOGIN_PAGE = "https://login.example.test/"

_log = logging.getLogger(__name__)

Handler = Callable[[Inbound], Response]
Endpoint = Callable[[Request], Awaitable[Response]]
Sleep = Callable[[float], Awaitable[None]]


class Endpoints:
    """Makes an endpoint of a handler: logs the call, waits, goes wrong as ordered, and turns problems into answers.

    `content_type` is that of the API's JSON.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        faults: Faults,
        calls: CallLog,
        sleep: Sleep,
        content_type: str,
    ) -> None:
        self._settings = settings
        self._faults = faults
        self._calls = calls
        self._sleep = sleep
        self._content_type = content_type

    def endpoint(
        self, operation: str, handler: Handler, *, privilege: str | None = None, body_type: str = JSON_TYPE
    ) -> Endpoint:
        """Make an endpoint; a caller without the `privilege` is refused, and so is a body of another type."""
        answering = handler if privilege is None else self._privileged(handler, privilege)

        async def run(request: Request) -> Response:
            self._calls.append(Call(request.method, request.scope["path"], operation))
            if self._settings.latency:
                await self._sleep(self._settings.latency)
            try:
                inbound = await _inbound(request, body_type)
            except Problem as problem:
                return problem_response(problem, self._content_type)
            fault = self._faults.take(operation)
            if fault is None:
                return self._answer(answering, inbound)
            return await self._faulty(fault, answering, inbound, request.headers)

        return run

    def _privileged(self, handler: Handler, privilege: str) -> Handler:
        def checked(inbound: Inbound) -> Response:
            if not inbound.caller.may(privilege):
                status = self._settings.missing_privilege_status
                by_host = HTTPStatus.FORBIDDEN if inbound.caller.host == "admin" else HTTPStatus.BAD_REQUEST
                raise scm_problems.missing_privilege(privilege, by_host if status is None else status)
            return handler(inbound)

        return checked

    async def _faulty(self, fault: Fault, handler: Handler, inbound: Inbound, headers: Mapping[str, str]) -> Response:
        instead = self._response_instead(fault, headers)
        if instead is not None:
            if fault.booked:
                self._answer(handler, inbound)
            return instead
        answer = self._answer(handler, inbound)
        if fault.kind == "drop_after":
            return CutResponse()
        if fault.kind == "empty":
            return Response(b"", headers={"content-type": self._content_type})
        await self._sleep(fault.seconds)
        return answer

    def _response_instead(self, fault: Fault, headers: Mapping[str, str]) -> Response | None:
        """Return what a fault answers in place of the API, or None where the API answers first."""
        match fault.kind:
            case "status":
                return _status_response(fault, self._content_type)
            case "page":
                return _proxy_page(fault)
            case "body":
                return Response(fault.body, status_code=fault.status, headers={"content-type": self._content_type})
            case "echo":
                shown = f"{fault.description or 'bad headers'}: {dict(headers)}"
                problem = Problem(-14 if fault.code is None else fault.code, shown, fault.status)
                return problem_response(problem, self._content_type)
            case "drop_before":
                return CutResponse()
            case _:
                return None

    def _answer(self, handler: Handler, inbound: Inbound) -> Response:
        """Let the API answer; where it breaks, this request alone fails, as a real service would let it."""
        try:
            return handler(inbound)
        except Problem as problem:
            return problem_response(problem, self._content_type)
        except Exception:  # noqa: BLE001  logged, and the other requests go on
            _log.exception("a request broke the simulator")
            return problem_response(scm_problems.internal_error(), self._content_type)


async def _inbound(request: Request, body_type: str) -> Inbound:
    """Read a request.

    Raises:
        Problem: The body is too large or declared to be something else; all but a token's are JSON (scm-api.md 2).
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise scm_problems.body_too_large()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and content_type != body_type:
        raise scm_problems.unparsable_body()
    caller: Caller = request.scope["extensions"][CALLER_EXTENSION]
    return Inbound(
        method=request.method,
        path=request.path_params,
        query=dict(request.query_params),
        body=bytes(body),
        caller=caller,
        password=request.headers.get("password", ""),
    )


def _status_response(fault: Fault, content_type: str) -> Response:
    if fault.code is None and (
        fault.status >= HTTPStatus.INTERNAL_SERVER_ERROR or fault.status == HTTPStatus.TOO_MANY_REQUESTS
    ):
        return _proxy_page(fault)
    if fault.code is not None:
        problem = Problem(fault.code, fault.description, fault.status)
    elif fault.status == HTTPStatus.UNAUTHORIZED:
        problem = scm_problems.unknown_user()
    else:
        problem = Problem(-14, "Unknown error.", fault.status)
    headers = {**_headers(fault), "content-type": content_type}
    return Response(problem.body(), status_code=problem.status, headers=headers)


def _headers(fault: Fault) -> dict[str, str]:
    waits = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= fault.status < HTTPStatus.BAD_REQUEST
    return {**waits, "location": _LOGIN_PAGE} if is_redirect else waits


def _proxy_page(fault: Fault) -> Response:
    """What a proxy in front of the service says; never JSON."""
    status, headers = fault.status, _headers(fault)
    reason = f"{status} {_phrase(status)}".rstrip()
    page = f"<html>\r\n<head><title>{reason}</title></head>\r\n<body><h1>{reason}</h1></body>\r\n</html>\r\n"
    return Response(page, status_code=status, headers={**headers, "content-type": "text/html"})


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
