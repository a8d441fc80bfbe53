"""`replace/:config_name/:sectigo_cert_unique_id`: another certificate under the same id."""

from dataclasses import replace

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.framework import Field, FieldData, Handler, Path, kinds
from sectigo_vault_pki.lifecycle import Engine, ReplacementRequest
from sectigo_vault_pki.logical import Operation, Request, Response
from sectigo_vault_pki.paths import _fields, _kinds
from sectigo_vault_pki.paths._answers import CERTIFICATE_SCHEMA, answered_with_key, certificate_response
from sectigo_vault_pki.paths._errors import with_logical_errors
from sectigo_vault_pki.paths._keys import key_wish
from sectigo_vault_pki.store import CertificateType

COMMON_NAME = Field(
    name="sectigo_common_name",
    label="Common name",
    kind=_kinds.common_name(),
    description="Common name of the new SSL certificate; the stored one where it is absent.",
)
REVOKED_ON_REPLACE = Field(
    name="sectigo_client_cert_revoked_on_replace",
    label="Revoke the old certificate",
    kind=kinds.boolean(),
    description="Whether the replaced client certificate is revoked. Required for client certificates.",
)


def path_replace(engine: Engine) -> Path:
    """Declare the path."""

    async def write(request: Request, data: FieldData) -> Response:
        certificate_type = await engine.certificate_type(data[_fields.CONFIG_NAME])
        answer = await engine.replace(
            data[_fields.CONFIG_NAME],
            _fields.checked_id(data),
            replacement_request(certificate_type, data),
            time_limit=request.time_limit,
        )
        return await answered_with_key(
            engine, data[_fields.CONFIG_NAME], answer, certificate_response(answer, data.get(_fields.SSL_FORMAT_TYPE))
        )

    taken = (_fields.SSL_SUBJECT_ALT_NAMES, _fields.SSL_FORMAT_TYPE)
    ignored = (field for field in (*_fields.SSL, *_fields.CLIENT) if field not in taken)
    return Path(
        template="replace/{config_name}/{sectigo_cert_unique_id}",
        fields=(
            _fields.CONFIG_NAME,
            _fields.UNIQUE_ID,
            _fields.REASON,
            COMMON_NAME,
            REVOKED_ON_REPLACE,
            *_fields.KEY_AND_CSR,
            *_fields.WAITING_AND_RENEWAL,
            *taken,
            *_fields.without_effect(ignored),
        ),
        operations={
            Operation.UPDATE: Handler(
                with_logical_errors(write),
                summary="Replace a certificate at SCM and collect the new one.",
                forwarded=True,
                answer=CERTIFICATE_SCHEMA,
            )
        },
        synopsis="Replace a certificate at SCM and collect the new one.",
        description=DESCRIPTION,
    )


def replacement_request(certificate_type: CertificateType, data: FieldData) -> ReplacementRequest:
    """Turn the fields of a request into a replacement.

    Raises:
        InvalidInputError: fields are missing, do not go together, or are for the other certificate type.
    """
    is_client = certificate_type is CertificateType.CLIENT
    if is_client and REVOKED_ON_REPLACE not in data:
        raise InvalidInputError(f"{REVOKED_ON_REPLACE.name} is required for client certificates")
    wrong = COMMON_NAME if is_client else REVOKED_ON_REPLACE
    if wrong in data:
        raise InvalidInputError(f"{wrong.name} does not go with a config entry of type {certificate_type}")
    wish = key_wish(data)
    common_name = data.get(COMMON_NAME)
    if common_name is not None:
        wish = replace(wish, subject={**wish.subject, "common_name": common_name})
    return ReplacementRequest(
        reason=data[_fields.REASON],
        wish=wish,
        revoke_replaced=bool(data.get(REVOKED_ON_REPLACE)),
        flags=_fields.waiting_and_renewal(data),
    )


DESCRIPTION = """
Orders another certificate in the place of this one at Sectigo Certificate Manager, under the same unique id and for the
rest of its validity. It gets a new key, unless a sectigo_csr or a sectigo_private_key is given; parts of the subject
and subject alternative names that are absent come from the stored certificate. The old certificate and its key stay in
hand until the new one is collected, and are kept as an earlier version afterwards.

Where the new one is not there in time, `certificate` says TimeoutStateSaved, with the new key and CSR; reading the
certificate collects it, and answers the old one until then.
"""
