"""Answers with exactly the names and types of Vault's own pki engine."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sectigo_vault_pki.errors import ConflictError, NotFoundError
from sectigo_vault_pki.lifecycle import CertificateWithSerial, Engine, Issued
from sectigo_vault_pki.paths.answers.certificate_answer import (
    FLAG,
    INT64,
    LIST_SCHEMA,
    OBJECT,
    SENSITIVE,
    TEXT,
    TEXTS,
    Schema,
    rfc3339,
)
from sectigo_vault_pki.paths.fields.pki_fields import IssuedFormat, PrivateKeyFormat
from sectigo_vault_pki.pki import (
    CaCertificate,
    CertificateChain,
    KeyFormat,
    PemBundle,
    Pkcs12Protection,
    is_self_signed,
    key_der,
    key_pem,
    pem_der,
)
from sectigo_vault_pki.store import NewestChain

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
    return _base64(await engine.pkcs12(chain, key_pem, protection))


_AUTHORITY_KEY_ID = {**TEXT, "description": "The issuer's key identifier, hex with colons; empty if there is none"}

SIGN_SCHEMA: Schema = {
    "authority_key_id": _AUTHORITY_KEY_ID,
    "ca_chain": {**TEXTS, "description": "Issuers, nearest to the certificate first"},
    "certificate": {**TEXT, "description": "The certificate alone; with format pem_bundle also its issuers"},
    "expiration": {**INT64, "description": "End of validity, in unix seconds"},
    "issuing_ca": {**TEXT, "description": "The certificate's issuer"},
    "not_before": {**INT64, "description": "Start of validity, in unix seconds"},
    "serial_number": {**TEXT, "description": "Hex with colons"},
}
ISSUE_SCHEMA: Schema = {
    **SIGN_SCHEMA,
    "certificate": {**SIGN_SCHEMA["certificate"], **SENSITIVE},
    "private_key": {**TEXT, "description": "The private key; empty with format pkcs12", **SENSITIVE},
    "private_key_type": {**TEXT, "description": "rsa or ec"},
    "pkcs12": {**TEXT, "description": "With format pkcs12 only: the file, as base64", **SENSITIVE},
}
BY_SERIAL_SCHEMA: Schema = {
    "authority_key_id": _AUTHORITY_KEY_ID,
    "certificate": {**TEXT, "description": "The certificate in PEM"},
    "revocation_time": {**INT64, "description": "When it was revoked, in unix seconds; 0 if it is not revoked"},
    "revocation_time_rfc3339": {**TEXT, "description": "The same as text; empty if it is not revoked"},
}
REVOCATION_SCHEMA: Schema = {
    "revocation_time": {**INT64, "description": "When it was revoked, in unix seconds"},
    "revocation_time_rfc3339": {**TEXT, "description": "The same as text"},
    "state": {**TEXT, "description": "revoked"},
}
CA_CHAIN_SCHEMA: Schema = {
    "ca_chain": {**TEXTS, "description": "Issuers in PEM, nearest to the certificates first"},
    "certificate": {**TEXT, "description": "The same as one text"},
}


def issued_chain(issued: Issued, *, with_roots: bool) -> CertificateChain:
    """Return the certificate with all its issuers, or with those that are not roots."""
    chain = CertificateChain.from_pem(issued.current.bundle)
    if with_roots:
        return chain
    return chain.with_issuers(tuple(issuer for issuer in chain.issuers_pem if not is_self_signed(issuer)))


def issued_key(issued: Issued) -> str:
    """Return the stored private key in PEM; empty if there is none."""
    return issued.current.private_key.get_secret_value() if issued.current.private_key else ""


def signed_data(chain: CertificateChain, issued_format: IssuedFormat) -> dict[str, object]:
    """Return the data of `sign`."""
    return _shown(chain, issued_as(chain, None, issued_format))


def issued_data(
    chain: CertificateChain, key_pem: str, issued_format: IssuedFormat, private_key_format: PrivateKeyFormat
) -> dict[str, object]:
    """Return the data of `issue`."""
    shape = issued_as(chain, key_pem, issued_format, private_key_format)
    return {**_shown(chain, shape), "private_key": shape.private_key, "private_key_type": chain.key_type}


def _shown(chain: CertificateChain, shape: IssuedShape) -> dict[str, object]:
    return {
        "authority_key_id": chain.authority_key_id,
        "ca_chain": list(shape.ca_chain),
        "certificate": shape.certificate,
        "expiration": int(chain.not_after.timestamp()),
        "issuing_ca": shape.issuing_ca,
        "not_before": int(chain.not_before.timestamp()),
        "serial_number": chain.serial_number,
    }


def certificate_data(found: CertificateWithSerial) -> Mapping[str, object]:
    """Return the data of `cert/:serial`."""
    chain = CertificateChain.from_pem(found.certificate.bundle)
    return {
        "authority_key_id": chain.authority_key_id,
        "certificate": chain.leaf_pem.strip(),
        **_revocation(found),
    }


def revocation_data(found: CertificateWithSerial) -> Mapping[str, object]:
    """Return the data of `revoke`."""
    return {**_revocation(found), "state": "revoked"}


def ca_chain(chain: CertificateChain) -> Mapping[str, object]:
    """Return the data of `roles/:role/ca_chain`."""
    issuers = [issuer.strip() for issuer in chain.issuers_pem]
    return {"ca_chain": issuers, "certificate": "\n".join(issuers)}


def _revocation(found: CertificateWithSerial) -> Mapping[str, object]:
    at = found.record.revoked_at if found.is_current else found.certificate.revoked_at
    return {
        "revocation_time": int(at.timestamp()) if at else 0,
        "revocation_time_rfc3339": rfc3339(at),
    }


CA_SCHEMA: Schema = {
    "certificate": {**TEXT, "description": "The issuer's certificate in PEM"},
    "revocation_time": {**INT64, "description": "0"},
    "revocation_time_rfc3339": {**TEXT, "description": "Empty"},
}
WHOLE_CHAIN_SCHEMA: Schema = {
    **CA_SCHEMA,
    "ca_chain": {**TEXT, "description": "The issuers in PEM, nearest to the certificates first"},
    "certificate": {**TEXT, "description": "The same"},
}
CRL_SCHEMA: Schema = {
    "crl_distribution_points": {**TEXTS, "description": "URLs where the CA publishes its CRL; empty if it names none"},
}
ISSUER_JSON_SCHEMA: Schema = {
    "ca_chain": {**TEXTS, "description": "The issuer and those above it, in PEM"},
    "certificate": {**TEXT, "description": "The issuer's certificate in PEM"},
    "issuer_id": {**TEXT, "description": "A UUID that is derived from the certificate"},
    "issuer_name": {**TEXT, "description": "Empty: issuers have no names here"},
}
ISSUER_SCHEMA: Schema = {
    **ISSUER_JSON_SCHEMA,
    "crl_distribution_points": {**TEXTS, "description": "URLs that the newest certificate names, as the next three"},
    "delta_crl_distribution_points": {**TEXTS, "description": "Empty"},
    "issuing_certificates": {**TEXTS, "description": "URLs of the issuer's certificate"},
    "key_id": {**TEXT, "description": "Empty: the CA has the key"},
    "leaf_not_after_behavior": {**TEXT, "description": "err: no certificate outlives its issuer"},
    "manual_chain": {"description": "Always null, as in the built-in engine for an issuer without one"},
    "ocsp_servers": {**TEXTS, "description": "URLs of OCSP responders"},
    "revocation_signature_algorithm": {**TEXT, "description": "Empty: the CA signs its CRL"},
    "revoked": {**FLAG, "description": "false"},
    "usage": {**TEXT, "description": "issuing-certificates,read-only for the default issuer, read-only for others"},
}
ISSUERS_SCHEMA: Schema = {
    **LIST_SCHEMA,
    "key_info": {**OBJECT, "description": "By id: is_default, issuer_name, key_id, serial_number"},
}

DEFAULT_ISSUER = "default"


def leaf_of(found: CertificateWithSerial) -> CaCertificate:
    """Return a certificate alone."""
    return CaCertificate(PemBundle.split(found.certificate.bundle).leaf_pem)


def issuers_of(chain: NewestChain) -> Sequence[CaCertificate]:
    """Return the issuers, nearest first."""
    return [CaCertificate(pem) for pem in chain.issuers_pem]


def issuers_from(chain: NewestChain, reference: str) -> Sequence[CaCertificate]:
    """Return an issuer and those above it.

    Args:
        chain: the newest one.
        reference: `default` for the nearest issuer, or an id.

    Raises:
        NotFoundError: the chain has no such issuer.
    """
    issuers = issuers_of(chain)
    for place, issuer in enumerate(issuers):
        if reference in (DEFAULT_ISSUER, issuer.issuer_id):
            return issuers[place:]
    raise NotFoundError(f"unable to find PKI issuer for reference: {reference}")


def ca_data(chain: NewestChain) -> Mapping[str, object]:
    """Return the data of `cert/ca`."""
    return {"certificate": chain.issuers_pem[0].strip(), **_NOT_REVOKED}


def whole_chain_data(chain: NewestChain) -> Mapping[str, object]:
    """Return the data of `cert/ca_chain`."""
    text = "\n".join(pem.strip() for pem in chain.issuers_pem)
    return {"ca_chain": text, "certificate": text, **_NOT_REVOKED}


_NOT_REVOKED = {"revocation_time": 0, "revocation_time_rfc3339": ""}


def crl_data(chain: NewestChain) -> Mapping[str, object]:
    """Return the data of `crl`."""
    return {"crl_distribution_points": list(chain.crl_distribution_points)}


def crl_remark(chain: NewestChain) -> str:
    """Return the warning of `crl`."""
    if not chain.crl_distribution_points:
        return "the newest certificate names no CRL of its CA, and this engine has none of its own"
    places = " ".join(chain.crl_distribution_points)
    return f"the CA publishes its CRL at {places}; this engine has none of its own"


def issuer_json(chain: NewestChain, reference: str) -> Mapping[str, object]:
    """Return the data of `issuer/:issuer_ref/json`."""
    issuers = issuers_from(chain, reference)
    return {
        "ca_chain": [issuer.pem for issuer in issuers],
        "certificate": issuers[0].pem,
        "issuer_id": issuers[0].issuer_id,
        "issuer_name": "",
    }


def issuer_data(chain: NewestChain, reference: str) -> Mapping[str, object]:
    """Return the data of `issuer/:issuer_ref`; what a certificate names is said of its own issuer only."""
    is_default = len(issuers_from(chain, reference)) == len(chain.issuers_pem)
    return {
        **issuer_json(chain, reference),
        "crl_distribution_points": list(chain.crl_distribution_points) if is_default else [],
        "delta_crl_distribution_points": [],
        "issuing_certificates": list(chain.issuing_certificates) if is_default else [],
        "key_id": "",
        "leaf_not_after_behavior": "err",
        "manual_chain": None,
        "ocsp_servers": list(chain.ocsp_servers) if is_default else [],
        "revocation_signature_algorithm": "",
        "revoked": False,
        "usage": "issuing-certificates,read-only" if is_default else "read-only",
    }


def issuers_info(chain: NewestChain) -> Mapping[str, Mapping[str, object]]:
    """Return the `key_info` of `issuers`, by id."""
    return {
        issuer.issuer_id: {
            "is_default": place == 0,
            "issuer_name": "",
            "key_id": "",
            "serial_number": issuer.serial_number,
        }
        for place, issuer in enumerate(issuers_of(chain))
    }
