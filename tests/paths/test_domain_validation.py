"""`sectigo_dcv_mode` and `sectigo_dcv_email`: who says them, and what SCM gets."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.issuing import issue, written
from tests.support.mount import Mount, answered

EMAIL = {"sectigo_dcv_mode": "EMAIL", "sectigo_dcv_email": "admin@example.test"}


def sent(mount: Mount, operation: str) -> Mapping[str, Any]:
    """Return what the last call of an operation said of domain validation."""
    body = next(body for path, body in reversed(mount.last_sent) if path.startswith(f"/api/ssl/v1/{operation}"))
    return {name: value for name, value in json.loads(body).items() if name.startswith("dcv")}


async def test_an_order_says_it_as_it_is_and_a_renewal_says_it_again(ready: Mount) -> None:
    unique_id = (await ready.enroll(**EMAIL))["cert_unique_id"]
    assert sent(ready, "enroll") == {"dcvMode": "EMAIL", "dcvEmail": "admin@example.test"}
    await ready.write(f"renew/web/{unique_id}", {})
    assert sent(ready, "renewById") == {"dcvMode": "EMAIL", "dcvEmail": "admin@example.test"}


async def test_what_a_renewal_says_is_stored_with_the_new_certificate(ready: Mount) -> None:
    unique_id = (await ready.enroll(**EMAIL))["cert_unique_id"]
    renewed = answered(await ready.write(f"renew/web/{unique_id}", {"sectigo_dcv_mode": "CNAME"}))["cert_unique_id"]
    assert sent(ready, "renewById") == {"dcvMode": "CNAME"}
    await ready.write(f"renew/web/{renewed}", {})
    assert sent(ready, "renewById") == {"dcvMode": "CNAME"}


async def test_a_replacement_says_it_too(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    await ready.write(f"replace/web/{unique_id}", {"sectigo_reason": "new key", "sectigo_dcv_mode": "TXT"})
    assert sent(ready, "replace") == {"dcvMode": "TXT"}


async def test_without_it_the_entry_s_value_holds_and_a_change_of_it_holds_for_renewals(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    assert sent(ready, "enroll") == {}
    await ready.write("configs/web", {"sectigo_dcv_mode": "HTTPS"})
    await ready.write(f"renew/web/{unique_id}", {})
    assert sent(ready, "renewById") == {"dcvMode": "HTTPS"}
    assert answered(await ready.read("configs/web"))["sectigo_dcv_mode"] == "HTTPS"


async def test_a_role_s_value_goes_before_the_entry_s(ready: Mount) -> None:
    await ready.write("configs/web", EMAIL)
    await written(ready, key_type="ec", sectigo_dcv_mode="CNAME")
    await issue(ready)
    assert sent(ready, "enroll") == {"dcvMode": "CNAME"}


async def test_client_certificates_validate_no_domain(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure_client()
    with pytest.raises(BadRequestError, match="sectigo_dcv_mode does not go with a config entry of type client_cert"):
        await mount.enroll_client(sectigo_dcv_mode="CNAME")
    unique_id = (await mount.enroll_client())["cert_unique_id"]
    with pytest.raises(BadRequestError, match="do not go with client certificates"):
        await mount.write(f"renew/people/{unique_id}", {"sectigo_dcv_mode": "CNAME"})
