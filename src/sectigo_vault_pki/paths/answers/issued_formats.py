"""A certificate and its key in the formats in which Vault's pki answers `issue` and `sign`.

As measured on OpenBao 2.7: PEM has no newline at its end, and DER is base64 text; `private_key_format` only selects
PKCS#8 or not, and a bundle holds the traditional key in either case.
"""

import base64
from dataclasses import dataclass, field

from sectigo_vault_pki.errors import ConflictError
from sectigo_vault_pki.lifecycle import Engine
from sectigo_vault_pki.paths.fields.pki_fields import IssuedFormat, PrivateKeyFormat
from sectigo_vault_pki.pki import CertificateChain, KeyFormat, PemBundle, Pkcs12Protection, key_der, key_pem, pem_der

NO_KEY = "the engine never had the private key of this certificate"


@dataclass(frozen=True, slots=True)
class IssuedShape:
    """The fields of an answer that depend on the format.

    Attributes:
        certificate: the leaf; in a bundle the key, the leaf and its issuers.
        issuing_ca: the leaf's issuer; empty if the CA gave none.
        ca_chain: the issuers, nearest to the leaf first.
        private_key: empty if there is none.
    """

    certificate: str = field(repr=False)
    issuing_ca: str
    ca_chain: tuple[str, ...]
    private_key: str = field(repr=False)


def issued_as(
    bundle: PemBundle,
    stored_key_pem: str | None,
    issued_format: IssuedFormat = IssuedFormat.PEM,
    private_key_format: PrivateKeyFormat = PrivateKeyFormat.DER,
) -> IssuedShape:
    """Return a certificate, and its key if there is one, as Vault's pki writes them.

    Raises:
        InvalidPrivateKeyError: the stored text is not a key; the error never shows it.
    """
    issuers = tuple(certificate_as(issuer, issued_format) for issuer in bundle.issuers_pem)
    certificate = certificate_as(bundle.leaf_pem, issued_format)
    if issued_format is IssuedFormat.PEM_BUNDLE:
        bundled_key = (key_pem(stored_key_pem, KeyFormat.TRADITIONAL).strip(),) if stored_key_pem else ()
        certificate = "\n".join((*bundled_key, certificate, *issuers))
    return IssuedShape(
        certificate=certificate,
        issuing_ca=issuers[0] if issuers else "",
        ca_chain=issuers,
        private_key=private_key_as(stored_key_pem, issued_format, private_key_format) if stored_key_pem else "",
    )


def certificate_as(certificate_pem: str, issued_format: IssuedFormat) -> str:
    """Return one certificate as Vault's pki writes it outside of a bundle."""
    if issued_format is IssuedFormat.DER:
        return _base64(pem_der(certificate_pem))
    return certificate_pem.strip()


def private_key_as(stored_key_pem: str, issued_format: IssuedFormat, private_key_format: PrivateKeyFormat) -> str:
    """Return a stored key as Vault's pki writes it in `private_key`.

    Raises:
        InvalidPrivateKeyError: the text is not a key; the error never shows it.
    """
    key_format = KeyFormat.PKCS8 if private_key_format is PrivateKeyFormat.PKCS8 else KeyFormat.TRADITIONAL
    if issued_format is IssuedFormat.DER:
        return _base64(key_der(stored_key_pem, key_format))
    return key_pem(stored_key_pem, key_format).strip()


def _base64(der: bytes) -> str:
    return base64.b64encode(der).decode("ascii")


async def pkcs12_base64(engine: Engine, chain: CertificateChain, key_pem: str, protection: Pkcs12Protection) -> str:
    """Return a PKCS#12 file as base64.

    Raises:
        ConflictError: there is no key, and the file is of no use without one.
    """
    if not key_pem:
        raise ConflictError(
            f"{NO_KEY}, without which a PKCS#12 file is of no use: choose another format, and use your own key"
        )
    return base64.b64encode(await engine.pkcs12(chain, key_pem, protection)).decode("ascii")
