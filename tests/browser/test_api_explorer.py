"""Our paths in the API explorer of OpenBao's web UI, in a real browser."""

import pytest

from scripts.field_tables import declared_paths
from sectigo_vault_pki.vault_plugin.framework.documentation import HelpContext, openapi_document
from sectigo_vault_pki.vault_plugin.logical import PluginEnvironment
from tests.browser.api_explorer import ApiExplorer
from tests.support.vault import ORDER

pytestmark = pytest.mark.browser

MOUNT = "sectigo-vault-pki"


def test_the_explorer_lists_every_operation_of_our_paths(explorer: ApiExplorer) -> None:
    asked = HelpContext("", PluginEnvironment(), MOUNT)
    items = openapi_document(declared_paths(), "", asked)["paths"]
    assert isinstance(items, dict)
    declared = {
        operation["operationId"]
        for item in items.values()
        for operation in item.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    assert len(declared) > 50
    assert explorer.operations(MOUNT) == declared


def test_the_explorer_explains_the_fields(explorer: ApiExplorer) -> None:
    form = explorer.form_of(f"{MOUNT}-write-replace-by-sectigo-cert-unique-id")
    assert "Name of the config entry: one SCM account, organization and certificate type." in form
    assert "sectigo_csr_key_algo" in form


def test_the_explorer_reads_a_config_entry_without_its_password(explorer: ApiExplorer) -> None:
    status, answer = explorer.run(f"{MOUNT}-read-configs", {"config_name": "demo"})
    assert status == 200
    assert answer["data"]["sectigo_config_type"] == "ssl_cert"
    assert "sectigo_cm_password" not in answer["data"]


def test_the_explorer_enrols_and_reads_a_certificate(explorer: ApiExplorer) -> None:
    status, enrolled = explorer.run(f"{MOUNT}-write-enroll", {"config_name": "demo"}, body=ORDER)
    assert status == 200
    assert enrolled["data"]["status"] == "Issued"
    unique_id = enrolled["data"]["cert_unique_id"]
    status, read = explorer.run(
        f"{MOUNT}-read-certs-by-sectigo-cert-unique-id",
        {"config_name": "demo", "sectigo_cert_unique_id": unique_id},
    )
    assert status == 200
    assert read["data"]["certificate"] == enrolled["data"]["certificate"]


def test_the_explorer_shows_what_is_wrong_with_a_request(explorer: ApiExplorer) -> None:
    status, answer = explorer.run(
        f"{MOUNT}-write-revoke-by-sectigo-cert-unique-id",
        {"config_name": "demo", "sectigo_cert_unique_id": "999999_nobody"},
        body={"sectigo_reason": "test"},
    )
    assert status == 400
    assert "999999_nobody" in answer["errors"][0]
