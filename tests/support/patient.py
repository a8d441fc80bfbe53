"""A real server that the doctor finds nothing wrong with, and faults to put in: each names the check that finds it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

from scripts.openbao import OpenBaoServer
from tests.support.console import Ran, run
from tests.support.scm_process import ScmProcess
from tests.support.vault import EXECUTABLE, PLUGIN, VaultMount

ROLE: Mapping[str, object] = {
    "config": "web",
    "certificate_type": 501,
    "validity": 365,
    "allowed_domains": "example.test",
    "allow_subdomains": True,
}
HARMLESS = ("ok", "not_applicable")


@dataclass(frozen=True)
class Patient:
    """A mount with a config entry, a role and a certificate.

    Attributes:
        name: of the plugin and its command.
    """

    mount: VaultMount
    name: str

    @property
    def server(self) -> OpenBaoServer:
        return self.mount.server

    @property
    def scm(self) -> ScmProcess:
        return self.mount.scm

    @property
    def file(self) -> Path:
        """The plugin's command."""
        return self.server.plugin_directory / self.name

    def examine(self, *options: str, **environ: str) -> Ran:
        """Let the doctor look at it."""
        known = {**self.server.client_environment(), **environ}
        mount = () if any(option.startswith("-mount") for option in options) else (f"-mount={self.mount.path}",)
        return run("doctor", "-format=json", *mount, *options, home=self.server.folder / "home", **known)

    def write(self, path: str, **fields: object) -> None:
        self.mount.api("POST", path, fields).expect(200, 204)

    def tune(self, **settings: object) -> None:
        self.server.api("POST", f"sys/mounts/{self.mount.path}/tune", settings).expect(200, 204)


@contextmanager
def healthy(server: OpenBaoServer, scm: ScmProcess, secrets: Any) -> Iterator[Patient]:
    """Give a patient that lacks nothing; its plugin is that of the server's other mounts."""
    path = f"patient-{token_hex(4)}"
    server.enable(PLUGIN, path=path)
    yield from _furnished(Patient(VaultMount(server, path, scm, secrets), PLUGIN))


@contextmanager
def healthy_with_its_own_plugin(
    server: OpenBaoServer, scm: ScmProcess, secrets: Any, **registration: Any
) -> Iterator[Patient]:
    """Give a patient whose plugin, and the process of it, may be damaged."""
    name = f"patient-{token_hex(4)}"
    server.install(EXECUTABLE, command=name)
    server.register(name, command=name, **registration)
    server.enable(name, path=name)
    yield from _furnished(Patient(VaultMount(server, name, scm, secrets), name))
    server.plugin_directory.chmod(0o700)


def _furnished(patient: Patient) -> Iterator[Patient]:
    patient.mount.enrolled("web")
    patient.write("roles/shop", **ROLE)
    yield patient
    path = patient.mount.path
    if path in {mounted.rstrip("/") for mounted in patient.server.api("GET", "sys/mounts").data}:
        patient.server.disable(path)


def problems(ran: Ran) -> dict[str, list[Mapping[str, Any]]]:
    """Return what the doctor found, by check."""
    found = {name: [one for one in results if one["status"] not in HARMLESS] for name, results in ran.json.items()}
    return {name: results for name, results in found.items() if results}


def another_engine(patient: Patient) -> None:
    patient.server.disable(patient.mount.path)
    patient.server.enable("kv", path=patient.mount.path)


def nothing_mounted(patient: Patient) -> None:
    patient.server.disable(patient.mount.path)


def wrong_password(patient: Patient) -> None:
    patient.mount.configure("bad", sectigo_cm_password="canary-wrong-password")


def scm_gone(patient: Patient) -> None:
    patient.mount.configure("gone", sectigo_cm_base_url="http://127.0.0.1:9")


def scm_broken(patient: Patient) -> None:
    patient.scm.fault("*", "status", status=503, times=None)


def unknown_organization(patient: Patient) -> None:
    patient.mount.configure("other", sectigo_cm_org_id=987_654)


def clocks_apart(patient: Patient) -> None:
    patient.scm.set(date_offset_seconds=7200)


def term_that_is_offered_no_more(patient: Patient) -> None:
    patient.write("roles/long", **{**ROLE, "validity": 398})
    patient.scm.set(longest_term=370)
    patient.mount.api("DELETE", "profile/web/501").expect(200, 204)  # what is kept for an hour


def role_without_its_entry(patient: Patient) -> None:
    patient.mount.configure("old")
    patient.write("roles/orphan", **{**ROLE, "config": "old"})
    patient.mount.api("DELETE", "configs/old").expect(200, 204)


def role_with_an_unknown_profile(patient: Patient) -> None:
    patient.write("roles/wrong", **{**ROLE, "certificate_type": 9999})


def role_with_a_term_that_is_not_offered(patient: Patient) -> None:
    patient.write("roles/wrong", **{**ROLE, "validity": 300})


def role_with_a_key_that_is_not_taken(patient: Patient) -> None:
    patient.write("roles/wrong", **{**ROLE, "certificate_type": 506, "key_type": "ec"})


def role_with_a_key_of_another_size(patient: Patient) -> None:
    patient.write("roles/wrong", **{**ROLE, "key_type": "ec", "key_bits": 521})


def role_without_a_limit(patient: Patient) -> None:
    patient.write("roles/free", **{**ROLE, "max_orders_per_day": 0})


def validation_ended(patient: Patient) -> None:
    patient.scm.domain("lapsed.example.test", ends_at=datetime.now(UTC) - timedelta(days=1))


def validation_ends_soon(patient: Patient) -> None:
    patient.scm.domain("lapsing.example.test", ends_at=datetime.now(UTC) + timedelta(days=5))


def renewals_suspended(patient: Patient) -> None:
    patient.write("configs/web", sectigo_suspend_renewals=True)


