import asyncio
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, UnavailableError
from tests.support.certificates import (
    common_name_of,
    key_fits,
    key_of,
    leaf_of,
    names_of,
    pem_of,
    public_bytes,
    subject_of,
)
from tests.support.mount import Mount, answered

REASON = {"sectigo_reason": "new key"}


async def issued(mount: Mount, **changes: Any) -> dict[str, Any]:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    return dict(await mount.enroll(**changes))


def path_of(data: Any) -> str:
    return f"certs/web/{data['cert_unique_id']}"


async def replace(mount: Mount, data: Any, **parameters: object) -> Any:
    return answered(await mount.write(f"replace/web/{data['cert_unique_id']}", {**REASON, **parameters}))


async def test_a_replacement_keeps_the_id_and_gets_a_new_key(mount: Mount) -> None:
    old = await issued(mount)
    new = await replace(mount, old)
    assert new["cert_unique_id"] == old["cert_unique_id"]
    assert new["serial_number"] != old["serial_number"]
    assert public_bytes(new) != public_bytes(old)
    assert new["private_key_type"] == "ec"
    assert key_fits(new)
    assert [entry["status"] for entry in new["state"]] == ["Applied", "Issued", "Replaced", "Issued"]
    assert answered(await mount.read(path_of(old))) == new
    assert len(list(mount.simulator.orders)) == 1


async def test_the_earlier_certificate_and_its_key_are_kept(mount: Mount) -> None:
    old = await issued(mount)
    await replace(mount, old)
    record = json.loads(mount.storage.snapshot()[f"cert/web/{old['cert_unique_id']}"])
    (earlier,) = record["earlier"]
    assert earlier["private_key"] == old["private_key"]
    assert earlier["serial_number"] == old["serial_number"]


async def test_at_most_ten_earlier_versions_are_kept(mount: Mount) -> None:
    data = await issued(mount)
    for _ in range(12):
        data = await replace(mount, data)
    record = json.loads(mount.storage.snapshot()[f"cert/web/{data['cert_unique_id']}"])
    assert len(record["earlier"]) == 10


async def test_names_and_subject_come_from_the_stored_certificate_unless_said_otherwise(mount: Mount) -> None:
    old = await issued(
        mount, sectigo_csr_organization="Example Inc", sectigo_ssl_cert_subject_alt_names="a.example.test"
    )
    kept = await replace(mount, old)
    assert names_of(leaf_of(kept)) == names_of(leaf_of(old))
    assert "O=Example Inc" in subject_of(kept["csr"])
    changed = await replace(
        mount, kept, sectigo_common_name="new.example.test", sectigo_ssl_cert_subject_alt_names="b.example.test"
    )
    assert common_name_of(changed["csr"]) == "new.example.test"
    assert names_of(leaf_of(changed)) == {"new.example.test", "b.example.test"}


async def test_a_given_key_and_its_parameters_are_used(mount: Mount) -> None:
    old = await issued(mount)
    pem = pem_of(rsa.generate_private_key(65537, 2048))
    given = await replace(mount, old, sectigo_private_key=pem)
    assert given["private_key"] == pem
    assert key_fits(given)
    made = await replace(mount, given, sectigo_csr_key_algo="RSA", sectigo_csr_key_size=3072)
    key = key_of(made)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 3072


async def test_a_replacement_that_runs_into_its_limit_answers_the_new_key_and_a_read_the_old_certificate(
    mount: Mount,
) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    response = await mount.write(f"replace/web/{old['cert_unique_id']}", {**REASON, "sectigo_max_timeout": 5})
    pending = answered(response)
    assert pending["certificate"] == "TimeoutStateSaved"
    assert pending["private_key"] not in {"", old["private_key"]}
    assert pending["leaf_certificate"] == ""
    meanwhile = await mount.read(path_of(old))
    assert answered(meanwhile)["serial_number"] == old["serial_number"]
    assert answered(meanwhile)["private_key"] == old["private_key"]
    assert meanwhile is not None
    assert meanwhile.warnings
    mount.simulator.settings.never_issue = False
    collected = answered(await mount.read(path_of(old)))
    assert collected["private_key"] == pending["private_key"]
    assert key_fits(collected)


