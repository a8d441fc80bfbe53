"""Fields about the PKCS#12 file of an answer."""

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.paths.fields import field_kinds
from sectigo_vault_pki.pki import Pkcs12Encryption, Pkcs12Protection
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData

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
    default=Pkcs12Encryption.MODERN,
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
