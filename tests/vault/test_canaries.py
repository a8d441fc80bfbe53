"""A canary in every place that a secret may come through, at the most talkative log level: none of them is heard."""

import json
import re
import socketserver
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from scripts.openbao import OpenBaoServer
from scripts.server_api import Answer
from tests.support.certificates import pem_of
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import CLIENT, PLUGIN, SSL, TALKATIVE, Kind, VaultMount, install, watched

pytestmark = pytest.mark.vault

CAPTURED = {"sectigo_cert_unique_id": "1_nobody", "cert_id": "1"}


@dataclass
class Canaries:
    """Secrets that are told apart from everything else, and what was answered to those who sent them."""

    secrets: Secrets
    answers: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return a new one that is a text."""
        canary = f"canary-{token_hex(12)}"
        self.secrets.add_password(canary)
        return canary

    def key(self) -> str:
        """Return a new one that is a private key in PEM."""
        canary = pem_of(ec.generate_private_key(ec.SECP256R1()))
        self.secrets.add_private_key(canary)
        return canary

    def heard(self, answer: Answer) -> None:
        """Keep what was answered, to be searched in the end."""
        self.answers.append(json.dumps(answer.body))


@pytest.fixture
def canaries(secrets: Secrets) -> Canaries:
    return Canaries(secrets)


def sensitive_fields(mount: VaultMount) -> dict[str, set[str]]:
    """Return which fields of each path are secret, as OpenAPI says; of paths, what is written below the mount."""
    document = mount.api("GET", "?help=1").expect(200).body["openapi"]
    found = {}
    for path, item in document["paths"].items():
        body = item.get("post", {}).get("requestBody")
        if body is not None:
            reference = body["content"]["application/json"]["schema"]["ref"]
            properties: Mapping[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]][
                "properties"
            ]
            found[path] = {
                name
                for name, declared in properties.items()
                if declared.get("x-vault-displayAttrs", {}).get("sensitive")
            }
    return {path: names for path, names in found.items() if names}


def test_no_secret_field_of_any_path_is_told_whatever_stands_in_it(mount: VaultMount, canaries: Canaries) -> None:
    mount.configure(sectigo_cm_password=canaries.text())  # so that no answer has a key
    fields = sensitive_fields(mount)
    assert set().union(*fields.values()) >= {"sectigo_cm_password", "sectigo_private_key"}
    for path, names in fields.items():
        at = f"{mount.path}{re.sub('{(.*?)}', lambda captured: CAPTURED.get(captured[1], 'web'), path)}"
        for name in names:
            for value in (canaries.text(), canaries.key(), [canaries.text()], {canaries.text(): canaries.text()}):
                canaries.heard(mount.server.api("POST", at, {**mount.kind.order, name: value}))
                canaries.heard(mount.server.api("POST", at, {name: value, "sectigo_reason": "x"}))
            canaries.heard(mount.server.api("GET", f"{at}?{name}={canaries.text()}"))
    canaries.heard(mount.api("GET", "configs/web").expect(200))
    canaries.heard(mount.api("GET", "status").expect(200))
    assert len(canaries.answers) > 35
    assert canaries.secrets.found_in("".join(canaries.answers)) == []
    assert canaries.secrets.found_in(mount.server.log()) == []


@pytest.mark.parametrize("kind", [SSL, CLIENT], ids=lambda kind: kind.name)
def test_no_key_login_nor_token_is_told_of_in_a_certificates_whole_life(
    mount: VaultMount, canaries: Canaries, kind: Kind
) -> None:
    mount = mount.of(kind)
    made = mount.server.api("POST", "auth/token/create", {"policies": ["root"]}).expect(200)
    token: str = made.body["auth"]["client_token"]
    canaries.secrets.add_password(token)
    mount.configure()
    of_user = mount.enroll(sectigo_private_key=canaries.key()).expect(200).data
    of_engine = mount.api("POST", "enroll/web", kind.order, token=token).expect(200).data
    for data in (of_user, of_engine):
        unique_id = data["cert_unique_id"]
        mount.scm.fault("collect", "status", status=500, times=1)
        for path, body in (
            (f"renew/web/{unique_id}", {"sectigo_max_timeout": 3}),
            (f"replace/web/{unique_id}", {**kind.replacement, "sectigo_private_key": canaries.key()}),
            (f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"}),
        ):
            mount.api("POST", path, body, token=token)
        mount.api("GET", f"certs/web/{unique_id}", token=token).expect(200)
    mount.scm.clear_faults()
    mount.configure("refused", sectigo_cm_password=canaries.text())
    canaries.heard(mount.enroll("refused"))
    mount.scm.fault("enroll", "drop_after")
    mount.enroll(sectigo_private_key=canaries.key()).expect(200)
    log = mount.server.log()
    assert f"unique_id={of_engine['cert_unique_id']}" in log
    assert canaries.secrets.found_in(log) == []
    assert canaries.secrets.found_in("".join(canaries.answers)) == []


class RefusingProxy(socketserver.StreamRequestHandler):
    """Takes a request, and refuses it."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def proxy() -> Iterator[str]:
    """The address of a proxy that lets nobody through."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), RefusingProxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("scheme", ["http", "gopher"])
def test_the_login_at_a_proxy_is_not_told(
    canaries: Canaries, secrets: Secrets, scm: ScmProcess, proxy: str, scheme: str
) -> None:
    password = canaries.text()
    environment = {**TALKATIVE, "HTTPS_PROXY": f"{scheme}://somebody:{password}@{proxy}"}
    with watched(OpenBaoServer.dev(log_level="trace", env=environment), secrets) as server:
        install(server)
        server.enable(PLUGIN, path="proxied")
        mount = VaultMount(server, "proxied", scm, secrets)
        mount.configure(sectigo_cm_base_url="https://scm.example.test")
        refused = mount.enroll()
        canaries.heard(refused)
        assert "proxy" in refused.errors[0]
        canaries.heard(mount.api("GET", "status").expect(200))
        canaries.heard(mount.api("GET", "configs/web").expect(200))
        assert secrets.found_in("".join(canaries.answers)) == []
        assert secrets.found_in(server.log()) == []
        assert "somebody" not in server.log()
