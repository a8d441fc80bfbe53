"""`metrics`: what Prometheus reads."""

import base64

import pytest

from sectigo_vault_pki import __version__
from tests.support.mount import Mount, answered


async def scraped(mount: Mount) -> dict[str, float]:
    """Return the series by name and labels, as they are written."""
    calls = len(mount.simulator.calls)
    mount.storage.writes.clear()
    raw = answered(await mount.read("metrics"))
    assert (len(mount.simulator.calls), mount.storage.writes) == (calls, [])
    assert raw["http_content_type"].startswith("text/plain; version=0.0.4")
    lines = base64.b64decode(raw["http_raw_body"]).decode().splitlines()
    series = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in series}


async def test_an_empty_mount_has_numbers_too(mount: Mount) -> None:
    found = await scraped(mount)
    assert found[f'sectigo_vault_pki_build_info{{version="{__version__}"}}'] == 1
    assert found["sectigo_vault_pki_certificates_stored"] == 0


async def test_certificates_and_orders_are_measured_by_config_entry(ready: Mount) -> None:
    first = (await ready.enroll())["cert_unique_id"]
    await ready.write(f"renew/web/{first}", {})
    await ready.tick()
    ready.simulator.settings.never_issue = True
    await ready.enroll(sectigo_max_timeout=0)
    ready.simulator.faults.add("enroll", "drop_after")
    await ready.enroll(sectigo_max_timeout=0)
    found = await scraped(ready)
    for status in ("Issued", "Renewed", "TimeoutStateSaved"):
        assert found[f'sectigo_vault_pki_certificates{{config="web",status="{status}"}}'] == 1
    assert found["sectigo_vault_pki_certificates_pending"] == 1
    assert found["sectigo_vault_pki_orders_unsettled"] == 1
    assert found['sectigo_vault_pki_orders_last_day{config="web"}'] == 4
    assert found['sectigo_vault_pki_certificates_expiring{config="web",days="90"}'] == 0
    assert found["sectigo_vault_pki_background_last_run_failed"] == 0
    assert found["sectigo_vault_pki_background_last_run_duration_seconds"] == 0
    assert found['sectigo_vault_pki_scm_last_success_timestamp_seconds{config="web"}'] > 0


async def test_trouble_is_measured(ready: Mount) -> None:
    await ready.enroll()
    ready.clock.advance(days=360)
    ready.simulator.faults.add("renew", "status", status=401, times=None)
    await ready.tick()
    found = await scraped(ready)
    assert found['sectigo_vault_pki_certificates_due{config="web"}'] == 1
    assert found['sectigo_vault_pki_certificates_expiring{config="web",days="7"}'] == 1
    assert found['sectigo_vault_pki_scm_login_refused{config="web"}'] == 1
    assert found["sectigo_vault_pki_background_last_run_failed"] == 1
    assert found['sectigo_vault_pki_scm_last_failure_timestamp_seconds{config="web"}'] > 0


async def test_the_certificates_that_end_next_have_series_of_their_own(
    ready: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sectigo_vault_pki.lifecycle.inventory.report.MAX_SHOWN", 2)
    ends, serials = {}, {}
    for _ in range(3):
        data = await ready.enroll()
        ends[data["cert_unique_id"]] = data["expiration"]
        serials[data["cert_unique_id"]] = int(data["serial_number"].replace(":", ""), 16)
        ready.clock.advance(days=3)
    found = {name: value for name, value in (await scraped(ready)).items() if name.startswith("x509_cert_not_after")}
    assert sorted(found.values()) == sorted(ends.values())[:2]
    for unique_id in [*ends][:2]:
        (name,) = (name for name in found if f'unique_id="{unique_id}"' in name)
        assert 'subject_CN="web.example.test"' in name
        assert f'serial_number="{serials[unique_id]}"' in name


async def test_a_label_is_one_line_whatever_a_name_has(ready: Mount) -> None:
    await ready.configure_client()
    await ready.enroll_client(sectigo_client_cert_first_name='A "b" \\')
    (name,) = (name for name in await scraped(ready) if name.startswith("x509_cert_not_after"))
    assert r'subject_CN="A \"b\" \\ Lovelace"' in name
