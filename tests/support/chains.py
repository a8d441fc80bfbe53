"""A certificate chain to hold, where a test does not care which."""

from datetime import timedelta

from sectigo_vault_pki.pki import CertificateChain
from tests.support.virtual_time import START


def chain() -> CertificateChain:
    """Return a chain of made-up texts."""
    return CertificateChain(
        leaf_pem="leaf",
        issuers_pem=("issuer",),
        serial_number="01",
        not_before=START,
        not_after=START + timedelta(days=90),
        common_name="web.example.test",
        subject_alt_names=("web.example.test",),
        key_type="ec",
        key_size=256,
        public_key_digest=b"digest",
    )
