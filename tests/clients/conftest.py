"""Clients of other makers, against a real OpenBao server: `make test-clients`.

Their toolchains and packages are no part of our environment. A test whose toolchain is not on this machine is left out,
and the head of the report and its end name it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from scripts.environment import Choices, Environment, running
from tests.support.client_programs import TOOLS

_HERE = Path(__file__).parent
_LEFT_OUT: pytest.StashKey[Sequence[tuple[str, Sequence[str]]]] = pytest.StashKey()


def pytest_report_header() -> Sequence[str]:
    return [f"{tool.command}: {tool.found() or 'not found; left out: ' + ', '.join(tool.tests)}" for tool in TOOLS]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a toolchain that is not there; the end of the report names each."""
    left_out: list[tuple[str, Sequence[str]]] = []
    ours = {item: item.nodeid.partition("tests/clients/")[2] for item in items if item.path.parent == _HERE}
    for tool in TOOLS:
        if tool.found():
            continue
        needing = [item for item in items if ours.get(item, "").startswith(tuple(tool.tests))]
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]
        left_out.append((tool.command, [ours[item] for item in needing]))
    config.stash[_LEFT_OUT] = left_out


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for command, tests in config.stash.get(_LEFT_OUT, []):
        terminalreporter.section(f"{command} is not on this machine")
        for test in tests:
            terminalreporter.write_line(f"  left out: {test}")


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """OpenBao and our mount with the config entry `web`, and a simulator that issues at once."""
    with running(Choices(simulator_arguments=("--pending-polls", "0"))) as environment:
        environment.register()
        environment.mount()
        environment.configure("web")
        yield environment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the CSR that the programs send."""
    request = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signed.example.com")])
    )
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    (tmp_path / "csr.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    return tmp_path
