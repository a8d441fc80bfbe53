"""`certs`, `cert/:serial` and `revoke`: certificates by their serial numbers, as in Vault's own pki engine."""

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.lifecycle import MAX_PAGE, CertificateWithSerial, Engine, RevocationRequest
from sectigo_vault_pki.paths.answers.certificate_answer import LIST_SCHEMA, with_remarks
from sectigo_vault_pki.paths.answers.pki_answer import (
    BY_SERIAL_SCHEMA,
    REVOCATION_SCHEMA,
    certificate_data,
    revocation_data,
)
from sectigo_vault_pki.paths.answers.summary_answer import (
    DETAILS_SCHEMA,
    PAGING_OF_DETAILS,
    details_response,
)
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES
from sectigo_vault_pki.paths.fields import pki_fields as fields
from sectigo_vault_pki.paths.fields.common_fields import DETAILED, RESERVED_NAMES, REVOKED
from sectigo_vault_pki.pki import GivenCertificate
from sectigo_vault_pki.vault_plugin.framework import PAGING, FieldData, Handler, Path, asked_page
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response, list_response

DEFAULT_REASON = "revoked in Vault"
"""SCM requires a reason, and the clients of Vault's pki send none."""


def path_serials_list(engine: Engine) -> Path:
    """Declare the list."""

    async def list_serials(_: Request, data: FieldData) -> Response:
        after, limit = _asked_serials(data)
        return list_response(await engine.inventory.serial_numbers(after=after, limit=limit))

    return Path(
        template="certs/",
        fields=PAGING,
        operations={
            Operation.LIST: Handler(
                list_serials,
                summary="List the serial numbers.",
                query=PAGING,
                answer=LIST_SCHEMA,
                operation_id="list-certs",
            )
        },
        synopsis="List the serial numbers of all certificates.",
        description=LIST_DESCRIPTION,
    )


def path_details_list(engine: Engine) -> Path:
    """Declare the list of all certificates, by serial number."""

    async def list_details(_: Request, data: FieldData) -> Response:
        if (taken := await _of_entry_with_reserved_name(engine, DETAILED, data)) is not None:
            return taken
        after, limit = _asked_serials(data)
        page = await engine.inventory.serials_page(after=after, limit=limit)
        return details_response(page, {summary.serial_number: (name, summary) for name, summary in page.rows})

    return Path(
        template=f"certs/{DETAILED}/",
        fields=PAGING_OF_DETAILS,
        operations={
            Operation.LIST: Handler(
                list_details,
                summary="List the serial numbers, with the details of their certificates.",
                query=PAGING_OF_DETAILS,
                answer=DETAILS_SCHEMA,
                operation_id="list-certs-detailed",
            )
        },
        synopsis="List the serial numbers of all certificates, with their details.",
        description=DETAILS_DESCRIPTION,
    )


def path_revoked_list(engine: Engine) -> Path:
    """Declare the list of the revoked ones."""

    async def list_revoked(_: Request, data: FieldData) -> Response:
        taken = await _of_entry_with_reserved_name(engine, REVOKED, data)
        after, limit = _asked_serials(data)
        return taken or list_response(await engine.inventory.revoked_serial_numbers(after=after, limit=limit))

    return Path(
        template=f"certs/{REVOKED}/",
        fields=PAGING,
        operations={
            Operation.LIST: Handler(
                list_revoked,
                summary="List the serial numbers of revoked ones.",
                query=PAGING,
                answer=LIST_SCHEMA,
                operation_id="list-revoked-certs",
            )
        },
        synopsis="List the serial numbers of the revoked certificates.",
        description=REVOKED_DESCRIPTION,
    )


def path_cert(engine: Engine) -> Path:
    """Declare the read by serial number."""

    async def read(_: Request, data: FieldData) -> Response:
        found = await engine.inventory.by_serial(data[fields.SERIAL])
        return Response(data=certificate_data(found), warnings=_remarks(found))

    return Path(
        template="cert/{serial}",
        fields=(fields.SERIAL,),
        operations={
            Operation.READ: Handler(read, summary="Read a certificate by serial number.", answer=BY_SERIAL_SCHEMA)
        },
        synopsis="Read a certificate, without its key, by its serial number.",
        description=READ_DESCRIPTION,
        is_unauthenticated=True,
    )


