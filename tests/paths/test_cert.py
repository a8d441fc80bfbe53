"""Certificates by their serial numbers."""

import pytest
from cryptography import x509

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, NotFoundError, UnavailableError
from tests.support import der
from tests.support.certificates import leaf_of
from tests.support.mount import Mount, answered


async def issued(mount: Mount) -> dict[str, object]:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    return dict(await mount.enroll())


async def test_a_certificate_is_found_by_its_serial_number_however_that_is_written(mount: Mount) -> None:
    data = await issued(mount)
    serial = str(data["serial_number"])
    extensions = leaf_of(data).extensions
    issuer_key_id = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert issuer_key_id is not None
    for written in (serial, serial.upper(), serial.replace(":", "-")):
        assert answered(await mount.read(f"cert/{written}")) == {
            "authority_key_id": issuer_key_id.hex(":"),
            "certificate": str(data["leaf_certificate"]).strip(),
            "revocation_time": 0,
            "revocation_time_rfc3339": "",
        }
    assert await mount.list("certs/") == [serial]


async def test_client_certificates_and_replaced_ones_are_among_them(mount: Mount) -> None:
    old = await issued(mount)
    await mount.configure_client()
    person = await mount.enroll_client()
    new = answered(await mount.write(f"replace/web/{old['cert_unique_id']}", {"sectigo_reason": "new key"}))
    serials = {str(data["serial_number"]) for data in (old, person, new)}
    assert set(await mount.list("certs/")) == serials
    earlier = answered(await mount.read(f"cert/{old['serial_number']}"))
    assert earlier["certificate"] == str(old["leaf_certificate"]).strip()


async def test_a_forgotten_certificate_is_not_found(mount: Mount) -> None:
    data = await issued(mount)
    await mount.delete(f"certs/web/{data['cert_unique_id']}")
    assert await mount.list("certs/") == []
    with pytest.raises(NotFoundError, match=f"certificate with serial {data['serial_number']} not found"):
        await mount.read(f"cert/{data['serial_number']}")


async def test_certificates_stored_before_there_was_an_index_are_found_after_the_first_tick(mount: Mount) -> None:
    data = await issued(mount)
    for key in [key for key in mount.storage.snapshot() if key.startswith("index/")]:
        await mount.storage.delete(key)
    await mount.restart()
    assert await mount.list("certs/") == []
    await mount.tick()
    assert await mount.list("certs/") == [data["serial_number"]]


@pytest.mark.parametrize("by", ["serial_number", "certificate"])
async def test_a_certificate_is_revoked_by_its_serial_number_or_by_itself(mount: Mount, by: str) -> None:
    data = await issued(mount)
    given = {"serial_number": data["serial_number"], "certificate": data["leaf_certificate"]}[by]
    answer = answered(await mount.write("revoke", {by: given}))
    assert answer["state"] == "revoked"
    assert answer["revocation_time"] == int(mount.clock.now().timestamp())
    shown = answered(await mount.read(f"cert/{data['serial_number']}"))
    assert shown["revocation_time_rfc3339"] == answer["revocation_time_rfc3339"]
    (order,) = mount.simulator.orders
    assert order.issued[0].reason == "revoked in Vault"
    assert answered(await mount.write("revoke", {by: given})) == answer
    assert mount.simulator.calls.count("revoke") == 1


async def test_a_reason_of_rfc_5280_sets_the_code(mount: Mount) -> None:
    data = await issued(mount)
    await mount.write("revoke", {"serial_number": data["serial_number"], "reason": "keyCompromise"})
    (order,) = mount.simulator.orders
    assert order.issued[0].reason_code == 1


async def test_a_certificate_that_is_stored_twice_is_revoked_in_both_places(mount: Mount) -> None:
    data = await issued(mount)
    await mount.configure("other")
    await mount.write(f"fetch/other/{data['ssl_id']}", {})
    await mount.write("revoke", {"serial_number": data["serial_number"]})
    for name in ("web", "other"):
        shown = answered(await mount.read(f"certs/{name}/{data['cert_unique_id']}"))
        assert shown["status"] == "Revoked"


async def test_a_replaced_certificate_is_not_revoked_in_place_of_its_successor(mount: Mount) -> None:
    old = await issued(mount)
    await mount.write(f"replace/web/{old['cert_unique_id']}", {"sectigo_reason": "new key"})
    with pytest.raises(BadRequestError, match="was replaced under its id"):
        await mount.write("revoke", {"serial_number": old["serial_number"]})
    assert mount.simulator.calls.count("revoke") == 0


