"""The example engine on a real OpenBao server: registered, mounted and used."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.openbao import OpenBaoServer

pytestmark = [pytest.mark.vault, pytest.mark.process]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "kv_plugin.py"


@pytest.fixture(scope="module")
def server() -> Iterator[OpenBaoServer]:
    with OpenBaoServer.dev(log_level="debug") as server:
        command = server.folder / "kv-plugin"
        command.write_text(f"#!{sys.executable}\n{EXAMPLE.read_text()}")
        command.chmod(0o755)
        server.register("kv-plugin", command=server.install(command))
        server.enable("kv-plugin", path="texts")
        yield server


def test_what_is_written_is_read_listed_and_deleted(server: OpenBaoServer) -> None:
    assert server.cli("write", "texts/kv/greeting", "text=hello").returncode == 0
    assert server.cli("read", "-field=text", "texts/kv/greeting").stdout == "hello"
    assert json.loads(server.cli("list", "-format=json", "texts/kv").stdout) == ["greeting"]
    assert server.cli("delete", "texts/kv/greeting").returncode == 0
    assert server.api("GET", "texts/kv/greeting").status == 404
    assert server.api("LIST", "texts/kv").status == 404


def test_wrong_input_is_refused_with_the_fields_name(server: OpenBaoServer) -> None:
    for body, error in (
        ({}, "text is required"),
        ({"text": "x" * 1001}, "text must have at most 1000 characters, it has 1001"),
    ):
        answer = server.api("PUT", "texts/kv/greeting", body)
        assert (answer.status, answer.errors) == (400, [error])
    assert server.api("PUT", "texts/kv/-", {"text": "x"}).status == 404
    assert server.api("GET", "texts/nothing").status == 404


def test_undeclared_field_is_told_of_in_a_warning(server: OpenBaoServer) -> None:
    answer = server.api("PUT", "texts/kv/greeting", {"text": "x", "txet": "y"}).expect(200)
    assert answer.warnings == ["Endpoint ignored these unrecognized parameters: [txet]"]


def test_help_describes_the_engine_and_its_paths(server: OpenBaoServer) -> None:
    whole = server.cli("path-help", "texts").stdout
    assert "Keeps texts under names." in whole
    assert "List the entries." in whole
    path = server.cli("path-help", "texts/kv/greeting").stdout
    assert "text (string)" in path
    assert "What is kept. Required." in path
    assert server.api("GET", "texts?help=1").expect(200).body["openapi"]["info"]["title"] == "Key/value store"


def test_engine_reports_its_version_and_logs_nothing_above_debug(server: OpenBaoServer) -> None:
    listed = server.api("GET", "sys/plugins/catalog").expect(200).data["detailed"]
    assert [entry["version"] for entry in listed if entry["name"] == "kv-plugin"] == ["v0.1.0"]
    told = [line for line in server.log().splitlines() if "kv-plugin" in line]
    assert any("serving" in line for line in told)
    assert not [line for line in told if "[WARN]" in line or "[ERROR]" in line]


def test_sockets_of_the_process_lie_in_a_folder_of_its_name(server: OpenBaoServer) -> None:
    assert len(list(server.temporary.glob("plugin-kv-plugin-*/s"))) == 1
