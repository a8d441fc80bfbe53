"""What a proxy answers in SCM's place: no money is lost by it, and nothing is said that SCM did not say."""

import json

import pytest

from sectigo_vault_pki.scm_simulator.model.orders import Status
from sectigo_vault_pki.vault_plugin.logical import LogicalError
from tests.support.mount import CONFIG, ORDER, Mount, answered


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404])
@pytest.mark.parametrize("booked", [False, True])
async def test_an_order_that_a_proxy_answers_is_unsettled_with_its_key_and_found_if_it_was_taken(
    mount: Mount, status: int, *, booked: bool
) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    mount.simulator.faults.add("enroll", "page", status=status, booked=booked)
    response = await mount.write("enroll/web", {**ORDER, "sectigo_request_id": "wish-1"})
    lost = answered(response)
    assert lost["status"] == "Unsettled"
    assert lost["private_key"]
    assert response is not None
    assert any("not in SCM's words" in warning for warning in response.warnings)
    repeated = answered(await mount.write("enroll/web", {**ORDER, "sectigo_request_id": "wish-1"}))
    assert repeated["private_key"] == lost["private_key"]
    mount.clock.advance(hours=2)  # a 401 may be SCM's word on the login: it is left alone for an hour
    later = await mount.read(f"certs/web/{lost['cert_unique_id']}")
    assert answered(later)["status"] == ("Issued" if booked else "Unsettled")
    assert later is not None
    assert booked or "nothing was bought" in later.warnings[0]
    assert len(list(mount.simulator.orders)) == booked


@pytest.mark.parametrize("status", [200, 302, 403])
async def test_a_revocation_that_a_proxy_answers_is_none_and_is_asked_again(mount: Mount, status: int) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    path = (await mount.enroll())["cert_unique_id"]
    (order,) = mount.simulator.orders
    mount.simulator.faults.add("revoke", "page", status=status, times=2 if status == 200 else 1)
    with pytest.raises(LogicalError, match="not available for revoke"):
        await mount.write(f"revoke/web/{path}", {"sectigo_reason": "keyCompromise"})
    assert answered(await mount.read(f"certs/web/{path}"))["status"] == "Issued"
    assert order.status(mount.clock.now()) is Status.ISSUED
    revoked = answered(await mount.write(f"revoke/web/{path}", {"sectigo_reason": "keyCompromise"}))
    assert revoked["status"] == "Revoked"
    assert order.status(mount.clock.now()) is Status.REVOKED


UNDOCUMENTED_BODIES = ["", "{}", '{"sslId": 55}', "null", '{"code": 0, "description": "Success"}']


@pytest.mark.parametrize("body", UNDOCUMENTED_BODIES)
async def test_a_revocation_is_noted_only_on_scms_own_answer(mount: Mount, body: str) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    path = (await mount.enroll())["cert_unique_id"]
    (order,) = mount.simulator.orders
    mount.simulator.faults.add("revoke", "body", status=200, body=body, times=None)
    with pytest.raises(LogicalError, match="not available for revoke: HTTP 200 with"):
        await mount.write(f"revoke/web/{path}", {"sectigo_reason": "keyCompromise"})
    assert answered(await mount.read(f"certs/web/{path}"))["status"] == "Issued"
    mount.simulator.faults.clear()
    revoked = answered(await mount.write(f"revoke/web/{path}", {"sectigo_reason": "keyCompromise"}))
    assert revoked["status"] == "Revoked"
    assert order.status(mount.clock.now()) is Status.REVOKED


@pytest.mark.parametrize("booked", [False, True])
@pytest.mark.parametrize("body", UNDOCUMENTED_BODIES)
async def test_a_replacement_with_a_yes_that_is_not_scms_is_settled_like_a_lost_one(
    mount: Mount, body: str, *, booked: bool
) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    held = await mount.enroll()
    path = held["cert_unique_id"]
    mount.simulator.faults.add("replace", "body", status=200, body=body, booked=booked)
    response = await mount.write(f"replace/web/{path}", {"sectigo_reason": "lost", "sectigo_max_timeout": 0})
    assert answered(response)["status"] == "Unsettled"
    assert response is not None
    assert not any("the order is saved, and reading" in warning for warning in response.warnings)
    mount.clock.advance(minutes=10)
    later = answered(await mount.read(f"certs/web/{path}"))
    assert (later["serial_number"] != held["serial_number"]) is booked
    again = {"sectigo_reason": "lost", "sectigo_max_timeout": 60}
    assert answered(await mount.write(f"replace/web/{path}", again))["status"] == "Issued"


