"""What a certificate's facts amount to."""

import pytest

from sectigo_vault_pki.console.report.certificates import DAY, Certificate, State, certificate_from, rfc3339, state_of

NOW = 1_800_000_000
INFO = {
    "common_name": "www.example.test",
    "dns_names": ["www.example.test", "example.test"],
    "issuer": "CN=CA",
    "key_type": "ec",
    "key_bits": 256,
    "not_before": "2026-01-01T00:00:00Z",
    "not_after": "2027-01-15T08:00:00Z",
    "status": "Issued",
    "serial_number": "01:ab",
    "config": "web",
    "unique_id": "7_example",
    "requested_by": "automatic",
    "renewed_to": "",
    "renewed_from": "6_example",
}


def certificate(*, left: float = 100, life: float = 365, **changes: object) -> Certificate:
    made = certificate_from("web", "7_example", {**INFO, **changes}, {})
    end = NOW + int(left * DAY)
    return made if made.not_after is None else made._replace(not_before=end - int(life * DAY), not_after=end)


def test_an_entry_of_the_list_is_taken_over() -> None:
    taken = certificate_from("web", "7_example", INFO, {})
    assert tuple(taken) == (
        *("web", "7_example", "www.example.test", ("www.example.test", "example.test"), "Issued", "CN=CA", "ec", 256),
        *(1767225600, NOW, "01:ab", "automatic", "", "6_example"),
    )
    assert taken.key == "EC 256"
    assert rfc3339(taken.not_after) == INFO["not_after"]


def test_an_entry_without_anything_is_an_order_that_waits() -> None:
    taken = certificate_from("web", "order-1", {}, {})
    assert (taken.config, taken.unique_id, taken.not_after, taken.key) == ("web", "order-1", None, "")
    assert state_of(taken, NOW) is State.PENDING


@pytest.mark.parametrize(
    ("made", "state"),
    [
        (certificate(left=100), State.VALID),
        (certificate(left=29.9), State.SOON),
        (certificate(left=6.9), State.URGENT),
        (certificate(left=0), State.EXPIRED),
        (certificate(left=6, life=10), State.VALID),  # a third of its life, and no more
        (certificate(left=3, life=10), State.URGENT),
        (certificate(left=20, life=47), State.VALID),
        (certificate(left=-5, status="Revoked"), State.REVOKED),
        (certificate(left=-5, renewed_to="8_example"), State.REPLACED),
        (certificate(left=5, status="Renewed"), State.REPLACED),
        (certificate(not_after="", status="Applied"), State.PENDING),
        (certificate(not_after="", status="Unsettled"), State.UNSETTLED),
        (certificate(left=100, status="Replaced"), State.VALID),
        (certificate(left=100, status="ErrorCode"), State.VALID),
    ],
)
def test_the_state_follows_from_the_facts(made: Certificate, state: State) -> None:
    assert state_of(made, NOW) is state
