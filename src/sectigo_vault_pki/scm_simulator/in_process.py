"""The simulator as an httpx transport, without a socket."""

import asyncio

import httpx

from sectigo_vault_pki.scm_simulator.api.inbound import ConnectionCutError
from sectigo_vault_pki.scm_simulator.simulator import Simulator


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Drives the app in-process and behaves as a connection to a server of its own would.

    A request goes on when its caller has given up on it, a cut connection is `httpx.RemoteProtocolError`, and the
    client's read timeout is held, as `httpx.ReadTimeout`. The host in the URL is of no account.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._asgi = httpx.ASGITransport(app=simulator.app)
        self._running: set[asyncio.Task[httpx.Response]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        task = asyncio.create_task(self._asgi.handle_async_request(request))
        self._running.add(task)
        task.add_done_callback(self._forget)
        await asyncio.wait({task}, timeout=request.extensions.get("timeout", {}).get("read"))
        if not task.done():
            raise httpx.ReadTimeout("the simulator did not answer in time", request=request)
        try:
            return task.result()
        except ConnectionCutError as error:
            raise httpx.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            ) from error

    def _forget(self, task: asyncio.Task[httpx.Response]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, for a caller that has gone

    async def aclose(self) -> None:
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
