"""`renew/:config_name/:sectigo_cert_unique_id`: renew a certificate now."""

from collections.abc import Sequence
from dataclasses import replace

from sectigo_vault_pki.lifecycle import Engine, RenewalRequest
from sectigo_vault_pki.paths import _fields, _variants
from sectigo_vault_pki.paths._answers import CERTIFICATE_SCHEMA, answered_with_key, certificate_response, with_remarks
from sectigo_vault_pki.paths._errors import with_logical_errors
from sectigo_vault_pki.paths._keys import key_problems, key_wish, remarks_on_names
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
    _fields.CSR,
    description=(
        "CSR in PEM for the renewed SSL certificate, used as given. Without it, the stored CSR is used again. In JSON, "
        "write line ends as \\n."
    ),
)
PRIVATE_KEY = replace(
    _fields.PRIVATE_KEY,
    description=(
        "Private key in PEM (PKCS#1, PKCS#8 or SEC1, unencrypted) for the renewed SSL certificate: that of the "
        "sectigo_csr given here, or one to make a new CSR with. Without it, the stored key is used again. "
        "Not for client certificates: SCM renews them with the same key."
    ),
)


def path_renew(engine: Engine) -> Path:
    """Declare the path."""

    async def review(_: Request, data: FieldData) -> Sequence[str]:
        return key_problems(data, needs_common_name=True)

    async def write(request: Request, data: FieldData) -> Response:
        flags = _fields.waiting_and_renewal(data)
        answer = await engine.renew(
            data[_fields.CONFIG_NAME],
            data[_fields.UNIQUE_ID],
            RenewalRequest(wish=key_wish(data), new_key=bool(data.get(RENEW_NEW_KEY)), flags=flags),
            time_limit=request.time_limit,
        )
        response = with_remarks(certificate_response(answer, None), remarks_on_names(data.get(CSR)))
        return await answered_with_key(engine, data[_fields.CONFIG_NAME], answer, response)

    taken = (CSR, PRIVATE_KEY)
    names = {declared.name for declared in taken}
    ignored = (f for f in (*_fields.KEY_AND_CSR, *_fields.SSL, *_fields.CLIENT) if f.name not in names)
    return Path(
        template="renew/{config_name}/{sectigo_cert_unique_id}",
        fields=(
            _fields.CONFIG_NAME,
            _fields.UNIQUE_ID,
            *taken,
            RENEW_NEW_KEY,
            *_variants.OF_A_CERTIFICATE,
            *_variants.without_effect(ignored),
        ),
        operations={
            Operation.UPDATE: Handler(
                with_logical_errors(write),
                summary="Renew a certificate at SCM and collect the new one.",
                forwarded=True,
                answer=CERTIFICATE_SCHEMA,
            )
        },
        synopsis="Renew a certificate at SCM and collect the new one.",
        description=DESCRIPTION,
        review=review,
        strict=_variants.ORDERING,
    )


DESCRIPTION = """
Renews the certificate now, inside or outside its expiry window: places a new order at Sectigo Certificate Manager and
answers the new certificate, which has a new unique id. The key and the CSR stay the same, unless sectigo_csr,
sectigo_private_key or sectigo_renew_new_key is given (SSL certificates only). Domain, names, type and validity are
those of the certificate: their fields are accepted, so that a renewal can be given the file of the enrolment, and have
no effect. The old certificate stays valid; when the new one is collected, its status becomes Renewed, with renewed_to.
A renewal that is under way is carried on and never ordered twice.

sectigo_max_timeout is the time to wait for the new certificate. Values of the waiting and renewal fields that are given
here are stored with the certificate and hold for what follows.
"""
