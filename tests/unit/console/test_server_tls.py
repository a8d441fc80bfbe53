"""TLS and sockets between the commands and a server, on real ones."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread

import pytest
import trustme

from sectigo_vault_pki.console.connection import Connection
from sectigo_vault_pki.console.failures import UnreachableError, UntrustedError
from sectigo_vault_pki.console.server import Server


class Health(BaseHTTPRequestHandler):
    """Answers anything with the token's length, so that a test sees that it came."""

    def do_GET(self) -> None:
        content = json.dumps({"token": len(self.headers["X-Vault-Token"])}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base's name
        pass


class HealthOnSocket(Health):
    def address_string(self) -> str:
        return "socket"


@contextmanager
def running(server: HTTPServer | ThreadingUnixStreamServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class QuietServer(ThreadingHTTPServer):
    """Says nothing about clients that do not trust it, or that it does not trust."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def tls_server(ca: trustme.CA, *, asks_for_certificate: bool = False) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("vault.example.test").configure_cert(context)
    if asks_for_certificate:
        ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    server = QuietServer(("127.0.0.1", 0), Health)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with running(server):
        yield f"https://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def ca(tmp_path: Path) -> trustme.CA:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return ca


def test_the_name_in_the_certificate_can_be_another_than_the_addresss(ca: trustme.CA, tmp_path: Path) -> None:
    trusted = tmp_path / "ca.pem"
    with tls_server(ca) as address:
        named = Connection(address, token="abc", ca_cert=trusted, server_name="vault.example.test")
        with Server(named) as server:
            answer = server.read("sys/health")
        assert answer.data == {"token": 3}
        assert "notAfter" in answer.certificate
        for refused in (Connection(address, ca_cert=trusted), Connection(address, server_name="vault.example.test")):
            with Server(refused) as server, pytest.raises(UntrustedError):
                server.read("sys/health")
        with Server(Connection(address, token="abc", skip_verify=True)) as server:
            assert server.read("sys/health").data == {"token": 3}


def test_a_client_certificate_is_shown_to_a_listener_that_wants_one(ca: trustme.CA, tmp_path: Path) -> None:
    own = ca.issue_cert("ann@example.test")
    own.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    files = {"client_cert": tmp_path / "cert.pem", "client_key": tmp_path / "key.pem"}
    trusted = {"ca_cert": tmp_path / "ca.pem", "server_name": "vault.example.test"}
    with tls_server(ca, asks_for_certificate=True) as address:
        with Server(Connection(address, token="abc", **trusted, **files)) as server:  # type: ignore[arg-type]
            assert server.read("sys/health").status == 200
        with Server(Connection(address, **trusted)) as server, pytest.raises(UnreachableError):  # type: ignore[arg-type]
            server.read("sys/health")


def test_a_socket_of_an_agent_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with (
        running(ThreadingUnixStreamServer(str(path), HealthOnSocket)),
        Server(Connection(f"unix://{path}", token="abcd")) as server,
    ):
        assert server.read("sys/health").data == {"token": 4}
