"""Which entries lead to a record."""

from datetime import UTC, datetime

import pytest

from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
    CurrentCertificate,
    RequestedFields,
    UniqueId,
    agenda_keys,
)
from sectigo_vault_pki.store import WaitingAndRenewal as Said
from sectigo_vault_pki.store.index import index_keys

DAY = 86_400.0


def record(**said: object) -> CertificateRecord:
    """Return a certificate that expires on the tenth at six in the morning."""
    return CertificateRecord(
        unique_id=UniqueId("1_customer"),
        certificate_type=CertificateType.SSL,
        scm_id=1,
        common_name="web.example.test",
        key_type="ec",
        requested=RequestedFields(waiting=Said.model_validate(said)),
        current=CurrentCertificate(
            bundle="",
            csr="",
            serial_number="01",
            not_before=datetime(2026, 1, 1, tzinfo=UTC),
            not_after=datetime(2026, 12, 10, 6, tzinfo=UTC),
            collected_at=datetime(2026, 1, 1, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize(
    ("said", "keys"),
    [
        ({}, {"index/expiry/2026-12-10/web/1_customer"}),
        ({"auto_renew": False}, set()),
        ({"auto_renew": True}, {"index/wanted/2026-12-10/web/1_customer"}),
        ({"auto_renew": True, "expiry_window": 7 * DAY}, {"index/renewal/2026-12-03/web/1_customer"}),
        ({"expiry_window": 7 * DAY}, {"index/renewal/2026-12-03/web/1_customer"}),
        ({"expiry_window": 1.5 * DAY}, {"index/renewal/2026-12-08/web/1_customer"}),
        ({"expiry_window": 0.0}, {"index/renewal/2026-12-10/web/1_customer"}),
        ({"expiry_window": 3_000_000 * DAY}, {"index/renewal/2026-08-17/web/1_customer"}),  # a third of its life
    ],
)
def test_a_certificate_in_hand_is_on_the_agenda_from_the_day_on_which_it_may_be_due(
    said: dict[str, object], keys: set[str]
) -> None:
    assert agenda_keys("web", record(**said)) == keys


@pytest.mark.parametrize("open_at_scm", [{"submitting": "uuid"}, {"successor": "2_customer"}])
def test_what_is_open_at_scm_is_on_the_agenda(open_at_scm: dict[str, str]) -> None:
    assert "index/pending/web/1_customer" in agenda_keys("web", record().model_copy(update=open_at_scm))


@pytest.mark.parametrize("ended", [{"revoked_at": datetime(2026, 2, 1, tzinfo=UTC)}, {"renewed_to": "2_customer"}])
def test_what_has_ended_is_not(ended: dict[str, object]) -> None:
    assert agenda_keys("web", record().model_copy(update=ended)) == set()


def test_the_revoked_are_indexed_by_their_serial_numbers_and_the_replaced_by_theirs() -> None:
    at = datetime(2026, 2, 1, tzinfo=UTC)
    held = record()
    assert held.current is not None
    replaced = [held.current.model_copy(update={"serial_number": f"0{number}:ff"}) for number in (2, 3)]
    earlier = (replaced[0].model_copy(update={"revoked_at": at}), replaced[1])

    def revoked(record: CertificateRecord) -> set[str]:
        return {key for key in index_keys("web", record) if key.startswith("index/revoked/")}

    assert revoked(held.model_copy(update={"earlier": earlier})) == {"index/revoked/02-ff/web/1_customer"}
    assert revoked(held.model_copy(update={"revoked_at": at})) == {"index/revoked/01/web/1_customer"}
    assert revoked(held.model_copy(update={"revoked_at": at, "current": None})) == set()
