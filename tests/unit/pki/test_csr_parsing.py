"""What is seen of a CSR that somebody brings, and what is refused."""

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.errors import InvalidCsrError
from sectigo_vault_pki.pki import parse_csr
from tests.support import der
from tests.support.openssl import openssl

Vector = Callable[[str], str]
WEB = der.dns_name("web.example.test")
EVIL = der.dns_name("www.evil.test")


def load(pem: str) -> x509.CertificateSigningRequest:
    return x509.load_pem_x509_csr(pem.encode())


@pytest.mark.parametrize("line_end", ["\r\n", "\\n", "\n\n"])
def test_a_pasted_csr_is_normalised(line_end: str, vector: Vector) -> None:
    pem = vector("rsa.csr.pem")
    csr = parse_csr(" " + pem.replace("\n", line_end).replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"))
    assert csr.pem == pem
    assert csr.subject_alt_names == ("web.example.test", "www.web.example.test")
    assert (csr.common_name, csr.key_type, csr.key_size) == ("web.example.test", "rsa", 2048)


def signed(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    names: list[x509.GeneralName] | None = None,
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


def test_a_csr_without_a_subject_has_an_empty_common_name() -> None:
    csr = parse_csr(signed(ec.generate_private_key(ec.SECP256R1()), [x509.DNSName("a.test")]))
    assert (csr.common_name, csr.subject_alt_names) == ("", ("a.test",))


def test_names_of_other_kinds_in_a_csr_are_left_out() -> None:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier("urn:a"), x509.DNSName("A.test")]
    assert parse_csr(signed(ec.generate_private_key(ec.SECP256R1()), names)).subject_alt_names == ("a.test",)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "", "exactly one PEM block CERTIFICATE REQUEST is needed, there are 0"),
        (lambda: "x" * 32_768, "longer than 32767 characters"),
        (lambda: signed(ec.generate_private_key(ec.SECP256R1())) * 2, "there are 2"),
        (lambda: "-----BEGIN CERTIFICATE REQUEST-----\nMAA\n-----END CERTIFICATE REQUEST-----", "no base64"),
        (lambda: "-----BEGIN CERTIFICATE REQUEST-----\nMAAA\n-----END CERTIFICATE REQUEST-----", "cannot be read"),
        (lambda: signed(rsa.generate_private_key(65537, 1024)), "2048 to 8192 bits"),
        (lambda: signed(ec.generate_private_key(ec.SECP256K1())), "P-256, P-384 or P-521"),
        (lambda: signed(ed25519.Ed25519PrivateKey.generate()), "RSA or EC is needed"),
        (
            lambda: signed(ec.generate_private_key(ec.SECP256R1()), [x509.DNSName("a.test,b.test")]),
            "unusable subject alternative name: name 1 is not a host name",
        ),
    ],
)
def test_other_texts_are_refused(make: Callable[[], str], message: str) -> None:
    with pytest.raises(InvalidCsrError, match=message):
        parse_csr(make())


def test_a_csr_with_a_foreign_signature_is_refused(vector: Vector) -> None:
    der = bytearray(load(vector("ec.csr.pem")).public_bytes(Encoding.DER))
    der[-1] ^= 1
    pem = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
    with pytest.raises(InvalidCsrError, match="signature is wrong"):
        parse_csr(pem)


def test_the_empty_name_that_the_vendors_former_plugin_wrote_is_left_out() -> None:
    csr = parse_csr(der.csr_pem(der.extension_request(der.alt_names(der.dns_name("")))))
    assert (csr.common_name, csr.subject_alt_names, csr.other_names) == ("web.example.test", (), ())
    csr = parse_csr(der.csr_pem(der.extension_request(der.alt_names(der.dns_name(""), WEB))))
    assert csr.subject_alt_names == ("web.example.test",)


@pytest.mark.parametrize("dotted", [der.EXTENSION_REQUEST, der.MICROSOFT_EXTENSIONS])
def test_names_are_found_in_either_kind_of_extension_request(dotted: str) -> None:
    csr = parse_csr(der.csr_pem(der.extension_request(der.alt_names(EVIL), dotted=dotted)))
    assert csr.subject_alt_names == ("www.evil.test",)


REQUESTS = (der.value(der.SEQUENCE, der.alt_names(WEB)), der.value(der.SEQUENCE, der.alt_names(EVIL)))


