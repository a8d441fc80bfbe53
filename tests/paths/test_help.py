import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from scripts.field_tables import declared_paths
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, UnsupportedPathError
from tests.support.mount import Mount, answered

PATHS = [
    "configs",
    "configs/web",
    "domains/web",
    "domains/web/example.test",
    "profile/web",
    "profile/web/501",
    "enroll/web",
    "configs/web/test",
    "readcert/web/1_demo-customer",
    "configs/web/rotate-root",
    "certs/web",
    "certs/web/1_demo-customer",
    "certs/web/1_demo-customer/summary",
    "certs/web/detailed",
    "certs/detailed",
    "expiring/7d",
    "recent/12h",
    "metrics",
    "revoke/web/1_demo-customer",
    "replace/web/1_demo-customer",
    "renew/web/1_demo-customer",
    "fetch/web/1",
    "sync/web",
    "export/web/1_demo-customer",
    "status",
    "roles",
    "roles/web",
    "roles/web/ca_chain",
    "config/roles",
    "tidy",
    "tidy-status",
    "tidy-cancel",
    "config/auto-tidy",
    "issue/web",
    "sign/web",
    "certs",
    "certs/revoked",
    "ca",
    "ca/pem",
    "ca_chain",
    "cert/ca",
    "cert/ca/raw",
    "cert/ca/raw/pem",
    "cert/ca_chain",
    "crl",
    "crl/pem",
    "cert/crl",
    "issuer/default",
    "issuer/default/json",
    "issuer/default/pem",
    "issuer/default/der",
    "issuers",
    "cert/01:02",
    "cert/01:02/raw",
    "cert/01:02/raw/pem",
    "revoke",
]


async def openapi_of(mount: Mount, path: str) -> Mapping[str, Any]:
    request = Request(Operation.HELP, path, mount.storage, {"requestResponsePrefix": "sectigo"})
    document: Mapping[str, Any] = answered(await mount.backend.handle_request(request))["openapi"]
    return document


async def test_help_of_the_mount_root_names_every_path(mount: Mount) -> None:
    text = await mount.help("")
    assert text.count("    ^") == len(PATHS)
    assert "Order a certificate at SCM and collect it." in text


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_explains_itself(mount: Mount, path: str) -> None:
    text = await mount.help(path)
    assert text.startswith(f"Request:        {path}\nMatching Route: ^")
    assert "<no description>" not in text
    assert "## DESCRIPTION" in text
    assert max(len(line) for line in text.splitlines()[2:]) <= 120


async def test_help_of_a_path_that_is_none_is_unsupported(mount: Mount) -> None:
    with pytest.raises(UnsupportedPathError):
        await mount.help("nothing/here")


async def test_every_field_of_every_path_has_help_that_ends_in_a_full_stop(mount: Mount) -> None:
    document = await openapi_of(mount, "")
    schemas = document["components"]["schemas"]
    described = [
        property_["description"]
        for schema_name, schema in schemas.items()
        if schema_name.endswith("Request")
        for property_ in schema["properties"].values()
    ]
    assert len(described) > 30
    assert all(text.strip().endswith(".") for text in described)


async def test_the_openapi_document_resolves_each_of_its_references(mount: Mount) -> None:
    document = await openapi_of(mount, "")
    schemas = document["components"]["schemas"]

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        if isinstance(node, list):
            return [found for value in node for found in references(value)]
        return []

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document["paths"])}
    assert names == set(schemas)


async def test_every_default_is_named_by_the_help_and_stands_in_the_schema_unless_it_is_inherited(
    mount: Mount,
) -> None:
    schemas = (await openapi_of(mount, ""))["components"]["schemas"]
    properties = [
        (name, declared)
        for schema_name, schema in schemas.items()
        if schema_name.endswith("Request")
        for name, declared in schema["properties"].items()
    ]
    with_default = [(name, declared) for name, declared in properties if declared.get("default") not in (None, (), "")]
    assert len(with_default) > 10
    for name, declared in with_default:
        words = re.search(r"Default: ([\w-]+)|(\w+) \([^)]*the default\)", declared["description"])
        assert words is not None, name
        default = declared["default"]
        first = default[0] if isinstance(default, list | tuple) else default
        assert str(first).lower() == (words[1] or words[2]).lower(), name


INHERITED = {
    "sectigo_auto_renew",
    "sectigo_cm_request_timeout",
    "sectigo_expiry_window",
    "sectigo_loop_period",
    "sectigo_max_orders_per_day",
    "sectigo_max_timeout",
    "sectigo_read_renewed_cert",
    "sectigo_suspend_renewals",
    "sectigo_wait_limit",
}
NOT_BESIDE_OTHERS = {
    "pkcs12_encryption",
    "sectigo_csr_key_algo",
    "sectigo_csr_key_size",
    "sectigo_ssl_cert_format_type",
}
"""Fields whose default is refused or means something else beside other fields, or under entries of the other type."""


