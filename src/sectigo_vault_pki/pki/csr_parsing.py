"""Reading a CSR that somebody brings: what it asks for, in every place where it may ask (PKCS#10, RFC 2986)."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sectigo_vault_pki.errors import InvalidCsrError, InvalidInputError
from sectigo_vault_pki.pki import der
from sectigo_vault_pki.pki.csr import CSR_LABEL, MAX_CSR_LENGTH, CertificateSigningRequest
from sectigo_vault_pki.pki.der import decoded
from sectigo_vault_pki.pki.keys import RSASSA_PSS, key_kind, public_key_digest, weakness
from sectigo_vault_pki.pki.names import (
    WRITTEN_AS_TEXT,
    common_name_of,
    has_control_characters,
    names_of,
    normalise_names,
    printable,
)
from sectigo_vault_pki.pki.pem import PemBlock, is_cut_off, normalise_pem, pem_blocks

_LABELS = frozenset({CSR_LABEL, "NEW CERTIFICATE REQUEST"})

_EXTENSION_REQUESTS = frozenset(
    {
        bytes.fromhex("2a864886f70d01090e"),  # 1.2.840.113549.1.9.14, of PKCS#9
        bytes.fromhex("2b06010401823702010e"),  # 1.3.6.1.4.1.311.2.1.14, of Microsoft
    }
)
_NAME_ATTRIBUTES: Mapping[bytes, str] = MappingProxyType(
    {
        bytes.fromhex("2a864886f70d010902"): "unstructuredName",  # 1.2.840.113549.1.9.2
        bytes.fromhex("2a864886f70d010908"): "unstructuredAddress",  # 1.2.840.113549.1.9.8
    }
)
_FORMER_SUBJECT_ALT_NAME = x509.ObjectIdentifier("2.5.29.7")  # of X.509 before 1997

_SUBJECT_WORDS: Mapping[x509.ObjectIdentifier, str] = MappingProxyType(
    {
        NameOID.COUNTRY_NAME: "country",
        NameOID.STATE_OR_PROVINCE_NAME: "province",
        NameOID.LOCALITY_NAME: "locality",
        NameOID.ORGANIZATION_NAME: "organization",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "ou",
        NameOID.STREET_ADDRESS: "street_address",
        NameOID.POSTAL_CODE: "postal_code",
        NameOID.COMMON_NAME: "common_name",
        NameOID.EMAIL_ADDRESS: "email_address",
        NameOID.SERIAL_NUMBER: "serial_number",
        NameOID.USER_ID: "user_id",
        NameOID.DOMAIN_COMPONENT: "domain_component",
        NameOID.UNSTRUCTURED_NAME: "unstructured_name",
    }
)
_USAGES_OF_TLS = frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH})


class _Frame(NamedTuple):
    """What `cryptography` does not tell of a CSR.

    Attributes:
        key_algorithm: the content of the object identifier in the SubjectPublicKeyInfo.
        attributes: contents of object identifiers, each with one of the attribute's values in DER.
    """

    key_algorithm: bytes
    attributes: Sequence[tuple[bytes, bytes]]


def parse_csr(pem: str) -> CertificateSigningRequest:
    """Read a CSR and check the signature it carries.

    Raises:
        InvalidCsrError: it is none, is signed by another key, or asks for what no CA here could certify.
    """
    block = _csr_block(pem)
    return decoded(
        lambda: _parsed(block.der), InvalidCsrError, "the CSR cannot be read: an RSA or EC CSR in PEM is needed"
    )


def _csr_block(pem: str) -> PemBlock:
    if len(pem) > MAX_CSR_LENGTH:
        raise InvalidCsrError(f"the CSR is longer than {MAX_CSR_LENGTH} characters")
    text = normalise_pem(pem)
    try:
        blocks = [block for block in pem_blocks(text) if block.label in _LABELS]
    except ValueError:
        raise InvalidCsrError("the CSR cannot be read: its PEM is no base64") from None
    if is_cut_off(text):
        raise InvalidCsrError("the CSR is cut off: a line that begins its PEM has no line that ends it")
    if len(blocks) != 1:
        raise InvalidCsrError(f"exactly one PEM block CERTIFICATE REQUEST is needed, there are {len(blocks)}")
    return blocks[0]


def _parsed(csr_der: bytes) -> CertificateSigningRequest:
    frame = _frame_of(csr_der)
    _check_extension_requests(frame)
    csr = _loaded(csr_der)
    public_key = csr.public_key()
    if frame.key_algorithm == RSASSA_PSS:
        # CA/B Forum Baseline Requirements 7.1.3.1.1
        raise InvalidCsrError("the CSR's key is for RSA-PSS only, which CAs do not certify: make it with an RSA key")
    problem = weakness(public_key)
    if problem is not None:
        raise InvalidCsrError(f"the CSR's key is not supported: {problem}")
    _check_signature(csr)
    extensions = _extensions_of(csr)
    names, other_names = _names_in(extensions)
    key_type, key_size = key_kind(public_key)
    return CertificateSigningRequest(
        pem=PemBlock(CSR_LABEL, csr_der).text,
        common_name=_common_name(csr.subject),
        subject_alt_names=_normalised(names),
        public_key_digest=public_key_digest(public_key),
        key_type=key_type,
        key_size=key_size,
        subject_fields=tuple(_subject_fields(csr.subject)),
        other_names=(*other_names, *_names_of_attributes(frame)),
        privileges=tuple(_privileges(extensions)),
    )


def _loaded(csr_der: bytes) -> x509.CertificateSigningRequest:
    try:
        return x509.load_der_x509_csr(csr_der)
    except x509.InvalidVersion as error:
        raise InvalidCsrError(
            f"the CSR has the version number {error.parsed_version}, and PKCS#10 knows 0 only (RFC 2986 4.1)"
        ) from None


def _frame_of(csr_der: bytes) -> _Frame:
    (request,) = der.contents(csr_der, der.SEQUENCE)
    info, *_ = der.contents(request, der.SEQUENCE, der.SEQUENCE, der.BIT_STRING)
    _, _, key_info, *attributes = der.elements(info)
    algorithm, _ = der.contents(key_info.content, der.SEQUENCE, der.BIT_STRING)
    identifier = next(der.elements(algorithm)).content
    return _Frame(identifier, [pair for element in attributes for pair in _attributes(element.content)])


def _attributes(attributes_der: bytes) -> Iterator[tuple[bytes, bytes]]:
    for attribute in der.elements(attributes_der):
        identifier, values = der.contents(attribute.content, der.OBJECT_IDENTIFIER, der.SET)
        for value in der.elements(values):
            yield identifier, value.content


def _check_signature(csr: x509.CertificateSigningRequest) -> None:
    algorithm = csr.signature_hash_algorithm
    if isinstance(algorithm, hashes.SHA1 | hashes.MD5):
        name = "SHA-1" if isinstance(algorithm, hashes.SHA1) else "MD5"
        raise InvalidCsrError(f"the CSR is signed with {name}, which CAs refuse: sign it with SHA-256")
    if not csr.is_signature_valid:
        raise InvalidCsrError("the CSR's signature is wrong: it is damaged, or was signed by another key")


def _check_extension_requests(frame: _Frame) -> None:
    """Refuse several requests that differ: programs disagree which of them counts, `cryptography` takes the first."""
    requests = {value for identifier, value in frame.attributes if identifier in _EXTENSION_REQUESTS}
    if len(requests) > 1:
        raise InvalidCsrError(
            "the CSR has several extension requests, which programs read differently: put all into one"
        )


def _extensions_of(csr: x509.CertificateSigningRequest) -> x509.Extensions:
    try:
        return csr.extensions
    except x509.DuplicateExtension as error:
        raise InvalidCsrError(f"the CSR has the extension {error.oid.dotted_string} twice") from None
    except x509.UnsupportedGeneralNameType:
        raise InvalidCsrError(
            "the CSR asks for a name of a kind that is not supported: x400Address or ediPartyName"
        ) from None


def _names_in(extensions: x509.Extensions) -> tuple[tuple[str, ...], list[str]]:
    """Return the SANs that can be written as text, and what is to be said of all other names."""
    names: tuple[str, ...] = ()
    others: list[str] = []
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.SubjectAlternativeName):
            names = names_of(value)
            others += [_described(entry) for entry in value if not isinstance(entry, WRITTEN_AS_TEXT)]
        elif isinstance(value, x509.IssuerAlternativeName):
            others += [f"issuerAltName {_described(entry)}" for entry in value]
        elif extension.oid == _FORMER_SUBJECT_ALT_NAME:
            others.append(f"extension {extension.oid.dotted_string}")
    return names, others


def _described(entry: x509.GeneralName) -> str:
    if isinstance(entry, x509.OtherName):
        return f"otherName {entry.type_id.dotted_string}"
    if isinstance(entry, x509.RegisteredID):
        return f"registeredID {entry.value.dotted_string}"
    if isinstance(entry, x509.DirectoryName):
        return f"dirName {printable(entry.value.rfc4514_string())}"
    kind = "URI" if isinstance(entry, x509.UniformResourceIdentifier) else type(entry).__name__
    return f"{kind} {printable(str(entry.value))}"


def _names_of_attributes(frame: _Frame) -> Iterator[str]:
    for identifier, _ in frame.attributes:
        if identifier in _NAME_ATTRIBUTES:
            yield f"attribute {_NAME_ATTRIBUTES[identifier]}"


def _common_name(subject: x509.Name) -> str:
    common_name = common_name_of(subject)
    if has_control_characters(common_name):
        raise InvalidCsrError("the CSR's common name contains control characters")
    return common_name


def _subject_fields(subject: x509.Name) -> Iterator[tuple[str, str]]:
    """Yield all but the common name that `common_name_of` returns, which is the last one."""
    common_names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    for attribute in subject:
        if common_names and attribute is common_names[-1]:
            continue
        word = _SUBJECT_WORDS.get(attribute.oid, attribute.oid.dotted_string)
        yield word, attribute.value if isinstance(attribute.value, str) else attribute.value.hex()


def _privileges(extensions: x509.Extensions) -> Iterator[str]:
    for extension in extensions:
        match extension.value:
            case x509.BasicConstraints(ca=True):
                yield "basicConstraints CA:TRUE"
            case x509.KeyUsage(key_cert_sign=signs_certificates, crl_sign=signs_lists):
                yield from (
                    f"keyUsage {name}"
                    for name, asked in (("keyCertSign", signs_certificates), ("cRLSign", signs_lists))
                    if asked
                )
            case x509.ExtendedKeyUsage() as usages:
                yield from (
                    f"extendedKeyUsage {usage.dotted_string}" for usage in usages if usage not in _USAGES_OF_TLS
                )
            case x509.NameConstraints():
                yield "nameConstraints"


def _normalised(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return normalise_names(names)
    except InvalidInputError as error:
        raise InvalidCsrError(f"the CSR has an unusable subject alternative name: {error}") from None
