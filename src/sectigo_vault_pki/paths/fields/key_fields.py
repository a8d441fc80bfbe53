"""Fields about the private key and the CSR, and what a request says of both."""

from sectigo_vault_pki.errors import InvalidInputError, KeyMismatchError
from sectigo_vault_pki.lifecycle import KeyRequest
from sectigo_vault_pki.paths.fields import field_kinds, name_kinds, ssl_fields
from sectigo_vault_pki.paths.fields.columns import Column, Table, fields_of, stored_values
from sectigo_vault_pki.pki import (
    CertificateSigningRequest,
    KeyParameters,
    Pkcs12Encryption,
    Pkcs12Protection,
    check_key_fits,
    printable,
)
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, kinds

_MAX_NAMES_SHOWN = 5

CSR = Field(
    name="sectigo_csr",
    label="CSR",
    kind=field_kinds.csr("sectigo_csr"),
    description=(
        "CSR in PEM, used as given. With it the other sectigo_csr_ fields have no effect. In JSON, write line ends "
        "as \\n."
    ),
)
PRIVATE_KEY = Field(
    name="sectigo_private_key",
    label="Private key",
    kind=field_kinds.private_key("sectigo_private_key"),
    secret=True,
    description=(
        "Private key in PEM (PKCS#1, PKCS#8 or SEC1, unencrypted) to make the CSR with, or the key of the given CSR. "
        "Without it a new key is made."
    ),
)
DOMAIN = Field(
    name="sectigo_csr_domain",
    label="Common name (CN)",
    kind=name_kinds.common_name(),
    description="Common name (CN) of the certificate. Required without sectigo_csr.",
)
COUNTRY = Field(
    name="sectigo_csr_country",
    label="Country (C)",
    kind=field_kinds.country(),
    description="Country (C) in the CSR: two letters.",
)
STATE = Field(
    name="sectigo_csr_state",
    label="State or province (ST)",
    kind=kinds.line(max_length=128),
    description="State or province (ST) in the CSR.",
)
LOCATION = Field(
    name="sectigo_csr_location",
    label="Locality (L)",
    kind=kinds.line(max_length=128),
    description="Locality (L) in the CSR.",
)
ORGANIZATION = Field(
    name="sectigo_csr_organization",
    label="Organization (O)",
    kind=kinds.line(max_length=64),
    description="Organization (O) in the CSR.",
)
ORGANIZATION_UNIT = Field(
    name="sectigo_csr_organization_unit",
    label="Organizational unit (OU)",
    kind=kinds.line(max_length=64),
    description="Organizational unit (OU) in the CSR.",
)
EMAIL_ADDRESS = Field(
    name="sectigo_csr_email_address",
    label="E-mail address in the CSR",
    kind=name_kinds.email(),
    description="E-mail address in the CSR.",
)
KEY_ALGO = Field(
    name="sectigo_csr_key_algo",
    label="Key algorithm",
    kind=field_kinds.key_algorithm(),
    description="Algorithm of the key to make: RSA or EC. Default: RSA.",
)
KEY_SIZE = Field(
    name="sectigo_csr_key_size",
    label="Key size",
    kind=kinds.text(max_length=16),
    description=(
        "Size of the key to make. RSA: 2048 (the default), 3072 or 4096 bits. EC: 256 (the default), 384 or 521, also "
        "written P-256."
    ),
)

SUBJECT: Table = {
    "common_name": Column(DOMAIN),
    "country": Column(COUNTRY),
    "state": Column(STATE),
    "locality": Column(LOCATION),
    "organization": Column(ORGANIZATION),
    "organizational_unit": Column(ORGANIZATION_UNIT),
    "email_address": Column(EMAIL_ADDRESS),
}
"""How `SubjectFields` is set."""
FIELDS: tuple[Field[object], ...] = (CSR, PRIVATE_KEY, *fields_of(SUBJECT), KEY_ALGO, KEY_SIZE)