def named_schemas(document: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every parameter and every field that a path's operations take or answer, by its name."""
    item = document["paths"][path]
    operations = [item[method] for method in ("get", "post", "delete") if method in item]
    for described in (item, *operations):
        yield from ((parameter["name"], parameter["schema"]) for parameter in described.get("parameters", []))
    names = re.findall(r"#/components/schemas/(\w+)", json.dumps(operations))
    for schema in (document["components"]["schemas"][name] for name in names):
        yield from schema["properties"].items()


async def test_nothing_that_may_be_stored_or_configured_has_a_default_that_a_form_would_send(mount: Mount) -> None:
    """The host's web UI sends what is declared, which once switched automatic renewal on again, and bought."""
    document = await openapi_of(mount, "")
    found = set()
    for path in document["paths"]:
        for name, schema in named_schemas(document, path):
            if name in INHERITED | NOT_BESIDE_OTHERS:
                found.add(name)
                assert "default" not in schema, (path, name)
                assert "value" not in schema.get("x-vault-displayAttrs", {}), (path, name)
    assert found == INHERITED | NOT_BESIDE_OTHERS


async def test_a_read_with_everything_that_its_openapi_offers_leaves_a_due_certificate_alone(mount: Mount) -> None:
    await mount.configure(sectigo_auto_renew=False)
    issued = await mount.enroll()
    mount.clock.advance(days=364)
    document = await openapi_of(mount, "")
    offered = document["paths"]["/certs/{config_name}/{sectigo_cert_unique_id}"]["get"]["parameters"]
    sent = {one["name"]: one["schema"]["default"] for one in offered if "default" in one["schema"]}
    answer = answered(await mount.read(f"certs/web/{issued['cert_unique_id']}", sent))
    assert answer["cert_unique_id"] == issued["cert_unique_id"]
    assert len(list(mount.simulator.orders)) == 1


async def test_help_asks_nothing_of_a_field_without_effect() -> None:
    ignored = [field for path in declared_paths() for field in path.fields if field.without_effect]
    assert len(ignored) > 60
    assert [field.name for field in ignored if "Required" in field.description or "Default" in field.description] == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("certs/web/1_demo-customer", "Seconds for which this read waits for a certificate that is not issued yet."),
        ("certs/web/1_demo-customer", "Default: the format stored with the certificate."),
        (
            "certs/web/1_demo-customer",
            "Default: the value stored with the certificate, else the config entry's, else 7.",
        ),
        ("fetch/web/1", "It is checked against the certificate and stored with it"),
        ("fetch/web/1", "Seconds to wait for a certificate that SCM has not issued yet"),
        ("renew/web/1_demo-customer", "Without it, the stored CSR is used again."),
        ("renew/web/1_demo-customer", "Without it, the stored key is used again."),
        ("replace/web/1_demo-customer", "the new certificate has that of the stored one."),
        ("replace/web/1_demo-customer", "Without it, a new key is made."),
        ("replace/web/1_demo-customer", "the new key has the algorithm and size of the stored certificate's."),
        ("enroll/web", "Default: the config entry's value, else 600."),
    ],
)
async def test_help_says_what_a_field_means_on_this_path(mount: Mount, path: str, words: str) -> None:
    assert words in " ".join((await mount.help(path)).split())


async def test_every_field_is_shown_by_a_name_for_people_with_its_default_and_whether_it_is_secret(
    mount: Mount,
) -> None:
    schemas = (await openapi_of(mount, ""))["components"]["schemas"]
    properties = {
        name: declared
        for schema_name, schema in schemas.items()
        if schema_name.endswith("Request")
        for name, declared in schema["properties"].items()
    }
    for name, declared in properties.items():
        shown = declared["x-vault-displayAttrs"]
        assert not shown["name"].startswith("Sectigo "), name
        assert shown.get("value") == declared.get("default"), name
    secret = {name for name, declared in properties.items() if declared["x-vault-displayAttrs"].get("sensitive")}
    assert secret == {
        "sectigo_cm_password",
        "sectigo_cm_client_secret",
        "sectigo_cm_client_key",
        "sectigo_private_key",
        "password",
    }


