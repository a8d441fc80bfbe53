"""An enrolment: what is wished, and the pure steps from it to SCM's order and to the stored records."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from sectigo_vault_pki.lifecycle.rules.states import Accepted, Found
from sectigo_vault_pki.pki import (
    CertificateSigningRequest,
    KeyParameters,
    PrivateKey,
    Subject,
    build_csr,
    host_of_common_name,
    normalise_names,
)
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
    ConfigRecord,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    RequestedFields,
    Status,
    SubjectFields,
    UniqueId,
)

MAX_COMMENTS = 970
"""Characters of the user's comments: SCM takes 1024, the mark included (scm-api.md 3.2)."""


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """What a user asks for.

    Attributes:
        requested: the explicit fields; its subject is None exactly where a CSR was given.
        csr: the user's own CSR.
        private_key: the user's own key.
        key_parameters: of the key to make, where none was given and no CSR either.
        request_id: makes a repetition of the same wish answer the first one's result.
        wish: what tells this wish from others, where that is less than all that is asked.
        host_request_id: the host's name for the call; it sends one again whose plugin process ended under it.
    """

    requested: RequestedFields
    csr: CertificateSigningRequest | None = None
    private_key: PrivateKey | None = field(default=None, repr=False)
    key_parameters: KeyParameters | None = None
    request_id: str | None = None
    wish: str | None = None
    host_request_id: str = ""

    @property
    def certificate_type(self) -> CertificateType:
        return CertificateType.CLIENT if self.requested.client is not None else CertificateType.SSL

    def fingerprint(self) -> str:
        """Return a digest of what is asked, by which a repetition is told from another wish."""
        if self.wish is not None:
            return digest_of(self.wish)
        key = self.private_key.public_key_digest.hex() if self.private_key else str(self.key_parameters)
        csr = self.csr.pem if self.csr else ""
        # What a role says stands in `wish`; left out here, digests of earlier versions stay what they were.
        requested = self.requested.model_dump(mode="json", exclude={"role", "releases_key"})
        return digest_of([requested, csr, key])


def digest_of(asked: object) -> str:
    """Return the SHA-256 of something that can be written as JSON, in hex."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def write_ahead(
    request: EnrolmentRequest,
    key: PrivateKey | None,
    *,
    certificate_type: CertificateType,
    order_uuid: str,
    created_at: datetime,
) -> OrderRecord:
    """Return the entry that is stored before SCM hears of the order; makes the CSR where none was given.

    Raises:
        InvalidInputError: no CSR can be made of the request.
    """
    csr = request.csr
    if csr is None:
        if key is None or request.requested.subject is None:
            raise ValueError("without a CSR there must be a subject and a key")
        csr = build_csr(_subject(request.requested.subject), _names(request.requested), key)
    return OrderRecord(
        uuid=order_uuid,
        operation=OrderOperation.ENROLL,
        certificate_type=certificate_type,
        common_name=csr.common_name,
        csr=csr.pem,
        private_key=SecretStr(key.pem) if key else None,
        key_digest=csr.public_key_digest.hex(),
        key_type=csr.key_type,
        requested=request.requested,
        created_at=created_at,
        request_id=request.request_id,
        subject_alt_names=csr.subject_alt_names,
    )


def applied(order: OrderRecord, event: Accepted | Found, config: ConfigRecord, now: datetime) -> CertificateRecord:
    """Return the record of a certificate that SCM just named."""
    return CertificateRecord(
        unique_id=UniqueId(f"{event.scm_id}_{config.customer_uri}"),
        certificate_type=order.certificate_type,
        scm_id=event.scm_id,
        renew_id=event.renew_id if isinstance(event, Accepted) else "",
        common_name=order.common_name,
        key_type=order.key_type,
        requested=order.requested,
        order_uuid=order.uuid,
        request_id=order.request_id,
        order=OrderInFlight(
            uuid=order.uuid,
            operation=order.operation,
            csr=order.csr,
            private_key=order.private_key,
            key_digest=order.key_digest,
            accepted_at=now,
            names=names_ordered(order),
        ),
        history=(HistoryEntry(status=Status.APPLIED, at=now),),
    )


def names_ordered(order: OrderRecord) -> tuple[str, ...]:
    """Return the names of an SSL order: those of the request, of the CSR, and the common name where it is a host's.

    SCM ignores the CSR's own names, so they stand beside it (scm-api.md 3.2).
    """
    if order.requested.ssl is None:
        return ()
    common_name = host_of_common_name(order.common_name)
    names = normalise_names((*order.requested.ssl.subject_alt_names, *order.subject_alt_names))
    return names if common_name is None or common_name in names else (common_name, *names)


def _names(requested: RequestedFields) -> tuple[str, ...]:
    """Return the names for the CSR: SSL ones as asked for, a client certificate's e-mail address."""
    if requested.client is not None:
        return (requested.client.email,)
    return requested.ssl.subject_alt_names if requested.ssl is not None else ()


def _subject(fields: SubjectFields) -> Subject:
    return Subject(**fields.model_dump())