@pytest.mark.parametrize("status", [200, 302, 403])
async def test_a_replacement_that_a_proxy_answers_is_given_up_and_blocks_nothing(mount: Mount, status: int) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    held = await mount.enroll()
    path = held["cert_unique_id"]
    mount.simulator.faults.add("replace", "page", status=status)
    await mount.write(f"replace/web/{path}", {"sectigo_reason": "lost", "sectigo_max_timeout": 0})
    mount.clock.advance(minutes=10)
    assert answered(await mount.read(f"certs/web/{path}"))["serial_number"] == held["serial_number"]
    again = {"sectigo_reason": "lost", "sectigo_max_timeout": 60}
    replaced = answered(await mount.write(f"replace/web/{path}", again))
    assert replaced["status"] == "Issued"
    assert replaced["serial_number"] != held["serial_number"]


@pytest.mark.parametrize("status", [200, 403])
async def test_a_renewal_that_a_proxy_answers_is_not_taken_for_one(mount: Mount, status: int) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    path = (await mount.enroll())["cert_unique_id"]
    mount.simulator.faults.add("renew", "page", status=status)
    response = await mount.write(f"renew/web/{path}", {"sectigo_max_timeout": 0})
    assert response is not None
    assert any("not in SCM's words" in warning for warning in response.warnings)
    mount.clock.advance(minutes=10)
    assert answered(await mount.read(f"certs/web/{path}"))["status"] == "Issued"
    assert answered(await mount.write(f"renew/web/{path}", {}))["renewed_from"] == path


@pytest.mark.parametrize(
    "rows", [[{"commonName": "web.example.test"}], [None], [{"sslId": 0, "commonName": "web.example.test"}]]
)
async def test_nothing_was_bought_is_not_said_of_a_list_with_rows_that_cannot_be_read(
    mount: Mount, rows: list[object]
) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll()
    mount.clock.advance(minutes=11)
    mount.simulator.faults.add("list", "body", status=200, body=json.dumps(rows))
    answer = await mount.read(f"certs/web/{lost['cert_unique_id']}")
    assert answered(answer)["status"] == "Unsettled"
    assert answer is not None
    assert not any("nothing was bought" in warning for warning in answer.warnings)


async def test_an_order_is_found_in_a_list_without_names(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll()
    (order,) = mount.simulator.orders
    mount.simulator.faults.add("list", "body", status=200, body=json.dumps([{"sslId": order.handle}]))
    found = answered(await mount.read(f"certs/web/{lost['cert_unique_id']}"))
    assert (found["ssl_id"], found["status"]) == (order.handle, "Issued")


PATHS = ["enroll/web", "certs/web/{}", "revoke/web/{}", "replace/web/{}", "renew/web/{}", "fetch/web/12345"]


@pytest.mark.parametrize("status", [200, 400, 401, 500])
async def test_an_scm_that_echoes_the_headers_does_not_show_the_password_to_anybody(
    mount: Mount, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    await mount.configure()
    path = (await mount.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    mount.simulator.settings.pending_polls = 0
    await mount.read(f"certs/web/{path}")
    mount.simulator.faults.add("*", "echo", status=status, times=None)
    texts = []
    for pattern in PATHS:
        try:
            response = await mount.write(pattern.format(path), {**ORDER, "sectigo_reason": "lost"})
        except LogicalError as error:
            texts.append(str(error))
        else:
            texts += [str(response.data), *response.warnings] if response is not None else []
    texts += [record.getMessage() + str(vars(record)) for record in caplog.records]
    assert any("demo-user" in text for text in texts)
    assert not [text for text in texts if str(CONFIG["sectigo_cm_password"]) in text]
