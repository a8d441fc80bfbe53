"""What the checks say where a real server is hard to bring to it, and how results are printed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts.field_tables import declared_paths
from sectigo_vault_pki.console.doctor.checks import CHECKS, results_of
from sectigo_vault_pki.console.doctor.examination import Examination
from sectigo_vault_pki.console.doctor.plugin_checks import SECRET_FIELDS
from sectigo_vault_pki.console.doctor.printing import as_json, as_table
from sectigo_vault_pki.console.doctor.results import Result, Status, critical, exit_status, informational, warning
from sectigo_vault_pki.vault_plugin.framework.documentation import HelpContext, openapi_document
from sectigo_vault_pki.vault_plugin.logical import PluginEnvironment
from tests.support.console import answering, scripted

MOUNT = "sectigo-vault-pki"
NOW = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)
STATUS: Mapping[str, Any] = {"certificates": 1, "accounts": {}, "background": {"enabled": True}}
SOUND: Mapping[str, Any] = {
    "sys/health": {"initialized": True, "sealed": False, "version": "2.7.2", "server_time_utc": int(NOW.timestamp())},
    "auth/token/lookup-self": {"ttl": 0},
    "sys/audit": {"log/": {"type": "file", "options": {}}},
    f"sys/internal/ui/mounts/{MOUNT}": {"type": MOUNT, "plugin_version": "v0.1.0", "running_sha256": "aa"},
    f"sys/plugins/catalog/secret/{MOUNT}": {"command": MOUNT, "sha256": "aa"},
    "sys/plugins/catalog": {"detailed": [{"name": MOUNT, "version": "v0.1.0"}]},
    f"{MOUNT}/status": STATUS,
    f"{MOUNT}/configs": {"keys": ["web"]},
    f"{MOUNT}/configs/web": {"sectigo_config_type": "ssl_cert"},
    f"{MOUNT}/configs/web/test": {},
}


def found(changes: Mapping[str, Any], *, mount: str = MOUNT, **options: Any) -> dict[str, list[Result]]:
    answers = {**SOUND, **changes}
    health = answers["sys/health"]
    server = scripted(answers)
    examination = Examination(server, mount, now=NOW, **options)
    if isinstance(health, dict):  # the one answer without `data`
        examination._answers["sys/health", "read"] = _bare(examination, health)
    results = results_of(examination)
    return {
        name: wrong
        for name, each in results.items()
        if (wrong := [result for result in each if result.status > Status.OK])
    }


def _bare(examination: Examination, body: Mapping[str, Any]) -> Any:
    answer = examination.ask("sys/health")
    return type(answer)(answer.request, answer.status, body)


def of_status(**changes: object) -> Mapping[str, Any]:
    return {f"{MOUNT}/status": {**STATUS, **changes}}


def test_a_sound_server_has_no_fault() -> None:
    assert found({}) == {}


@pytest.mark.parametrize(
    ("changes", "check", "status", "part"),
    [
        (
            {"sys/health": {**SOUND["sys/health"], "server_time_utc": int(NOW.timestamp()) + 600}},
            "server_clock",
            Status.WARNING,
            "600 s ahead of",
        ),
        (
            {"sys/health": {**SOUND["sys/health"], "version": "1.11.4"}},
            "server_version",
            Status.INFORMATIONAL,
            "1.11.4",
        ),
        ({"auth/token/lookup-self": {"ttl": 90}}, "token", Status.INFORMATIONAL, "ends in 90 s"),
        ({"auth/token/lookup-self": 503}, "token", Status.CRITICAL, "HTTP 503"),
        (
            {
                "sys/plugins/catalog": {
                    "detailed": [{"name": MOUNT, "version": v} for v in ("v0.1.0", "v0.10.0", "v0.2.0")]
                }
            },
            "plugin_version",
            Status.INFORMATIONAL,
            "v0.10.0 is registered",
        ),
        (of_status(unreadable=["certs/web/1_a"]), "unreadable_records", Status.CRITICAL, "damaged"),
        (
            of_status(accounts={"web": {"login_refused_until": "2026-11-28T21:00:00Z"}}),
            "scm_calls",
            Status.CRITICAL,
            "refuses the login",
        ),
        (
            of_status(accounts={"web": {"breaker": "open", "trouble": "HTTP 503"}}),
            "scm_calls",
            Status.CRITICAL,
            "HTTP 503",
        ),
        (
            of_status(background={"enabled": True, "last_error": "storage: full"}),
            "background_work",
            Status.WARNING,
            "storage: full",
        ),
        (
            of_status(background={"enabled": True, "ended_at": "2026-11-28T19:00:00Z"}),
            "background_work",
            Status.WARNING,
            "60 minutes ago",
        ),
        (
            of_status(held_renewals=[{"certificate": "web/1_a", "next_try": "", "reason": "no profile"}]),
            "held_renewals",
            Status.WARNING,
            "no profile",
        ),
        ({f"{MOUNT}/configs/web/test": 502}, "logins", Status.CRITICAL, "scripted 502"),
    ],
)
def test_a_fault_is_found_by_its_check(changes: Mapping[str, Any], check: str, status: Status, part: str) -> None:
    (result,) = found(changes)[check]
    assert result.status is status
    assert part in result.message


def test_a_held_renewal_is_reported_once() -> None:
    held = [{"certificate": "web/1_a", "next_try": "", "reason": "no profile"}]
    results = found(of_status(held_renewals=held, warnings=["web/1_a: no profile", "role shop: no limit"]))
    assert [result.message for result in results["engine_warnings"]] == ["role shop: no limit"]


def test_many_of_a_kind_are_counted_and_not_listed() -> None:
    keys = [f"web/{number}_a" for number in range(12)]
    expiring = {"keys": keys, "key_info": {key: {"common_name": key} for key in keys}}
    results = found({f"{MOUNT}/expiring/7d": expiring})["ends_soon"]
    assert len(results) == 6
    assert results[-1].message.startswith("7 more")


def test_a_plugin_directory_of_another_machine_is_not_looked_at(tmp_path: Path) -> None:
    assert found({}, plugin_directory=tmp_path / "nowhere") == {}


def test_a_file_that_is_missing_from_the_directory_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert "not in the plugin directory" in found({}, plugin_directory=tmp_path)["plugin_file"][0].message


def test_a_critical_fault_of_what_all_need_ends_the_checks() -> None:
    results = results_of(Examination(scripted({**SOUND, "auth/token/lookup-self": 403}), MOUNT, now=NOW))
    assert {each[0].status for name, each in results.items() if name not in [*CHECKS][:6]} == {Status.NOT_APPLICABLE}


def test_the_exit_status_is_that_of_the_worst() -> None:
    assert exit_status([]) == 0
    assert exit_status([Result(Status.OK, "", "")]) == 0
    assert exit_status([informational("", ""), warning("", "")]) == 3
    assert exit_status([critical("", ""), Result(Status.INSUFFICIENT_PERMISSIONS, "", "")]) == 6


def test_the_table_has_a_line_for_each_check_and_says_what_to_do() -> None:
    results = {
        "token": [Result(Status.OK, "token", "all is well")],
        "mount": [critical("pki/", "is gone", "Mount it.")],
    }
    assert as_table(results).splitlines() == [
        "token  ok",
        "mount  critical",
        "  critical: pki/: is gone",
        "    Mount it.",
        "",
        "2 checks: 1 critical, 1 ok",
    ]
    assert '"status_code": 4' in as_json(results)


def test_every_field_that_the_engine_marks_as_secret_is_one_that_no_audit_log_may_show() -> None:
    document = openapi_document(declared_paths(), "", HelpContext("", PluginEnvironment(), MOUNT))
    secret: set[str] = set()

    def collect(node: object) -> None:
        if isinstance(node, dict):
            properties = node.get("properties")
            for name, schema in properties.items() if isinstance(properties, dict) else ():
                if isinstance(schema, dict) and (
                    schema.get("format") == "password" or schema.get("x-vault-displayAttrs", {}).get("sensitive")
                ):
                    secret.add(name)
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    collect(document)
    assert secret == SECRET_FIELDS


def test_a_listener_certificate_is_judged_by_its_end() -> None:
    examination = Examination(scripted(SOUND, None), MOUNT, now=NOW)
    answer = examination.ask("sys/health")
    for days, expected in ((60, []), (20, [Status.WARNING]), (3, [Status.CRITICAL])):
        ends = (NOW + timedelta(days=days)).strftime("%b %d %H:%M:%S %Y GMT")
        certificate = {"notAfter": ends}
        examination._answers["sys/health", "read"] = type(answer)("", 200, {}, None, certificate)
        results = list(CHECKS["server_tls"].check(examination))
        assert [result.status for result in results if "certificate ends" in result.message] == expected


@pytest.mark.parametrize(
    ("address", "is_found"),
    [("http://vault.example.test", True), ("http://127.0.0.1:8200", False), ("http://localhost:8200", False)],
)
def test_a_token_that_travels_without_tls_is_found(address: str, *, is_found: bool) -> None:
    answer = Examination(scripted(SOUND), MOUNT).ask("sys/health")
    examination = Examination(answering(lambda _: pytest.fail("not asked"), address=address), MOUNT, now=NOW)
    examination._answers["sys/health", "read"] = answer
    messages = [result.message for result in CHECKS["server_tls"].check(examination)]
    assert messages == (["the token and the private keys travel without TLS"] if is_found else [])
