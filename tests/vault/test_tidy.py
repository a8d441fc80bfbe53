"""`tidy` on the real server: as `bao` and as tools of the built-in `pki` use it."""

from collections.abc import Iterator
from datetime import timedelta
from secrets import token_hex
from typing import Any

import pytest

from tests.support.polling import until
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault

EXPIRED = timedelta(days=365 + 4)
"""Age of a certificate of 365 days whose buffer of 72 hours is over."""
TWO_RUN_AT_ONCE = "Tidy operation already in progress."


@pytest.fixture
def pki(mount: VaultMount) -> Iterator[str]:
    """The built-in engine beside ours."""
    path = f"pki-{token_hex(4)}"
    mount.server.enable("pki", path=path)
    yield path
    mount.server.disable(path)


def ended(mount: VaultMount) -> dict[str, Any]:
    def status() -> dict[str, Any]:
        data = mount.api("GET", "tidy-status").expect(200).data
        return {} if data["state"] in {"Running", "Cancelling"} else data

    return until(status, what="the run ends")


def test_what_has_expired_goes_and_the_first_of_a_chain_still_leads_to_its_newest(mount: VaultMount) -> None:
    first = mount.aged("web", EXPIRED, sectigo_auto_renew=False)["cert_unique_id"]
    mount.scm.set(backdated_seconds=int(EXPIRED.total_seconds()))
    between = mount.renew(first).expect(200).data["cert_unique_id"]
    alone = mount.enrolled(sectigo_auto_renew=False, sectigo_csr_domain="alone.example.test")["cert_unique_id"]
    mount.scm.set(backdated_seconds=0)
    newest = mount.renew(between).expect(200).data
    dry = mount.cli("write", "-format=json", "{mount}/tidy", "tidy_cert_store=true", "dry_run=true")
    assert between in dry.stdout
    assert newest["cert_unique_id"] not in dry.stdout
    done = mount.cli("write", "{mount}/tidy", "tidy_cert_store=true", "safety_buffer=72h", "pause_duration=1ms")
    assert "Tidy operation successfully started" in done.stderr + done.stdout
    data = ended(mount)
    assert (data["state"], data["cert_store_deleted_count"], data["kept_counts"]) == ("Finished", 2, {"renewed": 1})
    assert data["pause_duration"] == "1ms"
    assert mount.ids() == sorted([first, newest["cert_unique_id"]])
    assert mount.read(first).expect(200).data["serial_number"] == newest["serial_number"]
    mount.read(alone).expect(404)


def test_a_running_operation_is_cancelled(mount: VaultMount) -> None:
    for _ in range(3):
        mount.aged("web", EXPIRED, sectigo_auto_renew=False)
    mount.api("POST", "tidy", {"tidy_cert_store": True, "pause_duration": "1m"}).expect(200)
    assert mount.api("POST", "tidy", {"tidy_cert_store": True}).expect(200).warnings == [TWO_RUN_AT_ONCE]
    assert mount.api("POST", "tidy-cancel").expect(200).data["state"] == "Cancelling"
    assert ended(mount)["state"] == "Cancelled"
    assert len(mount.ids()) == 3


def test_answers_have_the_keys_and_types_of_the_built_in_engine_where_they_mean_the_same(
    mount: VaultMount, pki: str
) -> None:
    wish = {"tidy_cert_store": True, "safety_buffer": "100h", "pause_duration": "1m1s", "page_size": 50}
    of_both = {
        *wish,
        "tidy_revoked_certs",
        "revoked_safety_buffer",
        "state",
        "time_started",
        "cert_store_deleted_count",
    }
    for path, shown, specific in (
        ("tidy", "tidy-status", {"revoked_cert_deleted_count", "last_auto_tidy_finished"}),
        ("config/auto-tidy", "config/auto-tidy", {"enabled", "interval_duration"}),
    ):
        mount.server.api("POST", f"{pki}/{path}", wish).expect(200, 202)
        mount.api("POST", path, wish).expect(200)
        theirs = mount.server.api("GET", f"{pki}/{shown}").expect(200).data
        ours = mount.api("GET", shown).expect(200).data
        common = (of_both | specific) & theirs.keys()
        assert common >= specific | {*wish}
        assert {name: type(ours[name]) for name in common} == {name: type(theirs[name]) for name in common}
        told = common - {"time_started", "last_auto_tidy_finished", "state"}
        assert {name: ours[name] for name in told} == {name: theirs[name] for name in told}


def test_both_engines_refuse_and_warn_alike(mount: VaultMount, pki: str) -> None:
    for path, wish in (
        ("tidy", {}),
        ("tidy-cancel", {}),
        ("config/auto-tidy", {"enabled": True}),
        ("tidy", {"tidy_cert_store": True, "safety_buffer": 0}),
    ):
        theirs, ours = mount.server.api("POST", f"{pki}/{path}", wish), mount.api("POST", path, wish)
        assert (theirs.status < 300) is (ours.status < 300), path
        said, ours_said = [*theirs.errors, *theirs.warnings], [*ours.errors, *ours.warnings]
        assert [text.partition(" ")[0] for text in said] == [text.partition(" ")[0] for text in ours_said], path
