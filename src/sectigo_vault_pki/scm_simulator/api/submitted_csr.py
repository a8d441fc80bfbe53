"""CSRs as SCM takes them: PEM with or without armour, its line breaks optional (scm-api.md 3.2)."""

import base64
import binascii
import hashlib
import re
import warnings
from dataclasses import replace

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.model.orders import LONGEST_COMMON_NAME, Csr, PublicKey
from sectigo_vault_pki.scm_simulator.model.tenant import Profile

_ALPHABET = re.compile(r"[a-zA-Z0-9\-+=/\s]*")
_ARMOUR = re.compile(r"-----(?:BEGIN|END) (?:NEW )?CERTIFICATE REQUEST-----")
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_WEAKEST_RSA_EXPONENT = 65537  # CA/B Forum baseline requirements 6.1.6


def parse_csr(text: str) -> Csr:
    """Read a CSR and check that its signer holds the key.

    Raises:
        Problem: -9, -10, -138, -11 or -78.
    """
    try:
        der = _der(text)
        request = x509.load_der_x509_csr(der)
        subject = _subject(request)
    except scm_problems.Problem:
        raise
    except Exception as error:  # the library raises more than it documents
        raise scm_problems.csr_not_decodable() from error
    try:
        public_key = request.public_key()
        genuine = request.is_signature_valid
    except UnsupportedAlgorithm as error:
        raise scm_problems.unsupported_key_algorithm() from error
    except Exception as error:
        raise scm_problems.unusable_public_key() from error
    if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise scm_problems.unsupported_key_algorithm()
    if not genuine:
        raise scm_problems.invalid_csr()
    return replace(_checked(public_key, subject), der=der)


def _der(text: str) -> bytes:
    if not _ALPHABET.fullmatch(text):
        raise scm_problems.csr_not_base64()
    try:
        return base64.b64decode("".join(_ARMOUR.sub("", text).split()), validate=True)
    except binascii.Error as error:
        raise scm_problems.csr_not_base64() from error


def _subject(request: x509.CertificateSigningRequest) -> x509.Name:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # over values that are too long, which is for us to judge
        return request.subject


def _checked(public_key: PublicKey, subject: x509.Name) -> Csr:
    if isinstance(public_key, rsa.RSAPublicKey):
        if public_key.public_numbers().e < _WEAKEST_RSA_EXPONENT:
            raise scm_problems.unusable_public_key()
        algorithm, size = "RSA", str(public_key.key_size)
    else:
        algorithm, size = "EC", _CURVES.get(public_key.curve.name, public_key.curve.name)
    info = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Csr(
        public_key=public_key,
        algorithm=algorithm,
        size=size,
        common_name=_common_name(subject),
        public_key_sha256=hashlib.sha256(info).hexdigest(),
    )


def _common_name(subject: x509.Name) -> str:
    values = [attribute.value for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if not values:
        return ""
    common_name = values[-1]
    if not isinstance(common_name, str) or not 1 <= len(common_name) <= LONGEST_COMMON_NAME:
        raise scm_problems.invalid_csr()
    return common_name


def check_key(csr: Csr, profile: Profile, *, ecc_allowed: bool) -> None:
    """Hold the CSR's key against the profile's key types (scm-api.md 7).

    Raises:
        Problem: -170, -11, -141 or -13.
    """
    if csr.algorithm == "EC" and not ecc_allowed:
        raise scm_problems.ecc_not_allowed()
    sizes = profile.key_types.get(csr.algorithm)
    if sizes is None:
        raise scm_problems.unsupported_key_algorithm()
    if csr.size in sizes:
        return
    if csr.algorithm == "RSA":
        smallest = min(int(size) for size in sizes)
        if int(csr.size) < smallest:
            raise scm_problems.key_too_small(smallest)
    raise scm_problems.unsupported_key_size()