async def share_a_serial_number(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, object], ...]:
    """Two entries, a certificate under each, of one serial number, as two CAs may give it."""
    monkeypatch.setattr(x509, "random_serial_number", lambda: 0x4711)
    first = await issued(mount)
    await mount.configure("other")
    second = dict(await mount.enroll("other", sectigo_csr_domain="other.example.test"))
    assert first["serial_number"] == second["serial_number"] == "47:11"
    return first, second


async def test_a_serial_number_of_two_certificates_answers_one_and_says_so(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await share_a_serial_number(mount, monkeypatch)
    answer = await mount.read("cert/47:11")
    assert answered(answer)["certificate"] == str(second["leaf_certificate"]).strip()
    assert answer is not None
    (warning,) = answer.warnings
    assert f"other/{second['cert_unique_id']}" in warning
    assert f"web/{first['cert_unique_id']}" in warning


async def test_a_serial_number_of_two_certificates_revokes_none(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await share_a_serial_number(mount, monkeypatch)
    with pytest.raises(BadRequestError, match="several certificates have the serial number 47:11") as refused:
        await mount.write("revoke", {"serial_number": "47:11"})
    for name, data in (("web", first), ("other", second)):
        assert f"{name}/{data['cert_unique_id']}" in str(refused.value)
    assert "certificate in place of serial_number" in str(refused.value)
    assert mount.simulator.calls.count("revoke") == 0


@pytest.mark.parametrize("place", [0, 1])
async def test_of_two_certificates_with_one_serial_number_the_given_one_is_revoked(
    mount: Mount, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    both = await share_a_serial_number(mount, monkeypatch)
    answer = answered(await mount.write("revoke", {"certificate": both[place]["leaf_certificate"]}))
    assert answer["state"] == "revoked"
    statuses = [
        answered(await mount.read(f"certs/{name}/{data['cert_unique_id']}"))["status"]
        for name, data in zip(("web", "other"), both, strict=True)
    ]
    assert statuses == ["Revoked" if number == place else "Issued" for number in (0, 1)]


async def test_a_certificate_that_is_not_stored_revokes_none_with_its_serial_number(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x509, "random_serial_number", lambda: 0x4711)
    await issued(mount)
    stranger = der.pem("CERTIFICATE", der.certificate_der(serial=b"\x47\x11"))
    with pytest.raises(BadRequestError, match="certificate with serial 47:11 not found"):
        await mount.write("revoke", {"certificate": stranger})
    assert mount.simulator.calls.count("revoke") == 0


async def test_one_certificate_under_two_entries_shares_its_serial_number_with_no_other(mount: Mount) -> None:
    data = await issued(mount)
    await mount.configure("other")
    await mount.write(f"fetch/other/{data['ssl_id']}", {})
    answer = await mount.read(f"cert/{data['serial_number']}")
    assert answer is not None
    assert answer.warnings == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "exactly one of serial_number and certificate"),
        ({"serial_number": "01", "certificate": "PEM"}, "exactly one of serial_number and certificate"),
        ({"serial_number": "0x12"}, "serial_number cannot be used: not a serial number"),
        ({"serial_number": "11:22"}, "certificate with serial 11:22 not found"),
        ({"certificate": "-----BEGIN"}, "certificate cannot be used: exactly one certificate in PEM is needed"),
        ({"certificate": "own.crt"}, "did you mean certificate=@own.crt?"),
        (
            {"certificate": der.pem("CERTIFICATE", der.certificate_der(serial=b"\x85"))},
            "certificate cannot be used: its serial number is negative, and no stored certificate has such a one",
        ),
    ],
)
async def test_what_names_no_certificate_is_refused(mount: Mount, fields: dict[str, object], words: str) -> None:
    data = await issued(mount)
    if fields.get("certificate") == "PEM":
        fields = {**fields, "certificate": data["leaf_certificate"]}
    with pytest.raises(BadRequestError, match=words):
        await mount.write("revoke", fields)
    assert mount.simulator.calls.count("revoke") == 0


async def test_an_scm_that_is_down_leaves_the_certificate_as_it_was(mount: Mount) -> None:
    data = await issued(mount)
    mount.simulator.faults.add("revoke", "status", status=503, times=None)
    with pytest.raises(UnavailableError, match="SCM is not available for revoke"):
        await mount.write("revoke", {"serial_number": data["serial_number"]})
    assert answered(await mount.read(f"cert/{data['serial_number']}"))["revocation_time"] == 0
