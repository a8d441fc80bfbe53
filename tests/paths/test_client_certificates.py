import asyncio
from typing import Any

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.certificates import key_fits, leaf_of, names_of, public_bytes
from tests.support.mount import CLIENT_ORDER, Mount, answered


async def issued(mount: Mount, **changes: Any) -> dict[str, Any]:
    await mount.configure_client()
    mount.simulator.settings.pending_polls = 0
    return dict(await mount.enroll_client(**changes))


def path_of(data: Any) -> str:
    return f"certs/people/{data['cert_unique_id']}"


async def test_an_enrolment_answers_the_persons_certificate(mount: Mount) -> None:
    await mount.configure_client()
    data = await mount.enroll_client()
    (order,) = mount.simulator.orders
    assert data["cert_unique_id"] == f"{order.order_number}_demo-customer"
    assert data["order_number"] == order.order_number
    assert data["certificate_type"] == "client_cert"
    assert data["domain"] == "Ada Lovelace"
    assert names_of(leaf_of(data)) == {"ada@example.test"}
    assert key_fits(data)
    assert [entry["status"] for entry in data["state"]] == ["Applied", "Issued"]
    assert data["certificate"] == data["certificate_bundle"]
    assert not {"ssl_id", "ssl_format", "renew_id"} & set(data)


async def test_everything_asked_for_reaches_scm(mount: Mount) -> None:
    await mount.configure_client()
    await mount.enroll_client(
        sectigo_client_cert_middle_name="King",
        sectigo_client_cert_custom_fields='[{"name": "Ticket", "value": "T-1"}]',
    )
    (order,) = mount.simulator.orders
    person = order.subscription.person
    assert person is not None
    assert (person.first_name, person.middle_name, person.last_name) == ("Ada", "King", "Lovelace")
    assert person.email == "ada@example.test"
    assert order.subscription.term == 365
    assert order.subscription.custom_fields == (("Ticket", "T-1"),)
    assert order.subscription.comments.startswith("[vault:")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sectigo_client_cert_email": None}, "sectigo_client_cert_email is required"),
        ({"sectigo_client_cert_first_name": ""}, "sectigo_client_cert_first_name is required"),
        ({"sectigo_client_cert_last_name": None}, "sectigo_client_cert_last_name is required"),
        ({"sectigo_client_cert_type": None}, "sectigo_client_cert_type is required"),
        ({"sectigo_client_cert_validity": None}, "sectigo_client_cert_validity is required"),
        ({"sectigo_client_cert_email": "nobody"}, "sectigo_client_cert_email cannot be used: not an e-mail address"),
        ({"sectigo_client_cert_email": "a" * 250 + "@x.test"}, "must have at most 255 characters"),
        (
            {"sectigo_client_cert_last_name": "L" * 61},
            "must have at most 64 characters together, with a space between them: they have 65",
        ),
        ({"sectigo_ssl_cert_type": 501}, "sectigo_ssl_cert_type does not go with a config entry of type client_cert"),
        ({"sectigo_csr_domain": None}, "sectigo_csr_domain is required if no sectigo_csr is given"),
    ],
)
async def test_a_bad_request_is_refused_by_name_and_leaves_nothing(
    mount: Mount, change: dict[str, Any], complaint: str
) -> None:
    await mount.configure_client()
    with pytest.raises(BadRequestError) as refused:
        await mount.enroll_client(**change)
    assert complaint in str(refused.value)
    assert set(mount.storage.snapshot()) == {"config/people"}
    assert len(mount.simulator.calls) == 0


async def test_a_name_in_any_script_is_taken(mount: Mount) -> None:
    data = await issued(
        mount,
        sectigo_csr_domain="Zoë Müller",
        sectigo_client_cert_first_name="Zoë",
        sectigo_client_cert_last_name="Müller",
    )
    assert data["domain"] == "Zoë Müller"
    assert key_fits(data)


async def test_a_pending_certificate_is_waited_for_and_collected_by_a_read(mount: Mount) -> None:
    await mount.configure_client()
    pending = await mount.enroll_client(sectigo_max_timeout=0)
    assert pending["certificate"] == "TimeoutStateSaved"
    mount.simulator.settings.pending_polls = 0
    assert answered(await mount.read(path_of(pending)))["status"] == "Issued"


async def test_a_read_takes_the_enrolments_file(mount: Mount) -> None:
    data = await issued(mount)
    as_the_cli_sends_it = {name: str(value) for name, value in CLIENT_ORDER.items()}
    response = await mount.read(path_of(data), as_the_cli_sends_it)
    assert answered(response) == data
    assert response is not None
    assert response.warnings == ()


async def test_a_renewal_has_a_new_order_number_and_the_same_key(mount: Mount) -> None:
    old = await issued(mount)
    new = answered(await mount.write(f"renew/people/{old['cert_unique_id']}", {}))
    assert new["order_number"] != old["order_number"]
    assert new["private_key"] == old["private_key"]
    assert new["renewed_from"] == old["cert_unique_id"]
    assert answered(await mount.read(path_of(old))) == new