def key_problems(data: FieldData, *, needs_common_name: bool) -> list[str]:
    """Return what is wrong with the fields of key and CSR in combination.

    Args:
        data: the request's.
        needs_common_name: whether SCM requires one in the CSR, as for SSL certificates.
    """
    csr = data.get(CSR)
    nameless = needs_common_name and csr is not None and not csr.common_name
    missing = ["sectigo_csr has no common name, which SCM requires"] if nameless else []
    return [*missing, *_misfits(data), *_size_problems(data)]


def _misfits(data: FieldData) -> list[str]:
    csr, key = data.get(CSR), data.get(PRIVATE_KEY)
    if csr is None or key is None:
        return []
    try:
        check_key_fits(csr, key)
    except KeyMismatchError as error:
        return [f"sectigo_private_key cannot be used with this sectigo_csr: {error}"]
    return []


def _size_problems(data: FieldData) -> list[str]:
    has_its_key = not (data.lacks(CSR) and data.lacks(PRIVATE_KEY))
    if has_its_key or not data.is_usable(KEY_ALGO):
        return []
    try:
        key_parameters(data)
    except InvalidInputError as error:
        return [f"sectigo_csr_key_size cannot be used: {error}"]
    return []


def remarks_on_names(csr: CertificateSigningRequest | None) -> tuple[str, ...]:
    """Return a warning about names of a CSR that are not ordered."""
    if csr is None:
        return ()
    common_names = (value for word, value in csr.subject_fields if word == "common_name")
    names = [*csr.other_names, *(f"common name {printable(value)}" for value in common_names)]
    if not names:
        return ()
    more = f" and {len(names) - _MAX_NAMES_SHOWN} more" if len(names) > _MAX_NAMES_SHOWN else ""
    return (f"names of sectigo_csr that are not ordered: {', '.join(names[:_MAX_NAMES_SHOWN])}{more}",)


def key_parameters(data: FieldData) -> KeyParameters:
    """Return the parameters of the key to make.

    Raises:
        InvalidInputError: no such key can be made.
    """
    return KeyParameters.parse(data.get(KEY_ALGO), data.get(KEY_SIZE))


def key_request(data: FieldData) -> KeyRequest:
    """Return what a request without `key_problems` says of the key and the CSR of a further certificate."""
    brings_a_key = CSR in data or PRIVATE_KEY in data
    names_a_key = not brings_a_key and (KEY_ALGO in data or KEY_SIZE in data)
    return KeyRequest(
        csr=data.get(CSR),
        private_key=data.get(PRIVATE_KEY),
        subject={attribute: str(value) for attribute, value in stored_values(SUBJECT, data).items()},
        subject_alt_names=data.get(ssl_fields.SUBJECT_ALT_NAMES),
        key_parameters=key_parameters(data) if names_a_key else None,
    )


PKCS12 = "pkcs12"
"""The format's name in `format`."""

PASSWORD = Field(
    name="password",
    kind=field_kinds.pkcs12_password(),
    secret=True,
    description=(
        "Password of the PKCS#12 file: 8 to 128 printable ASCII characters, better 20 random ones. Required for "
        "pkcs12, and refused with the other formats, which are not encrypted."
    ),
)
ENCRYPTION = Field(
    name="pkcs12_encryption",
    kind=field_kinds.pkcs12_encryption(),
    description=(
        "How the PKCS#12 file is encrypted: modern (AES-256, SHA-256), or legacy (triple DES, SHA-1) for Windows "
        "before 10 1709 and Server 2019, Java before 8u301, and older macOS. Default: modern."
    ),
)


def protection(data: FieldData, chosen_format: str) -> Pkcs12Protection | None:
    """Return how the file is protected, or None if another format is chosen.

    Raises:
        InvalidInputError: the password is missing, or is given with a format that it would not protect.
    """
    password = data.get(PASSWORD)
    if chosen_format == PKCS12:
        if password is None:
            raise InvalidInputError("password is required for format pkcs12")
        return Pkcs12Protection(password, data.get(ENCRYPTION) or Pkcs12Encryption.MODERN)
    for declared in (PASSWORD, ENCRYPTION):
        if declared in data:
            raise InvalidInputError(
                f"{declared.name} applies to format {PKCS12} only: {chosen_format} is not encrypted"
            )
    return None
