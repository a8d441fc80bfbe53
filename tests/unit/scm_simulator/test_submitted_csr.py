"""CSRs that somebody broke: always one of SCM's refusals, never an accident."""

import base64
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.scm_simulator.api.scm_problems import Problem
from sectigo_vault_pki.scm_simulator.api.submitted_csr import parse_csr
from tests.support import der
from tests.unit.scm_simulator.tenant import ec_key, make_csr

EC_POINT = bytes.fromhex("03420004")  # BIT STRING, uncompressed
EC_ALGORITHM = bytes.fromhex("06072a8648ce3d0201")
VERSION_1 = bytes.fromhex("020100")


def der_of(pem: str) -> bytes:
    return x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER)


CSRS = [der_of(make_csr(key=ec_key())), der_of(make_csr(key=rsa.generate_private_key(65537, 2048)))]


def code_of(der: bytes) -> int:
    with pytest.raises(Problem) as refused:
        parse_csr(base64.b64encode(der).decode())
    return refused.value.code


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda der: der.replace(EC_POINT + der.partition(EC_POINT)[2][:8], EC_POINT + b"notpoint"), -78),
        (lambda der: der.replace(EC_ALGORITHM, EC_ALGORITHM[:-1] + b"\x09"), -11),
        (lambda der: der.replace(VERSION_1, VERSION_1[:-1] + b"\x05", 1), -10),
        (lambda der: der[:-1], -10),
        (lambda der: der[:-1] + bytes([der[-1] ^ 1]), -138),
    ],
)
def test_damage_has_its_code(damage: Callable[[bytes], bytes], code: int) -> None:
    damaged = damage(CSRS[0])
    assert damaged != CSRS[0]
    assert code_of(damaged) == code


@given(data=st.data())
def test_whatever_is_broken_it_is_refused_as_scm_would(data: st.DataObject) -> None:
    der = bytearray(data.draw(st.sampled_from(CSRS)))
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = parse_csr(base64.b64encode(der).decode())
    except Problem as problem:
        assert problem.code in {-9, -10, -11, -78, -138}  # noqa: PT017 - both outcomes are right
    else:
        assert parsed.common_name == "web.example.test"


@given(text=st.text(max_size=200))
def test_any_text_is_refused_as_scm_would(text: str) -> None:
    with pytest.raises(Problem):
        parse_csr(text)


def test_a_common_name_beyond_64_characters_is_no_name() -> None:
    with pytest.warns(UserWarning, match="it was 65"):
        name = x509.NameAttribute(NameOID.COMMON_NAME, "x" * 65, _validate=False)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([name]))
    csr = builder.sign(ec_key(), hashes.SHA256())
    assert code_of(csr.public_bytes(serialization.Encoding.DER)) == -138


@pytest.mark.parametrize(
    "csr",
    [
        der.csr_der(subject=[("2.5.4.3", der.BIT_STRING, b"\x00x")]),
        der.csr_der(subject=[("2.5.4.3", 0x02, b"\x05")]),
        der.csr_der(subject=[("2.5.4.3", 0x1E, b"\x00w\x00")]),
        der.csr_der(version=2),
    ],
)
def test_odd_csrs_cannot_be_decoded(csr: bytes) -> None:
    assert code_of(csr) == -10


def test_64_characters_are_a_common_name_however_many_bytes_they_take() -> None:
    csr = der.csr_der(subject=[("2.5.4.3", der.UTF8_STRING, ("ü" * 64).encode())])
    assert parse_csr(base64.b64encode(csr).decode()).common_name == "ü" * 64