@pytest.mark.parametrize(
    "attributes",
    [
        [der.attribute(der.EXTENSION_REQUEST, one), der.attribute(der.EXTENSION_REQUEST, other)]
        for one, other in (REQUESTS, REQUESTS[::-1])
    ]
    + [
        [der.attribute(der.EXTENSION_REQUEST, one), der.attribute(der.MICROSOFT_EXTENSIONS, other)]
        for one, other in (REQUESTS, REQUESTS[::-1])
    ]
    + [
        [der.attribute(der.MICROSOFT_EXTENSIONS, REQUESTS[0]), der.attribute(der.EXTENSION_REQUEST, REQUESTS[1])],
        [der.attribute(der.EXTENSION_REQUEST, *REQUESTS)],
        [der.attribute(der.EXTENSION_REQUEST, *REQUESTS[::-1])],
    ],
)
def test_names_in_a_second_extension_request_are_refused(attributes: list[bytes]) -> None:
    with pytest.raises(InvalidCsrError, match="several extension requests"):
        parse_csr(der.csr_pem(*attributes))


def test_a_csr_with_the_same_extension_twice_is_refused() -> None:
    with pytest.raises(InvalidCsrError, match=r"has the extension 2\.5\.29\.17 twice"):
        parse_csr(der.csr_pem(der.extension_request(der.alt_names(WEB), der.alt_names(EVIL))))


def test_other_attributes_do_not_matter() -> None:
    attributes = [
        der.attribute("1.3.6.1.4.1.311.13.2.3", der.value(0x16, b"10.0.26100.2")),
        der.attribute("1.2.840.113549.1.9.7", der.value(der.UTF8_STRING, b"challenge")),
        der.extension_request(der.alt_names(WEB)),
    ]
    csr = parse_csr(der.csr_pem(*sorted(attributes)))
    assert (csr.subject_alt_names, csr.other_names) == (("web.example.test",), ())


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        (der.extension_request(der.alt_names(der.value(0x86, b"https://evil.test/"))), "URI https://evil.test/"),
        (der.extension_request(der.alt_names(der.value(0x86, b"urn:\x1b[31m"))), "URI urn:?[31m"),
        (der.extension_request(der.alt_names(der.value(0x88, b"\x2a\x03"))), "registeredID 1.2.3"),
        (
            der.extension_request(der.alt_names(der.value(0xA4, der.name(der.COMMON_NAME)))),
            "dirName CN=web.example.test",
        ),
        (
            der.extension_request(
                der.alt_names(
                    der.value(0xA0, der.identifier("1.3.6.1.4.1.311.20.2.3"), der.value(0xA0, der.value(0x0C, b"root")))
                )
            ),
            "otherName 1.3.6.1.4.1.311.20.2.3",
        ),
        (der.extension_request(der.alt_names(EVIL, dotted="2.5.29.18")), "issuerAltName DNSName www.evil.test"),
        (der.extension_request(der.alt_names(EVIL, dotted="2.5.29.7")), "extension 2.5.29.7"),
        (der.attribute("1.2.840.113549.1.9.2", der.value(0x0C, b"www.evil.test")), "attribute unstructuredName"),
        (der.attribute("1.2.840.113549.1.9.8", der.value(0x0C, b"www.evil.test")), "attribute unstructuredAddress"),
    ],
)
def test_names_that_nobody_orders_are_told(attribute: bytes, said: str) -> None:
    csr = parse_csr(der.csr_pem(attribute))
    assert (csr.other_names, csr.subject_alt_names) == ((said,), ())


@pytest.mark.parametrize(
    "name", [der.value(0xA3, der.value(der.SEQUENCE)), der.value(0xA5, der.value(0xA1, der.value(0x0C, b"x")))]
)
def test_names_of_kinds_that_cannot_be_read_are_refused_in_words(name: bytes) -> None:
    with pytest.raises(InvalidCsrError, match="x400Address or ediPartyName"):
        parse_csr(der.csr_pem(der.extension_request(der.alt_names(name))))


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.mark.parametrize(
    ("extension", "privileges"),
    [
        (x509.BasicConstraints(ca=True, path_length=None), ("basicConstraints CA:TRUE",)),
        (x509.BasicConstraints(ca=False, path_length=None), ()),
        (key_usage(signs_certificates=True), ("keyUsage keyCertSign", "keyUsage cRLSign")),
        (key_usage(signs_certificates=False), ()),
        (x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH, x509.OID_CLIENT_AUTH]), ()),
        (
            x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH, x509.OID_CODE_SIGNING]),
            ("extendedKeyUsage 1.3.6.1.5.5.7.3.3",),
        ),
        (x509.NameConstraints([x509.DNSName("example.test")], None), ("nameConstraints",)),
    ],
)
def test_privileges_beyond_a_servers_or_clients_are_told(
    extension: x509.ExtensionType, privileges: tuple[str, ...]
) -> None:
    builder = (
        x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(extension, critical=True)
    )
    csr = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    assert parse_csr(csr.public_bytes(Encoding.PEM).decode()).privileges == privileges


