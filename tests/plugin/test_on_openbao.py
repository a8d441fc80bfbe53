"""The echo plugin on a real OpenBao server: what people see over HTTP and on the command line."""

import hashlib
import json
import os
import re
import select
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.openbao import OpenBaoServer
from sectigo_vault_pki.vault_plugin.http2.frames import PREFACE
from sectigo_vault_pki.vault_plugin.testing.host_identity import HostIdentity, new_host_identity, new_shared_identity
from tests.support.echo import write_echo_command
from tests.support.polling import until

pytestmark = [pytest.mark.vault, pytest.mark.process]


@pytest.fixture(scope="module")
def server() -> Iterator[OpenBaoServer]:
    with OpenBaoServer.dev(log_level="debug") as server:
        command = server.install(write_echo_command(server.folder))
        server.register("echo", command=command)
        server.enable("echo", path="one")
        server.enable("echo", path="two")
        yield server


def test_version_that_the_plugin_reports_is_the_catalogs(server: OpenBaoServer) -> None:
    listed = server.api("GET", "sys/plugins/catalog").expect(200).data["detailed"]
    assert [entry["version"] for entry in listed if entry["name"] == "echo"] == ["v1.2.3"]


def test_mounts_of_one_entry_share_a_process_and_nothing_else(server: OpenBaoServer) -> None:
    server.api("PUT", "one/kv/shared", {"text": "of one"}).expect(200)
    assert server.api("GET", "two/kv/shared").status == 404
    one, two = (server.api("GET", f"{mount}/info").expect(200).data for mount in ("one", "two"))
    assert one["pid"] == two["pid"]
    assert one["backend_uuid"] != two["backend_uuid"]
    assert one["initialized"] is two["initialized"] is True


def test_command_line_writes_and_reads(server: OpenBaoServer) -> None:
    written = server.cli("write", "one/kv/a", "text=hello")
    assert (written.returncode, "written" in written.stderr) == (0, True), written
    assert server.cli("read", "-field=text", "one/kv/a").stdout == "hello"
    assert json.loads(server.cli("list", "-format=json", "one/kv").stdout)[0] == "a"


def test_existence_check_tells_create_from_update(server: OpenBaoServer) -> None:
    for operation in ("create", "update"):
        answer = server.api("PUT", "one/kv/checked", {"text": "x"}).expect(200)
        assert (answer.data["operation"], answer.warnings) == (operation, ["written"])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("kind", "status", "errors"),
    [
        ("bad-request", 400, ["the field is wrong"]),
        ("not-found", 404, ["nothing is called that"]),
        ("unavailable", 502, ["SCM is down"]),
        ("unsupported-path", 404, ["1 error occurred:\n\t* unsupported path\n\n"]),
        ("unsupported-operation", 405, ["1 error occurred:\n\t* unsupported operation\n\n"]),
        ("storage", 500, ["1 error occurred:\n\t* disk on fire\n\n"]),
        ("error", 500, ["1 error occurred:\n\t* no kind in particular\n\n"]),
    ],
)
def test_each_kind_of_error_has_its_status_and_its_text(
    server: OpenBaoServer, method: str, kind: str, status: int, errors: list[str]
) -> None:
    answer = server.api(method, f"one/fail/{kind}", {"a": 1} if method == "PUT" else None)
    assert (answer.status, answer.errors) == (status, errors)


def test_unexpected_exception_shows_nowhere(server: OpenBaoServer) -> None:
    answer = server.api("GET", "one/fail/unexpected")
    assert answer.status == 500
    assert "internal error of the plugin" in answer.errors[0]
    assert "hunter2" not in answer.errors[0] + server.log()


@pytest.mark.parametrize(
    ("kind", "status"), [("bad-request", 400), ("unsupported-path", 404), ("not-found", 404), ("storage", 500)]
)
def test_failed_existence_check_leaves_the_word_to_the_request(server: OpenBaoServer, kind: str, status: int) -> None:
    assert server.api("PUT", f"one/fail/check-{kind}", {"a": 1}).status == status


def test_absent_key_and_empty_list_are_not_found(server: OpenBaoServer) -> None:
    for method, path in (("GET", "two/kv/nothing"), ("LIST", "two/kv/nothing")):
        answer = server.api(method, path)
        assert (answer.status, answer.errors) == (404, [])


def test_delete_without_an_answer_is_no_content(server: OpenBaoServer) -> None:
    assert server.api("DELETE", "one/kv/whatever").status == 204


def test_message_of_twenty_megabytes_passes(server: OpenBaoServer) -> None:
    text = "x" * 20 * 1024 * 1024
    assert server.api("PUT", "one/length", {"text": text}).expect(200).data == {"length": len(text), "text": text}


