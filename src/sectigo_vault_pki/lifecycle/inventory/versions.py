"""Exporting: a certificate as it is stored, the current one or one that was replaced."""

from dataclasses import dataclass

from sectigo_vault_pki.errors import ConflictError, InvalidInputError
from sectigo_vault_pki.store import CertificateRecord, CurrentCertificate, UniqueId


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of a certificate.

    Attributes:
        number: 0 for the current one, 1 for the one before its replacement, and so on.
        certificate: with the key and the CSR that fit it.
    """

    record: CertificateRecord
    number: int
    certificate: CurrentCertificate
    warnings: tuple[str, ...] = ()

    @property
    def unique_id(self) -> UniqueId:
        return self.record.unique_id


def version_of(record: CertificateRecord, number: int, config_name: str) -> StoredVersion:
    """Return a version of a certificate.

    Raises:
        ConflictError: nothing has been collected yet.
        InvalidInputError: so many are not kept; the text says how many are.
    """
    if record.current is None:
        raise ConflictError(
            f"the certificate is not collected yet, so there is nothing to export; read certs/{config_name}/"
            f"{record.unique_id} to collect it"
        )
    versions = (record.current, *record.earlier)
    if number >= len(versions):
        raise InvalidInputError(f"there is no version {number}: {len(record.earlier)} earlier ones are kept")
    renewed = number == 0 and record.renewed_to is not None
    warnings = (f"the certificate was renewed as {record.renewed_to}",) if renewed else ()
    return StoredVersion(record, number, versions[number], warnings)
