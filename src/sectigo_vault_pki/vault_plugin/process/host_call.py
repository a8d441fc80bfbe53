"""One call of the plugin to the host, with gRPC's ways of failing made into one exception."""

import asyncio
from typing import TypeVar

import grpc

CALL_SECONDS = 60.0
"""After this the host is taken to be stuck; its own requests end at 90 s."""

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")


class HostCallError(Exception):
    """The host gave no answer to a call; the text is gRPC's.

    Attributes:
        unimplemented: the host does not know the method.
    """

    def __init__(self, text: str, *, unimplemented: bool = False) -> None:
        super().__init__(text)
        self.unimplemented = unimplemented


async def call(method: grpc.aio.UnaryUnaryMultiCallable[RequestT, ReplyT], request: RequestT) -> ReplyT:
    """Return the host's answer.

    Raises:
        HostCallError: there is none.
    """
    try:
        return await method(request, timeout=CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        unimplemented = error.code() is grpc.StatusCode.UNIMPLEMENTED
        raise HostCallError(error.details() or error.code().name, unimplemented=unimplemented) from None
    except (asyncio.CancelledError, grpc.aio.UsageError) as error:
        # grpc.aio cancels a call when its channel is closed; that is not a cancellation of whoever waits for it.
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        raise HostCallError("the connection to the host is closed") from None
