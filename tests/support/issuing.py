"""Certificates under a role, asked for as a consumer of Vault's pki does."""

from collections.abc import Mapping
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.mount import Mount, answered

ROLE: Mapping[str, object] = {
    "config": "web",
    "certificate_type": 501,
    "validity": 365,
    "allowed_domains": "Example.test, xn--bcher-kva.test.",
    "allow_subdomains": True,
}


async def written(mount: Mount, name: str = "shop", /, **changes: object) -> Mapping[str, Any]:
    """Write a role, and return what it answers."""
    return answered(await mount.write(f"roles/{name}", {**ROLE, **changes}))


NAME = {"common_name": "a.example.test"}


async def prepared(mount: Mount, **role: object) -> None:
    """Write a config entry and a role; SCM issues at once."""
    await mount.configure()
    await written(mount, **{"key_type": "ec", **role})
    mount.simulator.settings.pending_polls = 0


async def issue(mount: Mount, **fields: object) -> Mapping[str, Any]:
    return answered(await mount.write("issue/shop", {**NAME, **fields}))


def request(
    common_name: str = "a.example.test", *names: x509.GeneralName, subject: tuple[x509.NameAttribute[str], ...] = ()
) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([*attributes, *subject]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


async def sign(mount: Mount, csr: str, **fields: object) -> Mapping[str, Any]:
    return answered(await mount.write("sign/shop", {"csr": csr, **fields}))


def leaf_of(data: Mapping[str, Any]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(data["certificate"].encode())


def names_in(certificate: x509.Certificate) -> set[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}


async def leave_pending(mount: Mount, **fields: object) -> None:
    """Ask for a certificate that SCM does not issue in time, and would issue from then on."""
    mount.simulator.settings.never_issue = True
    with pytest.raises(BadRequestError, match=r"^pending"):
        await issue(mount, **fields)
    mount.simulator.settings.never_issue = False
