"""What the log says: each thing that happens to an order or a certificate once, always with whose it is."""

import logging
import re
from collections.abc import Iterator, Mapping

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, LogicalError, StorageError
from tests.support.foreign_orders import foreign_order
from tests.support.mount import ENTITY, ORDER, Mount, answered

DUE_IN_DAYS = 359  # of the 365 days that ORDER asks for, with a window of 7
CI = f"token-ci (entity {ENTITY})"
ROLE = {
    "config": "web",
    "certificate_type": 501,
    "validity": 365,
    "allowed_domains": "example.test",
    "allow_subdomains": True,
    "key_type": "ec",
    "no_store_key": True,
}

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SERIAL = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){7,}")
_UNIQUE_ID = re.compile(r"[0-9]+_demo-customer")
_CLASS_NAME = re.compile(r"\b[A-Z][a-z]+[A-Z]\w*|\b\w+Error\b|<\w+>")

Line = tuple[str, str, Mapping[str, object]]


class Story:
    """The lines that the engine has written since they were told last.

    Orders, certificates and serial numbers are named by the order in which they appear: `order 1`, `certificate 1`.
    """

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self._names: dict[str, str] = {}

    def told(self, level: int = logging.INFO) -> list[Line]:
        lines = [record for record in self._caplog.records if record.levelno >= level and _is_ours(record)]
        self._caplog.clear()
        return [
            (line.levelname, line.getMessage(), {key: self._named(value) for key, value in line.__dict__["kv"].items()})
            for line in lines
        ]

    def _named(self, value: object) -> object:
        if not isinstance(value, str) or value == CI:
            return value
        assert not _CLASS_NAME.search(value), value
        for kind, pattern in (("order", _UUID), ("certificate", _UNIQUE_ID), ("serial", _SERIAL)):
            for text in pattern.findall(value):
                value = value.replace(text, self._name(kind, text))
        return value

    def _name(self, kind: str, text: str) -> str:
        number = 1 + sum(name.startswith(kind) for name in self._names.values())
        return self._names.setdefault(text, f"{kind} {number}")


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.startswith("sectigo_vault_pki.") and not record.name.startswith("sectigo_vault_pki.scm_sim")


@pytest.fixture
def story(caplog: pytest.LogCaptureFixture) -> Iterator[Story]:
    caplog.set_level(logging.DEBUG)
    yield Story(caplog)
    assert "demo-password" not in caplog.text
    assert "PRIVATE" not in caplog.text


def of(number: int, order: int | str, *, requested_by: str = CI, domain: str = "web.example.test") -> dict[str, object]:
    """Return whose a line is."""
    return {
        "config": "web",
        "unique_id": f"certificate {number}" if number else "",
        "order": f"order {order}" if order else "",
        "domain": domain,
        "requested_by": requested_by,
    }


def issued(number: int, **more: object) -> dict[str, object]:
    return {"serial_number": f"serial {number}", "not_after": "2027-11-23T18:00:00Z", **more}


async def test_a_whole_life_from_its_order_to_its_deletion(ready: Mount, story: Story) -> None:
    first = (await ready.enroll())["cert_unique_id"]
    await ready.write(f"certs/web/{first}", {"sectigo_auto_renew": False, "sectigo_expiry_window": "20d"})
    ready.simulator.faults.add("renew", "status", status=400, code=-180, description="not now")
    with pytest.raises(BadRequestError):
        await ready.write(f"renew/web/{first}", {})
    second = answered(await ready.write(f"renew/web/{first}", {}))["cert_unique_id"]
    answered(await ready.write(f"replace/web/{second}", {"sectigo_reason": "key rotation"}))
    ready.simulator.faults.add("revoke", "status", status=400, code=-104, description="no such right")
    with pytest.raises(BadRequestError):
        await ready.write(f"revoke/web/{second}", {"sectigo_reason": "superseded"})
    ready.display_name, ready.entity_id = "root", ""
    answered(await ready.write(f"revoke/web/{second}", {"sectigo_reason": "superseded"}))
    answered(await ready.write(f"revoke/web/{second}", {"sectigo_reason": "superseded"}))
    await ready.delete(f"certs/web/{second}")
    await ready.delete(f"certs/web/{second}")
    assert story.told() == [
        ("INFO", "certificate ordered", of(1, 1) | {"operation": "enroll"}),
        ("INFO", "certificate issued", of(1, 1) | issued(1)),
        ("INFO", "flags changed", of(1, 1) | {"auto_renew": False, "expiry_window": "20 days"}),
        (
            "WARNING",
            "order refused",
            of(1, 2) | {"operation": "renew", "code": -180, "error": "not now", "next_try": "2026-11-23T19:00:00Z"},
        ),
        ("INFO", "certificate ordered", of(2, 3) | {"operation": "renew", "renewed_from": "certificate 1"}),
        ("INFO", "certificate issued", of(2, 3) | issued(2, renewed_from="certificate 1")),
        ("INFO", "certificate renewed", of(1, 1) | {"renewed_to": "certificate 2"}),
        ("INFO", "certificate ordered", of(2, 4) | {"operation": "replace"}),
        ("INFO", "certificate replaced", of(2, 4) | issued(3, replaced_serial_number="serial 2")),
        (
            "WARNING",
            "revocation refused",
            of(2, 5) | {"operation": "revoke", "code": -104, "error": "no such right"},
        ),
        ("INFO", "certificate revoked", of(2, 3, requested_by="root") | {"serial_number": "serial 3"}),
        ("INFO", "certificate deleted", of(2, 3, requested_by="root")),
    ]


