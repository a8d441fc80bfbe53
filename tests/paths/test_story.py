"""What the log says of an order: each thing once, always with whose it is."""

import logging
from typing import Any

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.mount import Mount, answered

DUE_IN_DAYS = 359  # of the 365 days that ORDER asks for, with a window of 7


def story(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the lines of a level and above, with their values."""
    lines = [record for record in caplog.records if record.levelno >= level and hasattr(record, "kv")]
    return [(record.levelname, record.getMessage(), dict(record.kv)) for record in lines]


async def test_an_enrolment_is_an_order_and_a_certificate_each_said_once(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    data = await mount.enroll()
    (ordered, issued) = story(caplog)
    assert (ordered[:2], issued[:2]) == (("INFO", "order submitted"), ("INFO", "certificate changed"))
    assert ordered[2]["scm_id"] == data["ssl_id"]
    assert issued[2]["unique_id"] == data["cert_unique_id"]
    assert ordered[2]["order"] == issued[2]["order"]
    assert ordered[2]["domain"] == issued[2]["domain"] == "web.example.test"


async def test_a_refused_order_is_a_warning_with_scms_code_and_text(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "status", status=400, code=-727, description="no such domain")
    with pytest.raises(BadRequestError):
        await mount.enroll()
    ((level, words, values),) = story(caplog)
    assert (level, words) == ("WARNING", "order was not accepted")
    assert (values["code"], values["error"], values["state"]) == (-727, "no such domain", "refused")
    assert values["domain"] == "web.example.test"


async def test_a_refused_renewal_in_the_background_is_said_once(mount: Mount, caplog: pytest.LogCaptureFixture) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    data = await mount.enroll()
    mount.simulator.faults.add("renew", "status", status=400, code=-180, description="not now", times=None)
    mount.clock.advance(days=DUE_IN_DAYS)
    caplog.clear()
    for _ in range(3):
        await mount.tick()
    ((_, words, values),) = story(caplog, logging.WARNING)
    assert words == "order was not accepted"
    assert (values["unique_id"], values["operation"], values["code"]) == (data["cert_unique_id"], "renew", -180)


async def test_a_declined_order_is_a_warning_each_time_its_state_changes(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    await mount.configure()
    mount.simulator.settings.never_issue = True
    data = await mount.enroll(sectigo_max_timeout=0)
    (order,) = mount.simulator.orders
    mount.simulator.orders.decline(order)
    caplog.clear()
    for _ in range(3):
        await mount.tick()
    ((_, words, values),) = story(caplog, logging.WARNING)
    assert words == "certificate could not be collected"
    assert (values["unique_id"], values["code"]) == (data["cert_unique_id"], -1112)


async def test_no_line_carries_the_name_of_a_class_or_a_secret(mount: Mount, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await mount.configure()
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll()
    mount.simulator.settings.pending_polls = 0
    await mount.tick()
    await mount.tick()
    (unique_id,) = await mount.list("certs/web")
    await mount.write(f"replace/web/{unique_id}", {"sectigo_reason": "key rotation"})
    answered(await mount.write(f"revoke/web/{unique_id}", {"sectigo_reason": "key rotation"}))
    told = [str(values) for _, _, values in story(caplog, logging.DEBUG)]
    assert told
    assert not [text for text in told if "Answer" in text or "Error" in text or "demo-password" in text]
    assert not [text for text in told if lost["private_key"].splitlines()[1] in text]
