"""The policies of docs/teams.md: who looks sees no key and no PEM, and a team sees its own."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.support import recipes
from tests.support.consumers import write_policy
from tests.support.issuing import request
from tests.support.looking import Material, bodies, every_call, unauthenticated
from tests.support.vault import CLIENT, VaultMount

pytestmark = pytest.mark.vault

WINDOW = "400d"
ANYTHING = ("create", "read", "update", "patch", "delete", "list")


@pytest.fixture
def material() -> Material:
    return Material()


@pytest.fixture
def places(mount: VaultMount, material: Material) -> Sequence[Mapping[str, str]]:
    """Certificates and orders in every state, and what the paths call them."""
    mount.configure("shop")
    mount.of(CLIENT).configure("people")
    mount.scm.validate("example.com")
    issued = mount.enrolled()
    mount.api("POST", "config/roles", {"config": "web"}).expect(200)
    mount.api("POST", "roles/web", json.loads(recipes.json_of("web_role", mount))).expect(200)
    by_role = mount.api("POST", "issue/web", {"common_name": "first.example.com"}).expect(200).data
    own = mount.enroll(sectigo_csr=request("own.example.test"), sectigo_csr_domain=None).expect(200).data
    person = mount.of(CLIENT).enroll("people").expect(200).data
    renewed = mount.renew(issued["cert_unique_id"]).expect(200).data
    replaced = mount.replace(own["cert_unique_id"]).expect(200).data
    revoked = mount.enroll().expect(200).data
    mount.revoke(revoked["cert_unique_id"]).expect(200)
    mount.scm.set(never_issue=True)
    pending = mount.enroll("shop", sectigo_max_timeout=0).expect(200).data
    mount.scm.set(never_issue=False)
    mount.scm.fault("enroll", "drop_after")
    unsettled = mount.enroll("shop", sectigo_max_timeout=0).expect(200).data
    assert unsettled["cert_unique_id"].startswith("order-")
    mount.scm.fault("enroll", "status", status=400, code=-7, description="refused for the test")
    mount.enroll("shop").expect(400)
    mount.scm.clear_faults()
    everything = (issued, by_role, own, person, renewed, replaced, revoked, pending, unsettled)
    material.note(*everything, {"csr": request()})
    common = {"name": "web", "role": "web", "issuer_ref": "default", "domain": "example.com", "profile_id": "501"}
    certificates = {
        "web": [issued, own, renewed, replaced, revoked],
        "people": [person],
        "shop": [pending, unsettled],
    }
    return [
        {
            **common,
            "config_name": config_name,
            "sectigo_cert_unique_id": one["cert_unique_id"],
            "cert_id": one["cert_unique_id"].partition("_")[0],
            "serial": one["serial_number"] or "01:02",
            "window": WINDOW,
        }
        for config_name, found in certificates.items()
        for one in found
    ]


def token_with(mount: VaultMount, rules: Mapping[str, Sequence[str]], **filters: str) -> str:
    """Return a token for some paths below the mount; a filter belongs to the list of the path called so."""
    texts = []
    for path, capabilities in rules.items():
        keys = f'list_scan_response_keys_filter_path = "{filters[path]}"' if path in filters else ""
        texts.append(f'path "{mount.path}/{path}" {{ capabilities = {json.dumps([*capabilities])}\n{keys} }}')
    called = f"{mount.path}-some"
    mount.server.api("PUT", f"sys/policies/acl/{called}", {"policy": "\n".join(texts)}).expect(204)
    return token_of(mount, called)


def token_of(mount: VaultMount, policy: str) -> str:
    created = mount.server.api("POST", "auth/token/create", {"policies": [policy]}).expect(200)
    token: str = created.body["auth"]["client_token"]
    return token


def test_a_viewer_is_shown_no_key_no_csr_and_no_pem_on_any_path(
    mount: VaultMount, places: Sequence[Mapping[str, str]], material: Material
) -> None:
    calls, public = every_call(mount, places), unauthenticated(mount)
    answers = bodies(mount, calls, token_of(mount, write_policy(mount, "viewer")))
    shown = [(call, material.found_in(answer.content), answer.status_code) for call, answer in answers]
    assert [(call, found) for call, found, _ in shown if found and call.template not in public] == []
    # What needs no token shows certificates, with this policy and without any: as Vault's own pki does.
    assert {kind for call, found, _ in shown for kind in found if call.template in public} == {"CERTIFICATE", "PEM"}
    seen = {(call.method, call.template) for call, _, status in shown if status == 200 and "?" not in call.path}
    assert {one for one in seen if one[1] not in public} == {
        ("GET", "status"),
        ("GET", "metrics"),
        ("GET", "tidy-status"),
        ("GET", "certs/{config_name}/{sectigo_cert_unique_id}/summary"),
        ("LIST", "certs"),
        ("LIST", "certs/detailed"),
        ("LIST", "certs/revoked"),
        ("LIST", "certs/{config_name}"),
        ("LIST", "certs/{config_name}/detailed"),
        ("LIST", "configs"),
        ("LIST", "expiring/{window}"),
        ("LIST", "recent/{window}"),
        ("LIST", "roles"),
    }


def test_the_search_finds_a_key_that_is_shown(
    mount: VaultMount, places: Sequence[Mapping[str, str]], material: Material
) -> None:
    calls = [call for call in every_call(mount, places[:1]) if call.template.startswith("readcert/")]
    ((_, answer),) = bodies(
        mount, [call for call in calls if call.method == "GET" and call.is_plain], mount.server.token
    )
    assert material.found_in(answer.content) == {"CERTIFICATE", "CERTIFICATE REQUEST", "PRIVATE KEY", "PEM"}


LISTS: Mapping[str, str] = {
    "configs": "configs/{{ .key }}",
    "roles": "roles/{{ .key }}",
    "certs": "cert/{{ .key }}",
    "certs/detailed": "cert/{{ .key }}",
    "certs/revoked": "cert/{{ .key }}",
    "certs/web": "certs/web/{{ .key }}/summary",
    "certs/web/detailed": "certs/web/{{ .key }}/summary",
    f"expiring/{WINDOW}": "certs/{{ .key }}/summary",
    f"recent/{WINDOW}": "certs/{{ .key }}/summary",
    "profile/web": "profile/web/{{ .key }}",
    "domains/web": "domains/web/{{ .key }}",
    "issuers": "issuer/{{ .key }}",
}
"""Every list, and the path of what it lists."""


def of_key(template: str, key: str) -> str:
    return template.replace("{{ .key }}", key)


def test_every_key_of_a_list_is_the_last_part_of_a_path_that_can_be_read(
    mount: VaultMount, places: Sequence[Mapping[str, str]]
) -> None:
    listed = {call.path.rstrip("/") for call in every_call(mount, places[:1]) if is_list(mount, call.path)}
    assert listed == {*LISTS}
    for path, template in LISTS.items():
        keys = mount.api("LIST", path).expect(200).data["keys"]
        unread = [key for key in keys if mount.api("GET", of_key(template, key)).status != 200]
        # An order that SCM refused is not stored: recent/ alone shows it, and only a policy can be asked of it.
        assert unread == ([key for key in keys if is_refused_order(mount, key)] if path.startswith("recent/") else [])


def is_list(mount: VaultMount, path: str) -> bool:
    return "?" not in path and mount.api("LIST", path).status == 200


def is_refused_order(mount: VaultMount, key: str) -> bool:
    events: Mapping[str, Any] = mount.api("LIST", f"recent/{WINDOW}").expect(200).data["key_info"]
    return bool(events[key]["event"] == "order refused")


@pytest.mark.parametrize("path", [path for path in LISTS if path != "issuers"])  # which needs no token
def test_a_filtered_list_is_refused_as_of_every_external_plugin_and_shows_nothing(
    mount: VaultMount, places: Sequence[Mapping[str, str]], path: str
) -> None:
    template = LISTS[path]
    whole = mount.api("LIST", path).expect(200).data
    token = token_with(mount, {path: ["list"]}, **{path: f"{mount.path}/{template}"})
    refused = mount.api("LIST", path, token=token)
    assert (refused.status, refused.errors, refused.data) == (500, ["internal error"], {})
    assert "invalid type for parameter keys on filtered list response" in mount.server.log()
    # What the filter would ask for each key: whether the token may read its path.
    first = of_key(template, whole["keys"][0])
    reader = token_with(mount, {first: ["read"]})
    paths = [f"{mount.path}/{of_key(template, key)}" for key in whole["keys"]]
    may = mount.server.api("POST", "sys/capabilities", {"token": reader, "paths": paths}).expect(200).data
    assert [one for one in paths if "read" in may[one]] == [f"{mount.path}/{first}"]


def test_a_team_sees_its_own_and_no_key(
    mount: VaultMount, places: Sequence[Mapping[str, str]], material: Material
) -> None:
    token = token_of(mount, write_policy(mount, "web-team"))
    own = {place["sectigo_cert_unique_id"] for place in places if place["config_name"] == "web"}
    assert {*mount.api("LIST", "certs/web", token=token).expect(200).data["keys"]} >= own
    assert {*mount.api("LIST", "certs/web/detailed", token=token).expect(200).data["keys"]} >= own
    for unique_id in own:
        assert mount.api("GET", f"certs/web/{unique_id}/summary", token=token).expect(200).data["config"] == "web"
    others = (
        "certs/shop",
        "certs/people/detailed",
        "certs",
        "certs/detailed",
        f"expiring/{WINDOW}",
        f"recent/{WINDOW}",
    )
    assert {mount.api("LIST", path, token=token).status for path in others} == {403}
    public = unauthenticated(mount)
    asked = [
        call
        for call in every_call(mount, places)
        if call.template not in public and not call.template.startswith("revoke/") and call.method != "DELETE"
    ]
    assert [
        (call, found) for call, answer in bodies(mount, asked, token) if (found := material.found_in(answer.content))
    ] == []


READS_WITH_KEYS = {"certs/{config_name}/{sectigo_cert_unique_id}", "readcert/{config_name}/{sectigo_cert_unique_id}"}
READS_WITH_CERTIFICATES = READS_WITH_KEYS | {"issuer/{issuer_ref}", "roles/{role}/ca_chain"}
"""Besides those that need no token."""


def test_reads_and_lists_reveal_keys_on_two_paths_and_no_other(
    mount: VaultMount, places: Sequence[Mapping[str, str]], material: Material
) -> None:
    public = unauthenticated(mount)
    calls = [call for call in every_call(mount, places) if call.method in {"GET", "LIST", "SCAN"}]
    found = [
        (call.template, material.found_in(answer.content)) for call, answer in bodies(mount, calls, mount.server.token)
    ]
    assert {template for template, kinds in found if "PRIVATE KEY" in kinds} == READS_WITH_KEYS
    assert {template for template, kinds in found if "CERTIFICATE REQUEST" in kinds} == READS_WITH_KEYS
    assert {template for template, kinds in found if "PEM" in kinds} - public == READS_WITH_CERTIFICATES
