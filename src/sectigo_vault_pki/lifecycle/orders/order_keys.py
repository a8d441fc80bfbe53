"""Key and CSR of a further certificate in the place of one that is stored."""

from dataclasses import asdict, dataclass, field

from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.pki import (
    CertificateChain,
    CertificateSigningRequest,
    KeyParameters,
    PrivateKey,
    Subject,
    build_csr,
)
from sectigo_vault_pki.store import CertificateRecord, CurrentCertificate


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What a request says of key and CSR; a CSR comes as it is, with or without its key.

    Attributes:
        subject: the parts of the subject that are to differ from the stored ones, by name.
        subject_alt_names: in place of the stored ones; None keeps those.
        key_parameters: of a new key; None makes one like the stored one.
    """

    csr: CertificateSigningRequest | None = None
    private_key: PrivateKey | None = field(default=None, repr=False)
    subject: dict[str, str] = field(default_factory=dict)
    subject_alt_names: tuple[str, ...] | None = None
    key_parameters: KeyParameters | None = None

    def fingerprint(self) -> str:
        """Return what tells one request from another, without showing the key."""
        key = self.private_key.public_key_digest.hex() if self.private_key else ""
        return repr((self, key))


@dataclass(frozen=True, slots=True)
class KeyAndCsr:
    """What an order is placed with."""

    csr: CertificateSigningRequest
    private_key: PrivateKey | None = field(repr=False)


async def new_key_and_csr(
    resources: Resources, record: CertificateRecord, current: CurrentCertificate, request: KeyRequest
) -> KeyAndCsr:
    """Return the given CSR, or make one of the stored certificate's subject with the given key or a new one.

    Raises:
        InvalidInputError: no CSR can be made of it.
    """
    if request.csr is not None:
        return KeyAndCsr(request.csr, request.private_key)
    chain = CertificateChain.from_pem(current.bundle)
    parameters = request.key_parameters or KeyParameters.like(chain.key_type, chain.key_size)
    key = request.private_key or await resources.make_key(parameters)
    names = chain.subject_alt_names if request.subject_alt_names is None else request.subject_alt_names
    common_name = record.common_name or chain.common_name
    requested = record.requested.subject
    stored = asdict(chain.subject) if requested is None else requested.model_dump()
    # An earlier replacement may have brought another name than the enrolment asked for.
    subject = Subject(**(stored | {"common_name": common_name} | request.subject))
    return KeyAndCsr(build_csr(subject, names, key), key)
