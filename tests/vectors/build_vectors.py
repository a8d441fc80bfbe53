"""Rebuild the files beside this script: `PYTHONPATH=. python tests/vectors/build_vectors.py`.

The keys are throwaway keys of this script's own little CA; nothing trusts it.

    root ── issuing ── leaf (RSA), leaf_ec (P-256)
    old_root ── cross (the root's name and key, signed by old_root)
    root ── people ── person (P-256, for e-mail)
    leaf_newer: the RSA leaf's key in a certificate that starts a day later
    chain.ber.p7b: chain.p7b in BER, where no length is said
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.der import ber_pkcs7

FOLDER = Path(__file__).parent
START = datetime(2026, 1, 1, tzinfo=UTC)
USER_PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def main() -> None:
    root_key, issuing_key, people_key, old_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ec_key, person_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    old_root = authority("Vector Old Root", old_key, "Vector Old Root", old_key, serial=1)
    root = authority("Vector Root", root_key, "Vector Root", root_key, serial=2)
    cross = authority("Vector Root", root_key, "Vector Old Root", old_key, serial=3)
    issuing = authority("Vector Issuing CA", issuing_key, "Vector Root", root_key, serial=4)
    people = authority("Vector People CA", people_key, "Vector Root", root_key, serial=5)
    leaf = end_entity(rsa_key, issuing_key, serial=0x00F1A2B3C4D5E6F708, start=START)
    leaf_newer = end_entity(rsa_key, issuing_key, serial=0x0A, start=START + timedelta(days=1))
    leaf_ec = end_entity(ec_key, issuing_key, serial=0x0B, start=START)
    person = person_entity(person_key, people_key, serial=0x0C)

    certificates = {"old_root": old_root, "root": root, "cross": cross, "issuing": issuing, "people": people}
    certificates |= {"leaf": leaf, "leaf_newer": leaf_newer, "leaf_ec": leaf_ec, "person": person}
    for name, certificate in certificates.items():
        save(f"{name}.pem", certificate.public_bytes(Encoding.PEM))
    save("chain.p7b.pem", pkcs7.serialize_certificates([issuing, leaf, root], Encoding.PEM))
    save("chain.p7b", pkcs7.serialize_certificates([issuing, leaf, root], Encoding.DER))
    save("chain.ber.p7b", ber_pkcs7([issuing, leaf, root]))
    save("person.p7b.pem", pkcs7.serialize_certificates([root, person, people], Encoding.PEM))

    save("rsa.pkcs1.pem", key_pem(rsa_key, PrivateFormat.TraditionalOpenSSL))
    save("rsa.pkcs8.pem", key_pem(rsa_key, PrivateFormat.PKCS8))
    save("ec.sec1.pem", key_pem(ec_key, PrivateFormat.TraditionalOpenSSL))
    save("ec.pkcs8.pem", key_pem(ec_key, PrivateFormat.PKCS8))
    save("person.pkcs8.pem", key_pem(person_key, PrivateFormat.PKCS8))
    save("rsa.csr.pem", request(rsa_key, ["web.example.test", "www.web.example.test"]))
    save("ec.csr.pem", request(ec_key, []))


def authority(subject: str, key: Key, issuer: str, issuer_key: Key, *, serial: int) -> x509.Certificate:
    builder = certificate(subject, key, issuer, serial=serial, start=START, days=3650)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def end_entity(key: Key, issuer_key: Key, *, serial: int, start: datetime) -> x509.Certificate:
    builder = certificate("web.example.test", key, "Vector Issuing CA", serial=serial, start=start, days=199)
    names = x509.SubjectAlternativeName([x509.DNSName("web.example.test"), x509.DNSName("www.web.example.test")])
    return builder.add_extension(names, critical=False).sign(issuer_key, hashes.SHA256())


def person_entity(key: Key, issuer_key: Key, *, serial: int) -> x509.Certificate:
    builder = certificate("Jörg M. Doe", key, "Vector People CA", serial=serial, start=START, days=365)
    login = x509.OtherName(USER_PRINCIPAL_NAME, b"\x0c\x11jdoe@example.test")
    names = x509.SubjectAlternativeName(
        [x509.RFC822Name("joerg.doe@example.test"), login, x509.RFC822Name("jdoe@example.test")]
    )
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = builder.add_extension(names, critical=False).add_extension(usage, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def certificate(
    subject: str, key: Key, issuer: str, *, serial: int, start: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def request(key: Key, names: Sequence[str]) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name("web.example.test"))
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in names]), critical=False
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_pem(key: Key, private_format: PrivateFormat) -> bytes:
    return key.private_bytes(Encoding.PEM, private_format, NoEncryption())


def save(file_name: str, content: bytes) -> None:
    (FOLDER / file_name).write_bytes(content)


if __name__ == "__main__":
    main()
