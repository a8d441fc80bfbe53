from collections.abc import Callable
from pathlib import Path

import pytest

from sectigo_vault_pki.pki import CertificateChain, PrivateKey, parse_chain

VECTORS = Path(__file__).parents[1] / "vectors"

Vector = Callable[[str], str]


@pytest.fixture
def vector() -> Vector:
    """Reads a file of tests/vectors as text."""
    return lambda name: (VECTORS / name).read_text(encoding="ascii")


@pytest.fixture
def rsa_key(vector: Vector) -> PrivateKey:
    return PrivateKey.parse(vector("rsa.pkcs1.pem"))


@pytest.fixture
def ec_key(vector: Vector) -> PrivateKey:
    return PrivateKey.parse(vector("ec.sec1.pem"))


@pytest.fixture
def chain(vector: Vector, rsa_key: PrivateKey) -> CertificateChain:
    """The RSA leaf, its issuing CA and the root."""
    bundle = vector("root.pem") + vector("issuing.pem") + vector("leaf.pem")
    return parse_chain(bundle.encode("ascii"), public_key_digest=rsa_key.public_key_digest)