def test_the_subject_is_told_in_the_words_of_pki() -> None:
    printable = 0x13
    subject = [
        ("2.5.4.6", printable, b"DE"),
        ("2.5.4.11", der.UTF8_STRING, b"IT"),
        ("2.5.4.3", der.UTF8_STRING, b"www.evil.test"),
        ("2.5.4.5", printable, b"4711"),
        ("0.9.2342.19200300.100.1.25", 0x16, b"evil"),
        ("0.9.2342.19200300.100.1.1", der.UTF8_STRING, b"root"),
        ("2.5.4.45", der.BIT_STRING, b"\x00\xff"),
        der.COMMON_NAME,
    ]
    csr = parse_csr(der.csr_pem(subject=subject))
    assert csr.common_name == "web.example.test"
    assert csr.subject_fields == (
        ("country", "DE"),
        ("ou", "IT"),
        ("common_name", "www.evil.test"),
        ("serial_number", "4711"),
        ("domain_component", "evil"),
        ("user_id", "root"),
        ("2.5.4.45", "00ff"),
    )


@pytest.mark.parametrize("name", [b"web.example.test\0.evil.test", b"web.example.test\n", b"\x1b[31mweb"])
def test_a_common_name_with_control_characters_is_refused(name: bytes) -> None:
    with pytest.raises(InvalidCsrError, match="common name contains control characters"):
        parse_csr(der.csr_pem(subject=[("2.5.4.3", der.UTF8_STRING, name)]))


@pytest.mark.parametrize("version", [1, 2, 5])
def test_a_csr_of_another_version_is_refused_for_that(version: int) -> None:
    with pytest.raises(InvalidCsrError, match=f"has the version number {version}, and PKCS#10 knows 0 only"):
        parse_csr(der.csr_pem(version=version))


def csr_of_openssl(*options: str) -> str:
    return openssl("req", "-new", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=web.example.test", *options)


def test_what_openssl_says_around_a_csr_does_not_matter() -> None:
    assert parse_csr(csr_of_openssl("-newkey", "rsa:2048", "-text", "-sha256")).common_name == "web.example.test"


@pytest.mark.parametrize(("digest", "name"), [("sha1", "SHA-1"), ("md5", "MD5")])
def test_a_csr_with_a_weak_signature_is_refused_for_that(digest: str, name: str) -> None:
    pem = csr_of_openssl("-newkey", "rsa:2048", f"-{digest}")
    with pytest.raises(
        InvalidCsrError, match=f"^the CSR is signed with {name}, which CAs refuse: sign it with SHA-256$"
    ):
        parse_csr(pem)


def test_a_csr_for_a_key_of_rsa_pss_is_refused_for_that() -> None:
    with pytest.raises(InvalidCsrError, match="key is for RSA-PSS only"):
        parse_csr(csr_of_openssl("-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"))


def test_an_unknown_tls_feature_is_a_csr_that_cannot_be_read() -> None:
    feature = der.extension("1.3.6.1.5.5.7.1.24", der.value(der.SEQUENCE, der.value(der.INTEGER, b"\x63")))
    with pytest.raises(InvalidCsrError, match="cannot be read"):
        parse_csr(der.csr_pem(der.extension_request(feature)))


@pytest.mark.parametrize("lines", [1, 3, -2])
def test_a_csr_that_is_cut_off_is_refused_for_that(lines: int, vector: Vector) -> None:
    cut = "\n".join(vector("rsa.csr.pem").splitlines()[:lines])
    with pytest.raises(InvalidCsrError, match="is cut off"):
        parse_csr(cut)
