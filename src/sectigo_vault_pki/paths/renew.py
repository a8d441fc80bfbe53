"""`renew/:config_name/:sectigo_cert_unique_id`: renew a certificate now."""

from sectigo_vault_pki.framework import Field, FieldData, Handler, Path, kinds
from sectigo_vault_pki.lifecycle import Engine, RenewalRequest
from sectigo_vault_pki.logical import Operation, Request, Response
from sectigo_vault_pki.paths import _fields
from sectigo_vault_pki.paths._answers import CERTIFICATE_SCHEMA, answered_with_key, certificate_response
from sectigo_vault_pki.paths._errors import with_logical_errors
from sectigo_vault_pki.paths._keys import key_wish

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


def path_renew(engine: Engine) -> Path:
    """Declare the path."""

    async def write(request: Request, data: FieldData) -> Response:
        flags = _fields.waiting_and_renewal(data)
        answer = await engine.renew(
            data[_fields.CONFIG_NAME],
            _fields.checked_id(data),
            RenewalRequest(wish=key_wish(data), new_key=bool(data.get(RENEW_NEW_KEY)), flags=flags),
            time_limit=request.time_limit,
        )
        return await answered_with_key(engine, data[_fields.CONFIG_NAME], answer, certificate_response(answer, None))

    taken = (_fields.CSR, _fields.PRIVATE_KEY)
    ignored = (field for field in (*_fields.KEY_AND_CSR, *_fields.SSL, *_fields.CLIENT) if field not in taken)
    return Path(
        template="renew/{config_name}/{sectigo_cert_unique_id}",
        fields=(
            _fields.CONFIG_NAME,
            _fields.UNIQUE_ID,
            *taken,
            RENEW_NEW_KEY,
            *_fields.WAITING_AND_RENEWAL,
            *_fields.without_effect(ignored),
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
    )


DESCRIPTION = """
Renews the certificate now, inside or outside its expiry window: a new order at Sectigo Certificate Manager, with a new
unique id, which is answered. The key and the CSR stay, unless a sectigo_csr, a sectigo_private_key or
sectigo_renew_new_key says otherwise (SSL certificates only). The old certificate stays valid; its state turns Renewed,
with renewed_to, when the new one is there. A renewal that is under way is carried on, and never ordered twice.
"""
