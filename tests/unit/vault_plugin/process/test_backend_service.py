"""What the service makes of failures that a whole process shows only after a long wait, or not at all."""

import asyncio
from typing import Any

import pytest

from sectigo_vault_pki.vault_plugin.process.backend_service import BackendService
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb


class Context:
    """A call for the mount `m`."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("multiplex_id", "m"),)

    def time_remaining(self) -> float | None:
        return None


class FailingInstances:
    """Mounts that do nothing but fail, or never answer."""

    def __init__(self, error: BaseException | None) -> None:
        self.asked = asyncio.Event()
        self._error = error
        self.storage = None
        self.backend = self

    def __getitem__(self, multiplex_id: str) -> "FailingInstances":
        return self

    async def fail(self, *_: object, **__: object) -> Any:
        self.asked.set()
        if self._error is None:
            await asyncio.Event().wait()
        else:
            raise self._error

    set_up = handle_request = check_existence = invalidate_key = fail


def service_failing_with(error: BaseException) -> BackendService:
    instances: Any = FailingInstances(error)
    return BackendService(instances)


CONTEXT: Any = Context()
REQUEST = pb.Request(operation="read", path="a", data="null")


async def test_setup_without_an_address_of_the_host_says_so() -> None:
    reply = await service_failing_with(TimeoutError()).Setup(pb.SetupArgs(broker_id=9), CONTEXT)
    assert "timeout" in reply.err


async def test_request_whose_task_was_ended_by_a_cleanup_is_unavailable() -> None:
    service = service_failing_with(asyncio.CancelledError())
    reply = await service.HandleRequest(pb.HandleRequestArgs(request=REQUEST), CONTEXT)
    assert "shut down" in reply.response.data
    check = await service.HandleExistenceCheck(pb.HandleExistenceCheckArgs(request=REQUEST), CONTEXT)
    assert "shut down" in check.err.err_msg


@pytest.mark.parametrize("operation", ["create", "update", "patch", "delete"])
async def test_write_that_a_cleanup_has_cut_short_is_not_for_clients_to_repeat(operation: str) -> None:
    service = service_failing_with(asyncio.CancelledError())
    write = pb.Request(operation=operation, path="a", data="null")
    reply = await service.HandleRequest(pb.HandleRequestArgs(request=write), CONTEXT)
    assert "before you repeat it" in reply.response.data
    assert not reply.HasField("err")  # so it is a 400


async def test_request_that_the_host_cancels_stays_cancelled() -> None:
    instances: Any = FailingInstances(None)
    service = BackendService(instances)
    task = asyncio.create_task(service.HandleRequest(pb.HandleRequestArgs(request=REQUEST), CONTEXT))
    await instances.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_failed_invalidation_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    service = service_failing_with(RuntimeError("hunter2"))
    assert await service.InvalidateKey(pb.InvalidateKeyArgs(key="a"), CONTEXT) == pb.Empty()
    assert "could not be told" in caplog.text
