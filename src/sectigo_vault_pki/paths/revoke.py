"""`revoke/:config_name/:sectigo_cert_unique_id`: revoke a certificate at SCM."""

from sectigo_vault_pki.lifecycle import Engine, RevocationRequest
from sectigo_vault_pki.paths.answers.certificate_answer import CERTIFICATE_SCHEMA, certificate_response
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME, REASON, UNIQUE_ID
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response


def path_revoke(engine: Engine) -> Path:
    """Declare the path of a revocation by unique id."""

    async def write(request: Request, data: FieldData) -> Response:
        answer = await engine.revoke(
            data[CONFIG_NAME],
            data[UNIQUE_ID],
            RevocationRequest(data[REASON], request.requester),
            time_limit=request.time_limit,
        )
        return certificate_response(answer, None, with_key=False)

    return Path(
        template="revoke/{config_name}/{sectigo_cert_unique_id}",
        fields=(CONFIG_NAME, UNIQUE_ID, REASON),
        operations={Operation.UPDATE: Handler(write, forwarded=True, answer=CERTIFICATE_SCHEMA, failures=SCM_FAILURES)},
        synopsis="Revoke a certificate at SCM.",
        description=DESCRIPTION,
    )


DESCRIPTION = """
Revokes the certificate at Sectigo Certificate Manager. It stays stored with its key and its history and can still be
read; it is not renewed any more. Revoking a revoked certificate again is not an error. A certificate that is not issued
yet cannot be revoked: decline its order in SCM.
"""
