"""The built-in `pki` engine and ours on one server, asked the same: answers differ in values, not in keys and types."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import pytest

from scripts.server_api import Answer
from scripts.server_binary import product
from tests.support.issuing import request
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault

NAME = {"common_name": "a.example.test", "alt_names": "b.example.test", "ip_sans": "192.0.2.7"}
POLICY = {"allowed_domains": ["example.test"], "allow_subdomains": True, "key_type": "ec", "key_bits": 256}
FORMATS = [
    {},
    {"format": "pem"},
    {"format": "der"},
    {"format": "pem_bundle"},
    {"private_key_format": "pkcs8"},
    {"format": "der", "private_key_format": "pkcs8"},
    {"format": "pem_bundle", "private_key_format": "pkcs8"},
    {"remove_roots_from_chain": True},
]
TERM_REMARKS = ("TTL ", "certificates of this profile")
"""Warnings about the validity, which the CA decides here, and the mount there."""
NOT_IN_EVERY_PKI = frozenset({"authority_key_id", "not_before", "issuer_id"})
"""Fields that came to Vault's pki with a version, or are OpenBao's: answers are compared without them where missing."""


@dataclass(frozen=True)
class Both:
    """The same call to both engines; the answers are theirs and ours."""

    mount: VaultMount
    theirs: str
    serial_numbers: dict[str, str] = field(default_factory=dict)

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[Answer, Answer]:
        theirs = self.mount.server.api(method, f"{self.theirs}/{path}", body)
        self.mount.secrets.note(theirs.data)
        return theirs, self.mount.api(method, path, body)

    def issued(self) -> tuple[str, str]:
        """Return the serial numbers of a certificate of each."""
        theirs, ours = (answer.expect(200).data["serial_number"] for answer in self.api("POST", "issue/shop", NAME))
        return theirs, ours

    def with_serial(self, method: str, path: str, serial_numbers: tuple[str, str]) -> tuple[Answer, Answer]:
        """Read or revoke what each has by its own serial number."""
        calls: list[Answer] = []
        for engine, serial_number in zip((self.theirs, self.mount.path), serial_numbers, strict=True):
            body = {"serial_number": serial_number} if method == "POST" else None
            where = path if body else f"{path}/{serial_number}"
            calls.append(self.mount.server.api(method, f"{engine}/{where}", body).expect(200))
        return calls[0], calls[1]


@pytest.fixture
def both(mount: VaultMount) -> Iterator[Both]:
    """A role `shop` in each engine that allows the same."""
    theirs, server = f"pki-{token_hex(4)}", mount.server
    server.enable("pki", path=theirs)
    root = {"common_name": "Root", "key_type": "ec", "key_bits": 256, "ttl": "700h"}
    server.api("POST", f"{theirs}/root/generate/internal", root).expect(200)
    server.api("POST", f"{theirs}/roles/shop", {**POLICY, "max_ttl": "600h"}).expect(200, 204)
    mount.configure()
    ours = {**POLICY, "config": "web", "certificate_type": 501, "validity": 365}
    mount.api("POST", "roles/shop", ours).expect(200)
    yield Both(mount, theirs)
    server.disable(theirs)


def shape(value: object) -> object:
    """Return keys and JSON types; of a list, those of its items."""
    if isinstance(value, dict):
        return {key: shape(below) for key, below in value.items()}
    if isinstance(value, list):
        return [*{str(shape(item)) for item in value}]
    return type(value).__name__


def assert_same_shape(theirs: Answer, ours: Answer) -> None:
    """Compare the bodies' keys and JSON types, apart from fields that one of them has and not every pki."""
    bodies = [{name: value for name, value in answer.body.items() if name != "warnings"} for answer in (theirs, ours)]
    data = [body.get("data") or {} for body in bodies]
    left_out = NOT_IN_EVERY_PKI & (data[0].keys() ^ data[1].keys())
    for body in bodies:
        if isinstance(shown := body.get("data"), dict):
            body["data"] = {name: value for name, value in shown.items() if name not in left_out}
    assert shape(bodies[1]) == shape(bodies[0])


def remarks(answer: Answer) -> list[str]:
    """Return the warnings, except those about the validity."""
    return [warning for warning in answer.warnings if not warning.startswith(TERM_REMARKS)]


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda chosen: "+".join(map(str, chosen.values())) or "default")
def test_issue_and_sign_answer_the_same_keys_and_types(both: Both, chosen: Mapping[str, object]) -> None:
    for path, body in {"issue/shop": NAME, "sign/shop": {**NAME, "csr": request("a.example.test")}}.items():
        theirs, ours = both.api("POST", path, {**body, **chosen})
        assert (ours.status, theirs.status) == (200, 200), (ours.errors, theirs.errors)
        if "remove_roots_from_chain" in chosen:  # its only issuer is a root, and it leaves an empty list out
            assert "ca_chain" not in theirs.data
            assert len(ours.body["data"].pop("ca_chain")) == 1
        assert_same_shape(theirs, ours)
        assert [pem_kinds(ours.data), ours.data.get("private_key_type")] == [
            pem_kinds(theirs.data),
            theirs.data.get("private_key_type"),
        ]