async def test_a_renewal_with_another_key_is_refused(mount: Mount) -> None:
    old = await issued(mount)
    with pytest.raises(BadRequestError, match="renews client certificates with the key they have"):
        await mount.write(f"renew/people/{old['cert_unique_id']}", {"sectigo_renew_new_key": True})


async def test_a_due_certificate_is_renewed_by_a_read(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=360)
    assert answered(await mount.read(path_of(old)))["renewed_from"] == old["cert_unique_id"]


@pytest.mark.parametrize("revoked", [True, False])
async def test_a_replacement_says_whether_the_old_one_is_revoked(mount: Mount, revoked: bool) -> None:
    old = await issued(mount)
    new = answered(
        await mount.write(
            f"replace/people/{old['cert_unique_id']}",
            {"sectigo_reason": "lost", "sectigo_client_cert_revoked_on_replace": revoked},
        )
    )
    assert new["cert_unique_id"] == old["cert_unique_id"]
    assert public_bytes(new) != public_bytes(old)
    assert key_fits(new)
    (order,) = mount.simulator.orders
    assert (order.issued[0].revoked_at is not None) is revoked


async def test_a_replacement_must_say_whether_the_old_one_is_revoked(mount: Mount) -> None:
    old = await issued(mount)
    with pytest.raises(BadRequestError, match="sectigo_client_cert_revoked_on_replace is required"):
        await mount.write(f"replace/people/{old['cert_unique_id']}", {"sectigo_reason": "lost"})
    with pytest.raises(BadRequestError, match="sectigo_common_name does not go with"):
        await mount.write(
            f"replace/people/{old['cert_unique_id']}",
            {
                "sectigo_reason": "lost",
                "sectigo_client_cert_revoked_on_replace": "1",
                "sectigo_common_name": "x.test",
            },
        )


async def test_a_revocation_is_marked_and_repeated_without_harm(mount: Mount) -> None:
    old = await issued(mount)
    for _ in range(2):
        answer = answered(await mount.write(f"revoke/people/{old['cert_unique_id']}", {"sectigo_reason": "left"}))
        assert answer["status"] == "Revoked"


async def test_a_certificate_is_fetched_by_its_order_number(mount: Mount) -> None:
    old = await issued(mount)
    await mount.configure_client("others")
    data = answered(await mount.write(f"fetch/others/{old['order_number']}", {}))
    assert data["order_number"] == old["order_number"]
    assert data["serial_number"] == old["serial_number"]
    assert data["private_key"] == ""
    renewed = answered(await mount.write(f"renew/others/{data['cert_unique_id']}", {}))
    assert renewed["renewed_from"] == data["cert_unique_id"]


async def test_a_revoked_one_is_not_fetched(mount: Mount) -> None:
    old = await issued(mount)
    await mount.write(f"revoke/people/{old['cert_unique_id']}", {"sectigo_reason": "left"})
    await mount.configure_client("others")
    with pytest.raises(BadRequestError, match=r"SCM refused collect: .* \(code -192\)"):
        await mount.write(f"fetch/others/{old['order_number']}", {})


async def test_a_lost_enrolment_is_settled_by_its_mark(mount: Mount) -> None:
    await mount.configure_client()
    await mount.enroll_client()
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll_client()
    assert lost["status"] == "Unsettled"
    assert lost["certificate_type"] == "client_cert"
    mount.simulator.settings.pending_polls = 0
    found = answered(await mount.read(path_of(lost)))
    assert found["status"] == "Issued"
    assert found["private_key"] == lost["private_key"]


@pytest.mark.parametrize("fault", ["drop_after", "empty"])
async def test_a_lost_renewal_is_settled_by_the_numbers_listed_beforehand(mount: Mount, fault: Any) -> None:
    old = await issued(mount)
    mount.simulator.faults.add("renew", fault)
    await mount.write(f"renew/people/{old['cert_unique_id']}", {})
    new = answered(await mount.read(path_of(old)))
    assert new["renewed_from"] == old["cert_unique_id"]
    assert len(list(mount.simulator.orders)) == 2


async def test_fifty_reads_of_a_due_certificate_are_one_order(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=360)
    answers = await asyncio.gather(*(mount.read(path_of(old)) for _ in range(50)))
    assert len({answered(answer)["cert_unique_id"] for answer in answers}) == 1
    assert len(list(mount.simulator.orders)) == 2


@pytest.mark.parametrize("revoked", [True, False])
async def test_a_certificate_that_its_replacement_revoked_is_revoked_under_its_serial_number(
    mount: Mount, *, revoked: bool
) -> None:
    await mount.configure_client()
    mount.simulator.settings.pending_polls = 0
    old = await mount.enroll_client()
    fields = {"sectigo_reason": "key rotation", "sectigo_client_cert_revoked_on_replace": revoked}
    new = answered(await mount.write(f"replace/people/{old['cert_unique_id']}", fields))
    earlier = answered(await mount.read(f"cert/{old['serial_number']}"))
    assert bool(earlier["revocation_time"]) is revoked
    assert bool(earlier["revocation_time_rfc3339"]) is revoked
    assert answered(await mount.read(f"cert/{new['serial_number']}"))["revocation_time"] == 0
