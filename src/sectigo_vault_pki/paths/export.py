"""`export/:config_name/:sectigo_cert_unique_id`: a stored certificate with its key, in the format a program needs."""

from sectigo_vault_pki.lifecycle import Engine, StoredVersion
from sectigo_vault_pki.paths.answers.certificate_answer import (
    CERTIFICATE_SCHEMA,
    NUMBER,
    SENSITIVE,
    TEXT,
    Schema,
    rfc3339,
)
from sectigo_vault_pki.paths.answers.pki_answer import NO_KEY, issued_as, pkcs12_base64
from sectigo_vault_pki.paths.error_kinds import naming_unknown_entry
from sectigo_vault_pki.paths.fields import key_fields
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME, UNIQUE_ID
from sectigo_vault_pki.paths.fields.pki_fields import IssuedFormat
from sectigo_vault_pki.pki import CertificateChain, KeyFormat, key_pem
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path, kinds
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

PEM_BUNDLE, DER, PKCS8 = "pem_bundle", "der", "pkcs8"

FORMAT = Field(
    name="format",
    kind=kinds.choice(PEM_BUNDLE, DER, PKCS8, key_fields.PKCS12),
    default=PEM_BUNDLE,
    description=(
        "pem_bundle: PEM, the certificate before its issuers, and the key as it is stored. pkcs8: the same, with the "
        "key in PKCS#8. der: each in DER as base64, the key in PKCS#1 or SEC1. pkcs12: all in one file under a "
        "password, as base64. Default: pem_bundle."
    ),
)
VERSION = Field(
    name="version",
    kind=kinds.whole_number(minimum=0),
    default=0,
    description=(
        "Which version: 0 the current certificate, 1 the one before its replacement, and so on; ten earlier ones are "
        "kept. Default: 0."
    ),
)

EXPORT_SCHEMA: Schema = {
    **{name: CERTIFICATE_SCHEMA[name] for name in ("not_after", "private_key_type", "serial_number")},
    "ca_chain": {**CERTIFICATE_SCHEMA["ca_chain"], "description": "der: issuers in DER, as base64, nearest first"},
    "cert_unique_id": {**TEXT, "description": "<ssl_id>_<customer_uri>, or <order_number>_<customer_uri>"},
    "certificate": {
        **TEXT,
        "description": (
            "pem_bundle, pkcs8: the certificate and its issuers in PEM, certificate first; der: the certificate alone"
        ),
    },
    "format": {**TEXT, "enum": [PEM_BUNDLE, DER, PKCS8, key_fields.PKCS12]},
    "pkcs12": {**TEXT, "description": "pkcs12: the file, as base64", **SENSITIVE},
    "private_key": {
        **CERTIFICATE_SCHEMA["private_key"],
        "description": "Every format but pkcs12: the private key; empty when the engine never had it",
    },
    "version": {**NUMBER, "description": "0 for the current certificate"},
}


def path_export(engine: Engine) -> Path:
    """Declare the path of an export."""

    async def write(request: Request, data: FieldData) -> Response:
        chosen = data.get(FORMAT) or PEM_BUNDLE
        protection = key_fields.protection(data, chosen)
        async with naming_unknown_entry(engine, data[CONFIG_NAME]):
            stored = await engine.export(data[CONFIG_NAME], data[UNIQUE_ID], data.get(VERSION) or 0)
        chain = CertificateChain.from_pem(stored.certificate.bundle)
        key = stored.certificate.private_key.get_secret_value() if stored.certificate.private_key else ""
        shown: dict[str, object]
        if protection is not None:
            shown = {"pkcs12": await pkcs12_base64(engine, chain, key, protection)}
        else:
            shown = _WRITERS[chosen](chain, key)
        await engine.key_answered(data[CONFIG_NAME], stored.record, request.requester)
        warnings = stored.warnings if key else (*stored.warnings, NO_KEY)
        return Response(data={**_facts(stored, chain), "format": chosen, **shown}, warnings=warnings)

    return Path(
        template="export/{config_name}/{sectigo_cert_unique_id}",
        fields=(
            CONFIG_NAME,
            UNIQUE_ID,
            FORMAT,
            VERSION,
            key_fields.PASSWORD,
            key_fields.ENCRYPTION,
        ),
        operations={Operation.UPDATE: Handler(write, answer=EXPORT_SCHEMA)},
        synopsis="Export a stored certificate with its key in a chosen format.",
        description=DESCRIPTION,
    )


DESCRIPTION = """
Returns a stored certificate with its key as PEM, DER, PKCS#8 or PKCS#12: the current one or one that was replaced. It
is a write so that a password stays out of the URL; it changes nothing and does not call SCM. A certificate that is not
collected yet has to be read under certs/ first, and a due one is not renewed.

Binary formats are base64 text: decode it into a file.
"""


def _facts(stored: StoredVersion, chain: CertificateChain) -> dict[str, object]:
    return {
        "cert_unique_id": stored.unique_id,
        "not_after": rfc3339(chain.not_after),
        "private_key_type": chain.key_type,
        "serial_number": chain.serial_number,
        "version": stored.number,
    }


def _pem_bundle(chain: CertificateChain, key: str) -> dict[str, object]:
    return {"certificate": chain.bundle_pem, "private_key": key}


def _pkcs8(chain: CertificateChain, key: str) -> dict[str, object]:
    return {"certificate": chain.bundle_pem, "private_key": key and key_pem(key, KeyFormat.PKCS8)}


def _der(chain: CertificateChain, key: str) -> dict[str, object]:
    issued = issued_as(chain, key or None, IssuedFormat.DER)
    return {
        "ca_chain": list(issued.ca_chain),
        "certificate": issued.certificate,
        "private_key": issued.private_key,
    }


_WRITERS = {PEM_BUNDLE: _pem_bundle, DER: _der, PKCS8: _pkcs8}
