"""By which name SCM's list finds a certificate, and which names a renewal or a replacement has."""

from sectigo_vault_pki.pki import CertificateChain, host_of_common_name
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


def names_of_successor(order: OrderRecord) -> tuple[str, ...]:
    """Return the names of a renewal or a replacement; empty where they are not known, as for client certificates."""
    names = order.subject_alt_names
    if order.certificate_type is not CertificateType.SSL or not names:
        return ()
    common_name = host_of_common_name(order.common_name)
    return names if common_name is None or common_name in names else (common_name, *names)
