"""`renew/:config_name/:sectigo_cert_unique_id`: renew a certificate now."""

from collections.abc import Sequence
from dataclasses import replace

from sectigo_vault_pki.lifecycle import Engine, RenewalRequest
from sectigo_vault_pki.paths.answers.certificate_answer import (
    CERTIFICATE_SCHEMA,
    certificate_response,
    delete_one_time_key,
    with_remarks,
)
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES
from sectigo_vault_pki.paths.fields import common_fields, key_fields, ssl_fields, waiting_fields
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME, UNIQUE_ID
from sectigo_vault_pki.paths.fields.key_fields import key_problems, key_request, remarks_on_names
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path, kinds
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

RENEW_NEW_KEY = Field(
    name="sectigo_renew_new_key",
    label="New key",
    kind=kinds.boolean(),
    default=False,
    description=(
        "Whether the renewed SSL certificate gets a new key, like the old one in type and size. Default: false, the "
        "key stays."
    ),
)
CSR = replace(
    key_fields.CSR,
    description=(
        "CSR in PEM for the renewed SSL certificate, used as given. Without it, the stored CSR is used again. In JSON, "
        "write line ends as \\n."
    ),
)
PRIVATE_KEY = replace(
    key_fields.PRIVATE_KEY,
    description=(
        "Private key in PEM (PKCS#1, PKCS#8 or SEC1, unencrypted) for the renewed SSL certificate: that of the "
        "sectigo_csr given here, or one to make a new CSR with. Without it, the stored key is used again. "
        "Not for client certificates: SCM renews them with the same key."
    ),
)


def path_renew(engine: Engine) -> Path:
    """Declare the path of a renewal."""

    async def review(_: Request, data: FieldData) -> Sequence[str]:
        return key_problems(data, needs_common_name=True)

    async def write(request: Request, data: FieldData) -> Response:
        flags = waiting_fields.waiting_and_renewal(data)
        answer = await engine.renew(
            data[CONFIG_NAME],
            data[UNIQUE_ID],
            RenewalRequest(
                key=key_request(data),
                new_key=bool(data.get(RENEW_NEW_KEY)),
                flags=flags,
                validation=ssl_fields.validation(data),
                requested_by=request.requester,
            ),
            time_limit=request.time_limit,
        )
        response = with_remarks(certificate_response(answer, None), remarks_on_names(data.get(CSR)))
        await delete_one_time_key(engine, data[CONFIG_NAME], answer, request.requester)
        return response

    return Path(
        template="renew/{config_name}/{sectigo_cert_unique_id}",
        fields=common_fields.with_ignored(
            CONFIG_NAME,
            UNIQUE_ID,
            CSR,
            PRIVATE_KEY,
            RENEW_NEW_KEY,
            ssl_fields.DCV_MODE,
            ssl_fields.DCV_EMAIL,
            *waiting_fields.of_certificate(),
        ),
        operations={Operation.UPDATE: Handler(write, forwarded=True, answer=CERTIFICATE_SCHEMA, failures=SCM_FAILURES)},
        synopsis="Renew a certificate at SCM and collect the new one.",
        description=DESCRIPTION,
        review=review,
        strict=common_fields.ORDERING,
    )


DESCRIPTION = """
Renews the certificate now, inside or outside its expiry window: places a new order at Sectigo Certificate Manager and
returns the new certificate, which has a new unique id. The key and the CSR stay the same, unless sectigo_csr,
sectigo_private_key or sectigo_renew_new_key is given (SSL certificates only). Domain, names, type and validity are
those of the certificate: their fields are accepted, so that a renewal can take the file of the enrolment, and have no
effect. The old certificate stays valid; when the new one is collected, the old one's status becomes Renewed, with
renewed_to. A renewal in progress is continued and never ordered twice.

sectigo_max_timeout is the time to wait for the new certificate. Waiting and renewal fields that are given here are
stored with the certificate and apply from then on.
"""