async def test_at_debug_an_enrolment_also_tells_its_calls_to_scm_and_a_plain_read_tells_nothing(
    ready: Mount, story: Story
) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    assert [message for _, message, _ in story.told(logging.DEBUG)] == [
        *["SCM call"] * 3,
        "certificate ordered",
        "SCM call",
        "certificate issued",
    ]
    await ready.read(f"certs/web/{unique_id}")
    await ready.list("certs/web")
    assert story.told(logging.DEBUG) == []


async def test_a_refused_order(ready: Mount, story: Story) -> None:
    ready.simulator.faults.add("enroll", "status", status=400, code=-727, description="no such domain")
    with pytest.raises(BadRequestError):
        await ready.enroll()
    refused = {"operation": "enroll", "code": -727, "error": "no such domain"}
    assert story.told() == [("WARNING", "order refused", of(0, 1) | refused)]


async def test_an_order_that_did_not_reach_scm(ready: Mount, story: Story) -> None:
    ready.simulator.faults.add("enroll", "status", status=429, times=None)
    with pytest.raises(LogicalError):
        await ready.enroll()
    ((level, message, values),) = story.told()
    assert (level, message) == ("WARNING", "order not sent")
    assert values == of(0, 1) | {"operation": "enroll", "error": values["error"]}


async def test_a_lost_answer_and_what_became_of_the_order(ready: Mount, story: Story) -> None:
    ready.simulator.faults.add("enroll", "drop_after")
    unique_id = (await ready.enroll())["cert_unique_id"]
    ((level, message, values),) = story.told()
    assert (level, message) == ("WARNING", "order answer lost")
    assert values == of(0, 1) | {"operation": "enroll", "error": values["error"]}
    ready.display_name = "token-reader"
    await ready.read(f"certs/web/{unique_id}")
    assert story.told() == [
        ("INFO", "order settled", of(1, 1) | {"operation": "enroll"}),
        ("INFO", "certificate issued", of(1, 1) | issued(1)),
    ]


async def test_an_order_that_scm_never_took_and_its_deletion(ready: Mount, story: Story) -> None:
    ready.simulator.faults.add("enroll", "drop_before")
    unique_id = (await ready.enroll())["cert_unique_id"]
    story.told()
    await ready.read(f"certs/web/{unique_id}")
    assert ("DEBUG", "order not found yet") in [line[:2] for line in story.told(logging.DEBUG)]
    for _ in range(30):
        await ready.tick(60)
        await ready.read(f"certs/web/{unique_id}")
    ready.display_name, ready.entity_id = "root", ""
    await ready.delete(f"certs/web/{unique_id}", {"sectigo_force": True})
    assert story.told() == [
        ("WARNING", "order not booked", of(0, 1) | {"operation": "enroll"}),
        ("INFO", "order deleted", of(0, 1, requested_by="root") | {"operation": "enroll"}),
    ]


async def test_an_order_that_cannot_be_stored(ready: Mount, story: Story) -> None:
    await ready.enroll()
    story.told()
    ready.on_scm_call = lambda: ready.storage.failures.update(put=StorageError("no room"))
    await ready.enroll()
    ordered, *of_the_index, not_stored = story.told()
    assert ordered == ("INFO", "certificate ordered", of(2, 2) | {"operation": "enroll"})
    assert not_stored == ("ERROR", "order not stored", of(2, 2) | {"operation": "enroll", "error": "no room"})
    assert [message for _, message, _ in of_the_index] == ["the index of an accepted order could not be stored"]


