"""`revoke/:config_name/:sectigo_cert_unique_id`: revoke a certificate at SCM."""

from sectigo_vault_pki.lifecycle import Engine
from sectigo_vault_pki.paths import _fields
from sectigo_vault_pki.paths._answers import CERTIFICATE_SCHEMA, certificate_response
from sectigo_vault_pki.paths._errors import with_logical_errors
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response


def path_revoke(engine: Engine) -> Path:
    """Declare the path."""

    async def write(request: Request, data: FieldData) -> Response:
        answer = await engine.revoke(
            data[_fields.CONFIG_NAME],
            data[_fields.UNIQUE_ID],
            data[_fields.REASON],
            time_limit=request.time_limit,
        )
        return certificate_response(answer, None, with_key=False)

    return Path(
        template="revoke/{config_name}/{sectigo_cert_unique_id}",
        fields=(_fields.CONFIG_NAME, _fields.UNIQUE_ID, _fields.REASON),
        operations={
            Operation.UPDATE: Handler(
                with_logical_errors(write),
                summary="Revoke a certificate at SCM.",
                forwarded=True,
                answer=CERTIFICATE_SCHEMA,
            )
        },
        synopsis="Revoke a certificate at SCM.",
        description=DESCRIPTION,
    )


DESCRIPTION = """
Revokes the certificate at Sectigo Certificate Manager. It stays stored with its key and its history and can still be
read; it is not renewed any more. Revoking a revoked certificate again is not an error. A certificate that is not issued
yet cannot be revoked: decline its order in SCM.
"""
