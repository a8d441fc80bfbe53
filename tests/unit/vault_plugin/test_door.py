"""What the SDK offers whoever writes an engine, and that its documents show the example as it is."""

import asyncio
import re
import runpy
import textwrap
from pathlib import Path

import pytest

from sectigo_vault_pki import vault_plugin
from sectigo_vault_pki.vault_plugin import BackendConfig, BadRequestError, Operation, PathBackend, Request, Response
from sectigo_vault_pki.vault_plugin.testing import FakeSystem, InmemStorage

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "kv_plugin.py"
PAGE = ROOT / "docs" / "vault-plugin-sdk.md"

PUBLIC = """
    Backend BackendConfig BackendFactory BadRequestError Field FieldData Handler LogicalError NotFoundError Operation
    Path PathBackend ReadOnlyError Request Response Router SpecialPaths Storage StorageEntry StorageError SystemView
    UnavailableError add_log_values kinds list_response serve
"""


def test_the_door_offers_these_names_and_no_others() -> None:
    assert vault_plugin.__all__ == PUBLIC.split()
    assert all(hasattr(vault_plugin, name) for name in vault_plugin.__all__)


def code_of_the_example() -> str:
    """Return the example without its docstring."""
    return EXAMPLE.read_text().partition('"""\n\n')[2]


def test_the_doors_docstring_shows_the_example_whole() -> None:
    assert vault_plugin.__doc__ is not None
    assert textwrap.indent(code_of_the_example(), "    ") in vault_plugin.__doc__


def test_the_page_shows_the_example_whole() -> None:
    assert f"```python\n{EXAMPLE.read_text()}```" in PAGE.read_text()


@pytest.mark.process
@pytest.mark.parametrize("name", ["test_what_is_written_is_read_back", "test_the_process_answers_a_host"])
def test_the_pages_tests_pass(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(import asyncio\n.*?)```", PAGE.read_text(), re.DOTALL)
    monkeypatch.syspath_prepend(EXAMPLE.parent)
    monkeypatch.chdir(ROOT)
    (tmp_path / "test_page.py").write_text(code)
    runpy.run_path(str(tmp_path / "test_page.py"))[name]()


@pytest.fixture
def engine() -> PathBackend:
    names = runpy.run_path(str(EXAMPLE))
    backend = asyncio.run(names["build"](BackendConfig(InmemStorage(), FakeSystem())))
    assert isinstance(backend, PathBackend)
    return backend


async def ask(
    engine: PathBackend, operation: Operation, path: str, storage: InmemStorage, text: str | None = None
) -> Response | None:
    return await engine.handle_request(Request(operation, path, storage, {} if text is None else {"text": text}))


async def test_the_example_keeps_lists_and_deletes(engine: PathBackend) -> None:
    storage = InmemStorage()
    assert await ask(engine, Operation.READ, "kv/a", storage) is None
    assert await ask(engine, Operation.UPDATE, "kv/a", storage, "hello") is None
    assert await ask(engine, Operation.READ, "kv/a", storage) == Response({"text": "hello"})
    assert await ask(engine, Operation.LIST, "kv/", storage) == Response({"keys": ["a"]})
    assert await ask(engine, Operation.DELETE, "kv/a", storage) is None
    assert storage.snapshot() == {}


async def test_an_engine_of_paths_has_nothing_else_to_do(engine: PathBackend) -> None:
    storage = InmemStorage()
    await engine.initialize()
    assert await ask(engine, Operation.ROLLBACK, "", storage) is None
    assert await engine.canonical_path("kv/a") is None
    assert await engine.check_existence(Request(Operation.UPDATE, "kv/a", storage)) is None
    await engine.invalidate_key("kv/a")
    await engine.cleanup()
    assert engine.special_paths == vault_plugin.SpecialPaths()


async def test_an_operation_without_a_summary_has_its_paths_synopsis(engine: PathBackend) -> None:
    answer = await ask(engine, Operation.HELP, "kv/a", InmemStorage())
    assert answer is not None
    assert answer.data is not None
    document = answer.data["openapi"]
    assert isinstance(document, dict)
    assert document["paths"]["/kv/{name}"]["get"]["summary"] == "Write, read and delete an entry."


async def test_the_example_refuses_what_it_does_not_take(engine: PathBackend) -> None:
    with pytest.raises(BadRequestError, match="text is required"):
        await ask(engine, Operation.UPDATE, "kv/a", InmemStorage())
