"""What our OpenAPI document allows is sent to a real server, and answered as the document says: `make fuzz-api`."""

from pathlib import Path

import pytest

from tests.support.fuzzing import examples
from tests.support.issuing import request
from tests.support.openapi_fuzz import fuzz, fuzzed_document
from tests.support.vault import CLIENT, ORDER, VaultMount

pytestmark = [pytest.mark.vault, pytest.mark.long]

FEW = 3
NAME = {"common_name": "a.example.test"}
ROLE = {"allowed_domains": "example.test", "allow_subdomains": True, "key_type": "ec", "max_orders_per_day": 0}


@pytest.mark.timeout(3600)
def test_every_request_that_the_document_allows_is_answered_as_it_says(mount: VaultMount, tmp_path: Path) -> None:
    mount.configure("web", sectigo_wait_limit=2)
    mount.of(CLIENT).configure("people", sectigo_wait_limit=2)
    mount.configure("spare", sectigo_wait_limit=2)
    mount.api("POST", "config/roles", {"config": "web", "certificate_type": 501, "validity": 365})
    for role in ("shop", "spare-role"):
        mount.api("POST", f"roles/{role}", ROLE).expect(200)
    mount.api("POST", "issue/shop", NAME).expect(200)
    kept, client = mount.enroll().expect(200).data, mount.of(CLIENT).enroll("people").expect(200).data
    place = {
        "config_name": "web",
        "sectigo_cert_unique_id": kept["cert_unique_id"],
        "cert_id": str(kept["ssl_id"]),
        "name": "shop",
        "role": "shop",
        "serial": kept["serial_number"],
        "issuer_ref": "default",
        "domain": "example.test",
        "profile_id": "501",
        "window": "30d",
    }
    of_people = {"config_name": "people", "sectigo_cert_unique_id": client["cert_unique_id"]}
    nowhere = {
        "config_name": "none",
        "cert_id": "1",
        "name": "none",
        "role": "none",
        "serial": "01:02",
        "issuer_ref": "none",
    }
    spare_id = mount.enroll("spare").expect(200).data["cert_unique_id"]
    spare = {"config_name": "spare", "sectigo_cert_unique_id": spare_id, "name": "spare-role"}
    document = fuzzed_document(
        mount.server.api("GET", "sys/internal/specs/openapi").expect(200).body,
        mount.path,
        places=[place, {**place, **of_people}, {**place, **nowhere}],
        spare={**place, **spare},
        bodies={
            "/configs/": {**mount.scm.config(), "sectigo_config_type": "ssl_cert"},
            "/enroll/": ORDER,
            "/renew/": {"sectigo_max_timeout": 1},
            "/replace/": {"sectigo_reason": "superseded"},
            "/revoke/": {"sectigo_reason": "superseded"},
            "/revoke": {"serial_number": kept["serial_number"]},
            "/roles/": ROLE,
            "/issue/": NAME,
            "/sign/": {"csr": request()},
            "/export/": {"format": "pkcs12", "password": "correct-horse"},
        },
    )
    done = fuzz(
        document,
        tmp_path,
        url=f"{mount.server.address}/v1",
        headers={"X-Vault-Token": mount.server.token},
        examples=examples(FEW),
        thorough=examples(FEW) > FEW,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    assert "Test cases:" in done.stdout
