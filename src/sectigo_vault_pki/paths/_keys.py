"""From the fields of a request to what it says of key and CSR."""

from collections.abc import Mapping

from sectigo_vault_pki.errors import InvalidInputError, KeyMismatchError
from sectigo_vault_pki.framework import Field, FieldData
from sectigo_vault_pki.lifecycle import KeyWish
from sectigo_vault_pki.paths import _fields
from sectigo_vault_pki.pki import KeyParameters, check_key_fits

SUBJECT: Mapping[str, Field[str]] = {
    "common_name": _fields.CSR_DOMAIN,
    "country": _fields.CSR_COUNTRY,
    "state": _fields.CSR_STATE,
    "locality": _fields.CSR_LOCATION,
    "organization": _fields.CSR_ORGANIZATION,
    "organizational_unit": _fields.CSR_ORGANIZATION_UNIT,
    "email_address": _fields.CSR_EMAIL_ADDRESS,
}
"""The parts of a subject, and the fields that name them."""


def check_fits(data: FieldData) -> None:
    """Make sure that a given key belongs to a given CSR.

    Raises:
        InvalidInputError: it does not.
    """
    csr, key = data.get(_fields.CSR), data.get(_fields.PRIVATE_KEY)
    if csr is None or key is None:
        return
    try:
        check_key_fits(csr, key)
    except KeyMismatchError as error:
        raise InvalidInputError(f"sectigo_private_key cannot be used with this sectigo_csr: {error}") from None


def key_parameters(data: FieldData) -> KeyParameters:
    """Return the parameters of the key to make.

    Raises:
        InvalidInputError: there is no such key.
    """
    try:
        return KeyParameters.parse(data.get(_fields.CSR_KEY_ALGO), data.get(_fields.CSR_KEY_SIZE))
    except InvalidInputError as error:
        raise InvalidInputError(f"sectigo_csr_key_size cannot be used: {error}") from None


def key_wish(data: FieldData) -> KeyWish:
    """Return what the request says of the key and the CSR of a further certificate.

    Raises:
        InvalidInputError: key and CSR do not go together, or there is no such key.
    """
    check_fits(data)
    names_a_key = _fields.CSR_KEY_ALGO in data or _fields.CSR_KEY_SIZE in data
    named = {part: data.get(field) for part, field in SUBJECT.items()}
    return KeyWish(
        csr=data.get(_fields.CSR),
        private_key=data.get(_fields.PRIVATE_KEY),
        subject={part: value for part, value in named.items() if value is not None},
        subject_alt_names=data.get(_fields.SSL_SUBJECT_ALT_NAMES),
        key_parameters=key_parameters(data) if names_a_key else None,
    )
