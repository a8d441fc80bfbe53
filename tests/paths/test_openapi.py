"""The OpenAPI document means what it says: its defaults may be sent, and a browser shows its texts whole."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import LogicalError, Operation, Request, Response
from tests.support.issuing import NAME, ROLE, request
from tests.support.mount import CLIENT_ORDER, ORDER, Mount, answered
from tests.support.virtual_time import LoopClock

METHODS: Mapping[str, Operation] = {
    "get": Operation.READ,
    "post": Operation.UPDATE,
    "patch": Operation.PATCH,
    "delete": Operation.DELETE,
}
UNLIKE_THE_DEFAULTS: Mapping[str, object] = {
    "sectigo_auto_renew": False,
    "sectigo_expiry_window": 40,
    "sectigo_loop_period": 7,
    "sectigo_max_timeout": 90,
    "sectigo_read_renewed_cert": False,
    "sectigo_wait_limit": 20,
}
OTHER_ROLE: Mapping[str, object] = {
    **ROLE,
    "allow_ip_sans": False,
    "allow_subdomains": True,
    "key_type": "ec",
    "max_orders_per_day": 3,
    "min_remaining": 0,
}
REASON = {"sectigo_reason": "superseded"}
PKCS12 = {"format": "pkcs12", "password": "correct-horse"}
CONFIG, CERTIFICATE, LIST = "/configs/{config_name}", "/{config_name}/{sectigo_cert_unique_id}", "list"
CASES: list[tuple[str, str, Mapping[str, object]]] = [
    (CONFIG, "get", {}),
    (CONFIG, "post", {}),
    (CONFIG, "patch", {}),
    (CONFIG, "delete", {}),
    ("/configs", LIST, {}),
    ("/enroll/{config_name}", "post", ORDER),
    ("/enroll/{config_name}", "post", {"sectigo_csr": "CSR", **{n: v for n, v in ORDER.items() if "csr" not in n}}),
    ("/enroll/people", "post", CLIENT_ORDER),
    (f"/certs{CERTIFICATE}", "get", {}),
    (f"/certs{CERTIFICATE}", "post", {}),
    (f"/certs{CERTIFICATE}", "delete", {}),
    ("/certs/{config_name}", LIST, {}),
    (f"/certs{CERTIFICATE}/summary", "get", {}),
    ("/certs/{config_name}/detailed", LIST, {}),
    ("/certs/detailed", LIST, {}),
    ("/expiring/{window}", LIST, {}),
    ("/recent/{window}", LIST, {}),
    ("/metrics", "get", {}),
    (f"/renew{CERTIFICATE}", "post", {}),
    (f"/renew{CERTIFICATE}", "post", {"sectigo_csr": "CSR"}),
    (f"/replace{CERTIFICATE}", "post", REASON),
    (f"/replace{CERTIFICATE}", "post", {**REASON, "sectigo_csr": "CSR"}),
    (f"/revoke{CERTIFICATE}", "post", REASON),
    ("/fetch/{config_name}/{cert_id}", "post", {}),
    ("/sync/{config_name}", "post", {}),
    ("/sync/{config_name}", "get", {}),
    (f"/export{CERTIFICATE}", "post", {}),
    (f"/export{CERTIFICATE}", "post", PKCS12),
    ("/roles/{name}", "get", {}),
    ("/roles/{name}", "post", {"allowed_domains": "example.test"}),
    ("/roles/another", "post", {"key_type": "ec"}),
    ("/roles/{name}", "patch", {}),
    ("/roles/{name}", "delete", {}),
    ("/roles", LIST, {}),
    ("/tidy", "post", {"tidy_cert_store": True}),
    ("/tidy-status", "get", {}),
    ("/tidy-cancel", "post", {}),
    ("/config/auto-tidy", "get", {}),
    ("/config/auto-tidy", "post", {"enabled": True, "tidy_cert_store": True}),
    ("/config/auto-tidy", "patch", {"safety_buffer": 3600}),
    ("/config/roles", "get", {}),
    ("/config/roles", "post", {}),
    ("/config/roles", "patch", {}),
    ("/roles/{role}/ca_chain", "get", {}),
    ("/issue/{role}", "post", NAME),
    ("/issue/{role}", "post", {**NAME, **PKCS12}),
    ("/sign/{role}", "post", {"csr": "CSR"}),
    ("/certs", LIST, {}),
    ("/cert/{serial}", "get", {}),
    ("/revoke", "post", {"serial_number": "SERIAL"}),
    ("/status", "get", {}),
    (f"{CONFIG}/test", "get", {}),
    (f"{CONFIG}/rotate-root", "post", {}),
    (f"/readcert{CERTIFICATE}", "get", {}),
    ("/certs/revoked", LIST, {}),
    ("/profile/{config_name}", LIST, {}),
    *(("/profile/{config_name}/{profile_id}", method, {}) for method in ("get", "post", "delete")),
    ("/domains/{config_name}", LIST, {}),
    ("/domains/{config_name}/{domain}", "get", {}),
    ("/cert/{serial}/raw", "get", {}),
    ("/cert/{serial}/raw/pem", "get", {}),
    *((f"/{path}", "get", {}) for path in ("ca", "ca/pem", "ca_chain", "crl", "crl/pem")),
    *((f"/cert/{path}", "get", {}) for path in ("ca", "ca/raw", "ca/raw/pem", "ca_chain", "crl")),
    *((f"/issuer/{{issuer_ref}}{form}", "get", {}) for form in ("", "/json", "/pem", "/der")),
    ("/issuers", LIST, {}),
]


async def document_of(mount: Mount) -> Mapping[str, Any]:
    asked = Request(Operation.HELP, "", mount.storage, {"requestResponsePrefix": "sectigo"})
    document: Mapping[str, Any] = answered(await mount.backend.handle_request(asked))["openapi"]
    return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield each operation with its path and its method; `list` for a list."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                names = [parameter["name"] for parameter in item[method].get("parameters", [])]
                yield path, LIST if "list" in names else method, item[method]


def declared_of(document: Mapping[str, Any], path: str, method: str) -> Mapping[str, Any]:
    """Return the operation that a case is about; the case may name what the path captures."""
    found = {(one, verb): operation for one, verb, operation in operations(document)}
    return found.get((path, method)) or found[f"{path.rpartition('/')[0]}/{{{_LAST[path]}}}", method]


_LAST = {"/enroll/people": "config_name", "/roles/another": "name"}


def defaults_of(document: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form that sends defaults sends."""
    schemas = {one["name"]: one["schema"] for one in operation.get("parameters", [])}
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        schemas |= document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]["properties"]
    defaults = {name: schema["default"] for name, schema in schemas.items() if "default" in schema}
    shown = {name: schema.get("x-vault-displayAttrs", {}).get("value") for name, schema in schemas.items()}
    assert defaults == {name: value for name, value in shown.items() if value is not None}
    sent: dict[str, Any] = json.loads(json.dumps(defaults))
    return sent


