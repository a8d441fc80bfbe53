"""Help and OpenAPI, as the server passes them on."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from tests.support.vault import PLUGIN, VaultMount

pytestmark = pytest.mark.vault

PATHS = {
    "configs": "List the config entries.",
    "configs/web": "Keep an SCM account, an organization and a certificate type under a name.",
    "profile/web": "List the certificate profiles that can be ordered under a config entry.",
    "profile/web/501": "Read a certificate profile: its terms, its keys, and the custom fields that an order needs.",
    "enroll/web": "Order a certificate at SCM and collect it.",
    "certs/web": "List the certificates stored under a config entry.",
    "certs/web/1_customer": "Read, collect, change or delete a stored certificate.",
}


def test_help_of_the_mount_lists_every_path_with_its_synopsis(mount: VaultMount) -> None:
    shown = mount.cli("path-help", "{mount}").stdout
    assert "## DESCRIPTION" in shown
    assert "## PATHS" in shown
    assert all(f"        {synopsis}\n" in shown + "\n" for synopsis in PATHS.values())


@pytest.mark.parametrize(("path", "synopsis"), PATHS.items())
def test_help_of_a_path_says_what_it_is_for(mount: VaultMount, path: str, synopsis: str) -> None:
    shown = mount.cli("path-help", f"{{mount}}/{path}").stdout
    assert shown.startswith(f"Request:        {path}\nMatching Route: ^")
    assert synopsis in shown
    assert "## DESCRIPTION" in shown


def test_help_of_enroll_explains_every_field_it_takes(mount: VaultMount) -> None:
    shown = mount.cli("path-help", "{mount}/enroll/web").stdout
    parameters = shown.partition("## PARAMETERS")[2].partition("## DESCRIPTION")[0]
    assert "    sectigo_csr_domain (string)\n" in parameters
    assert "    sectigo_ssl_cert_type (int)\n" in parameters
    assert "<no description>" not in shown


def test_help_over_http_carries_the_paths_openapi(mount: VaultMount) -> None:
    answer = mount.api("GET", "configs/web?help=1").expect(200)
    assert "sectigo_cm_password" in answer.body["help"]
    assert list(answer.body["openapi"]["paths"]) == ["/configs/{config_name}"]


def test_help_of_a_path_that_does_not_exist_is_unsupported(mount: VaultMount) -> None:
    assert mount.api("GET", "nothing/here?help=1").status == 404


def test_the_servers_openapi_document_holds_our_paths_among_the_others(mount: VaultMount) -> None:
    document = mount.server.api("GET", "sys/internal/specs/openapi").expect(200).body
    ours = {path: item for path, item in document["paths"].items() if path.startswith(f"/{mount.path}/")}
    assert {path.removeprefix(f"/{mount.path}") for path in ours} == {
        "/configs",
        "/configs/{config_name}",
        "/configs/{config_name}/test",
        "/configs/{config_name}/rotate-root",
        "/readcert/{config_name}/{sectigo_cert_unique_id}",
        "/profile/{config_name}",
        "/profile/{config_name}/{profile_id}",
        "/domains/{config_name}",
        "/domains/{config_name}/{domain}",
        "/enroll/{config_name}",
        "/certs/{config_name}",
        "/certs/{config_name}/detailed",
        "/certs/{config_name}/{sectigo_cert_unique_id}/summary",
        "/certs/detailed",
        "/expiring/{window}",
        "/recent/{window}",
        "/metrics",
        "/certs/{config_name}/{sectigo_cert_unique_id}",
        "/revoke/{config_name}/{sectigo_cert_unique_id}",
        "/replace/{config_name}/{sectigo_cert_unique_id}",
        "/renew/{config_name}/{sectigo_cert_unique_id}",
        "/fetch/{config_name}/{cert_id}",
        "/sync/{config_name}",
        "/tidy",
        "/tidy-status",
        "/tidy-cancel",
        "/config/auto-tidy",
        "/export/{config_name}/{sectigo_cert_unique_id}",
        "/status",
        "/config/roles",
        "/roles",
        "/roles/{name}",
        "/roles/{role}/ca_chain",
        "/issue/{role}",
        "/sign/{role}",
        "/certs",
        "/certs/revoked",
        "/cert/{serial}",
        "/cert/{serial}/raw",
        "/cert/{serial}/raw/pem",
        "/ca",
        "/ca/pem",
        "/ca_chain",
        "/cert/ca",
        "/cert/ca/raw",
        "/cert/ca/raw/pem",
        "/cert/ca_chain",
        "/crl",
        "/crl/pem",
        "/cert/crl",
        "/issuer/{issuer_ref}",
        "/issuer/{issuer_ref}/json",
        "/issuer/{issuer_ref}/pem",
        "/issuer/{issuer_ref}/der",
        "/issuers",
        "/revoke",
    }
    assert "/sys/mounts/{path}" in document["paths"]
    enroll = ours[f"/{mount.path}/enroll/{{config_name}}"]
    assert set(enroll) & {"get", "post", "delete"} == {"post"}
    reference = enroll["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema["properties"]["sectigo_ssl_cert_type"]["type"] == "integer"
    patch = ours[f"/{mount.path}/roles/{{name}}"]["patch"]
    assert [*patch["requestBody"]["content"]] == ["application/merge-patch+json"]


def test_every_reference_of_our_openapi_paths_leads_somewhere(mount: VaultMount) -> None:
    document = mount.server.api("GET", "sys/internal/specs/openapi").expect(200).body
    ours = {path: item for path, item in document["paths"].items() if path.startswith(f"/{mount.path}/")}
    references = {part.partition('"')[0] for part in json.dumps(ours).split('"$ref": "#/components/schemas/')[1:]}
    assert references
    assert references <= set(document["components"]["schemas"])
    assert '"schema": {}' not in json.dumps(ours)


def test_our_mount_adds_no_error_to_the_servers_openapi_document(mount: VaultMount) -> None:
    document = mount.server.api("GET", "sys/internal/specs/openapi").expect(200).body
    ours = {path: item for path, item in document["paths"].items() if path.startswith(f"/{mount.path}/")}
    assert ours
    # Two mounts of one engine share their operation ids, whichever the engine is: that is the server's doing.
    others = {path: item for path, item in document["paths"].items() if path.startswith("/sys/")}
    assert openapi_errors({**document, "paths": others | ours}) == openapi_errors({**document, "paths": others})


def test_our_part_of_the_document_says_all_that_a_built_in_engine_says_of_itself(mount: VaultMount) -> None:
    mount.server.enable("pki", path=f"{mount.path}-pki")
    try:
        document = mount.server.api("GET", "sys/internal/specs/openapi").expect(200).body
    finally:
        mount.server.disable(f"{mount.path}-pki")
    ours, theirs = said_of(document, f"/{mount.path}/"), said_of(document, f"/{mount.path}-pki/")
    ours["path"] |= {"x-vault-sudo"}  # of which we have nothing to tell
    assert {what: words - ours[what] for what, words in theirs.items() if words - ours[what]} == {}


SHARED_WITH_PKI = {
    "/ca",
    "/ca/pem",
    "/ca_chain",
    "/cert/ca_chain",
    "/cert/crl",
    "/cert/{serial}",
    "/cert/{serial}/raw",
    "/cert/{serial}/raw/pem",
    "/certs",
    "/certs/detailed",
    "/certs/revoked",
    "/crl",
    "/crl/pem",
    "/issuer/{issuer_ref}",
    "/issuer/{issuer_ref}/der",
    "/issuer/{issuer_ref}/json",
    "/issuer/{issuer_ref}/pem",
    "/issuers",
    "/issue/{role}",
    "/revoke",
    "/roles",
    "/roles/{name}",
    "/sign/{role}",
    "/config/auto-tidy",
    "/tidy",
    "/tidy-cancel",
    "/tidy-status",
}
SHARED_IDS = {"/certs/detailed"}
"""OpenBao 2.7.2 gives its list the operation id of `/certs`; ids are to be unique (OpenAPI 3.0, operation object)."""


def test_paths_of_the_built_in_pki_have_its_operation_ids_parameters_and_display_names(mount: VaultMount) -> None:
    mount.server.enable("pki", path=f"{mount.path}-pki")
    try:
        document = mount.server.api("GET", "sys/internal/specs/openapi").expect(200).body
    finally:
        mount.server.disable(f"{mount.path}-pki")
    ours, theirs = operations_of(document, f"/{mount.path}/"), operations_of(document, f"/{mount.path}-pki/")
    shared = ours.keys() & theirs.keys()
    assert {path for path, _ in shared} == SHARED_WITH_PKI
    for path, method in shared:
        our, their = ours[path, method], theirs[path, method]
        if path not in SHARED_IDS:
            assert our.operation_id == their.operation_id, (path, method)
        assert our.path_parameters == their.path_parameters, (path, method)
        assert our.display_names.items() >= their.display_names.items(), (path, method)


@dataclass(frozen=True)
class Described:
    """What an engine says of an operation.

    Attributes:
        operation_id: without the engine's name before it.
        display_names: of the fields of its body that have one.
    """

    operation_id: str
    path_parameters: tuple[str, ...]
    display_names: Mapping[str, str]


def operations_of(document: Mapping[str, Any], prefix: str) -> Mapping[tuple[str, str], Described]:
    """Return what an engine says of its operations, by path and method."""
    return {
        (f"/{path.removeprefix(prefix)}", method): Described(
            operation_id=re.sub(f"^(?:{PLUGIN}|pki)-", "", item[method]["operationId"]),
            path_parameters=tuple(one["name"] for one in item.get("parameters", [])),
            display_names=display_names(document, item[method]),
        )
        for path, item in document["paths"].items()
        if path.startswith(prefix)
        for method in ("get", "post", "patch", "delete")
        if method in item
    }


def display_names(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Mapping[str, str]:
    if "requestBody" not in operation:
        return {}
    (body,) = operation["requestBody"]["content"].values()
    schema = document["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
    shown = {name: field.get("x-vault-displayAttrs", {}).get("name") for name, field in schema["properties"].items()}
    return {name: label for name, label in shown.items() if label}


def said_of(document: Mapping[str, Any], prefix: str) -> dict[str, set[str]]:
    """Return which words an engine uses to describe its paths, their operations, parameters and fields."""
    said: dict[str, set[str]] = {
        what: set() for what in ("path", "operation", "parameter", "schema", "field", "display")
    }
    items = [item for path, item in document["paths"].items() if path.startswith(prefix)]
    operations = [item[method] for item in items for method in ("get", "post", "patch", "delete") if method in item]
    for described in (*items, *operations):
        said["parameter"] |= {word for parameter in described.get("parameters", []) for word in parameter}
    said["path"] = {word for item in items for word in item}
    said["operation"] = {word for operation in operations for word in operation}
    assert all(operation["operationId"] and operation["responses"] for operation in operations)
    parts = json.dumps(operations).split('"$ref": "#/components/schemas/')[1:]
    for schema in (document["components"]["schemas"][part.partition('"')[0]] for part in parts):
        said["schema"] |= set(schema)
        for field in schema.get("properties", {}).values():
            said["field"] |= set(field)
            said["display"] |= set(field.get("x-vault-displayAttrs", {}))
    return said


def openapi_errors(document: Mapping[str, Any]) -> Counter[str]:
    """Return what is wrong with a document; the server's own part has some errors."""
    return Counter(str(error.message) for error in OpenAPIV30SpecValidator(document).iter_errors())
