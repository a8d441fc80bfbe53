"""What is remembered of CAs' certificates from one chain to the next."""

import gc
import itertools
from collections.abc import Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.pki import Authorities, PrivateKey, parse_chain
from sectigo_vault_pki.pki.authorities import MAX_REMEMBERED, FoundCertificate
from tests.support.signing import certificate, signed_by

Vector = Callable[[str], str]
Pair = tuple[str, str]

AROUND_THE_LEAF = ("root", "old_root", "cross", "issuing", "leaf_newer")


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[Pair]:
    """Return issuer and subject of each signature that is checked from now on."""
    pairs: list[Pair] = []
    check = FoundCertificate.issued

    def issued(issuer: FoundCertificate, other: FoundCertificate) -> bool:
        issuer_name, other_name = (x509.load_der_x509_certificate(found.der).subject for found in (issuer, other))
        pairs.append((issuer_name.rfc4514_string(), other_name.rfc4514_string()))
        return check(issuer, other)

    monkeypatch.setattr(FoundCertificate, "issued", issued)
    return pairs


def bundles(vector: Vector) -> Iterator[bytes]:
    """Yield a leaf among whatever may come with it, in any order."""
    for count in range(len(AROUND_THE_LEAF) + 1):
        for names in itertools.permutations(AROUND_THE_LEAF, count):
            yield "".join(vector(f"{name}.pem") for name in ("leaf", *names)).encode()


def test_a_chain_is_the_same_whatever_was_met_before(vector: Vector, rsa_key: PrivateKey) -> None:
    known = Authorities()
    digest = rsa_key.public_key_digest
    for bundle in bundles(vector):
        fresh = parse_chain(bundle, public_key_digest=digest)
        assert parse_chain(bundle, public_key_digest=digest, authorities=known) == fresh


def test_signatures_among_cas_are_checked_once_and_each_leafs_own_again(
    vector: Vector, rsa_key: PrivateKey, checked: list[Pair]
) -> None:
    known = Authorities()
    bundle = "".join(vector(f"{name}.pem") for name in ("leaf", "issuing", "root")).encode()
    for _ in range(2):  # the first time nobody is known to be a CA
        parse_chain(bundle, public_key_digest=rsa_key.public_key_digest, authorities=known)
    checked.clear()
    parse_chain(bundle, public_key_digest=rsa_key.public_key_digest, authorities=known)
    leaf = "CN=web.example.test"
    assert {subject.split(",")[0] for _, subject in checked} == {leaf}
    assert ("CN=Vector Issuing CA", leaf) in [
        (issuer.split(",")[0], subject.split(",")[0]) for issuer, subject in checked
    ]


def test_a_certificate_that_its_ca_has_not_signed_gets_no_issuers_though_the_ca_is_known(
    vector: Vector, rsa_key: PrivateKey
) -> None:
    known = Authorities()
    issuers = vector("issuing.pem") + vector("root.pem")
    parse_chain((vector("leaf.pem") + issuers).encode(), public_key_digest=rsa_key.public_key_digest, authorities=known)
    forged = signed_by(ec.generate_private_key(ec.SECP256R1()), "Vector Issuing CA", "forged.example.test")
    bundle = forged.public_bytes(Encoding.PEM) + issuers.encode()
    assert parse_chain(bundle, public_key_digest=None, authorities=known).issuers_pem == ()


def test_what_is_remembered_is_bounded() -> None:
    known = Authorities()
    is_ca = (x509.BasicConstraints(ca=True, path_length=None),)
    key = ec.generate_private_key(ec.SECP256R1())
    before = found_certificates()
    for number in range(MAX_REMEMBERED + 10):
        name = f"CA {number}"
        authority, leaf = certificate(name, name, key, key, is_ca), signed_by(key, name, "leaf")
        bundle = authority.public_bytes(Encoding.PEM) + leaf.public_bytes(Encoding.PEM)
        assert len(parse_chain(bundle, public_key_digest=None, authorities=known).issuers_pem) == 1
    assert found_certificates() <= before + MAX_REMEMBERED


def test_of_the_certificates_that_a_ca_has_issued_none_is_kept() -> None:
    known = Authorities()
    key = ec.generate_private_key(ec.SECP256R1())
    authority = certificate("CA", "CA", key, key, (x509.BasicConstraints(ca=True, path_length=None),))
    before = found_certificates()
    for number in range(20):
        leaf = signed_by(key, "CA", f"leaf {number}")
        bundle = authority.public_bytes(Encoding.PEM) + leaf.public_bytes(Encoding.PEM)
        parse_chain(bundle, public_key_digest=None, authorities=known)
    assert found_certificates() == before + 1


def found_certificates() -> int:
    gc.collect()
    return sum(isinstance(found, FoundCertificate) for found in gc.get_objects())
