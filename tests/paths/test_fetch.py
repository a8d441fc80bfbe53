import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, UnavailableError
from tests.support.certificates import key_fits, key_of, leaf_of, pem_of
from tests.support.mount import Mount, answered


@pytest.fixture
async def elsewhere(mount: Mount) -> Mapping[str, Any]:
    """A certificate that was ordered under another entry, so that `web` does not have it."""
    await mount.configure()
    await mount.configure("other")
    mount.simulator.settings.pending_polls = 0
    return dict(await mount.enroll("other"))


async def fetch(mount: Mount, cert_id: object, **parameters: object) -> Any:
    return answered(await mount.write(f"fetch/web/{cert_id}", parameters))


async def test_a_fetched_certificate_is_stored_without_a_key(mount: Mount, elsewhere: Mapping[str, Any]) -> None:
    data = await fetch(mount, elsewhere["ssl_id"])
    assert data["cert_unique_id"] == elsewhere["cert_unique_id"]
    assert data["serial_number"] == elsewhere["serial_number"]
    assert data["domain"] == "web.example.test"
    assert (data["private_key"], data["csr"], data["renew_id"]) == ("", "", "")
    assert [entry["status"] for entry in data["state"]] == ["Issued"]
    assert answered(await mount.read(f"certs/web/{data['cert_unique_id']}")) == data
    assert await mount.list("certs/web") == [data["cert_unique_id"]]


async def test_a_unique_id_is_taken_too(mount: Mount, elsewhere: Mapping[str, Any]) -> None:
    data = await fetch(mount, elsewhere["cert_unique_id"])
    assert data["ssl_id"] == elsewhere["ssl_id"]


@pytest.mark.parametrize("cert_id", ["abc", "1_other-customer", "-1", "1" * 20, "1_", "_demo-customer"])
async def test_what_is_no_id_is_refused(mount: Mount, cert_id: str) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match="cert_id must be SCM's id"):
        await fetch(mount, cert_id)


async def test_a_key_that_fits_is_stored_with_it(mount: Mount, elsewhere: Mapping[str, Any]) -> None:
    data = await fetch(mount, elsewhere["ssl_id"], sectigo_private_key=elsewhere["private_key"])
    assert data["private_key"] == elsewhere["private_key"]
    assert leaf_of(data).public_key() == leaf_of(elsewhere).public_key()


async def test_another_key_is_refused_and_nothing_is_stored(mount: Mount, elsewhere: Mapping[str, Any]) -> None:
    stranger = pem_of(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(BadRequestError, match="is not the key of this certificate"):
        await fetch(mount, elsewhere["ssl_id"], sectigo_private_key=stranger)
    assert await mount.list("certs/web") == []


async def test_a_stored_one_is_answered_as_a_read_does(mount: Mount, elsewhere: Mapping[str, Any]) -> None:
    first = await fetch(mount, elsewhere["ssl_id"])
    mount.simulator.calls.clear()
    assert await fetch(mount, elsewhere["ssl_id"]) == first
    assert len(mount.simulator.calls) == 0


async def test_an_unknown_one_is_refused_and_nothing_is_stored(mount: Mount) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match="SCM refused collect"):
        await fetch(mount, 1)
    assert await mount.list("certs/web") == []


async def test_a_revoked_one_is_refused_and_nothing_is_stored(mount: Mount, elsewhere: Mapping[str, Any]) -> None:
    await mount.write(f"revoke/other/{elsewhere['cert_unique_id']}", {"sectigo_reason": "gone"})
    with pytest.raises(BadRequestError, match=r"SCM refused collect: .*revoked.* \(code -110\)"):
        await fetch(mount, elsewhere["ssl_id"])
    assert await mount.list("certs/web") == []


async def test_an_scm_that_is_down_stores_nothing(mount: Mount, elsewhere: Mapping[str, Any]) -> None:
    mount.simulator.faults.add("collect", "status", status=503, times=None)
    with pytest.raises(UnavailableError):
        await fetch(mount, elsewhere["ssl_id"])
    assert await mount.list("certs/web") == []


async def test_a_pending_one_is_stored_and_collected_by_a_read(mount: Mount) -> None:
    await mount.configure()
    await mount.configure("other")
    pending = await mount.enroll("other", sectigo_max_timeout=0)
    mount.simulator.settings.never_issue = True
    data = await fetch(mount, pending["ssl_id"])
    assert data["certificate"] == data["status"] == "TimeoutStateSaved"
    mount.simulator.settings.never_issue = False
    mount.simulator.settings.pending_polls = 0
    collected = answered(await mount.read(f"certs/web/{data['cert_unique_id']}"))
    assert collected["status"] == "Issued"
    assert collected["domain"] == "web.example.test"


