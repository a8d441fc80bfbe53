"""Keys, signing requests, certificates: pure X.509, without a clock, a network or a file."""

from sectigo_vault_pki.pki.chain import CertificateChain, format_serial_number, parse_chain
from sectigo_vault_pki.pki.csr import CertificateSigningRequest, Subject, build_csr, check_key_fits, parse_csr
from sectigo_vault_pki.pki.formats import CertificateFormat, render
from sectigo_vault_pki.pki.keys import KeyAlgorithm, KeyParameters, PrivateKey
from sectigo_vault_pki.pki.names import normalise_email, normalise_name, normalise_names, same_names
from sectigo_vault_pki.pki.pem import normalise_pem
from sectigo_vault_pki.pki.revocation import reason_code_of

__all__ = [
    "CertificateChain",
    "CertificateFormat",
    "CertificateSigningRequest",
    "KeyAlgorithm",
    "KeyParameters",
    "PrivateKey",
    "Subject",
    "build_csr",
    "check_key_fits",
    "format_serial_number",
    "normalise_email",
    "normalise_name",
    "normalise_names",
    "normalise_pem",
    "parse_chain",
    "parse_csr",
    "reason_code_of",
    "render",
    "same_names",
]