async def test_the_old_certificate_that_scm_still_delivers_is_not_the_new_one(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("collect", "stale", times=3)
    new = await replace(mount, old)
    assert new["status"] == "Issued"
    assert new["serial_number"] != old["serial_number"]
    assert key_fits(new)


async def test_what_cannot_be_replaced_says_why(mount: Mount) -> None:
    await mount.configure()
    pending = await mount.enroll(sectigo_max_timeout=0)
    with pytest.raises(BadRequestError, match="not issued yet, so there is nothing to replace"):
        await replace(mount, pending)
    mount.simulator.settings.pending_polls = 0
    under_way = await mount.enroll()
    mount.simulator.settings.never_issue = True
    await replace(mount, under_way, sectigo_max_timeout=0)
    await asyncio.sleep(1)
    with pytest.raises(BadRequestError, match="a replacement is under way"):
        await replace(mount, under_way, sectigo_csr_domain="other.example.test")


async def test_a_replacement_that_never_comes_can_be_ordered_anew(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    await replace(mount, old, sectigo_max_timeout=0)
    (order,) = mount.simulator.orders
    order.in_flight = None
    mount.clock.advance(minutes=11)
    mount.simulator.settings.never_issue = False
    assert answered(await mount.read(path_of(old)))["serial_number"] == old["serial_number"]
    fields = {**REASON, "sectigo_csr_key_algo": "RSA", "sectigo_max_timeout": 600}
    outcome = await mount.write(f"replace/web/{old['cert_unique_id']}", fields)
    assert answered(outcome)["private_key_type"] == "rsa"


@pytest.mark.parametrize("reason", [None, "", "   ", "r" * 513])
async def test_a_reason_is_required(mount: Mount, reason: str | None) -> None:
    old = await issued(mount)
    with pytest.raises(BadRequestError, match=r"^sectigo_reason "):
        await mount.write(f"replace/web/{old['cert_unique_id']}", {"sectigo_reason": reason})


async def test_fields_of_client_certificates_are_refused(mount: Mount) -> None:
    old = await issued(mount)
    with pytest.raises(BadRequestError, match="sectigo_client_cert_revoked_on_replace does not go with"):
        await replace(mount, old, sectigo_client_cert_revoked_on_replace=True)


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
async def test_a_lost_answer_is_settled_by_what_scm_delivers(mount: Mount, fault: Any) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("replace", fault)
    lost = await replace(mount, old)
    assert lost["status"] == "Unsettled"
    assert lost["private_key"] not in {"", old["private_key"]}
    early = answered(await mount.read(path_of(old)))
    mount.clock.advance(minutes=11)
    late = answered(await mount.read(path_of(old)))
    if fault == "drop_after":
        assert early["private_key"] == late["private_key"] == lost["private_key"]
    else:
        assert early["private_key"] == late["private_key"] == old["private_key"]
    assert key_fits(late)
    assert not [key for key in mount.storage.snapshot() if key.startswith("order/")]


async def test_an_scm_that_takes_nothing_leaves_nothing(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("replace", "status", status=429, times=None)
    with pytest.raises(UnavailableError):
        await replace(mount, old)
    assert answered(await mount.read(path_of(old))) == old
    assert not [key for key in mount.storage.snapshot() if key.startswith("order/")]


async def test_a_renewed_certificate_reuses_the_key_of_its_replacement(mount: Mount) -> None:
    old = await issued(mount)
    new = await replace(mount, old)
    renewed = answered(await mount.write(f"renew/web/{old['cert_unique_id']}", {}))
    assert renewed["private_key"] == new["private_key"]
    assert key_fits(renewed)


async def test_nothing_is_renewed_while_a_replacement_is_under_way(mount: Mount) -> None:
    old = await issued(mount)
    mount.simulator.settings.never_issue = True
    await replace(mount, old, sectigo_max_timeout=0)
    with pytest.raises(BadRequestError, match="a replacement is under way"):
        await mount.write(f"renew/web/{old['cert_unique_id']}", {})
    mount.clock.advance(days=360)
    assert answered(await mount.read(path_of(old)))["serial_number"] == old["serial_number"]
    assert len(list(mount.simulator.orders)) == 1