async def test_every_operation_answers_what_it_declares(mount: Mount) -> None:
    document = await openapi_of(mount, "")
    for path, item in document["paths"].items():
        for method in ("get", "post", "patch", "delete"):
            if method not in item:
                continue
            responses = item[method]["responses"]
            well = {status for status in responses if status < "300"}
            if path == "/configs/{config_name}" and method != "get":
                assert well == {"204", "200"}, method  # 200 with warnings
                assert "content" not in responses["200"]
            elif path == "/configs/{config_name}/rotate-root":
                assert well == {"204", "200"}
            else:
                assert well == {"204" if method == "delete" else "200"}, (path, method)
                assert method == "delete" or responses["200"]["content"], (path, method)


async def test_operation_ids_are_unique(mount: Mount) -> None:
    document = await openapi_of(mount, "")
    ids = [
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "operationId" in operation
    ]
    assert len(ids) == len(set(ids)) == 71


async def test_every_answer_has_exactly_the_fields_that_its_path_declares(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    waiting = await mount.enroll(sectigo_max_timeout=0)
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll()
    mount.simulator.settings.never_issue = False
    issued = await mount.enroll()
    schemas = (await openapi_of(mount, ""))["components"]["schemas"]
    declared = set(schemas["SectigoWriteEnrollResponse"]["properties"])
    assert set(waiting) == set(lost) == set(issued) == declared - {"order_number"}
    config = answered(await mount.read("configs/web"))
    assert set(config) == set(schemas["SectigoReadConfigsResponse"]["properties"])


async def test_a_request_without_a_body_is_offered_the_fields_that_mean_something_to_it(mount: Mount) -> None:
    document = await openapi_of(mount, "")
    query = {
        (path, method): {parameter["name"] for parameter in item[method].get("parameters", [])}
        for path, item in document["paths"].items()
        for method in ("get", "delete")
        if method in item
    }
    certificate = "/certs/{config_name}/{sectigo_cert_unique_id}"
    of_the_ca = ("ca", "ca/pem", "ca_chain", "cert/ca", "cert/ca/raw", "cert/ca/raw/pem", "cert/ca_chain")
    of_an_issuer = ("issuer/{issuer_ref}", *(f"issuer/{{issuer_ref}}/{form}" for form in ("json", "pem", "der")))
    without = (*of_the_ca, "crl", "crl/pem", "cert/crl", *of_an_issuer, "cert/{serial}/raw", "cert/{serial}/raw/pem")
    assert query == {
        **{(f"/{path}", "get"): set() for path in without},
        ("/issuers", "get"): {"after", "limit", "list"},
        ("/certs/revoked", "get"): {"after", "limit", "list"},
        ("/certs/detailed", "get"): {"after", "limit", "list"},
        ("/certs/{config_name}/detailed", "get"): {"after", "limit", "list", "name", "status"},
        (f"{certificate}/summary", "get"): set(),
        ("/expiring/{window}", "get"): {"after", "limit", "list"},
        ("/recent/{window}", "get"): {"limit", "list"},
        ("/metrics", "get"): set(),
        ("/config/auto-tidy", "get"): set(),
        ("/tidy-status", "get"): set(),
        ("/configs", "get"): {"after", "limit", "list"},
        ("/configs/{config_name}/test", "get"): set(),
        ("/domains/{config_name}", "get"): {"after", "limit", "list"},
        ("/domains/{config_name}/{domain}", "get"): set(),
        ("/readcert/{config_name}/{sectigo_cert_unique_id}", "get"): {"sectigo_ssl_cert_format_type"},
        ("/profile/{config_name}", "get"): {"after", "limit", "list"},
        ("/profile/{config_name}/{profile_id}", "get"): set(),
        ("/profile/{config_name}/{profile_id}", "delete"): set(),
        ("/config/roles", "get"): set(),
        ("/status", "get"): set(),
        ("/sync/{config_name}", "get"): set(),
        ("/roles", "get"): {"after", "limit", "list"},
        ("/roles/{name}", "get"): set(),
        ("/roles/{name}", "delete"): set(),
        ("/roles/{role}/ca_chain", "get"): set(),
        ("/certs", "get"): {"after", "limit", "list"},
        ("/cert/{serial}", "get"): set(),
        ("/configs/{config_name}", "get"): set(),
        ("/configs/{config_name}", "delete"): set(),
        ("/certs/{config_name}", "get"): {"after", "limit", "list"},
        (certificate, "delete"): {"sectigo_force"},
        (certificate, "get"): {
            "sectigo_auto_renew",
            "sectigo_expiry_window",
            "sectigo_loop_period",
            "sectigo_max_timeout",
            "sectigo_read_renewed_cert",
            "sectigo_ssl_cert_format_type",
        },
    }
