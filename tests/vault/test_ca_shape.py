"""The CA as OpenBao's built-in `pki` engine and ours show it on one server, with and without a token."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import httpx
import pytest
from cryptography import x509

from scripts.server_api import Answer
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault

NAME = {"common_name": "a.example.test"}
POLICY = {"allowed_domains": ["example.test"], "allow_subdomains": True, "key_type": "ec", "key_bits": 256}
RAW = [
    "ca",
    "ca/pem",
    "ca_chain",
    "cert/ca/raw",
    "cert/ca/raw/pem",
    "cert/{serial}/raw",
    "cert/{serial}/raw/pem",
    "issuer/default/pem",
    "issuer/default/der",
    "issuer/{issuer}/pem",
    "issuer/{issuer}/der",
]
JSON = [
    ("GET", "cert/ca"),
    ("GET", "cert/ca_chain"),
    ("GET", "issuer/default/json"),
    ("GET", "issuer/{issuer}/json"),
    ("LIST", "issuers"),
    ("LIST", "issuers?limit=1"),
    ("GET", "issuers?list=true"),
]
WITH_TOKEN = [("GET", "issuer/default"), ("GET", "issuer/{issuer}"), ("LIST", "certs/revoked"), ("LIST", "certs")]


@dataclass(frozen=True)
class Raw:
    """An answer as it came."""

    status: int
    content_type: str
    body: bytes

    @property
    def kind(self) -> tuple[int, str, str, bool]:
        """What two engines can share: the status, the type, and whether it is DER or PEM, and ends in a line end."""
        text = self.body.decode("latin-1")
        form = "PEM" if text.startswith("-----BEGIN CERTIFICATE-----\n") else "DER"
        return self.status, self.content_type, form, text.endswith("\n")


@dataclass(frozen=True)
class Engine:
    """One of the two, after it issued, with what its paths name."""

    mount: VaultMount
    path: str
    names: Mapping[str, str]

    def api(self, method: str, path: str, token: str | None = "") -> Answer:
        return self.mount.server.api(method, f"{self.path}/{path.format(**self.names)}", token=token)

    def raw(self, path: str) -> Raw:
        """Read without a token."""
        url = f"{self.mount.server.address}/v1/{self.path}/{path.format(**self.names)}"
        answer = httpx.get(url, trust_env=False)
        return Raw(answer.status_code, answer.headers.get("Content-Type", ""), answer.content)


@pytest.fixture
def theirs_and_ours(mount: VaultMount) -> Iterator[tuple[Engine, Engine]]:
    """Both engines, each with two certificates of one role, the second of them revoked."""
    theirs, server = f"pki-{token_hex(4)}", mount.server
    server.enable("pki", path=theirs)
    root = {"common_name": "Root", "key_type": "ec", "key_bits": 256, "ttl": "700h"}
    server.api("POST", f"{theirs}/root/generate/internal", root).expect(200)
    server.api("POST", f"{theirs}/roles/shop", {**POLICY, "max_ttl": "600h"}).expect(200, 204)
    mount.configure()
    mount.api("POST", "roles/shop", {**POLICY, "config": "web", "certificate_type": 501, "validity": 365}).expect(200)
    yield engine_after_issuing(mount, theirs), engine_after_issuing(mount, mount.path)
    server.disable(theirs)


def engine_after_issuing(mount: VaultMount, path: str) -> Engine:
    serials = []
    for _ in range(2):
        issued = mount.server.api("POST", f"{path}/issue/shop", NAME).expect(200).data
        mount.secrets.note(issued)
        serials.append(issued["serial_number"])
    mount.server.api("POST", f"{path}/revoke", {"serial_number": serials[1]}).expect(200)
    listed = mount.server.api("LIST", f"{path}/issuers").expect(200).data["key_info"]
    (issuer,) = (name for name, info in listed.items() if info["is_default"])
    return Engine(mount, path, {"serial": serials[0], "revoked": serials[1], "issuer": issuer})


def shape(value: object) -> object:
    """Return keys and JSON types; of a list those of its items, of a map by issuer those of its values."""
    if isinstance(value, dict):
        return {key: shape([*inner.values()] if key == "key_info" else inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted({str(shape(item)) for item in value})
    return type(value).__name__


def shape_of(answer: Answer) -> tuple[int, object]:
    return answer.status, shape(answer.body)


def lists_left_out(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data with empty lists in place of full ones: their mount names no URLs, the CA behind ours does."""
    return {key: [] if isinstance(value, list) and key != "ca_chain" else value for key, value in data.items()}


