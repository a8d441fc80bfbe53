from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import ParamSpec, TypeVar

from sectigo_vault_pki.clock import SystemClock
from sectigo_vault_pki.lifecycle import LoginPauses, Resources, ScmClients
from sectigo_vault_pki.pki import KeyParameters, Pkcs12Protection, PrivateKey, parse_chain
from sectigo_vault_pki.scm import ScmClient
from sectigo_vault_pki.store import Repository
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from tests.support.inline_executor import InlineExecutor

P = ParamSpec("P")
T = TypeVar("T")
VECTORS = Path(__file__).parents[2] / "vectors"


class CountingExecutor(InlineExecutor):
    def __init__(self) -> None:
        self.submitted = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        self.submitted += 1
        return super().submit(fn, *args, **kwargs)


async def is_read_only() -> bool:
    return False


async def test_keys_and_files_are_made_by_the_executor_so_that_the_event_loop_turns() -> None:
    executor = CountingExecutor()
    repository, clock = Repository(InmemStorage()), SystemClock()
    resources = Resources(
        repository=repository,
        clock=clock,
        clients=ScmClients(ScmClient, LoginPauses(repository, clock), clock),
        is_read_only=is_read_only,
        executor=executor,
    )
    await resources.make_key(KeyParameters.parse("EC"))
    assert executor.submitted == 1
    key = PrivateKey.parse((VECTORS / "ec.sec1.pem").read_text())
    chain = parse_chain((VECTORS / "leaf_ec.pem").read_bytes(), public_key_digest=key.public_key_digest)
    assert await resources.make_pkcs12(chain, key.pem, Pkcs12Protection("correct horse battery"))
    assert executor.submitted == 2
    await resources.aclose()