class Stocked:
    """A mount with a due certificate that must not be renewed, a role and an entry that differ from the defaults."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.simulator = Simulator(now=self.clock.now)
        self.mount = Mount(self.simulator, self.clock)
        self._names: dict[str, str] = {}

    async def stock(self) -> None:
        self.simulator.settings.pending_polls = 0
        await self.mount.configure("web", **UNLIKE_THE_DEFAULTS)
        await self.mount.configure_client("people", **UNLIKE_THE_DEFAULTS)
        await self.mount.write("config/roles", {"config": "web", "certificate_type": 501, "validity": 365})
        await self.mount.write("roles/shop", OTHER_ROLE)
        await self.mount.write("issue/shop", NAME)
        issued = await self.mount.enroll(sectigo_ssl_cert_format_type="x509CO")
        self._names = {
            "config_name": "web",
            "sectigo_cert_unique_id": issued["cert_unique_id"],
            "cert_id": str(issued["ssl_id"]),
            "role": "shop",
            "name": "shop",
            "serial": issued["serial_number"],
            "issuer_ref": "default",
            "domain": "example.test",
            "profile_id": "501",
            "window": "30d",
        }
        self.clock.advance(days=350)

    async def ask(self, path: str, method: str, body: Mapping[str, object]) -> tuple[object, ...]:
        """Ask, and return what came of it: the kind of the answer, the orders at SCM, and what is stored."""
        values = {"CSR": request(), "SERIAL": self._names["serial"]}
        sent = {name: values.get(str(value), value) for name, value in body.items()}
        operation = Operation.LIST if method == LIST else METHODS[method]
        asked = Request(operation, path[1:].format_map(self._names), self.mount.storage, sent)
        if operation is Operation.UPDATE and await self.mount.backend.check_existence(asked) is False:
            asked = Request(Operation.CREATE, asked.path, self.mount.storage, sent)
        try:
            answer = _kind(await self.mount.ask(asked))
        except LogicalError as error:
            answer = str(error)
        return answer, len(list(self.simulator.orders)), await self._stored()

    async def _stored(self) -> Mapping[str, object]:
        """Return what is stored of entries and roles, and what is stored of certificates that a request decides."""
        stored = {key: json.loads(value) for key, value in self.mount.storage.snapshot().items() if value[:1] == b"{"}
        entries = {key: value for key, value in stored.items() if key.startswith("config")}
        exact: dict[str, object] = {
            key: {name: value for name, value in one.items() if name != "password"} for key, one in entries.items()
        }
        for name in ("shop", "another"):
            exact[name] = dict(answered(await self.mount.read(f"roles/{name}"))) if f"role/{name}" in stored else None
        requested = [value["requested"] for value in stored.values() if isinstance(value.get("requested"), dict)]
        decided = sorted(json.dumps([one.get("waiting"), one.get("format")]) for one in requested)
        return {**exact, "certificates": decided}


def _kind(response: Response | None) -> object:
    """Return what does not differ between two answers about keys, times and serial numbers of their own."""
    if response is None:
        return None
    return response.data and {name: _plain(value) for name, value in response.data.items()}, response.warnings


def _plain(value: object) -> object:
    match value:
        case bool():
            return value
        case int() if value < 10**5:
            return value
        case str() if len(value) < len("2026-11-23T18:16:00Z"):
            return value
        case list():
            return len(value)
    return type(value)


@pytest.mark.parametrize(("path", "method", "body"), CASES)
async def test_an_operation_that_is_sent_its_own_defaults_does_what_it_does_without_them(
    path: str, method: str, body: Mapping[str, object]
) -> None:
    results = []
    for sends_defaults in (False, True):
        stocked = Stocked()
        await stocked.stock()
        document = await document_of(stocked.mount)
        defaults = defaults_of(document, declared_of(document, path, method)) if sends_defaults else {}
        results.append(await stocked.ask(path, method, {**defaults, **body}))
        await stocked.mount.backend.cleanup()
    without, with_defaults = results
    assert with_defaults == without


async def test_each_default_is_the_one_that_the_path_applies(mount: Mount) -> None:
    document = await document_of(mount)
    assert {name for _, _, operation in operations(document) for name in defaults_of(document, operation)} >= {
        "format",
        "key_type",
        "max_orders_per_day",
        "private_key_format",
        "sectigo_force",
        "sectigo_renew_new_key",
    }


async def test_every_operation_has_its_case(mount: Mount) -> None:
    document = await document_of(mount)
    assert {(path, method) for path, method, _ in operations(document)} <= {(path, method) for path, method, _ in CASES}


def texts(node: object, word: str = "") -> Iterator[str]:
    if isinstance(node, str) and word in {"description", "summary", "name", "title"}:
        yield node
    if isinstance(node, dict):
        for name, value in node.items():
            yield from texts(value, name)
    if isinstance(node, list):
        for value in node:
            yield from texts(value)


async def test_no_text_of_the_document_has_what_a_browser_takes_for_an_element(mount: Mount) -> None:
    found = list(texts(await document_of(mount)))
    assert len(found) > 300
    assert [text for text in found if "<" in text] == []
    assert any("certs/{config_name}/{cert_unique_id}" in text for text in found)
    assert "certs/<config_name>/<cert_unique_id>" in await mount.help("enroll/web")


async def test_a_body_requires_what_every_write_needs_and_nothing_else(mount: Mount) -> None:
    schemas = (await document_of(mount))["components"]["schemas"]
    required = {name: schema["required"] for name, schema in schemas.items() if "required" in schema}
    assert required == {
        "SectigoWriteReplaceBySectigoCertUniqueIdRequest": ["sectigo_reason"],
        "SectigoWriteRevokeBySectigoCertUniqueIdRequest": ["sectigo_reason"],
        "SectigoSignWithRoleRequest": ["csr"],
    }


async def test_a_write_is_offered_what_it_stores_and_not_what_only_a_read_has(mount: Mount) -> None:
    schemas = (await document_of(mount))["components"]["schemas"]
    body = schemas["SectigoWriteCertsBySectigoCertUniqueIdRequest"]["properties"]
    assert set(body) == {
        "sectigo_auto_renew",
        "sectigo_expiry_window",
        "sectigo_loop_period",
        "sectigo_max_timeout",
        "sectigo_read_renewed_cert",
    }
    assert "renewals and replacements wait" in body["sectigo_max_timeout"]["description"]


async def test_help_names_the_fields_without_effect_in_one_paragraph(mount: Mount) -> None:
    text = await mount.help("renew/web/1_demo-customer")
    parameters = text.partition("## PARAMETERS")[2].partition("## DESCRIPTION")[0]
    assert "    sectigo_private_key (string)\n" in parameters
    *_, last = parameters.strip().split("\n\n")
    assert " ".join(last.split()).startswith(
        "Accepted without effect on this path: sectigo_client_cert_custom_fields, "
    )
    assert parameters.count("sectigo_csr_country") == 1
    assert "Country (C) in the CSR" not in parameters


async def test_a_patch_is_sent_as_the_host_takes_it(mount: Mount) -> None:
    item = (await document_of(mount))["paths"]["/configs/{config_name}"]
    assert list(item["patch"]["requestBody"]["content"]) == ["application/merge-patch+json"]
    assert list(item["post"]["requestBody"]["content"]) == ["application/json"]


async def test_errors_are_declared_where_they_happen(mount: Mount) -> None:
    document = await document_of(mount)
    failures = {
        (path, method): {status for status in operation["responses"] if status >= "400"}
        for path, method, operation in operations(document)
    }
    assert failures["/enroll/{config_name}", "post"] == {"400", "502"}
    assert failures[f"/certs{CERTIFICATE}", "get"] == {"400", "404", "502"}
    assert failures[f"/certs{CERTIFICATE}", "delete"] == {"400"}
    assert failures["/roles", LIST] == {"400", "404"}
    assert failures["/status", "get"] == set()