def no_automatic_renewal(patient: Patient) -> None:
    patient.write("configs/web", sectigo_auto_renew=False)


def orders_used_up(patient: Patient) -> None:
    patient.write("configs/web", sectigo_max_orders_per_day=1)


def order_without_an_answer(patient: Patient) -> None:
    patient.scm.fault("enroll", "drop_after")
    patient.scm.fault("list", "status", status=503, times=None)
    patient.mount.enroll("web").expect(200)


def order_that_waits(patient: Patient) -> None:
    patient.scm.set(never_issue=True)
    patient.mount.enroll("web", sectigo_max_timeout=0).expect(200)


def certificate_ends_soon(patient: Patient) -> None:
    patient.scm.set(backdated_seconds=360 * 86_400)
    patient.mount.enroll("web", sectigo_auto_renew=False).expect(200)


def certificate_expired(patient: Patient) -> None:
    patient.scm.set(backdated_seconds=366 * 86_400)
    patient.mount.enroll("web", sectigo_auto_renew=False).expect(200)


def no_config_entry(patient: Patient) -> None:
    patient.mount.api("DELETE", "roles/shop").expect(200, 204)
    patient.mount.api("DELETE", "configs/web").expect(200, 204)


def key_in_the_audit_log(patient: Patient) -> None:
    patient.tune(audit_non_hmac_response_keys=["serial_number", "private_key"])


def password_in_the_audit_log(patient: Patient) -> None:
    patient.tune(audit_non_hmac_request_keys=["sectigo_cm_password"])


def mount_listed_to_anybody(patient: Patient) -> None:
    patient.tune(listing_visibility="unauth")


def changed(patient: Patient) -> None:
    patient.file.unlink()
    patient.file.write_text(f"{EXECUTABLE.read_text()}\n# changed\n")
    patient.file.chmod(0o755)


def file_gone(patient: Patient) -> None:
    patient.file.unlink()


def file_not_executable(patient: Patient) -> None:
    patient.file.chmod(0o644)


def file_writable_by_others(patient: Patient) -> None:
    patient.file.chmod(0o777)


def folder_writable_by_others(patient: Patient) -> None:
    patient.file.parent.chmod(0o777)


def file_is_a_link_elsewhere(patient: Patient) -> None:
    patient.file.unlink()
    patient.file.symlink_to(EXECUTABLE)


def not_reloaded(patient: Patient) -> None:
    changed(patient)
    patient.server.register(patient.name, command=patient.name)


def not_registered(patient: Patient) -> None:
    version = patient.server.api("GET", f"sys/mounts/{patient.mount.path}").data.get("plugin_version") or ""
    path = f"sys/plugins/catalog/secret/{patient.name}?version={version}"
    patient.server.api("DELETE", path).expect(200, 204)


FAULTS: Mapping[Callable[[Patient], None], tuple[str, str, str]] = {
    another_engine: ("mount_answers", "critical", "another one, of type kv"),
    nothing_mounted: ("mount", "critical", "nothing is mounted there"),
    wrong_password: ("logins", "critical", "login"),
    scm_gone: ("logins", "critical", "SCM"),
    scm_broken: ("logins", "critical", "503"),
    unknown_organization: ("logins", "critical", "sectigo_cm_org_id"),
    clocks_apart: ("logins", "warning", "clock"),
    term_that_is_offered_no_more: ("profiles", "critical", "no validity of 398 days, but of 365"),
    role_without_its_entry: ("roles", "critical", '"old" does not exist'),
    role_with_an_unknown_profile: ("profiles", "critical", "no profile 9999"),
    role_with_a_term_that_is_not_offered: ("profiles", "critical", "no validity of 300 days"),
    role_with_a_key_that_is_not_taken: ("profiles", "critical", "no keys of type ec"),
    role_with_a_key_of_another_size: ("profiles", "critical", "no ec keys of 521 bits"),
    role_without_a_limit: ("engine_warnings", "warning", "free"),
    validation_ended: ("domain_validations", "warning", "has ended"),
    validation_ends_soon: ("domain_validations", "warning", "ends at"),
    renewals_suspended: ("renewals_suspended", "warning", "suspended"),
    no_automatic_renewal: ("renewals_suspended", "informational", "not renewed automatically"),
    orders_used_up: ("order_limits", "warning", "used up"),
    order_without_an_answer: ("open_orders", "warning", "unknown outcome"),
    order_that_waits: ("open_orders", "informational", "in progress"),
    certificate_ends_soon: ("ends_soon", "warning", "no successor"),
    certificate_expired: ("expired", "warning", "have ended"),
    no_config_entry: ("config_entries", "warning", "no config entry"),
    key_in_the_audit_log: ("mount_tuning", "critical", "private_key"),
    password_in_the_audit_log: ("mount_tuning", "critical", "sectigo_cm_password"),
    mount_listed_to_anybody: ("mount_tuning", "informational", "without a token"),
}
"""Each fault, the check that finds it, with which status, and a part of what it says."""

FAULTS_OF_PLUGINS: Mapping[Callable[[Patient], None], tuple[str, str, str]] = {
    changed: ("plugin_checksum", "critical", "refuses to start"),
    file_gone: ("plugin_registered", "critical", "no such file"),
    file_not_executable: ("plugin_file", "critical", "not executable"),
    file_writable_by_others: ("plugin_file", "warning", "can write to it"),
    folder_writable_by_others: ("plugin_file", "warning", "can write to it"),
    file_is_a_link_elsewhere: ("plugin_registered", "critical", "outside of"),
    not_reloaded: ("plugin_running", "warning", "another file"),
    not_registered: ("plugin_registered", "critical", "not registered"),
}
"""The same for faults that concern every mount of a plugin."""