async def test_a_pending_certificate_that_is_declined(ready: Mount, story: Story) -> None:
    ready.simulator.settings.never_issue = True
    unique_id = (await ready.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    await ready.read(f"certs/web/{unique_id}")
    (order,) = ready.simulator.orders
    ready.simulator.orders.decline(order)
    for _ in range(3):
        await ready.tick()
        await ready.read(f"certs/web/{unique_id}")
    ((*_, ordered), (*_, pending), (level, message, declined)) = story.told()
    assert (ordered["operation"], pending) == ("enroll", of(1, 1))
    assert (level, message) == ("WARNING", "certificate not collected")
    assert declined == of(1, 1) | {"code": -1112, "error": declined["error"]}


async def test_imports(ready: Mount, elsewhere: Mount, story: Story) -> None:
    data = await elsewhere.enroll()
    story.told()
    for key in ({}, {"sectigo_private_key": data["private_key"]}, {"sectigo_private_key": data["private_key"]}):
        answered(await ready.write(f"fetch/web/{data['ssl_id']}", key))
    with pytest.raises(BadRequestError):
        await ready.write("fetch/web/99999", {})
    *lines, (level, message, refused) = story.told()
    assert lines == [
        ("INFO", "certificate imported", of(1, 0) | issued(1)),
        ("INFO", "private key added", of(1, 0)),
    ]
    assert (level, message) == ("WARNING", "import refused")
    assert refused == of(2, 0, domain="") | {"code": -5101, "error": refused["error"]}


async def test_what_a_comparison_with_scm_imports_and_finds_revoked(
    ready: Mount, elsewhere: Mount, story: Story
) -> None:
    data = await elsewhere.enroll()
    own = (await ready.enroll())["cert_unique_id"]
    other_id = data["cert_unique_id"]
    answered(await elsewhere.write(f"fetch/web/{own.partition('_')[0]}", {}))
    answered(await elsewhere.write(f"revoke/web/{own}", {"sectigo_reason": "superseded"}))
    story.told()
    ready.display_name, ready.entity_id = "root", ""
    answered(await ready.write("sync/web", {"dry_run": False, "import_missing": True}))
    told = {message: values for _, message, values in story.told() if message.startswith("certificate")}
    assert {message: values["requested_by"] for message, values in told.items()} == {
        "certificate revoked": "root",
        "certificate imported": "root",
    }
    assert other_id != own


async def test_a_one_time_key_is_deleted_with_the_answer_that_has_it(ready: Mount, story: Story) -> None:
    await ready.write("roles/web", ROLE)
    story.told()
    answered(await ready.write("issue/web", {"common_name": "web.example.test"}))
    assert story.told()[2:] == [("INFO", "private key deleted", of(1, 1))]


async def test_an_automatic_renewal(ready: Mount, story: Story) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    story.told()
    ready.clock.advance(days=DUE_IN_DAYS)
    for _ in range(3):
        await ready.tick()
        await ready.read(f"certs/web/{unique_id}")
    (ordered, (*_, came), renewed) = story.told()
    automatic = of(2, 2, requested_by="automatic")
    assert ordered == (
        "INFO",
        "certificate ordered",
        automatic | {"operation": "renew", "renewed_from": "certificate 1"},
    )
    assert came == automatic | issued(2, renewed_from="certificate 1", not_after=came["not_after"])
    assert renewed == (
        "INFO",
        "certificate renewed",
        of(1, 1, requested_by="automatic") | {"renewed_to": "certificate 2"},
    )


async def test_a_refused_automatic_renewal_is_said_once_a_try(ready: Mount, story: Story) -> None:
    await ready.enroll()
    story.told()
    ready.simulator.faults.add("renew", "status", status=400, code=-180, description="not now", times=None)
    ready.clock.advance(days=DUE_IN_DAYS)
    for _ in range(3):
        await ready.tick()
    ((level, message, values),) = story.told()
    assert (level, message) == ("WARNING", "order refused")
    refused = {"operation": "renew", "code": -180, "error": "not now", "next_try": values["next_try"]}
    assert values == of(1, 2, requested_by="automatic") | refused


async def test_a_renewal_that_scm_declines_holds_the_next_one_back(ready: Mount, story: Story) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    ready.simulator.settings.never_issue = True
    answered(await ready.write(f"renew/web/{unique_id}", {"sectigo_max_timeout": 0}))
    ready.simulator.orders.decline(list(ready.simulator.orders)[-1])
    story.told()
    for _ in range(3):
        await ready.tick()
    told = [(level, message, values["unique_id"]) for level, message, values in story.told()]
    assert told == [
        ("WARNING", "certificate not collected", "certificate 2"),
        ("WARNING", "renewal held back", "certificate 1"),
    ]


async def test_a_renewal_that_gains_nothing_is_held_back_when_it_comes(ready: Mount, story: Story) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    answered(await ready.write(f"renew/web/{unique_id}", {}))
    held = [values for _, message, values in story.told() if message == "renewal held back"]
    (reason,) = (str(values["error"]) for values in held)
    assert reason.startswith("it ends no later than the certificate that it renewed")


async def test_a_spent_budget_and_an_scm_that_is_away_are_said_when_they_begin(ready: Mount, story: Story) -> None:
    await ready.enroll()
    await ready.configure(sectigo_max_orders_per_day=1)
    story.told()
    ready.clock.advance(days=DUE_IN_DAYS)
    await ready.enroll(sectigo_csr_domain="other.example.test")
    story.told()
    for _ in range(3):
        await ready.tick(60)
    ready.simulator.faults.add("*", "status", status=503, times=None)
    for _ in range(5):
        await ready.tick(60)
    assert [(level, message, values["unique_id"]) for level, message, values in story.told()] == [
        ("WARNING", "renewal held back", "certificate 1"),
        ("WARNING", "renewal failed", "certificate 1"),
    ]


async def test_a_repeated_request_tells_nothing(ready: Mount, story: Story) -> None:
    await ready.enroll(sectigo_request_id="deploy-7")
    story.told()
    answered(await ready.write("enroll/web", {**ORDER, "sectigo_request_id": "deploy-7"}))
    assert story.told(logging.DEBUG) == []


async def test_a_renewal_of_which_scm_does_not_tell_is_given_up(ready: Mount, story: Story) -> None:
    await ready.enroll()
    ready.clock.advance(days=DUE_IN_DAYS)
    ready.simulator.faults.add("renew", "status", status=502)
    (first,) = ready.simulator.orders
    story.told()
    await ready.tick()
    foreign_order(ready.simulator, first, is_approved=False)
    for _ in range(80):
        await ready.tick(3600)
    lost, (level, message, values) = story.told()[:2]
    assert (lost[1], level, message) == ("order answer lost", "WARNING", "order given up")
    given_up = {"operation": "renew", "error": values["error"], "next_try": values["next_try"]}
    assert values == of(1, 2, requested_by="automatic") | given_up


async def test_a_renewal_that_was_ordered_elsewhere(ready: Mount, story: Story) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    ready.clock.advance(days=DUE_IN_DAYS)
    before = ready.storage.snapshot()
    answered(await ready.write(f"renew/web/{unique_id}", {}))
    await ready.go_back_to(before)
    story.told()
    await ready.tick()
    (found, issued_, renewed) = [(message, values["requested_by"]) for _, message, values in story.told()]
    assert (found, issued_, renewed) == (
        ("renewal found", "automatic"),
        ("certificate issued", "automatic"),
        ("certificate renewed", "automatic"),
    )


async def test_a_revocation_that_scm_does_not_answer(ready: Mount, story: Story) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    story.told()
    ready.simulator.faults.add("revoke", "status", status=503, times=None)
    with pytest.raises(LogicalError):
        await ready.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"})
    ((level, message, values),) = story.told()
    assert (level, message) == ("WARNING", "revocation failed")
    assert values == of(1, 2) | {"operation": "revoke", "error": values["error"]}


async def test_a_replaced_client_certificate_that_scm_revokes(ready: Mount, story: Story) -> None:
    await ready.configure_client()
    unique_id = (await ready.enroll_client())["cert_unique_id"]
    story.told()
    replacing = {"sectigo_reason": "key rotation", "sectigo_client_cert_revoked_on_replace": True}
    answered(await ready.write(f"replace/people/{unique_id}", replacing))
    (_, (level, message, values)) = story.told()
    about = of(1, 2, domain="Ada Lovelace") | {"config": "people"}
    assert (level, message) == ("INFO", "certificate replaced")
    assert values == about | issued(2, replaced_serial_number="serial 1", replaced_is_revoked=True)


async def test_a_one_time_key_that_nobody_asks_for(ready: Mount, story: Story) -> None:
    await ready.write("roles/web", ROLE)
    ready.simulator.settings.auto_approve = False
    with pytest.raises(BadRequestError):
        await ready.write("issue/web", {"common_name": "web.example.test"}, time_limit=5)
    (order,) = ready.simulator.orders
    ready.simulator.orders.approve(order)
    await ready.tick(60)
    ready.clock.advance(days=2)
    for _ in range(3):
        await ready.tick(60)
    assert story.told()[-1] == ("INFO", "private key deleted", of(1, 1, requested_by="automatic"))
