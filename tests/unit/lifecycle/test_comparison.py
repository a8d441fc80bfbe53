"""Comparing SCM's rows with records: what differs, and which days are asked for."""

from datetime import date, timedelta
from typing import Any

import pytest

from sectigo_vault_pki.lifecycle.rules.comparison import LONGEST_WINDOW, Window, difference, is_not_at_scm
from sectigo_vault_pki.scm import Reported
from sectigo_vault_pki.store import CertificateRecord, Difference, SyncRequest
from tests.support.records import certificate_record, current_certificate
from tests.support.virtual_time import START

ASKED = START + timedelta(days=1)
CURRENT = current_certificate()
HELD = certificate_record(order=None, current=CURRENT)
SAME = CURRENT.serial_number.upper()
ENDS = CURRENT.not_after.date()


def changed(**changes: Any) -> CertificateRecord:
    return HELD.model_copy(update=changes)


@pytest.mark.parametrize(
    ("row", "record", "kind"),
    [
        (Reported(55, serial_number=SAME), HELD, None),
        (Reported(55, serial_number="00" + SAME.replace(":", "")), HELD, None),
        (Reported(55), HELD, None),
        (Reported(55, serial_number="AABB"), HELD, Difference.REPLACED),
        (Reported(55, expires=ENDS + timedelta(days=1)), HELD, None),
        (Reported(55, expires=ENDS + timedelta(days=2)), HELD, Difference.REPLACED),
        (Reported(55, expires=ENDS + timedelta(days=2), serial_number=SAME), HELD, None),
        (Reported(55, is_revoked=True), HELD, Difference.REVOKED),
        (Reported(55, serial_number="AABB", is_revoked=True), HELD, Difference.REVOKED),
        (
            Reported(55, serial_number="AABB", is_revoked=True),
            changed(earlier=(CURRENT.model_copy(update={"serial_number": "aa:bb"}),)),
            None,
        ),
        (Reported(55, is_revoked=True), changed(revoked_at=START), None),
        (Reported(55, serial_number="AABB"), changed(revoked_at=START), None),
        (Reported(55, serial_number="AABB"), changed(submitting="order"), None),
        (Reported(55, is_revoked=True), changed(submitting="order"), Difference.REVOKED),
        (Reported(55, serial_number="AABB"), certificate_record(), None),
        (Reported(55, serial_number="AABB"), certificate_record(current=CURRENT), None),
        (
            Reported(55, serial_number="AABB"),
            changed(earlier=(CURRENT.model_copy(update={"serial_number": "aa:bb"}),)),
            None,
        ),
    ],
)
def test_a_row_differs_by_what_it_says_for_certain(
    row: Reported, record: CertificateRecord, kind: Difference | None
) -> None:
    assert difference(row, record, ASKED) is kind


def test_a_certificate_that_was_collected_after_scm_was_asked_is_newer_than_the_row() -> None:
    assert difference(Reported(55, serial_number="AABB"), HELD, CURRENT.collected_at - timedelta(seconds=1)) is None


def test_only_what_must_be_within_the_days_is_missing_at_scm() -> None:
    def missing(record: CertificateRecord, first: date, last: date) -> bool:
        request = SyncRequest(dry_run=True, first=first, last=last, import_missing=False)
        return is_not_at_scm(record, request, ASKED)

    day = timedelta(days=1)
    assert missing(HELD, ENDS - day, ENDS + day)
    assert not missing(HELD, ENDS, ENDS + day)
    assert not missing(HELD, ENDS - day, ENDS)
    for other in (certificate_record(), changed(revoked_at=START), changed(submitting="order")):
        assert not missing(other, ENDS - day, ENDS + day)


def test_windows_cover_each_day_once_and_grow_where_there_is_little() -> None:
    until, days, longest = date(2036, 11, 23), list[date](), 0
    window: Window | None = Window(date(2026, 11, 23), until)
    while window is not None:
        shown = (window.last - window.first).days + 1
        longest = max(longest, shown)
        days += [window.first + timedelta(days=number) for number in range(shown)]
        window = window.following(rows=0)
    assert days == [date(2026, 11, 23) + timedelta(days=number) for number in range(len(days))]
    assert (days[-1], longest) == (until, LONGEST_WINDOW)


def test_a_window_is_halved_down_to_a_day() -> None:
    window = Window(date(2026, 11, 23), date(2027, 11, 23))
    for _ in range(5):
        window = window.halved()
    assert window.is_one_day
    assert window.halved() == window
    following = window.following(rows=1000)
    assert following is not None
    assert (following.first, following.is_one_day) == (date(2026, 11, 24), True)
