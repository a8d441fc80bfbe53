"""The CA, as Vault's own pki engine shows its own: from the newest certificate's chain."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.pki import CaCertificate
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    NotFoundError,
    ReadOnlyError,
    ReplicationState,
    Response,
    StorageError,
    UnsupportedOperationError,
)
from tests.support.counting import CountingStorage
from tests.support.mount import Mount, answered

CRL_URL = "http://crl.simulator.example/issuing.crl"
RAW = [
    "ca",
    "ca/pem",
    "ca_chain",
    "cert/ca/raw",
    "cert/ca/raw/pem",
    "issuer/default/pem",
    "issuer/default/der",
]
JSON = ["cert/ca", "cert/ca_chain", "issuer/default", "issuer/default/json", "crl", "crl/pem", "cert/crl"]
NOTE = "index/chain/web"


async def issued(mount: Mount, name: str = "web", **changes: object) -> Mapping[str, Any]:
    """Write a config entry, and order under it a certificate that is there at once."""
    mount.simulator.settings.pending_polls = 0
    await mount.configure(name)
    return await mount.enroll(name, **changes)


def raw(response: Response | None) -> tuple[str, bytes]:
    data = answered(response)
    assert data["http_status_code"] == 200
    return data["http_content_type"], base64.b64decode(data["http_raw_body"])


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def ids(simulator: Simulator) -> list[str]:
    return [CaCertificate(pem(one)).issuer_id for one in (simulator.ca.intermediate, simulator.ca.root)]


async def forgotten(mount: Mount) -> None:
    """Leave what an earlier version would have left, which noted no chain."""
    await mount.storage.delete(NOTE)
    await mount.restart()


async def test_the_raw_reads_answer_the_issuer_and_its_chain(mount: Mount) -> None:
    await issued(mount)
    issuing, root = mount.simulator.ca.intermediate, mount.simulator.ca.root
    chain = f"{pem(issuing)}{pem(root)}".strip().encode()
    expected = {
        "ca": ("application/pkix-cert", der(issuing)),
        "ca/pem": ("application/pem-certificate-chain", pem(issuing).strip().encode()),
        "ca_chain": ("application/pkix-cert", chain),
        "cert/ca/raw": ("application/pkix-cert", der(issuing)),
        "cert/ca/raw/pem": ("application/pem-certificate-chain", pem(issuing).strip().encode()),
        "issuer/default/pem": ("application/pem-certificate-chain", pem(issuing).encode()),
        "issuer/default/der": ("application/pkix-cert", der(issuing)),
        f"issuer/{ids(mount.simulator)[1]}/der": ("application/pkix-cert", der(root)),
    }
    assert {path: raw(await mount.read(path)) for path in expected} == expected


async def test_the_json_reads_answer_the_issuer_and_its_chain(mount: Mount) -> None:
    await issued(mount)
    issuing, root = pem(mount.simulator.ca.intermediate), pem(mount.simulator.ca.root)
    never = {"revocation_time": 0, "revocation_time_rfc3339": ""}
    assert answered(await mount.read("cert/ca")) == {"certificate": issuing.strip(), **never}
    chain = f"{issuing}{root}".strip()
    assert answered(await mount.read("cert/ca_chain")) == {"ca_chain": chain, "certificate": chain, **never}
    short = {
        "ca_chain": [issuing, root],
        "certificate": issuing,
        "issuer_id": ids(mount.simulator)[0],
        "issuer_name": "",
    }
    assert answered(await mount.read("issuer/default/json")) == short
    assert answered(await mount.read("issuer/default")) == {
        **short,
        "crl_distribution_points": [CRL_URL],
        "delta_crl_distribution_points": [],
        "issuing_certificates": ["http://crt.simulator.example/issuing.crt"],
        "key_id": "",
        "leaf_not_after_behavior": "err",
        "manual_chain": None,
        "ocsp_servers": ["http://ocsp.simulator.example"],
        "revocation_signature_algorithm": "",
        "revoked": False,
        "usage": "issuing-certificates,read-only",
    }


async def test_each_issuer_of_the_chain_is_listed_and_read_by_its_id(mount: Mount) -> None:
    await issued(mount)
    issuing, root = ids(mount.simulator)
    assert await mount.list("issuers/") == sorted([issuing, root])
    assert await mount.list("issuers/", limit=1) == [min(issuing, root)]
    whole = answered(await mount.read(f"issuer/{issuing}"))
    assert whole == answered(await mount.read("issuer/default"))
    above = answered(await mount.read(f"issuer/{root}"))
    assert above["ca_chain"] == [above["certificate"]] == [pem(mount.simulator.ca.root)]
    assert (above["crl_distribution_points"], above["usage"]) == ([], "read-only")
    with pytest.raises(NotFoundError, match="unable to find PKI issuer for reference: other"):
        await mount.read("issuer/other")


async def test_a_certificate_is_read_alone_by_its_serial_number(mount: Mount) -> None:
    data = await issued(mount)
    leaf = x509.load_pem_x509_certificate(data["leaf_certificate"].encode())
    assert raw(await mount.read(f"cert/{data['serial_number']}/raw")) == ("application/pkix-cert", der(leaf))
    assert raw(await mount.read(f"cert/{data['serial_number']}/raw/pem")) == (
        "application/pem-certificate-chain",
        pem(leaf).strip().encode(),
    )
    for path in ("cert/0a:25:71/raw", "cert/0a:25:71/raw/pem"):
        with pytest.raises(NotFoundError, match="certificate with serial 0a:25:71 not found"):
            await mount.read(path)


@pytest.mark.parametrize("path", ["crl", "crl/pem", "cert/crl"])
async def test_the_crl_is_where_the_ca_publishes_it(mount: Mount, path: str) -> None:
    await issued(mount)
    response = await mount.read(path)
    assert answered(response) == {"crl_distribution_points": [CRL_URL]}
    assert response is not None
    assert response.warnings == (f"the CA publishes its CRL at {CRL_URL}; this engine has none of its own",)


@pytest.mark.parametrize("path", [*RAW, *JSON])
async def test_before_anything_was_issued_nothing_is_found_and_the_text_says_why(mount: Mount, path: str) -> None:
    with pytest.raises(NotFoundError, match="no config entry orders SSL certificates"):
        await mount.read(path)
    await mount.configure()
    with pytest.raises(NotFoundError, match=r'no certificate .* collected under config entry "web" yet'):
        await mount.read(path)
    with pytest.raises(NotFoundError):
        await mount.list("issuers/")


async def test_what_is_shown_belongs_to_the_entry_of_the_mounts_defaults(mount: Mount) -> None:
    await issued(mount)
    await mount.configure_client()
    assert await mount.read("ca") is not None
    await mount.configure("other")
    with pytest.raises(NotFoundError, match=r"several config entries order SSL certificates: write .* to config/roles"):
        await mount.read("ca")
    await mount.write("config/roles", {"config": "other"})
    with pytest.raises(NotFoundError, match='config entry "other"'):
        await mount.read("ca")
    await mount.write("config/roles", {"config": "web"})
    assert await mount.read("ca") is not None
    await mount.delete("configs/web")
    assert await mount.read("ca") is not None


async def test_no_certificate_but_the_first_of_a_ca_writes_anything(mount: Mount, simulator: Simulator) -> None:
    await issued(mount)
    before = mount.storage.snapshot()[NOTE]
    await mount.enroll()
    assert mount.storage.snapshot()[NOTE] == before
    mount.clock.advance(days=2)
    renewed = await mount.enroll()
    assert renewed["cert_unique_id"].encode() in mount.storage.snapshot()[NOTE]


async def test_reads_of_the_ca_read_no_certificate(mount: Mount, simulator: Simulator) -> None:
    counted = Mount(simulator, mount.clock, storage := CountingStorage())
    await issued(counted)
    await counted.restart()
    storage.gets.clear()
    for path in (*RAW, *JSON):
        await counted.read(path)
    assert {key for key in storage.gets if key not in {"role-defaults", "config/web"}} == {NOTE}
    assert storage.gets.count(NOTE) == 1


async def test_the_chain_of_an_earlier_version_is_looked_up_once_from_the_newest_id_down(
    mount: Mount, simulator: Simulator
) -> None:
    counted = Mount(simulator, mount.clock, storage := CountingStorage())
    await issued(counted)
    newest = (await counted.enroll())["cert_unique_id"]
    simulator.settings.never_issue = True
    waiting = (await counted.enroll(sectigo_max_timeout=0))["cert_unique_id"]
    await forgotten(counted)
    storage.gets.clear()
    for _ in range(2):
        assert raw(await counted.read("ca"))[1] == der(simulator.ca.intermediate)
    assert [key for key in storage.gets if key.startswith("cert/")] == [f"cert/web/{waiting}", f"cert/web/{newest}"]
    assert newest.encode() in storage.snapshot()[NOTE]


async def test_an_entry_without_a_certificate_in_hand_is_looked_through_once(
    mount: Mount, simulator: Simulator
) -> None:
    counted = Mount(simulator, mount.clock, storage := CountingStorage())
    await counted.configure()
    simulator.settings.never_issue = True
    await counted.enroll(sectigo_max_timeout=0)
    await counted.restart()
    storage.gets.clear()
    for _ in range(2):
        with pytest.raises(NotFoundError):
            await counted.read("ca")
    assert len([key for key in storage.gets if key.startswith("cert/")]) == 1
    simulator.settings.never_issue = False
    await counted.enroll()
    assert await counted.read("ca") is not None


async def test_a_damaged_certificate_hides_no_older_one(mount: Mount) -> None:
    await issued(mount)
    newest = (await mount.enroll())["cert_unique_id"]
    await mount.overwrite(f"cert/web/{newest}", b"no JSON")
    await forgotten(mount)
    assert await mount.read("ca") is not None


async def test_a_damaged_note_is_written_again(mount: Mount) -> None:
    await issued(mount)
    await mount.overwrite(NOTE, b"no JSON")
    assert await mount.read("ca") is not None
    assert CRL_URL.encode() in mount.storage.snapshot()[NOTE]
    await mount.overwrite(NOTE, b"no JSON")
    await mount.enroll()
    assert CRL_URL.encode() in mount.storage.snapshot()[NOTE]


async def test_a_standby_leaves_the_lookup_to_the_active_node(mount: Mount) -> None:
    await issued(mount)
    await mount.backend.cleanup()
    mount.system.state = ReplicationState.PERFORMANCE_STANDBY
    mount.backend = mount.restarted_backend()
    assert await mount.read("ca") is not None
    await forgotten(mount)
    with pytest.raises(ReadOnlyError):
        await mount.read("ca")


async def test_what_another_node_noted_is_shown(mount: Mount) -> None:
    await issued(mount)
    assert answered(await mount.read("crl"))["crl_distribution_points"] == [CRL_URL]
    changed = mount.storage.snapshot()[NOTE].replace(CRL_URL.encode(), b"http://crl.example.test/new")
    await mount.overwrite(NOTE, changed)
    assert answered(await mount.read("crl"))["crl_distribution_points"] == ["http://crl.example.test/new"]


async def test_a_certificate_without_such_extensions_names_no_crl(mount: Mount) -> None:
    await issued(mount)
    kept = mount.storage.snapshot()[NOTE].replace(f'"{CRL_URL}"'.encode(), b"")
    await mount.overwrite(NOTE, kept)
    response = await mount.read("crl")
    assert response is not None
    assert answered(response) == {"crl_distribution_points": []}
    assert response.warnings == ("the newest certificate names no CRL of its CA, and this engine has none of its own",)


async def test_a_note_that_cannot_be_written_fails_no_order(mount: Mount, caplog: pytest.LogCaptureFixture) -> None:
    put = mount.storage.put

    async def failing(entry: Any) -> None:
        if entry.key == NOTE:
            raise StorageError("no space left")
        await put(entry)

    mount.storage.put = failing  # type: ignore[method-assign]
    data = await issued(mount)
    assert data["status"] == "Issued"
    assert "the issuers of a certificate could not be noted" in caplog.text
    assert await mount.read("ca") is not None
    mount.storage.put = put  # type: ignore[method-assign]
    assert await mount.read("ca") is not None
    assert NOTE in mount.storage.snapshot()


async def test_an_older_certificate_that_is_fetched_does_not_become_the_newest(mount: Mount) -> None:
    old = await issued(mount)
    mount.clock.advance(days=3)
    newest = (await mount.enroll())["cert_unique_id"]
    await mount.delete(f"certs/web/{old['cert_unique_id']}")
    await mount.write(f"fetch/web/{old['ssl_id']}", {})
    assert newest.encode() in mount.storage.snapshot()[NOTE]


async def test_a_fetched_certificate_shows_its_ca(mount: Mount) -> None:
    data = await issued(mount)
    await mount.configure("other")
    await mount.write("config/roles", {"config": "other"})
    await mount.write(f"fetch/other/{data['ssl_id']}", {})
    assert raw(await mount.read("ca"))[1] == der(mount.simulator.ca.intermediate)


async def test_a_config_entry_for_another_account_does_not_show_the_ca_of_the_first(mount: Mount) -> None:
    data = await issued(mount)
    await mount.delete(f"certs/web/{data['cert_unique_id']}")
    assert NOTE in mount.storage.snapshot()
    await mount.configure(sectigo_cm_base_url="https://other.example.test")
    assert NOTE not in mount.storage.snapshot()
    await mount.enroll()
    await mount.delete(f"certs/web/{(await mount.list('certs/web'))[0]}")
    await mount.delete("configs/web")
    assert NOTE not in mount.storage.snapshot()


async def test_client_certificates_show_no_ca(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure_client()
    await mount.enroll_client()
    assert not [key for key in mount.storage.snapshot() if key.startswith("index/chain/")]
    with pytest.raises(NotFoundError, match="no config entry orders SSL certificates"):
        await mount.read("ca")


async def test_nothing_of_the_ca_can_be_written(mount: Mount) -> None:
    for path in (*RAW, *JSON, "issuers"):
        with pytest.raises(UnsupportedOperationError):
            await mount.write(path, {})


async def test_the_revoked_are_listed_with_the_replaced_among_them(mount: Mount) -> None:
    kept = await issued(mount)
    assert await mount.list("certs/revoked") == []
    revoked = await mount.enroll()
    await mount.write(f"revoke/web/{revoked['cert_unique_id']}", {"sectigo_reason": "superseded"})
    await mount.configure_client()
    person = await mount.enroll_client()
    replacing = {"sectigo_reason": "new key", "sectigo_client_cert_revoked_on_replace": True}
    await mount.write(f"replace/people/{person['cert_unique_id']}", replacing)
    expected = sorted([revoked["serial_number"], person["serial_number"]])
    assert await mount.list("certs/revoked") == await mount.list("certs/revoked/") == expected
    assert await mount.list("certs/revoked", limit=1) == expected[:1]
    assert await mount.list("certs/revoked", after=expected[0]) == expected[1:]
    assert kept["serial_number"] not in expected
    await mount.delete(f"certs/web/{revoked['cert_unique_id']}")
    assert await mount.list("certs/revoked") == [person["serial_number"]]


async def test_what_an_earlier_version_revoked_is_listed_after_the_first_tick(mount: Mount) -> None:
    data = await issued(mount)
    await mount.write(f"revoke/web/{data['cert_unique_id']}", {"sectigo_reason": "superseded"})
    newer = ("index/revoked/", "index/summary/", "index/complete")
    for key in [key for key in mount.storage.snapshot() if key.startswith(newer)]:
        await mount.storage.delete(key)
    await mount.overwrite("index/agenda-2", b'{"v":1}')
    await mount.restart()
    await mount.tick()
    assert await mount.list("certs/revoked") == [data["serial_number"]]


async def test_a_list_of_the_revoked_reads_no_certificate(mount: Mount, simulator: Simulator) -> None:
    counted = Mount(simulator, mount.clock, storage := CountingStorage())
    data = await issued(counted)
    await counted.write(f"revoke/web/{data['cert_unique_id']}", {"sectigo_reason": "superseded"})
    storage.gets.clear()
    assert await counted.list("certs/revoked") == [data["serial_number"]]
    assert storage.gets == []


async def test_no_new_config_entry_takes_the_name_of_that_list(mount: Mount) -> None:
    with pytest.raises(BadRequestError, match='"revoked" cannot name a config entry'):
        await mount.configure("revoked")
    await mount.configure("revoked-ones")


async def test_a_config_entry_of_that_name_from_an_earlier_version_stays_usable(mount: Mount) -> None:
    await mount.configure()
    await mount.overwrite("config/revoked", mount.storage.snapshot()["config/web"])
    assert await mount.list("certs/revoked") == []
    data = await mount.enroll("revoked")
    await mount.configure("revoked", sectigo_loop_period=20)
    response = await mount.listing("certs/revoked")
    assert answered(response) == {"keys": [data["cert_unique_id"]]}
    assert response is not None
    assert "whose name is reserved" in response.warnings[0]
    shown = answered(await mount.read(f"certs/revoked/{data['cert_unique_id']}"))
    assert shown["serial_number"] == data["serial_number"]
    await mount.delete(f"certs/revoked/{data['cert_unique_id']}")
    assert await mount.list("certs/revoked") == []
