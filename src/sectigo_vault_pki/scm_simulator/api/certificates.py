"""Profiles, keys and certificates as both APIs show them: as JSON, and in SCM's file formats (scm-api.md 3)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sectigo_vault_pki.scm_simulator.model.orders import CertificateRequest, Issued
from sectigo_vault_pki.scm_simulator.model.tenant import Profile

SIGNATURE_ALGORITHM = "SHA256withECDSA"
_DATE = "%m/%d/%Y"
_ATTRIBUTES = {NameOID.EMAIL_ADDRESS: "E", NameOID.GIVEN_NAME: "GN", NameOID.SURNAME: "SN"}
_PURPOSES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "Server Authentication",
    ExtendedKeyUsageOID.CLIENT_AUTH: "Client Authentication",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "Email Protection",
}


def type_json(profile: Profile, *, longest_term: int | None = None) -> dict[str, Any]:
    return {
        "id": profile.id,
        "name": profile.name,
        "description": profile.description,
        "terms": list(profile.terms_up_to(longest_term)),
        "keyTypes": {algorithm: list(sizes) for algorithm, sizes in profile.key_types.items()},
        "useSecondaryOrgName": False,
    }


def key_json(request: CertificateRequest, *, issued: bool) -> dict[str, Any]:
    """The key; its size is 0 before there is a certificate."""
    csr = request.csr
    return {
        "keyAlgorithm": csr.algorithm,
        "keyType": f"{csr.algorithm} - {csr.size}",
        "keySize": csr.public_key.key_size if issued else 0,
    }


def certificate_details_json(issued: Issued) -> dict[str, Any]:
    certificate = issued.certificate
    return {
        "issuer": certificate.issuer.rfc4514_string(),
        "subject": certificate.subject.rfc4514_string(_ATTRIBUTES),
        "subjectAltNames": ", ".join(issued.request.names),
        "md5Hash": fingerprint(certificate, hashes.MD5()),  # noqa: S303 - a field of SCM's, no protection
        "sha1Hash": fingerprint(certificate, hashes.SHA1()),  # noqa: S303 - a field of SCM's, no protection
        "sha256Hash": fingerprint(certificate, hashes.SHA256()),
    }


def key_usages(certificate: x509.Certificate) -> list[str]:
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    found = {
        "Digital Signature": usage.digital_signature,
        "Key Encipherment": usage.key_encipherment,
        "Key Agreement": usage.key_agreement,
    }
    return [name for name, stated in found.items() if stated]


def extended_key_usages(certificate: x509.Certificate) -> list[str]:
    stated = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return [_PURPOSES[purpose] for purpose in stated]


def fingerprint(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> str:
    return certificate.fingerprint(algorithm).hex().upper()


def us_date(moment: datetime | None) -> str | None:
    """Return a date as the SSL API and all details write it (scm-api.md 2)."""
    return None if moment is None else moment.strftime(_DATE)


def utc_text(moment: datetime | None) -> str | None:
    """Return a time as v2 and the reports write it: RFC 3339 with milliseconds, in UTC (scm-api.md 9)."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Chain = Sequence[x509.Certificate]
"""Leaf first, root last."""

DEFAULT_FORMAT = "base64"


def _pem(certificates: Chain) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _pkcs7_pem(chain: Chain) -> bytes:
    return pkcs7.serialize_certificates(list(chain), Encoding.PEM)


def _pkcs7_der(chain: Chain) -> bytes:
    return pkcs7.serialize_certificates(list(chain), Encoding.DER)


_RENDERERS: Mapping[str, Callable[[Chain], bytes]] = {
    "x509": lambda chain: _pem(chain[::-1]),
    "pem": lambda chain: _pem(chain[::-1]),
    "x509r": _pem,
    "x509co": lambda chain: _pem(chain[:1]),
    "pemco": lambda chain: _pem(chain[:1]),
    "x509io": lambda chain: _pem(chain[:0:-1]),
    "x509ior": lambda chain: _pem(chain[1:]),
    "pemia": lambda chain: _pem(chain[:-1]),
    "base64": _pkcs7_pem,
    "bin": _pkcs7_der,
}


def is_known_format(name: str) -> bool:
    """Whether SCM knows the format; clients spell it in any case."""
    return name.lower() in _RENDERERS


def render(chain: Chain, name: str, *, crlf: bool = False) -> bytes:
    """Return the chain, leaf first, in a known format; `crlf` turns the line ends of every text format."""
    data = _RENDERERS[name.lower()](chain)
    return data.replace(b"\n", b"\r\n") if crlf and data.startswith(b"-----") else data
