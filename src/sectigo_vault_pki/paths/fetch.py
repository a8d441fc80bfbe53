"""`fetch/:config_name/:cert_id`: bring in a certificate that SCM has and Vault has not."""

import re
from collections.abc import Mapping

from sectigo_vault_pki.errors import SectigoVaultPkiError
from sectigo_vault_pki.framework import FieldData, Handler, Path
from sectigo_vault_pki.lifecycle import Engine
from sectigo_vault_pki.logical import Operation, Request, Response
from sectigo_vault_pki.paths import _fields
from sectigo_vault_pki.paths._answers import CERTIFICATE_SCHEMA, answered_with_key, certificate_response
from sectigo_vault_pki.paths._errors import with_logical_errors
from sectigo_vault_pki.store import RequestedFields

_SCM_ID = re.compile(r"[1-9][0-9]*", re.ASCII)


def path_fetch(engine: Engine) -> Path:
    """Declare the path."""

    async def write(request: Request, data: FieldData) -> Response:
        config_name = data[_fields.CONFIG_NAME]
        answer = await engine.fetch(
            config_name,
            await engine.scm_id(config_name, data[_fields.CERT_ID]),
            key=data.get(_fields.PRIVATE_KEY),
            requested=RequestedFields(
                format=_fields.certificate_format(data), waiting=_fields.waiting_and_renewal(data)
            ),
            time_limit=request.time_limit,
        )
        return await answered_with_key(
            engine, data[_fields.CONFIG_NAME], answer, certificate_response(answer, data.get(_fields.SSL_FORMAT_TYPE))
        )

    async def canonical(captured: Mapping[str, str]) -> Mapping[str, str]:
        """Return SCM's id in place of a unique id; what is neither of them, the request itself refuses."""
        named = captured[_fields.CERT_ID.name]
        if _SCM_ID.fullmatch(named):
            return {}
        try:
            scm_id = await engine.scm_id(captured[_fields.CONFIG_NAME.name], named)
        except SectigoVaultPkiError:
            return {}
        return {_fields.CERT_ID.name: str(scm_id)}

    taken = (_fields.PRIVATE_KEY, _fields.SSL_FORMAT_TYPE)
    ignored = (field for field in (*_fields.KEY_AND_CSR, *_fields.SSL, *_fields.CLIENT) if field not in taken)
    return Path(
        template="fetch/{config_name}/{cert_id}",
        fields=(
            _fields.CONFIG_NAME,
            _fields.CERT_ID,
            *taken,
            *_fields.WAITING_AND_RENEWAL,
            *_fields.without_effect(ignored),
        ),
        operations={
            Operation.UPDATE: Handler(
                with_logical_errors(write),
                summary="Fetch a certificate from SCM and store it.",
                forwarded=True,
                answer=CERTIFICATE_SCHEMA,
            )
        },
        synopsis="Fetch a certificate from SCM and store it.",
        description=DESCRIPTION,
        canonical=canonical,
    )


DESCRIPTION = """
Collects a certificate from Sectigo Certificate Manager that was ordered elsewhere, and stores it under the config
entry: without its private key, unless a sectigo_private_key that fits it is given. One that is stored already is
answered as a read of certs/ answers it. One that SCM does not know, or has revoked, is refused; one that SCM has not
issued yet is stored as TimeoutStateSaved, and reading it collects it.
"""
