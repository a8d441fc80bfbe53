from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from scripts.openbao import OpenBaoServer
from scripts.server_binary import BAO, product
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.servers import missing
from tests.support.units import BUSY, TICK, file_of
from tests.support.vault import PLUGIN, TALKATIVE, OwnEngine, VaultMount, install, watched

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

_HERE = Path(__file__).parent
_LEFT_OUT: pytest.StashKey[Sequence[tuple[str, str, Sequence[str]]]] = pytest.StashKey()
"""The name and the reason of what the server lacks, and the tests that need it."""


def pytest_report_header() -> str:
    return f"server under test: {product()} ({BAO})"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this server cannot do; the end of the report names each."""
    left_out: list[tuple[str, str, Sequence[str]]] = []
    ours = {item: item.nodeid.partition("tests/vault/")[2] for item in items if item.path.parent == _HERE}
    for capability in missing(product()):
        needing = [item for item in items if ours.get(item, "").startswith(tuple(capability.tests))]
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]
        left_out.append((capability.name, capability.reason, [ours[item] for item in needing]))
    config.stash[_LEFT_OUT] = left_out


def pytest_sessionfinish(session: pytest.Session) -> None:
    """As a worker of pytest-xdist, hand over what was left out; every worker leaves out the same."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["left_out"] = session.config.stash.get(_LEFT_OUT, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: "WorkerController") -> None:
    """Take it over from a worker, unless that crashed."""
    if output := getattr(node, "workeroutput", None):
        node.config.stash[_LEFT_OUT] = output["left_out"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, reason, tests in config.stash.get(_LEFT_OUT, []):
        terminalreporter.section(f"{product()} cannot: {name}")
        terminalreporter.write_line(f"{reason}. Left out:")
        for test in tests:
            terminalreporter.write_line(f"  {test}")


@pytest.fixture(scope="session")
def secrets() -> Iterator[Secrets]:
    """Every secret used; in the end, none of them may stand in an error or a warning."""
    secrets = Secrets()
    yield secrets
    assert secrets.found_in_what_was_said() == []


@pytest.fixture(scope="session")
def scm_process(tmp_path_factory: pytest.TempPathFactory, secrets: Secrets) -> Iterator[ScmProcess]:
    """A simulator that issues at once, for every test; no secret may come to it but its login."""
    password = f"canary-{token_hex(12)}"
    secrets.add_password(password)
    with ScmProcess(tmp_path_factory.mktemp("scm"), password=password, options=("--pending-polls", "0")) as scm:
        yield scm
        assert secrets.found_in(scm.output_file.read_text()) == []


@pytest.fixture(scope="session")
def server(secrets: Secrets) -> Iterator[OpenBaoServer]:
    """A server in memory, for every test that does not stop it; one mount keeps the plugin's process up."""
    with watched(OpenBaoServer.dev(log_level="trace", env=TALKATIVE), secrets) as server:
        install(server)
        server.enable(PLUGIN, path="keeper")
        yield server


@pytest.fixture(scope="module")
def engine(server: OpenBaoServer) -> Iterator[OwnEngine]:
    """A catalogue entry of the file's own, and so a process that no other file's tests feel the end of."""
    engine = OwnEngine(server, f"engine-{token_hex(4)}")
    install(server, name=engine.name)
    server.enable(engine.name, path=engine.keeper)
    yield engine
    server.disable(engine.keeper)


@pytest.fixture(autouse=True)
def ticking_meanwhile(request: pytest.FixtureRequest) -> None:
    """Begin the minute that `ticking` needs with the first test of its unit, so that it passes while others run."""
    files = {file_of(item.nodeid) for item in request.session.items}
    if TICK in files and file_of(request.node.nodeid) in BUSY:
        request.getfixturevalue("ticking")


@pytest.fixture(scope="session")
def ticking(tmp_path_factory: pytest.TempPathFactory, secrets: Secrets) -> Iterator[tuple[VaultMount, str]]:
    """A mount with background work, and the id of an order that only a tick of the server's may collect."""
    password = f"canary-{token_hex(12)}"
    secrets.add_password(password)
    folder, options = tmp_path_factory.mktemp("ticking"), ("--pending-polls", "0")
    with (
        ScmProcess(folder, password=password, options=options) as scm,
        watched(OpenBaoServer.dev(env={"SECTIGO_VAULT_PKI_LOG_LEVEL": "trace"}), secrets) as server,
    ):
        install(server)
        server.enable(PLUGIN, path="ticking")
        mount = VaultMount(server, "ticking", scm, secrets)
        mount.configure("ticked")
        scm.set(never_issue=True)
        pending = mount.enroll("ticked", sectigo_max_timeout=0).expect(200).data
        scm.set(never_issue=False)
        yield mount, pending["cert_unique_id"]


@pytest.fixture
def scm(scm_process: ScmProcess, secrets: Secrets) -> Iterator[ScmProcess]:
    """The simulator, with nothing in it."""
    scm_process.reset()
    yield scm_process
    assert secrets.found_in(str(scm_process.orders())) == []
    scm_process.reset()


@pytest.fixture
def mount(server: OpenBaoServer, scm: ScmProcess, secrets: Secrets) -> Iterator[VaultMount]:
    """A mount of its own for each test."""
    path = f"sectigo-{token_hex(4)}"
    server.enable(PLUGIN, path=path)
    yield VaultMount(server, path, scm, secrets)
    server.disable(path)