def knock(path: Path, stranger: HostIdentity | None) -> bytes:
    """Connect with TLS and ask for something, without a certificate or with this one; return the answer, if any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if stranger is not None:
        context.load_cert_chain(stranger.file)
    try:
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(str(path))
            with context.wrap_socket(plain) as connection:
                connection.sendall(PREFACE)
                return connection.recv(1000)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_strangers_at_the_socket_are_refused_and_the_server_notices_nothing_but_a_few_lines() -> None:
    with OpenBaoServer.dev(log_level="debug") as server:
        server.register("echo", command=server.install(write_echo_command(server.folder)))
        server.enable("echo", path="only")
        pid = server.api("GET", "only/info").expect(200).data["pid"]
        (path,) = server.temporary.glob("plugin*/s")
        for certificate in (None, new_host_identity(server.folder), new_shared_identity(server.folder)):
            assert knock(path, certificate) == b""
        for number in range(1000):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(str(path))
                stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
                if number % 111 == 0:
                    assert server.api("GET", "only/info").expect(200).data["pid"] == pid
                if number == 999:
                    assert not stranger.recv(1000)  # its turn comes after all others
        server.disable("only")
        until(lambda: "refused more connections" in server.log(), what="the number of refusals")
        told = [line for line in server.log().splitlines() if "echo-plugin: refused a connection" in line]
        assert len(told) == 10
        assert all("[WARN]" in line for line in told)
        assert re.findall(r"connections=\d+", server.log()) == ["connections=993"]
        assert sum("its certificate is not the expected one" in line for line in told) == 2
        assert sum("peer did not return a certificate" in line for line in told) == 1


def test_prints_of_the_engine_do_not_kill_the_server(server: OpenBaoServer) -> None:
    server.enable("echo", path="noisy", options={"print": "yes"})
    assert server.api("GET", "noisy/info").expect(200).data["options"]["print"] == "yes"
    server.disable("noisy")


def test_mount_that_the_engine_refuses_fails_with_its_text(server: OpenBaoServer) -> None:
    answer = server.api("POST", "sys/mounts/refused", {"type": "echo", "options": {"refuse": "yes"}})
    assert answer.status == 400
    assert "this mount is refused" in answer.errors[0]


def test_reload_makes_a_new_process_that_knows_what_was_stored(server: OpenBaoServer) -> None:
    server.api("PUT", "two/kv/kept", {"text": "still here"}).expect(200)
    before = server.api("GET", "two/info").expect(200).data["pid"]
    server.reload("echo")
    assert server.api("GET", "two/info").expect(200).data["pid"] != before
    assert server.api("GET", "two/kv/kept").expect(200).data == {"text": "still here"}
    assert server.api("GET", "one/info").status == 200


def test_disabling_the_last_mount_ends_the_process_and_leaves_no_socket() -> None:
    with OpenBaoServer.dev() as server:
        server.register("echo", command=server.install(write_echo_command(server.folder)))
        server.enable("echo", path="only")
        assert list(server.temporary.glob("plugin*/s"))
        server.disable("only")
        assert not list(server.temporary.glob("plugin*/s"))


def test_killed_server_takes_its_plugins_along() -> None:
    with OpenBaoServer.dev() as server:
        server.register("echo", command=server.install(write_echo_command(server.folder)))
        server.enable("echo", path="only")
        plugin = os.pidfd_open(server.api("GET", "only/info").expect(200).data["pid"])
        try:
            os.kill(server.pid, signal.SIGKILL)
            ended, _, _ = select.select([plugin], [], [], 10)
        finally:
            os.close(plugin)
        assert ended
        assert not list(server.temporary.glob("plugin*/s"))


def test_raft_server_keeps_mounts_and_their_data_over_a_restart() -> None:
    with OpenBaoServer.raft() as server:
        server.initialize()
        server.register("echo", command=server.install(write_echo_command(server.folder)))
        server.enable("echo", path="only")
        server.api("PUT", "only/kv/a", {"text": "kept"}).expect(200)
        server.restart()
        assert server.api("GET", "only/kv/a").status == 503
        server.unseal()
        assert server.api("GET", "only/kv/a").expect(200).data == {"text": "kept"}


def test_storage_error_of_the_server_is_told_in_its_own_words() -> None:
    with OpenBaoServer.raft() as server:
        server.initialize()
        server.register("echo", command=server.install(write_echo_command(server.folder)))
        server.enable("echo", path="only")
        answer = server.api("PUT", "only/kv/large", {"text": "x" * 2 * 1024 * 1024})  # raft takes half of that
        assert answer.status == 500
        assert "put failed due to value being too large" in answer.errors[0]
        assert server.api("GET", "only/kv/large").status == 404


def test_server_that_guesses_the_kind_of_plugin_takes_it_for_a_secrets_engine() -> None:
    with OpenBaoServer.dev() as server:
        command = server.install(write_echo_command(server.folder))
        checksum = hashlib.sha256((server.plugin_directory / command).read_bytes()).hexdigest()
        server.api("PUT", "sys/plugins/catalog/echo", {"command": command, "sha256": checksum}).expect(200, 204)
        listed = server.api("GET", "sys/plugins/catalog").expect(200).data["detailed"]
        assert {entry["type"] for entry in listed if entry["name"] == "echo"} == {"secret"}
