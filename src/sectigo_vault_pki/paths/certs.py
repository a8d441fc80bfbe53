"""`certs/:config_name` and `certs/:config_name/:sectigo_cert_unique_id`: what is stored."""

from dataclasses import replace

from sectigo_vault_pki.lifecycle import Engine, notice_on_window
from sectigo_vault_pki.paths.answers.certificate_answer import (
    CERTIFICATE_SCHEMA,
    LIST_SCHEMA,
    AnsweredCertificates,
    delete_one_time_key,
)
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES, naming_unknown_entry
from sectigo_vault_pki.paths.fields import ssl_fields, waiting_fields
from sectigo_vault_pki.paths.fields.columns import answer_schema
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME, UNIQUE_ID, with_ignored
from sectigo_vault_pki.store import WaitingAndRenewal
from sectigo_vault_pki.vault_plugin.framework import PAGING, Field, FieldData, Handler, Path, asked_page, kinds
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response, list_response

FORCE = Field(
    name="sectigo_force",
    label="Delete the key too",
    kind=kinds.boolean(),
    default=False,
    description=(
        "On delete: delete an order-<uuid> with its private key, although SCM may have accepted the order. Default: "
        "false."
    ),
)
MAX_TIMEOUT = replace(
    waiting_fields.MAX_TIMEOUT,
    default=None,
    description=(
        "Seconds for which this read waits for a certificate that is not issued yet. Without it, a read asks SCM once "
        "and does not wait; a read that renews waits as long as the renewal does. A write stores it for renewals and "
        "replacements."
    ),
)
STORED_MAX_TIMEOUT = replace(
    waiting_fields.MAX_TIMEOUT_OF_CERTIFICATE,
    description="Seconds for which renewals and replacements wait for the new certificate; 0 does not wait.",
)


def path_certs_list(engine: Engine) -> Path:
    """Declare the list."""

    async def list_ids(_: Request, data: FieldData) -> Response:
        config_name, (after, limit) = data[CONFIG_NAME], asked_page(data)
        unique_ids = await engine.inventory.unique_ids(config_name, after=after, limit=limit)
        if not unique_ids and not await engine.inventory.unique_ids(config_name, limit=1):
            await engine.certificate_type(config_name)  # the error names an unknown entry
        return list_response(unique_ids)

    return Path(
        template="certs/{config_name}/",
        fields=(CONFIG_NAME, *PAGING),
        operations={
            Operation.LIST: Handler(
                list_ids,
                summary="List the stored certificates.",
                query=PAGING,
                answer=LIST_SCHEMA,
                operation_id="list-certs-by-config-name",
            )
        },
        synopsis="List the certificates stored under a config entry.",
        description=LIST_DESCRIPTION,
    )


def path_certs(engine: Engine) -> Path:
    """Declare read, write and delete."""
    answered = AnsweredCertificates()

    async def read(request: Request, data: FieldData) -> Response:
        async with naming_unknown_entry(engine, data[CONFIG_NAME]):
            answer = await engine.read(
                data[CONFIG_NAME],
                data[UNIQUE_ID],
                waiting_fields.waiting_and_renewal(data),
                time_limit=request.time_limit,
            )
        response = answered.response(answer, data.get(ssl_fields.FORMAT))
        await delete_one_time_key(engine, data[CONFIG_NAME], answer, request.requester)
        return response

    async def write(request: Request, data: FieldData) -> Response:
        record = await engine.change_flags(
            data[CONFIG_NAME],
            data[UNIQUE_ID],
            waiting_fields.waiting_and_renewal(data),
            waiting_fields.cleared_flags(data),
            requested_by=request.requester,
        )
        notice = notice_on_window(record, WaitingAndRenewal())
        return Response(
            data=waiting_fields.shown_flags(record.requested.waiting), warnings=() if notice is None else (notice,)
        )

    async def delete(request: Request, data: FieldData) -> None:
        force = bool(data.get(FORCE))
        await engine.forget(data[CONFIG_NAME], data[UNIQUE_ID], force=force, requested_by=request.requester)

    of_read = (*waiting_fields.of_certificate(MAX_TIMEOUT), ssl_fields.STORED_FORMAT)
    of_write = waiting_fields.of_certificate(STORED_MAX_TIMEOUT)
    return Path(
        template="certs/{config_name}/{sectigo_cert_unique_id}",
        fields=with_ignored(CONFIG_NAME, UNIQUE_ID, *of_read, FORCE),
        operations={
            Operation.READ: Handler(
                read,
                summary="Read a certificate, with its key.",
                query=of_read,
                answer=CERTIFICATE_SCHEMA,
                failures=SCM_FAILURES,
            ),
            Operation.UPDATE: Handler(
                write,
                summary="Store waiting and renewal fields with a certificate.",
                forwarded=True,
                body=of_write,
                answer=answer_schema(waiting_fields.FIELDS),
            ),
            Operation.DELETE: Handler(
                delete,
                summary="Delete a certificate and its key from Vault.",
                query=(FORCE,),
                forwarded=True,
            ),
        },
        synopsis="Read, collect, change or delete a stored certificate.",
        description=DESCRIPTION,
    )


LIST_DESCRIPTION = """
Returns the unique ids of the certificates stored under the config entry. An order that SCM has not answered, or whose
answer was lost, is listed as order-<uuid>.
"""

DESCRIPTION = """
A read returns the stored certificate with its key, CSR and history. If the certificate is not collected yet, the read
first asks SCM for it: once, or until the read's own sectigo_max_timeout ends. If it is due (sectigo_expiry_window,
sectigo_auto_renew), the read renews it and returns the new certificate; if that fails, it returns the stored one with a
warning. Due certificates are also renewed in the background, without any read. Reading a renewed certificate returns
its newest renewal, unless sectigo_read_renewed_cert is false. In all other cases a read neither calls SCM nor writes.

A write stores the waiting and renewal fields of the request with the certificate, for later reads and for the
background, and returns the stored ones; it does not call SCM. A field sent as empty text is removed, so that the config
entry's value applies again.

Reading order-<uuid> asks SCM what became of an order whose answer was lost.

A delete removes the certificate, its key and its history from Vault only; it does not call SCM.

The fields of an enrolment are accepted, so that a read can take the same file. They have no effect: a read changes
neither the key nor the CSR nor the names of a stored certificate. sectigo_ssl_cert_format_type applies to this answer
only.
"""
