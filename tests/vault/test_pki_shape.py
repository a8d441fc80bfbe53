"""The built-in `pki` engine and ours on one server, asked the same: answers differ in values, not in keys and types.

What differs on purpose is in `ONLY_IN_ONE` and `CALLS`, with its reason, and docs/recipes.md prints both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import httpx
import pytest

from scripts.server_api import Answer
from tests.support import recipes
from tests.support.issuing import request
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault

NAME = {"common_name": "a.example.test", "alt_names": "b.example.test", "ip_sans": "192.0.2.7"}
POLICY = {"allowed_domains": ["example.test"], "allow_subdomains": True, "key_type": "ec", "key_bits": 256}
DEFAULTS = {"config": "web", "certificate_type": 501, "validity": 365}
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
_ROLES, _CERTIFICATES = "`roles/:role`", "`issue/`, `sign/`, `cert/`"
ONLY_IN_ONE: Mapping[str, tuple[str, str]] = {
    "certificate_type": (_ROLES, "SCM's profile"),
    "config": (_ROLES, "the config entry; this and the next can come from `config/roles`"),
    "validity": (_ROLES, "in days; SCM sells terms"),
    "max_orders_per_day": (_ROLES, "each order may cost"),
    "min_remaining": (_ROLES, "the same"),
    "no_store_key": (_ROLES, "the key of an order that was paid for is not lost: `no_store` cannot be had"),
    "sectigo_dcv_mode": (_ROLES, "how the CA validates the domains"),
    "sectigo_dcv_email": (_ROLES, "the same"),
    "no_store_metadata": (_ROLES, "in newer versions of Vault, not in OpenBao"),
    "serial_number_source": (_ROLES, "the same"),
    "authority_key_id": (_CERTIFICATES, "the same"),
    "not_before": (_CERTIFICATES, "in newer versions of Vault and OpenBao"),
    "issuer_id": ("`cert/` of a revoked certificate", "in `pki` only: which of its own issuers it was"),
}
"""Keys of an answer's data that one engine has and the other may lack: where, and why."""
_FOR_NAMES, _OF_CA = "each order may cost, so roles name what may be ordered", "SCM is the CA"
CALLS: Sequence[tuple[str, int, int, str]] = (
    ("write roles/wide allow_any_name=true", 200, 400, _FOR_NAMES),
    ("write roles/wide allow_glob_domains=true", 200, 400, _FOR_NAMES),
    ("write roles/wide allowed_uri_sans=spiffe://shop/*", 200, 400, "SCM's orders take no URIs"),
    ("write roles/wide no_store=true", 200, 400, "what was paid for is stored"),
    ("write roles/wide generate_lease=true", 200, 400, "no certificate has a lease, `revoke` revokes one"),
    ("write roles/wide key_type=ed25519", 200, 400, "no public CA certifies such keys"),
    ("write roles/wide max_ttl=1h", 200, 400, "SCM issues for whole days"),
    ("read roles/shop/ca_chain", 404, 200, "a role's profile decides who issues"),
    ("read config/urls", 200, 404, _OF_CA),
    ("read config/crl", 200, 404, _OF_CA),
    ("read config/issuers", 200, 404, _OF_CA),
    ("list keys", 200, 404, _OF_CA),
    ("write root/generate/internal common_name=Root", 200, 404, _OF_CA),
    ("write intermediate/generate/internal common_name=Middle", 200, 404, _OF_CA),
    ("write issuer/default/issue/shop common_name=a.example.test", 200, 404, "a role's profile decides who issues"),
    ("read issuer/default/crl", 200, 404, "the CA publishes its CRL; `crl` says where"),
    ("read cert/delta-crl", 200, 404, "the same"),
)
"""Calls that one engine answers and the other refuses: the call, the statuses of pki's and ours, and why."""


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
    mount.api("POST", "config/roles", DEFAULTS).expect(200)
    mount.api("POST", "roles/shop", POLICY).expect(200)
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
    """Compare the bodies' keys and JSON types, apart from keys that only one of them may have."""
    bodies = [{name: value for name, value in answer.body.items() if name != "warnings"} for answer in (theirs, ours)]
    data = [body.get("data") or {} for body in bodies]
    left_out = ONLY_IN_ONE.keys() & (data[0].keys() ^ data[1].keys())
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
    assert_same_shape(theirs, ours)
    assert ours.data["revocation_time"]
    assert "issuer_id" not in ours.data


def test_roles_are_written_read_listed_and_deleted_with_the_same_keys_and_types(both: Both) -> None:
    for method, path, body in (
        ("POST", "roles/shop", POLICY),
        ("GET", "roles/shop", None),
        ("LIST", "roles", None),
        ("LIST", "roles?after=a&limit=1", None),
    ):
        assert_same_shape(*both.api(method, path, body))
    assert [answer.status for answer in both.api("DELETE", "roles/shop")] == [204, 204]
    assert [answer.status for answer in both.api("DELETE", "roles/shop")] == [204, 204]
    assert [answer.status for answer in both.api("GET", "roles/shop")] == [404, 404]
    assert [answer.status for answer in both.api("LIST", "roles")] == [404, 404]


def test_a_role_that_says_nothing_and_one_that_says_every_default_of_pki_read_the_same_in_both(both: Both) -> None:
    for body in ({}, both.api("GET", "roles/bare")[0].data):
        written = both.api("POST", "roles/bare", body)
        read = both.api("GET", "roles/bare")
        for theirs, ours in (written, read):
            assert {name: ours.data.get(name) for name in theirs.data} == theirs.data
            assert ours.data.keys() - theirs.data.keys() <= ONLY_IN_ONE.keys()
        assert {name: read[1].data[name] for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize(
    "change",
    [
        {"max_ttl": "500h", "ttl": "240h"},
        {"allowed_domains": "example.test,example.org", "allow_bare_domains": True},
        {"key_type": "rsa", "key_bits": 3072},
        {"key_usage": "DigitalSignature", "ext_key_usage": [], "server_flag": False},
        {"organization": "Example", "country": ["DE"], "require_cn": False},
        {"allowed_ip_sans_cidr": "192.0.2.0/24"},
    ],
    ids="+".join,
)
def test_a_patched_role_reads_the_same_in_both(both: Both, change: Mapping[str, object]) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    both.api("POST", "roles/bare", {**POLICY, "max_ttl": "9000h"})
    for engine in (both.theirs, both.mount.path):
        both.mount.server.api("PATCH", f"{engine}/roles/bare", change, headers=merge).expect(200)
    theirs, ours = both.api("GET", "roles/bare")
    assert {name: ours.data.get(name) for name in theirs.data} == theirs.data


def test_what_only_one_engine_answers_is_refused_by_the_other(both: Both) -> None:
    both.issued()
    methods = {"read": "GET", "list": "LIST", "write": "POST"}
    for call, theirs, ours, _why in CALLS:
        word, path, *pairs = call.split()
        answers = both.api(methods[word], path, dict(pair.split("=", 1) for pair in pairs) or None)
        assert [answer.status for answer in answers] == [theirs, ours], call
        assert answers[1].errors or ours == httpx.codes.OK, call


def test_the_recipes_print_what_differs_on_purpose() -> None:
    keys = [[f"`{key}`", where, why] for key, (where, why) in ONLY_IN_ONE.items()]
    assert recipes.table("| key | in | why |") == keys
    calls = [[f"`{call}`", str(theirs), str(ours), why] for call, theirs, ours, why in CALLS]
    assert recipes.table("| call | `pki` | here | why |") == calls


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
