"""Key and CSR of a further certificate in the place of one that is stored."""

from dataclasses import dataclass, field

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.pki import (
    CertificateChain,
    CertificateSigningRequest,
    KeyParameters,
    PrivateKey,
    Subject,
    build_csr,
    parse_csr,
)
from sectigo_vault_pki.store import CertificateRecord, CurrentCertificate, SubjectFields


@dataclass(frozen=True, slots=True)
class KeyWish:
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
        """Return what tells one wish from another, without showing the key."""
        key = self.private_key.public_key_digest.hex() if self.private_key else ""
        return repr((self, key))


@dataclass(frozen=True, slots=True)
class KeyAndCsr:
    """What an order is placed with."""

    csr: CertificateSigningRequest
    private_key: PrivateKey | None = field(repr=False)


async def new_key_and_csr(
    resources: Resources, record: CertificateRecord, current: CurrentCertificate, wish: KeyWish
) -> KeyAndCsr:
    """Return the given CSR, or make one of the stored certificate's subject with the given key or a new one.

    Raises:
        InvalidInputError: no CSR can be made of it.
    """
    if wish.csr is not None:
        return KeyAndCsr(wish.csr, wish.private_key)
    chain = CertificateChain.from_pem(current.bundle)
    key = wish.private_key or await resources.make_key(wish.key_parameters or _like(current))
    names = chain.subject_alt_names if wish.subject_alt_names is None else wish.subject_alt_names
    common_name = record.common_name or chain.common_name
    stored = record.requested.subject or SubjectFields(common_name=common_name)
    # An earlier replacement may have brought another name than the enrolment asked for.
    subject = Subject(**(stored.model_dump() | {"common_name": common_name} | wish.subject))
    return KeyAndCsr(build_csr(subject, names, key), key)


def _like(current: CurrentCertificate) -> KeyParameters:
    """Return the parameters of a stored certificate's key, where they are known and still allowed."""
    if not current.csr:
        return KeyParameters.parse()
    csr = parse_csr(current.csr)
    try:
        return KeyParameters.parse(csr.key_type, csr.key_size)
    except InvalidInputError:
        return KeyParameters.parse(csr.key_type)
