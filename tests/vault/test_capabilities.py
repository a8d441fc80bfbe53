"""Policies: which capability each request needs."""

import re
from collections.abc import Callable

import pytest

from scripts.server_binary import product
from tests.support.vault import ORDER, VaultMount

pytestmark = pytest.mark.vault


@pytest.fixture
def token_with(mount: VaultMount) -> Callable[..., str]:
    """Make tokens that may do some things on one path of the mount."""

    def make(path: str, *capabilities: str) -> str:
        policy = f"{mount.path}-{'-'.join(capabilities)}"
        listed = ", ".join(f'"{capability}"' for capability in capabilities)
        rule = f'path "{mount.path}/{path}" {{ capabilities = [{listed}] }}'
        mount.server.api("PUT", f"sys/policies/acl/{policy}", {"policy": rule}).expect(200, 204)
        made = mount.server.api("POST", "auth/token/create", {"policies": [policy], "no_parent": True}).expect(200)
        token: str = made.body["auth"]["client_token"]
        return token

    return make


def test_a_token_that_may_only_create_cannot_update_a_config_entry(
    mount: VaultMount, token_with: Callable[..., str]
) -> None:
    token = token_with("configs/*", "create")
    assert mount.api("POST", "configs/web", mount.scm.config(), token=token).status == 204
    assert mount.api("POST", "configs/web", {"sectigo_max_timeout": 5}, token=token).status == 403
    assert mount.api("GET", "configs/web").data["sectigo_max_timeout"] == 600


def test_a_token_that_may_only_update_cannot_create_a_config_entry(
    mount: VaultMount, token_with: Callable[..., str]
) -> None:
    token = token_with("configs/*", "update")
    assert mount.api("POST", "configs/web", mount.scm.config(), token=token).status == 403
    assert mount.api("LIST", "configs").status == 404
    mount.configure()
    assert mount.api("POST", "configs/web", {"sectigo_max_timeout": 5}, token=token).status == 204


@pytest.mark.parametrize(("capability", "status", "orders"), [("update", 200, 1), ("create", 403, 0)])
def test_ordering_needs_update(
    mount: VaultMount, token_with: Callable[..., str], capability: str, status: int, orders: int
) -> None:
    mount.configure()
    token = token_with("enroll/web", capability)
    assert mount.api("POST", "enroll/web", ORDER, token=token).status == status
    assert len(mount.scm.orders()) == orders


def test_a_token_of_another_path_is_refused_and_nothing_is_done(
    mount: VaultMount, token_with: Callable[..., str]
) -> None:
    data = mount.enrolled()
    token = token_with("certs/other/*", "read", "list", "delete")
    for method in ("GET", "DELETE"):
        assert mount.api(method, f"certs/web/{data['cert_unique_id']}", token=token).status == 403
    assert mount.api("LIST", "certs/web", token=token).status == 403
    assert mount.api("POST", "enroll/web", ORDER, token=token).status == 403
    assert mount.ids() == [data["cert_unique_id"]]
    assert len(mount.scm.orders()) == 1


def test_nothing_but_certificates_and_their_issuers_is_answered_without_a_token(mount: VaultMount) -> None:
    data = mount.enrolled()
    collects = mount.scm.order()["collects"]
    values = {"config_name": "web", "sectigo_cert_unique_id": data["cert_unique_id"], "cert_id": str(data["ssl_id"])}
    document = mount.api("GET", "?help=1").expect(200).body["openapi"]
    guarded = {path: item for path, item in document["paths"].items() if "x-vault-unauthenticated" not in item}
    without = {path.split("/")[1] for path in document["paths"].keys() - guarded.keys()}
    assert without == {"ca", "ca_chain", "cert", "crl", "issuer", "issuers"}
    for template, item in guarded.items():
        path = re.sub("{(.*?)}", lambda captured: values.get(captured[1], "web"), template.removeprefix("/"))
        for method in {"get", "post", "delete"} & set(item):
            refused = mount.api(method.upper(), path, dict(ORDER) if method == "post" else None, token="")
            asks_no_policy = product().is_vault_before(1, 3) and refused.errors == [
                "missing client token"
            ]  # with a 400
            assert refused.status == 403 or asks_no_policy, (method, path)
            assert refused.data == {}
    assert mount.read(data["cert_unique_id"]).expect(200).data == data
    assert (len(mount.scm.orders()), mount.scm.order()["collects"]) == (1, collects)
