"""What earlier versions of the engine have stored is read, carried on and kept whole (tests/vectors/records)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.store import CertificateRecord, ConfigRecord, NewestChain, OrderRecord, agenda_keys
from tests.support.audit import records_of
from tests.support.certificates import key_fits
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock

LAYOUTS = sorted((Path(__file__).parents[1] / "vectors" / "records").glob("*.json"))
RECORDS: Mapping[str, type[ConfigRecord | OrderRecord | CertificateRecord | NewestChain]] = {
    "config/": ConfigRecord,
    "order/": OrderRecord,
    "cert/": CertificateRecord,
    "index/chain/": NewestChain,
}
KIND = ("index/pending/", "index/expiry/", "index/wanted/", "index/renewal/")

Stored = Mapping[str, Mapping[str, Any]]


@pytest.fixture(params=LAYOUTS, ids=lambda path: path.stem)
def stored(request: pytest.FixtureRequest) -> Stored:
    """Everything that an earlier version has stored, by its key."""
    content: Stored = json.loads(request.param.read_bytes())
    return content


@pytest.fixture
async def upgraded(mount: Mount, stored: Stored) -> Mount:
    """A mount over it, whose SCM knows none of its orders any more."""
    for key, value in stored.items():
        await mount.overwrite(key, json.dumps(value).encode())
    return mount


def test_there_is_a_vector_of_each_layout() -> None:
    assert [path.stem.partition("-")[0] for path in LAYOUTS] == [str(number + 1) for number in range(len(LAYOUTS))]


def holds(written: Any, before: Any) -> bool:
    """Whether everything that was there before is there, beside what may be new."""
    if isinstance(before, dict):
        return all(name in written and holds(written[name], value) for name, value in before.items())
    if isinstance(before, list):
        return len(written) == len(before) and all(map(holds, written, before))
    return bool(written == before)


def test_a_record_that_is_written_anew_keeps_all_it_had(stored: Stored) -> None:
    for key, value in stored.items():
        for prefix, record_type in RECORDS.items():
            if key.startswith(prefix):
                record = record_type.model_validate_json(json.dumps(value))
                assert holds(json.loads(record.model_dump_json(exclude_none=True)), value), key


async def test_every_certificate_and_order_is_listed_and_read(upgraded: Mount, stored: Stored) -> None:
    for name in ("web", "people", "brought-in"):
        certificates = {key.rpartition("/")[2] for key in stored if key.startswith(f"cert/{name}/")}
        orders = {f"order-{key.rpartition('/')[2]}" for key in stored if key.startswith(f"order/{name}/")}
        assert certificates | orders == set(await upgraded.list(f"certs/{name}"))
        for unique_id in certificates:
            data = answered(await upgraded.read(f"certs/{name}/{unique_id}", {"sectigo_read_renewed_cert": "0"}))
            kept = stored[f"cert/{name}/{unique_id}"]
            assert [entry["status"] for entry in data["state"]][: len(kept["history"])] == [
                entry["status"] for entry in kept["history"]
            ]
            if current := kept.get("current"):
                assert data["serial_number"] == current["serial_number"]
                assert data["private_key"] == current.get("private_key", "")
                assert not data["private_key"] or key_fits(data)
        for unique_id in orders:
            assert answered(await upgraded.read(f"certs/{name}/{unique_id}"))["private_key"]


async def test_the_background_work_takes_it_on(upgraded: Mount) -> None:
    await upgraded.tick()
    agenda = {key for key in upgraded.storage.snapshot() if key.startswith(KIND)}
    records = [(name, record) for name in ("web", "people") for record in (await records_of(upgraded, name)).values()]
    assert {key for name, record in records for key in agenda_keys(name, record)} <= agenda
    status = answered(await upgraded.read("status"))
    assert status["unreadable"] == []
    assert status["pending"] == len([key for key in agenda if key.startswith("index/pending/")])


async def test_a_due_certificate_of_an_earlier_version_is_renewed(
    upgraded: Mount, stored: Stored, clock: LoopClock, simulator: Simulator
) -> None:
    due = next(key for key, value in stored.items() if value.get("common_name") == "replaced.example.test")
    clock.advance(days=360)
    simulator.faults.add("renew", "status", status=400, code=-180, times=None)
    await upgraded.tick()
    assert simulator.calls.count("renew") >= 1
    assert (await records_of(upgraded, "web"))[due.rpartition("/")[2]].refused_renewal is not None


async def test_a_repetition_of_an_earlier_enrolment_orders_nothing(upgraded: Mount) -> None:
    data = await upgraded.enroll(
        sectigo_csr_domain="wishes.example.test",
        sectigo_ssl_cert_subject_alt_names="a.example.test,b.example.test",
        sectigo_ssl_cert_comments="for the shop",
        sectigo_expiry_window=30,
        sectigo_auto_renew=False,
        sectigo_request_id="once",
    )
    assert data["status"] == "Issued"
    assert len(upgraded.simulator.orders) == 0


async def test_a_config_entry_that_was_deleted_is_fixed_as_before(upgraded: Mount) -> None:
    with pytest.raises(Exception, match="sectigo_cm_uri"):
        await upgraded.configure("brought-in", sectigo_cm_uri="another")


async def test_a_role_of_an_earlier_version_keeps_what_it_has(upgraded: Mount, stored: Stored) -> None:
    for key in (key for key in stored if key.startswith("role/")):
        shown = answered(await upgraded.read(f"roles/{key.rpartition('/')[2]}"))
        assert shown["min_remaining"] == stored[key]["min_remaining"]
        assert shown["max_orders_per_day"] == stored[key].get("max_orders_per_day", 0)


async def test_the_ca_is_shown_from_certificates_of_an_earlier_version(upgraded: Mount, stored: Stored) -> None:
    await upgraded.write("config/roles", {"config": "web"})
    chain = answered(await upgraded.read("cert/ca_chain"))["ca_chain"]
    bundles = [value["current"]["bundle"] for key, value in stored.items() if "current" in value]
    assert any(chain in bundle for bundle in bundles)


async def test_the_revoked_of_an_earlier_version_are_listed_after_the_first_tick(
    upgraded: Mount, stored: Stored
) -> None:
    await upgraded.tick()
    revoked = {value["current"]["serial_number"] for value in stored.values() if "revoked_at" in value}
    assert revoked <= set(await upgraded.list("certs/revoked"))
    assert revoked
