"""By which name SCM's list finds a certificate."""

from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.store import CertificateRecord, CertificateType, OrderRecord


def search_name(record: CertificateRecord) -> str:
    """Return the common name of an SSL certificate, the e-mail address of a client certificate."""
    if record.certificate_type is CertificateType.SSL:
        return record.common_name
    if record.requested.client is not None:
        return record.requested.client.email
    names = CertificateChain.from_pem(record.current.bundle).subject_alt_names if record.current else ()
    return next((name for name in names if "@" in name), "")


def search_name_of_order(order: OrderRecord) -> str:
    """Return the same for an order."""
    return order.requested.client.email if order.requested.client is not None else order.common_name
