"""`readcert/:config_name/:sectigo_cert_unique_id`: a certificate as it is stored, without consequences."""

from sectigo_vault_pki.lifecycle import Engine
from sectigo_vault_pki.paths.answers.certificate_answer import CERTIFICATE_SCHEMA, certificate_response, with_remarks
from sectigo_vault_pki.paths.error_kinds import naming_unknown_entry
from sectigo_vault_pki.paths.fields import ssl_fields
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME, UNIQUE_ID, with_ignored
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

KEY_STAYS = "private_key is empty here: it is kept for one answer only, which a read of certs/ gives"


def path_readcert(engine: Engine) -> Path:
    """Declare the read."""

    async def read(_: Request, data: FieldData) -> Response:
        async with naming_unknown_entry(engine, data[CONFIG_NAME]):
            answer = await engine.as_stored(data[CONFIG_NAME], data[UNIQUE_ID])
        stays = answer.record is not None and answer.record.requested.releases_key
        response = certificate_response(answer, data.get(ssl_fields.FORMAT), with_key=not stays)
        return with_remarks(response, (KEY_STAYS,) if stays else ())

    return Path(
        template="readcert/{config_name}/{sectigo_cert_unique_id}",
        fields=with_ignored(CONFIG_NAME, UNIQUE_ID, ssl_fields.STORED_FORMAT),
        operations={
            Operation.READ: Handler(
                read,
                summary="Read a certificate as it is stored.",
                query=(ssl_fields.STORED_FORMAT,),
                answer=CERTIFICATE_SCHEMA,
            )
        },
        synopsis="Read a certificate as it is stored: nothing is called, written or renewed.",
        description=DESCRIPTION,
    )


DESCRIPTION = """
Returns the stored certificate with its key, CSR and history, as certs/ does, and does nothing else: it does not ask
SCM, collects and renews nothing, follows no renewal, and writes nothing. A private key that is kept for one answer only
stays where it is, and the answer has none.
"""
