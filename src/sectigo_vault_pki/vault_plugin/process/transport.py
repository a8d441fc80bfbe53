"""What gRPC services are registered on and called through: the seam behind which TLS, HTTP/2 and sockets lie.

Services and stubs are ordinary grpcio ones. Whatever stands behind this seam lends them objects of grpcio's own shape:
a server that takes handlers (`add_registered_method_handlers`, `add_generic_rpc_handlers`), and channels that make
multicallables (`unary_unary` and its kin) and can be closed.
"""

from collections.abc import Callable
from typing import Protocol

import grpc


class Transport(Protocol):
    """The process's gRPC server for the host, and its way back to the host."""

    @property
    def server(self) -> grpc.aio.Server:
        """What services are registered on before `listen`."""

    async def listen(self, *, on_connection: Callable[[], None], on_disconnection: Callable[[], None]) -> str:
        """Serve; return the path of the socket for the host. The host's coming and going is told."""

    async def dial(self, network: str, address: str) -> grpc.aio.Channel:
        """Return a channel to an address of the host's, which is really connected at its first call.

        Raises:
            ValueError: the network is neither `unix` nor `tcp`.
        """

    async def close(self, *, grace: float) -> None:
        """Let running calls end for `grace` seconds, then end everything."""
