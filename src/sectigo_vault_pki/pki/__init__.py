"""Keys, signing requests, certificates: pure X.509, without a clock, a network or a file."""

from sectigo_vault_pki.pki.authorities import Authorities
from sectigo_vault_pki.pki.ca_certificates import CaCertificate, Published
from sectigo_vault_pki.pki.chain import (
    CertificateChain,
    GivenCertificate,
    PemBundle,
    format_serial_number,
    is_self_signed,
    parse_chain,
    parse_serial_number,
)
from sectigo_vault_pki.pki.csr import (
    ROLE_SUBJECT_FIELDS,
    CertificateSigningRequest,
    Subject,
    build_csr,
    check_key_fits,
)
from sectigo_vault_pki.pki.csr_parsing import parse_csr
from sectigo_vault_pki.pki.formats import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    CertificateFormat,
    Pkcs12Encryption,
    Pkcs12Protection,
    pkcs12_file,
    render,
)
from sectigo_vault_pki.pki.keys import (
    OTHER_NAMES_OF_EC,
    KeyAlgorithm,
    KeyFormat,
    KeyParameters,
    PrivateKey,
    key_der,
    key_pem,
)
from sectigo_vault_pki.pki.names import (
    host_of_common_name,
    is_host_name,
    is_ip_address,
    normalise_email,
    normalise_name,
    normalise_names,
    printable,
)
from sectigo_vault_pki.pki.pem import normalise_pem, pem_der
from sectigo_vault_pki.pki.reason_codes import reason_code_of

__all__ = [
    "MAX_PASSWORD_LENGTH",
    "MIN_PASSWORD_LENGTH",
    "OTHER_NAMES_OF_EC",
    "ROLE_SUBJECT_FIELDS",
    "Authorities",
    "CaCertificate",
    "CertificateChain",
    "CertificateFormat",
    "CertificateSigningRequest",
    "GivenCertificate",
    "KeyAlgorithm",
    "KeyFormat",
    "KeyParameters",
    "PemBundle",
    "Pkcs12Encryption",
    "Pkcs12Protection",
    "PrivateKey",
    "Published",
    "Subject",
    "build_csr",
    "check_key_fits",
    "format_serial_number",
    "host_of_common_name",
    "is_host_name",
    "is_ip_address",
    "is_self_signed",
    "key_der",
    "key_pem",
    "normalise_email",
    "normalise_name",
    "normalise_names",
    "normalise_pem",
    "parse_chain",
    "parse_csr",
    "parse_serial_number",
    "pem_der",
    "pkcs12_file",
    "printable",
    "reason_code_of",
    "render",
]
