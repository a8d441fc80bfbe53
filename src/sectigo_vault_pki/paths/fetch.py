"""`fetch/:config_name/:cert_id`: import a certificate that was ordered elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import replace

from sectigo_vault_pki.errors import SectigoVaultPkiError
from sectigo_vault_pki.lifecycle import Engine, FetchRequest
from sectigo_vault_pki.paths.answers.certificate_answer import (
    CERTIFICATE_SCHEMA,
    certificate_response,
    delete_one_time_key,
)
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES
from sectigo_vault_pki.paths.fields import key_fields, ssl_fields, waiting_fields
from sectigo_vault_pki.paths.fields.common_fields import CERT_ID, CONFIG_NAME, with_ignored
from sectigo_vault_pki.store import RequestedFields
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

_SCM_ID = re.compile(r"[1-9][0-9]*", re.ASCII)
PRIVATE_KEY = replace(
    key_fields.PRIVATE_KEY,
    description=(
        "Private key of the certificate in PEM (PKCS#1, PKCS#8 or SEC1, unencrypted). It is checked against the "
        "certificate and stored with it; without it, the certificate is stored without a key."
    ),
)
MAX_TIMEOUT = replace(
    waiting_fields.MAX_TIMEOUT_OF_CERTIFICATE,
    description=(
        "Seconds to wait for a certificate that SCM has not issued yet; 0 does not wait. "
        "Default: the config entry's value, else 600."
    ),
)


def path_fetch(engine: Engine) -> Path:
    """Declare the path of an import."""

    async def write(request: Request, data: FieldData) -> Response:
        config_name = data[CONFIG_NAME]
        fetched = FetchRequest(
            scm_id=await engine.scm_id(config_name, data[CERT_ID]),
            requested=RequestedFields(
                format=ssl_fields.format_name(data), waiting=waiting_fields.waiting_and_renewal(data)
            ),
            key=data.get(key_fields.PRIVATE_KEY),
            requested_by=request.requester,
        )
        answer = await engine.fetch(config_name, fetched, time_limit=request.time_limit)
        response = certificate_response(answer, data.get(ssl_fields.FORMAT))
        await delete_one_time_key(engine, config_name, answer, request.requester)
        return response

    async def canonical(captured: Mapping[str, str]) -> Mapping[str, str]:
        """Return SCM's id in place of a unique id; the request itself refuses what is neither."""
        named = captured[CERT_ID.name]
        if _SCM_ID.fullmatch(named):
            return {}
        try:
            scm_id = await engine.scm_id(captured[CONFIG_NAME.name], named)
        except SectigoVaultPkiError:
            return {}
        return {CERT_ID.name: str(scm_id)}

    return Path(
        template="fetch/{config_name}/{cert_id}",
        fields=with_ignored(
            CONFIG_NAME,
            CERT_ID,
            PRIVATE_KEY,
            ssl_fields.STORED_FORMAT,
            *waiting_fields.of_certificate(MAX_TIMEOUT),
        ),
        operations={Operation.UPDATE: Handler(write, forwarded=True, answer=CERTIFICATE_SCHEMA, failures=SCM_FAILURES)},
        synopsis="Fetch a certificate from SCM and store it.",
        description=DESCRIPTION,
        canonical=canonical,
    )


DESCRIPTION = """
Collects a certificate from Sectigo Certificate Manager that was ordered elsewhere, and stores it under the config
entry: without its private key, unless a sectigo_private_key that belongs to it is given. A certificate that is already
stored is returned as a read of certs/ returns it; a sectigo_private_key is then checked, and stored if it belongs to
the certificate. A certificate that SCM does not know, or has revoked, is refused. If SCM has not issued it within
sectigo_max_timeout, it is stored as TimeoutStateSaved, and reading it collects it.

The other fields of key and CSR, names and domain have no effect: SCM decides what the certificate contains.
"""