async def test_a_fetched_certificate_is_renewed_when_due_and_can_be_replaced(
    mount: Mount, elsewhere: Mapping[str, Any]
) -> None:
    data = await fetch(mount, elsewhere["ssl_id"], sectigo_private_key=elsewhere["private_key"])
    replaced = answered(await mount.write(f"replace/web/{data['cert_unique_id']}", {"sectigo_reason": "new key"}))
    assert key_fits(replaced)
    mount.clock.advance(days=360)
    renewed = answered(await mount.read(f"certs/web/{data['cert_unique_id']}"))
    assert renewed["renewed_from"] == data["cert_unique_id"]
    assert key_fits(renewed)


async def test_an_order_keeps_its_key_when_its_certificate_was_fetched_before_scms_answer_came(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    mount.simulator.faults.add("enroll", "slow", seconds=10)
    enrolling = asyncio.create_task(mount.enroll())
    await asyncio.sleep(1)
    (order,) = mount.simulator.orders
    await fetch(mount, order.ssl_id)
    enrolled = await enrolling
    assert enrolled["ssl_id"] == order.ssl_id
    assert key_fits(enrolled)
    assert [entry["status"] for entry in enrolled["state"]] == ["Issued", "Applied", "Issued"]


async def test_fetching_what_an_order_has_stored_meanwhile_leaves_its_key(mount: Mount) -> None:
    await mount.configure()
    await mount.configure("other")
    mount.simulator.settings.pending_polls = 0
    enrolled = await mount.enroll()
    mount.simulator.faults.add("collect", "slow", seconds=10)
    assert (await fetch(mount, enrolled["ssl_id"]))["private_key"] == enrolled["private_key"]


async def test_a_pending_one_is_waited_for_as_the_request_says(mount: Mount) -> None:
    await mount.configure()
    await mount.configure("other")
    mount.simulator.settings.pending_seconds = 20
    pending = await mount.enroll("other", sectigo_max_timeout=0)
    began = mount.clock.now()
    data = await fetch(mount, pending["ssl_id"], sectigo_max_timeout=40)
    assert data["status"] == "Issued"
    assert 20 <= (mount.clock.now() - began).total_seconds() < 40


async def test_a_pending_one_is_not_waited_for_where_nobody_wants_to(mount: Mount) -> None:
    await mount.configure()
    await mount.configure("other")
    mount.simulator.settings.pending_seconds = 20
    pending = await mount.enroll("other", sectigo_max_timeout=0)
    began = mount.clock.now()
    assert (await fetch(mount, pending["ssl_id"], sectigo_max_timeout=0))["status"] == "TimeoutStateSaved"
    assert mount.clock.now() == began


async def test_a_key_given_later_is_checked_and_stored_with_the_certificate(
    mount: Mount, elsewhere: Mapping[str, Any]
) -> None:
    await fetch(mount, elsewhere["ssl_id"])
    stranger = pem_of(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(BadRequestError, match="is not the key of this certificate"):
        await fetch(mount, elsewhere["ssl_id"], sectigo_private_key=stranger)
    data = await fetch(mount, elsewhere["ssl_id"], sectigo_private_key=elsewhere["private_key"])
    assert data["private_key"] == elsewhere["private_key"]
    assert key_of(data).public_key() == leaf_of(data).public_key()
    assert answered(await mount.read(f"certs/web/{data['cert_unique_id']}")) == data


async def test_a_key_given_for_a_pending_one_is_the_key_that_its_certificate_must_have(mount: Mount) -> None:
    await mount.configure()
    await mount.configure("other")
    mount.simulator.settings.never_issue = True
    pending = await mount.enroll("other", sectigo_max_timeout=0)
    await fetch(mount, pending["ssl_id"], sectigo_max_timeout=0)
    await fetch(mount, pending["ssl_id"], sectigo_max_timeout=0, sectigo_private_key=pending["private_key"])
    mount.simulator.settings.never_issue = False
    mount.simulator.settings.pending_polls = 0
    data = answered(await mount.read(f"certs/web/{pending['cert_unique_id']}"))
    assert data["status"] == "Issued"
    assert key_of(data).public_key() == leaf_of(data).public_key()


async def test_what_follows_a_fetched_certificate_keeps_its_kind_and_size_of_key_and_its_subject(
    mount: Mount,
) -> None:
    await mount.configure()
    await mount.configure("other")
    mount.simulator.settings.pending_polls = 0
    first = await mount.enroll(
        "other", sectigo_csr_key_size=384, sectigo_csr_organization="Example Ltd", sectigo_csr_country="CA"
    )
    path = f"web/{(await fetch(mount, first['ssl_id']))['cert_unique_id']}"
    replaced = answered(await mount.write(f"replace/{path}", {"sectigo_reason": "key rotation"}))
    renewed = answered(await mount.write(f"renew/{path}", {"sectigo_renew_new_key": True}))
    for data in (replaced, renewed):
        key = key_of(data)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.key_size == 384
        csr = x509.load_pem_x509_csr(data["csr"].encode())
        subject = leaf_of(first).subject
        assert {(part.oid, part.value) for part in csr.subject} == {(part.oid, part.value) for part in subject}
