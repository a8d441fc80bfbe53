"""From the fields of a request to what it says of key and CSR."""

from collections.abc import Mapping

from sectigo_vault_pki.errors import InvalidInputError, KeyMismatchError
from sectigo_vault_pki.lifecycle import KeyWish
from sectigo_vault_pki.paths import _fields
from sectigo_vault_pki.pki import CertificateSigningRequest, KeyParameters, check_key_fits, printable
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData

_MAX_NAMES_SHOWN = 5

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


def key_problems(data: FieldData, *, needs_common_name: bool) -> list[str]:
    """Return what is wrong with the fields of key and CSR in combination.

    Args:
        data: the request's.
        needs_common_name: whether SCM takes no CSR without one, as for SSL certificates.
    """
    csr = data.get(_fields.CSR)
    nameless = needs_common_name and csr is not None and not csr.common_name
    missing = ["sectigo_csr has no common name, which SCM requires"] if nameless else []
    return [*missing, *_misfits(data), *_size_problems(data)]


def _misfits(data: FieldData) -> list[str]:
    csr, key = data.get(_fields.CSR), data.get(_fields.PRIVATE_KEY)
    if csr is None or key is None:
        return []
    try:
        check_key_fits(csr, key)
    except KeyMismatchError as error:
        return [f"sectigo_private_key cannot be used with this sectigo_csr: {error}"]
    return []


def _size_problems(data: FieldData) -> list[str]:
    has_its_key = not (data.lacks(_fields.CSR) and data.lacks(_fields.PRIVATE_KEY))
    if has_its_key or not data.is_usable(_fields.CSR_KEY_ALGO):
        return []
    try:
        key_parameters(data)
    except InvalidInputError as error:
        return [f"sectigo_csr_key_size cannot be used: {error}"]
    return []


def remarks_on_names(csr: CertificateSigningRequest | None) -> tuple[str, ...]:
    """Say which names of a CSR are not ordered."""
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
        InvalidInputError: there is no such key.
    """
    return KeyParameters.parse(data.get(_fields.CSR_KEY_ALGO), data.get(_fields.CSR_KEY_SIZE))


def key_wish(data: FieldData) -> KeyWish:
    """Return what a request without `key_problems` says of the key and the CSR of a further certificate."""
    brings_a_key = _fields.CSR in data or _fields.PRIVATE_KEY in data
    names_a_key = not brings_a_key and (_fields.CSR_KEY_ALGO in data or _fields.CSR_KEY_SIZE in data)
    named = {part: data.get(field) for part, field in SUBJECT.items()}
    return KeyWish(
        csr=data.get(_fields.CSR),
        private_key=data.get(_fields.PRIVATE_KEY),
        subject={part: value for part, value in named.items() if value is not None},
        subject_alt_names=data.get(_fields.SSL_SUBJECT_ALT_NAMES),
        key_parameters=key_parameters(data) if names_a_key else None,
    )