def path_revoke_by_serial(engine: Engine) -> Path:
    """Declare the revocation by serial number."""

    async def write(request: Request, data: FieldData) -> Response:
        wanted = RevocationRequest(data.get(fields.REASON) or DEFAULT_REASON, request.requester)
        found = await engine.revoke_by_serial(_named(data), wanted, time_limit=request.time_limit)
        return Response(data=revocation_data(found), warnings=found.warnings)

    return Path(
        template="revoke",
        fields=(fields.SERIAL_NUMBER, fields.CERTIFICATE, fields.REASON),
        operations={
            Operation.UPDATE: Handler(
                write,
                summary="Revoke a certificate by serial number.",
                forwarded=True,
                answer=REVOCATION_SCHEMA,
                failures=SCM_FAILURES,
                operation_id="revoke",
            )
        },
        synopsis="Revoke a certificate at SCM by its serial number.",
        description=REVOKE_DESCRIPTION,
        operation_words="revoke by serial",
    )


def _asked_serials(data: FieldData) -> tuple[str, int]:
    """Return after which serial number how many are wanted; it may be the beginning of one, and in any spelling."""
    after, limit = asked_page(data)
    return after.strip().lower().replace("-", ":"), limit


async def _of_entry_with_reserved_name(engine: Engine, name: str, data: FieldData) -> Response | None:
    """Return the certificates of a config entry that an earlier version let have a reserved name, if there are any."""
    if not await engine.inventory.unique_ids(name, limit=1):
        return None
    after, limit = asked_page(data)
    return with_remarks(
        list_response(await engine.inventory.unique_ids(name, after=after, limit=limit)),
        (_name_taken(name),),
    )


def _name_taken(name: str) -> str:
    return (
        f"these are the certificates of the config entry {name}, whose name is reserved by now: once none is stored "
        f"under it, {RESERVED_NAMES[name]}"
    )


def _named(data: FieldData) -> str | GivenCertificate:
    if (fields.SERIAL_NUMBER in data) is (fields.CERTIFICATE in data):
        raise InvalidInputError("exactly one of serial_number and certificate must be provided")
    return data[fields.CERTIFICATE] if fields.CERTIFICATE in data else data[fields.SERIAL_NUMBER]


def _remarks(found: CertificateWithSerial) -> tuple[str, ...]:
    if not found.others:
        return ()
    others = ", ".join(found.others)
    return (f"several certificates have this serial number: this is {found.place}, and certs/ also has {others}",)


LIST_DESCRIPTION = """
Returns the serial numbers of the certificates under all config entries, in hex with colons, those of replaced
certificates included as long as they are kept.
"""

DETAILS_DESCRIPTION = f"""
Returns the serial numbers of the certificates under all config entries, in hex with colons, those of replaced
certificates included as long as they are kept, and in key_info what is known of each one, without PEM and key. At most
{MAX_PAGE} are returned; a warning says so if there may be more.
"""

REVOKED_DESCRIPTION = """
Returns the serial numbers of the certificates under all config entries that were revoked and are still stored, in hex
with colons, those of replaced certificates included. After an upgrade from a version without this list, the first
background run completes it. If an earlier version stored certificates under a config entry named revoked, their unique
ids are listed instead, with a warning.
"""

READ_DESCRIPTION = """
Returns the certificate with this serial number, and when it was revoked. The read neither calls SCM nor collects or
renews; only certs/<config_name>/<unique_id> returns the private key. If certificates of several issuers share the
number, it returns one, with a warning that says which, and where the others are. As in Vault's own pki engine, it
needs no token.
"""

REVOKE_DESCRIPTION = """
Revokes the certificate at Sectigo Certificate Manager, whatever config entry it is stored under. It stays stored.
Revoking a revoked certificate again is not an error. A certificate is recognised by all its bytes; a serial number that
certificates of several issuers share is refused.
"""
