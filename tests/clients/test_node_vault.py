"""node-vault at our mount."""

from pathlib import Path

from scripts.environment import Environment
from tests.support import client_programs


def test_a_program_with_node_vault_reads_what_it_does(environment: Environment, folder: Path) -> None:
    modules = client_programs.node_vault()
    program = client_programs.SOURCES / "node" / "calls.cjs"
    client_programs.check(client_programs.calls(environment, ["node", program], folder, NODE_PATH=str(modules)))