@pytest.mark.parametrize(("method", "path"), JSON)
def test_without_a_token_both_answer_the_same_keys_and_types(
    theirs_and_ours: tuple[Engine, Engine], method: str, path: str
) -> None:
    theirs, ours = (engine.api(method, path) for engine in theirs_and_ours)
    assert theirs.status == 200
    assert shape_of(ours) == shape_of(theirs)


@pytest.mark.parametrize("path", RAW)
def test_without_a_token_both_answer_the_same_kind_of_body(theirs_and_ours: tuple[Engine, Engine], path: str) -> None:
    theirs, ours = (engine.raw(path) for engine in theirs_and_ours)
    assert theirs.status == 200
    assert ours.kind == theirs.kind


@pytest.mark.parametrize(("method", "path"), WITH_TOKEN)
def test_with_a_token_both_answer_the_same_keys_and_types_and_without_one_neither_answers(
    theirs_and_ours: tuple[Engine, Engine], method: str, path: str
) -> None:
    theirs, ours = (engine.api(method, path, token=None).expect(200) for engine in theirs_and_ours)
    bodies = [{**answer.body, "data": lists_left_out(answer.data)} for answer in (theirs, ours)]
    assert shape(bodies[1]) == shape(bodies[0])
    assert [engine.api(method, path).status for engine in theirs_and_ours] == [403, 403]


def test_the_revoked_are_listed_by_their_serial_numbers(theirs_and_ours: tuple[Engine, Engine]) -> None:
    for engine in theirs_and_ours:
        assert engine.api("LIST", "certs/revoked", token=None).data["keys"] == [engine.names["revoked"]]
        assert engine.api("LIST", f"certs/revoked?after={engine.names['revoked']}", token=None).status == 404


def test_what_is_shown_is_the_ca_that_issued(theirs_and_ours: tuple[Engine, Engine]) -> None:
    _, ours = theirs_and_ours
    issuing = x509.load_der_x509_certificate(ours.raw("ca").body)
    leaf = x509.load_der_x509_certificate(ours.raw("cert/{serial}/raw").body)
    leaf.verify_directly_issued_by(issuing)
    chain = x509.load_pem_x509_certificates(ours.raw("ca_chain").body)
    assert chain[0] == issuing
    chain[0].verify_directly_issued_by(chain[1])
    assert x509.load_pem_x509_certificate(ours.raw("cert/{serial}/raw/pem").body) == leaf


def test_a_certificate_is_read_without_a_token_however_its_serial_number_is_written(
    theirs_and_ours: tuple[Engine, Engine],
) -> None:
    _, ours = theirs_and_ours
    serial = ours.names["serial"]
    read = [ours.api("GET", f"cert/{written}").expect(200).data for written in (serial, serial.replace(":", "-"))]
    assert read[0] == read[1]


@pytest.mark.parametrize("path", ["crl", "crl/pem", "cert/crl"])
def test_the_crl_is_not_ours_and_the_answer_says_where_it_is(theirs_and_ours: tuple[Engine, Engine], path: str) -> None:
    answer = theirs_and_ours[1].api("GET", path).expect(200)
    (url,) = answer.data["crl_distribution_points"]
    assert answer.warnings == [f"the CA publishes its CRL at {url}; this engine has none of its own"]


def test_before_anything_was_issued_each_path_says_why_it_has_nothing(mount: VaultMount) -> None:
    mount.configure()
    names = {"issuer": "default", "serial": "0a:25:71"}
    for path in (*RAW, *(path for method, path in JSON if method == "GET"), "crl", "cert/crl"):
        answer = mount.api("GET", path.format(**names), token="")
        reason = "serial 0a:25:71 not found" if "serial" in path else 'collected under config entry "web" yet'
        assert (answer.status, len(answer.errors)) == (404, 1), path
        assert reason in answer.errors[0]


def test_an_unknown_issuer_is_named(theirs_and_ours: tuple[Engine, Engine]) -> None:
    theirs, ours = (engine.api("GET", "issuer/none/json") for engine in theirs_and_ours)
    assert ours.errors == theirs.errors
    assert (ours.status, theirs.status) == (404, 500)