def pem_kinds(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the first line of each PEM text, by its field."""
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    return {name: text.splitlines()[0] for name, text in texts.items() if text.startswith("-----BEGIN")}


def test_reads_lists_and_revocations_answer_the_same_keys_and_types(both: Both) -> None:
    serial_numbers = both.issued()
    theirs, ours = both.with_serial("GET", "cert", serial_numbers)
    assert_same_shape(theirs, ours)
    theirs, ours = both.api("LIST", "certs")
    assert_same_shape(theirs, ours)
    assert serial_numbers[0] in theirs.data["keys"]
    assert serial_numbers[1] in ours.data["keys"]
    for _again in range(2):
        theirs, ours = both.with_serial("POST", "revoke", serial_numbers)
        assert_same_shape(theirs, ours)
    theirs, ours = both.with_serial("GET", "cert", serial_numbers)
    if product().is_openbao:
        assert theirs.body["data"].pop("issuer_id"), "which of its own issuers: we have none"
    assert_same_shape(theirs, ours)
    assert ours.data["revocation_time"]


def test_roles_answer_the_types_that_pki_has_for_the_fields_of_both(both: Both) -> None:
    for method, path, body in (("GET", "roles/shop", None), ("LIST", "roles", None)):
        theirs, ours = both.api(method, path, body)
        shared = theirs.data.keys() & ours.data.keys()
        assert {name: shape(ours.data[name]) for name in shared} == {name: shape(theirs.data[name]) for name in shared}
        assert len(shared) == (15 if method == "GET" else 1)
        assert ours.body.keys() - {"warnings"} == theirs.body.keys() - {"warnings"}
    assert [answer.status for answer in both.api("DELETE", "roles/shop")] == [204, 204]
    assert [answer.status for answer in both.api("DELETE", "roles/shop")] == [204, 204]
    assert [answer.status for answer in both.api("GET", "roles/shop")] == [404, 404]
    assert [answer.status for answer in both.api("LIST", "roles")] == [404, 404]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("issue/none", NAME),
        ("issue/shop", {"common_name": "evil.test"}),
        ("issue/shop", {"common_name": "example.test"}),
        ("issue/shop", {**NAME, "alt_names": "b.example.test,evil.test"}),
        ("issue/shop", {**NAME, "alt_names": "ann@example.test"}),
        ("issue/shop", {**NAME, "uri_sans": "spiffe://shop"}),
        ("sign/shop", {**NAME, "csr": request("evil.test")}),
    ],
)
def test_what_is_refused_is_refused_in_the_same_words(both: Both, path: str, body: Mapping[str, object]) -> None:
    theirs, ours = both.api("POST", path, body)
    assert (ours.status, ours.errors) == (theirs.status, theirs.errors)
    assert ours.status == 400


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("issue/shop", {}, "the common_name field is required"),
        ("issue/shop", {**NAME, "ip_sans": "192.0.2.300"}, "IP address"),
        ("issue/shop", {**NAME, "other_sans": "1.2.3;UTF8:x"}, "not allowed by this role"),
        ("issue/shop", {**NAME, "user_ids": "ann"}, "allowed by this role"),
        ("issue/shop", {**NAME, "serial_number": "7"}, "allowed by this role"),
        ("issue/shop", {**NAME, "not_after": "2027-12-31T00:00:00Z"}, ""),
        ("issue/shop", {**NAME, "format": "jks"}, "format"),
        ("issue/shop", {**NAME, "ttl": "soon"}, "ttl"),
        ("sign/shop", NAME, "csr"),
        ("sign/shop", {**NAME, "csr": "nothing"}, "csr"),
        ("revoke", {"serial_number": "aa:bb:cc"}, "certificate with serial aa:bb:cc not found"),
        ("revoke", {}, "serial"),
    ],
)
def test_what_is_refused_has_the_same_status_and_names_the_same(
    both: Both, path: str, body: Mapping[str, object], word: str
) -> None:
    for answer in both.api("POST", path, body):
        assert answer.status == 400
        assert word in answer.errors[0]


def test_what_is_not_there_or_not_supported_has_the_same_status(both: Both) -> None:
    for method, path, status in (
        ("GET", "cert/aa:bb:cc", 404),
        ("GET", "cert/none", 404),
        ("GET", "roles/none", 404),
        ("GET", "issue/shop", 405),
        ("GET", "revoke", 405),
        ("POST", "roles/a name", 404),
    ):
        assert [answer.status for answer in both.api(method, path)] == [status, status], path


def test_what_has_no_effect_is_said_in_the_same_words(both: Both) -> None:
    theirs, ours = both.api("POST", "issue/shop", {**NAME, "key_type": "rsa", "favourite_colour": "blue"})
    assert sorted(remarks(ours)) == sorted(remarks(theirs))
    assert len(remarks(ours)) == 2
    for answer in both.api("POST", "issue/shop", {**NAME, "uri_sans": "", "not_after": "", "user_ids": "", "ttl": ""}):
        assert remarks(answer) == []


@pytest.mark.parametrize("path", ["issue/shop", "export/web/{id}"])
def test_a_wrapped_answer_is_unwrapped_once(both: Both, path: str) -> None:
    mount = both.mount
    body = NAME
    if path.startswith("export"):
        both.issued()
        path, body = path.format(id=mount.ids()[0]), {}
    wrapped = mount.api("POST", path, body, headers={"X-Vault-Wrap-TTL": "60s"}).expect(200)
    assert wrapped.body["data"] is None
    token = wrapped.body["wrap_info"]["token"]
    unwrapped = mount.server.api("POST", "sys/wrapping/unwrap", {}, token=token).expect(200)
    mount.secrets.note(unwrapped.data)
    assert unwrapped.data["private_key"]
    assert mount.server.api("POST", "sys/wrapping/unwrap", {}, token=token).status == 400
