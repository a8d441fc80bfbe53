"""`replace/:config_name/:sectigo_cert_unique_id`: another certificate under the same id."""

from collections.abc import Sequence
from dataclasses import replace

from sectigo_vault_pki.lifecycle import Engine, ReplacementRequest
from sectigo_vault_pki.paths.answers.certificate_answer import (
    CERTIFICATE_SCHEMA,
    certificate_response,
    delete_one_time_key,
    with_remarks,
)
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES, logical_errors
from sectigo_vault_pki.paths.fields import common_fields, key_fields, name_kinds, ssl_fields, waiting_fields
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME, REASON, UNIQUE_ID
from sectigo_vault_pki.paths.fields.key_fields import key_problems, key_request, remarks_on_names
from sectigo_vault_pki.store import CertificateType
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path, kinds
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

COMMON_NAME = Field(
    name="sectigo_common_name",
    label="Common name",
    kind=name_kinds.common_name(),
    description="Common name of the new SSL certificate. Without it, that of the stored certificate.",
)
_OF_THE_STORED_ONE = "Without it, and without sectigo_csr, the new certificate has that of the stored one."
CSR = replace(
    key_fields.CSR,
    description=(
        "CSR in PEM for the new certificate, used as given. With it the other sectigo_csr_ fields have no effect. "
        "Without it, a CSR is made. In JSON, write line ends as \\n."
    ),
)
PRIVATE_KEY = replace(
    key_fields.PRIVATE_KEY,
    description=(
        "Private key in PEM (PKCS#1, PKCS#8 or SEC1, unencrypted) of the new certificate: that of the sectigo_csr "
        "given here, or one to make the CSR with. Without it, a new key is made."
    ),
)
CSR_DOMAIN = replace(
    key_fields.DOMAIN, description=f"Common name (CN) in the CSR of the new certificate. {_OF_THE_STORED_ONE}"
)
CSR_KEY_ALGO = replace(
    key_fields.KEY_ALGO,
    inherits=True,
    description=(
        "Algorithm of the new key: RSA or EC. Without it and sectigo_csr_key_size, the new key has the algorithm and "
        "size of the stored certificate's."
    ),
)
CSR_KEY_SIZE = replace(
    key_fields.KEY_SIZE,
    description=(
        "Size of the new key. RSA: 2048, 3072 or 4096 bits. EC: 256, 384 or 521, also written P-256; name "
        "sectigo_csr_key_algo with it."
    ),
)
SUBJECT = tuple(
    replace(declared, description=f"{declared.description} {_OF_THE_STORED_ONE}")
    for declared in (
        key_fields.COUNTRY,
        key_fields.STATE,
        key_fields.LOCATION,
        key_fields.ORGANIZATION,
        key_fields.ORGANIZATION_UNIT,
        key_fields.EMAIL_ADDRESS,
    )
)
SUBJECT_ALT_NAMES = replace(
    ssl_fields.SUBJECT_ALT_NAMES,
    description=(
        "Subject alternative names of the new SSL certificate, comma-separated. Without it, and without sectigo_csr, "
        "the new certificate has those of the stored one."
    ),
)
MAX_TIMEOUT = replace(
    waiting_fields.MAX_TIMEOUT_OF_CERTIFICATE,
    description=waiting_fields.MAX_TIMEOUT_OF_CERTIFICATE.description.replace(
        "the certificate to", "the new certificate to"
    ),
)
REVOKED_ON_REPLACE = Field(
    name="sectigo_client_cert_revoked_on_replace",
    label="Revoke the old certificate",
    kind=kinds.boolean(),
    description="Whether the replaced client certificate is revoked. Required for client certificates.",
)


def path_replace(engine: Engine) -> Path:
    """Declare the path of a replacement."""

    async def review(request: Request, data: FieldData) -> Sequence[str]:
        with logical_errors(request.operation):  # the router reports an unknown entry beside other problems
            certificate_type = await engine.certificate_type(data[CONFIG_NAME])
        return replacement_problems(certificate_type, data)

    async def write(request: Request, data: FieldData) -> Response:
        answer = await engine.replace(
            data[CONFIG_NAME],
            data[UNIQUE_ID],
            replace(replacement_request(data), requested_by=request.requester),
            time_limit=request.time_limit,
        )
        response = certificate_response(answer, data.get(ssl_fields.FORMAT))
        response = with_remarks(response, remarks_on_names(data.get(key_fields.CSR)))
        await delete_one_time_key(engine, data[CONFIG_NAME], answer, request.requester)
        return response

    return Path(
        template="replace/{config_name}/{sectigo_cert_unique_id}",
        fields=common_fields.with_ignored(
            CONFIG_NAME,
            UNIQUE_ID,
            REASON,
            COMMON_NAME,
            REVOKED_ON_REPLACE,
            CSR,
            PRIVATE_KEY,
            CSR_DOMAIN,
            *SUBJECT,
            CSR_KEY_ALGO,
            CSR_KEY_SIZE,
            *waiting_fields.of_certificate(MAX_TIMEOUT),
            SUBJECT_ALT_NAMES,
            ssl_fields.DCV_MODE,
            ssl_fields.DCV_EMAIL,
            ssl_fields.STORED_FORMAT,
        ),
        operations={Operation.UPDATE: Handler(write, forwarded=True, answer=CERTIFICATE_SCHEMA, failures=SCM_FAILURES)},
        synopsis="Replace a certificate at SCM and collect the new one.",
        description=DESCRIPTION,
        review=review,
        strict=common_fields.ORDERING,
    )


def replacement_problems(certificate_type: CertificateType, data: FieldData) -> Sequence[str]:
    """Return what is wrong with the fields of a replacement together: missing, of the other type, contradictory."""
    is_client = certificate_type is CertificateType.CLIENT
    problems = []
    if is_client and data.lacks(REVOKED_ON_REPLACE):
        problems.append(f"{REVOKED_ON_REPLACE.name} is required for client certificates")
    wrong: Field[object] = COMMON_NAME if is_client else REVOKED_ON_REPLACE
    if not data.lacks(wrong):
        problems.append(f"{wrong.name} does not go with a config entry of type {certificate_type}")
    return [*problems, *key_problems(data, needs_common_name=not is_client)]


def replacement_request(data: FieldData) -> ReplacementRequest:
    """Turn the fields of a request without `replacement_problems` into a replacement."""
    key = key_request(data)
    common_name = data.get(COMMON_NAME)
    if common_name is not None:
        key = replace(key, subject={**key.subject, "common_name": common_name})
    return ReplacementRequest(
        reason=data[REASON],
        key=key,
        revoke_replaced=bool(data.get(REVOKED_ON_REPLACE)),
        flags=waiting_fields.waiting_and_renewal(data),
        validation=ssl_fields.validation(data),
    )


DESCRIPTION = """
Orders another certificate in place of this one at Sectigo Certificate Manager, under the same unique id and for the
rest of its validity. It gets a new key of the stored key's algorithm and size, unless sectigo_csr, sectigo_private_key
or sectigo_csr_key_algo is given. Common name, other parts of the subject and subject alternative names that are not
given come from the stored certificate. The old certificate and its key stay the current ones until the new one is
collected, and are kept as an earlier version afterwards.

If the new certificate is not issued within sectigo_max_timeout, `certificate` says TimeoutStateSaved, with the new key
and CSR; reading the certificate collects it, and returns the old one until then. Waiting and renewal fields that are
given here are stored with the certificate.
"""
