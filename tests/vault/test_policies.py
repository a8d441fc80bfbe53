"""The policies of docs/recipes.md: what each of the three may do, and what it must not."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from tests.support import recipes
from tests.support.consumers import write_policy
from tests.support.issuing import request
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault

Call = tuple[str, str, dict[str, object] | None]


@dataclass(frozen=True)
class Calls:
    """Calls by whom they are for, in an order in which each of them succeeds."""

    requesters: list[Call]
    readers: list[Call]
    writers: list[Call]
    keys: list[Call]


@pytest.fixture
def calls(mount: VaultMount) -> Calls:
    """Every path there is, with something behind it."""
    mount.configure()
    role = json.loads(recipes.json_of("web_role", mount))
    mount.api("POST", "roles/web", role).expect(200)
    issued = mount.api("POST", "issue/web", {"common_name": "first.example.com"}).expect(200).data
    unique_id = mount.enroll().expect(200).data["cert_unique_id"]
    scm_id = unique_id.split("_")[0]
    serial_number = issued["serial_number"]
    mount.revoke(mount.enroll().expect(200).data["cert_unique_id"]).expect(200)
    return Calls(
        requesters=[
            ("POST", "issue/web", {"common_name": "www.example.com"}),
            ("POST", "sign/web", {"csr": request("www.example.com")}),
        ],
        readers=[
            ("LIST", "certs", None),
            ("LIST", "certs/revoked", None),
            ("GET", "issuer/default", None),
            ("LIST", "roles", None),
            ("GET", "roles/web", None),
            ("GET", "status", None),
        ],
        writers=[
            ("LIST", "configs", None),
            ("GET", "configs/web", None),
            ("POST", "configs/web", {"sectigo_loop_period": 15}),
            ("POST", "configs/other", {**mount.scm.config()}),
            ("DELETE", "configs/other", None),
            ("POST", "roles/other", role),
            ("DELETE", "roles/other", None),
            ("LIST", "certs/web", None),
            ("POST", "enroll/web", dict(mount.kind.order)),
            ("POST", f"fetch/web/{scm_id}", {}),
            ("POST", f"replace/web/{unique_id}", {"sectigo_reason": "key ceremony"}),
            ("POST", f"renew/web/{unique_id}", {}),
            ("POST", f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"}),
            ("POST", "revoke", {"serial_number": serial_number}),
        ],
        keys=[
            ("GET", f"certs/web/{unique_id}?sectigo_read_renewed_cert=false", None),
            ("POST", f"export/web/{unique_id}", {}),
            ("DELETE", f"certs/web/{unique_id}", None),
        ],
    )


def token_of(mount: VaultMount, policy: str) -> str:
    body = {"policies": [write_policy(mount, policy)], "no_default_policy": True}
    created: dict[str, str] = mount.server.api("POST", "auth/token/create", body).expect(200).body["auth"]
    return created["client_token"]


def refused_of(mount: VaultMount, policy: str, calls: Iterable[Call]) -> list[tuple[str, str]]:
    """Make the calls with a token of the policy; return those that it may not make, and see that the others succeed."""
    token, refused = token_of(mount, policy), []
    for method, path, body in calls:
        answer = mount.api(method, path, body, token=token)
        if answer.status == 403:
            refused.append((method, path))
        else:
            answer.expect(200, 204)
    return refused


def names(calls: Iterable[Call]) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _ in calls]


def test_a_requester_uses_its_role_and_nothing_else(mount: VaultMount, calls: Calls) -> None:
    assert refused_of(mount, "requester", calls.requesters) == []
    others = [
        ("POST", "issue/other", {"common_name": "www.example.com"}),
        ("POST", "roles/web", json.loads(recipes.json_of("web_role", mount))),
        *calls.readers,
        *calls.writers,
        *calls.keys,
    ]
    assert refused_of(mount, "requester", others) == names(others)


def test_an_operator_does_everything_but_ask_for_certificates_under_roles(mount: VaultMount, calls: Calls) -> None:
    assert refused_of(mount, "operator", [*calls.readers, *calls.writers, *calls.keys]) == []
    assert refused_of(mount, "operator", calls.requesters) == names(calls.requesters)


def test_an_auditor_reads_and_sees_no_key_and_changes_nothing(mount: VaultMount, calls: Calls) -> None:
    assert refused_of(mount, "auditor", [*calls.readers, ("GET", "roles/web/ca_chain", None)]) == []
    others = [*calls.requesters, *calls.writers, *calls.keys]
    assert refused_of(mount, "auditor", others) == names(others)


def token_without(mount: VaultMount, *denied: str) -> str:
    """Return a token that may do everything on the mount but what is denied."""
    rules = [f'path "{mount.path}/*" {{ capabilities = ["create", "read", "update", "delete", "list"] }}']
    rules += [f'path "{mount.path}/{path}" {{ capabilities = ["deny"] }}' for path in denied]
    name = f"{mount.path}-without"
    mount.server.api("PUT", f"sys/policies/acl/{name}", {"policy": "\n".join(rules)}).expect(204)
    created = mount.server.api("POST", "auth/token/create", {"policies": [name], "no_default_policy": True})
    token: str = created.expect(200).body["auth"]["client_token"]
    return token


def test_a_policy_on_a_certificate_to_fetch_meets_each_of_its_ids(mount: VaultMount) -> None:
    unique_id = mount.enrolled()["cert_unique_id"]
    scm_id, _, customer = unique_id.partition("_")
    token = token_without(mount, f"fetch/web/{scm_id}")
    written = [scm_id, unique_id, f"0{scm_id}", f"00{unique_id}"]
    assert [mount.api("POST", f"fetch/web/{one}", {}, token=token).status for one in written] == [403] * len(written)
    foreign = mount.api("POST", f"fetch/web/{scm_id}_not-{customer}", {}, token=token)
    assert foreign.status == 400
    assert "cert_id must be SCM's id" in foreign.errors[0]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_policy_on_a_list_meets_it_with_and_without_its_slash(mount: VaultMount, slash: str) -> None:
    mount.enrolled()
    paths = ("certs", "certs/web", "configs", "roles")
    token = token_without(mount, *(f"{path}{slash}" for path in paths))
    asked = [f"{path}{end}" for path in paths for end in ("", "/")]
    assert [mount.api("LIST", path, token=token).status for path in asked] == [403] * len(asked)
    assert [mount.api("GET", f"{path}?list=true", token=token).status for path in asked] == [403] * len(asked)


def test_an_operator_without_the_lines_about_keys_sees_none(mount: VaultMount, calls: Calls) -> None:
    policy = recipes.file("operator.hcl", mount).splitlines()
    less = [line for line in policy if "/export/" not in line and "/certs/+/+" not in line]
    assert len(policy) - len(less) == 2
    called = write_policy(mount, "operator")
    mount.server.api("PUT", f"sys/policies/acl/{called}", {"policy": "\n".join(less)}).expect(204)
    body = {"policies": [called], "no_default_policy": True}
    token = mount.server.api("POST", "auth/token/create", body).expect(200).body["auth"]["client_token"]
    assert [mount.api(*call, token=token).status for call in calls.keys] == [403] * len(calls.keys)
