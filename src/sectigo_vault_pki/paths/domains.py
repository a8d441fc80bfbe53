"""`domains/:config_name` and `domains/:config_name/:domain`: the state of domain validation at SCM."""

from dataclasses import replace

from sectigo_vault_pki.lifecycle import Engine
from sectigo_vault_pki.paths.answers.certificate_answer import LIST_SCHEMA, Schema
from sectigo_vault_pki.paths.answers.validation_answer import (
    DOMAIN_SCHEMA,
    STATE_SCHEMA,
    shown_domain,
    shown_state,
)
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES
from sectigo_vault_pki.paths.fields import name_kinds
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME
from sectigo_vault_pki.vault_plugin.framework import PAGING, Field, FieldData, Handler, Path, page_response
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

DOMAIN = Field(
    name="domain",
    label="Domain",
    kind=name_kinds.domain(),
    log_key="domain",
    description="The domain, as the list shows it.",
)
DOMAINS_SCHEMA: Schema = {
    **LIST_SCHEMA,
    "key_info": {
        "type": "object",
        "additionalProperties": {"type": "object", "properties": STATE_SCHEMA},
        "description": "The state of each domain's validation",
    },
}


def path_domains_list(engine: Engine) -> Path:
    """Declare the list."""

    async def list_domains(_: Request, data: FieldData) -> Response:
        found = await engine.domains(data[CONFIG_NAME])
        states = {row.domain: shown_state(row) for row in found.rows}
        return replace(page_response(list(states), data, key_info=states), warnings=found.warnings)

    return Path(
        template="domains/{config_name}/",
        fields=(CONFIG_NAME, *PAGING),
        operations={
            Operation.LIST: Handler(
                list_domains,
                summary="List the domains that SCM knows.",
                forwarded=True,
                query=PAGING,
                answer=DOMAINS_SCHEMA,
                failures=SCM_FAILURES,
            )
        },
        synopsis="List the domains that SCM knows, with the state of their validation.",
        description=LIST_DESCRIPTION,
    )


def path_domain(engine: Engine) -> Path:
    """Declare the read of one domain."""

    async def read(_: Request, data: FieldData) -> Response:
        domain = data[DOMAIN]
        return Response(data=shown_domain(domain, await engine.domain(data[CONFIG_NAME], domain)))

    return Path(
        template="domains/{config_name}/{domain}",
        fields=(CONFIG_NAME, DOMAIN),
        operations={
            Operation.READ: Handler(
                read,
                summary="Read the state of a domain's validation.",
                forwarded=True,
                answer=DOMAIN_SCHEMA,
                failures=SCM_FAILURES,
            )
        },
        synopsis="Read the state of a domain's validation, and what to publish for it.",
        description=DESCRIPTION,
    )


LIST_DESCRIPTION = """
Asks SCM for the domains that the login of the config entry may see. key_info has the state of each one's validation
(dcv_status, dcv_method), and until when SCM reuses it (expiration). Only for config entries of type ssl_cert; the login
needs the right to see domain validation.
"""

DESCRIPTION = """
Asks SCM for one domain: the state of its validation, until when SCM reuses it, and while it is being validated what has
to be published where (dcv): the DNS record host with the value point, the file at url with two lines, or the address
that gets a question by e-mail. Nothing is started: SCM validates a domain for an order, or in its portal.
"""
