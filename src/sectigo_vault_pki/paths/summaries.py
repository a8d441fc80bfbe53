"""Looking at certificates without touching them: no PEM, no key, no call to SCM, nothing written.

A policy can allow these paths to whoever may see what there is, and may not see keys.
"""

from sectigo_vault_pki.lifecycle import MAX_PAGE, Engine, Filter, Outlook, RenewalOutlook
from sectigo_vault_pki.paths.answers.certificate_answer import FLAG, NUMBER, TEXT, TEXTS, Schema, rfc3339
from sectigo_vault_pki.paths.answers.summary_answer import (
    DETAILS_SCHEMA,
    KEY_INFO_PROPERTIES,
    LIMIT_OF_DETAILS,
    PAGING_OF_DETAILS,
    details_response,
    shown_summary,
)
from sectigo_vault_pki.paths.error_kinds import naming_unknown_entry
from sectigo_vault_pki.paths.fields import field_kinds
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME, DETAILED, UNIQUE_ID
from sectigo_vault_pki.store import CertificateType, Status
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path, asked_page, kinds
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

STATUS = Field(
    name="status",
    kind=kinds.choice(*(status.value for status in Status)),
    description="Return only certificates with this newest status.",
)
NAME = Field(
    name="name",
    kind=kinds.text(max_length=255),
    description=(
        "Return only certificates with a common name or an alternative name that begins with this text; *.example.com "
        "stands for names that end in .example.com."
    ),
)
WINDOW = Field(
    name="window",
    label="Window",
    kind=field_kinds.window(),
    description="How far to look: a number of days, or a duration such as 12h or 30d.",
)
AFTER_END = Field(
    name="after",
    kind=field_kinds.ending(),
    description="Return only what comes after this place, <day>/<config_name>/<unique_id>, which a warning tells.",
)
PAGING_BY_END = (AFTER_END, LIMIT_OF_DETAILS)

RENEWAL_SCHEMA: Schema = {
    "automatic": {**FLAG, "description": "Whether it is renewed without a request"},
    "due": {**TEXT, "description": "When it becomes due (RFC 3339); empty if it is revoked, renewed or not issued"},
    "held_by": {**TEXT, "description": "Why it is not renewed automatically, or not now; empty if nothing prevents it"},
    "last_error": {**TEXT, "description": "Why the last try was refused or held back; empty if it was not"},
    "last_try": {**TEXT, "description": "When that was (RFC 3339)"},
    "next_try": {**TEXT, "description": "When it is tried next (RFC 3339), where a pause is in force"},
}
SUMMARY_SCHEMA: Schema = {
    **KEY_INFO_PROPERTIES,
    "certificate_type": {**TEXT, "enum": [kind.value for kind in CertificateType]},
    "days_left": {**NUMBER, "description": "Whole days until its end, negative once it has expired; 0 while unknown"},
    "dcv": {
        "type": "array",
        "items": {"type": "object", "properties": {"domain": TEXT, "expiration": TEXT}},
        "description": "Domain validations that end before it is renewed, soonest first",
    },
    "names": {**TEXTS, "description": "All its alternative names, those of hosts, addresses and people"},
    "renewal": {"type": "object", "properties": RENEWAL_SCHEMA, "description": "When and how it is renewed"},
    "revoked_at": {**TEXT, "description": "When it was revoked (RFC 3339); empty if it is not"},
}


def path_summary(engine: Engine) -> Path:
    """Declare the read of one certificate."""

    async def read(_: Request, data: FieldData) -> Response:
        async with naming_unknown_entry(engine, data[CONFIG_NAME]):
            outlook = await engine.inventory.outlook(data[CONFIG_NAME], data[UNIQUE_ID])
        return Response(data=_shown_outlook(data[CONFIG_NAME], outlook), warnings=tuple(outlook.warnings))

    return Path(
        template="certs/{config_name}/{sectigo_cert_unique_id}/summary",
        fields=(CONFIG_NAME, UNIQUE_ID),
        operations={
            Operation.READ: Handler(
                read, summary="Read what is known of a certificate, without PEM and key.", answer=SUMMARY_SCHEMA
            )
        },
        synopsis="Read what is known of a certificate, without its PEM and its key.",
        description=SUMMARY_DESCRIPTION,
    )


def path_details_list(engine: Engine) -> Path:
    """Declare the list of a config entry's certificates."""

    async def list_details(_: Request, data: FieldData) -> Response:
        config_name = data[CONFIG_NAME]
        wanted = Filter(status=Status(data[STATUS]) if STATUS in data else None, name=data.get(NAME))
        after, limit = asked_page(data)
        page = await engine.inventory.certificates_page(config_name, wanted, after=after, limit=limit)
        if not page.rows and not after and wanted == Filter():
            await engine.certificate_type(config_name)  # the error names an unknown entry
        return details_response(page, {summary.unique_id: (name, summary) for name, summary in page.rows})

    return Path(
        template=f"certs/{{config_name}}/{DETAILED}/",
        fields=(CONFIG_NAME, *PAGING_OF_DETAILS, STATUS, NAME),
        operations={
            Operation.LIST: Handler(
                list_details,
                summary="List the stored certificates with their details.",
                query=(*PAGING_OF_DETAILS, STATUS, NAME),
                answer=DETAILS_SCHEMA,
                operation_id="list-certs-detailed-by-config-name",
            )
        },
        synopsis="List the certificates stored under a config entry, with their details.",
        operation_words="certs detailed",
        description=DETAILS_DESCRIPTION,
    )


def path_expiring_list(engine: Engine) -> Path:
    """Declare the list of what ends soon."""

    async def list_expiring(_: Request, data: FieldData) -> Response:
        window, limit = field_kinds.window_length(data[WINDOW]), data.get(LIMIT_OF_DETAILS) or 0
        page = await engine.inventory.ending_within(window, after=data.get(AFTER_END), limit=limit)
        return details_response(page, {f"{name}/{summary.unique_id}": (name, summary) for name, summary in page.rows})

    return Path(
        template="expiring/{window}/",
        fields=(WINDOW, *PAGING_BY_END),
        operations={
            Operation.LIST: Handler(
                list_expiring,
                summary="List the certificates that end soon.",
                query=PAGING_BY_END,
                answer=DETAILS_SCHEMA,
            )
        },
        synopsis="List the certificates under all config entries that end soon, soonest first.",
        description=EXPIRING_DESCRIPTION,
    )


def _shown_outlook(config_name: str, outlook: Outlook) -> dict[str, object]:
    summary = outlook.summary
    return {
        **shown_summary(config_name, summary),
        "certificate_type": summary.certificate_type.value,
        "days_left": 0 if outlook.life_left is None else outlook.life_left.days,
        "dcv": [{"domain": lapse.domain, "expiration": rfc3339(lapse.ends_at)} for lapse in outlook.validations],
        "names": list(summary.subject_alt_names),
        "renewal": _shown_renewal(outlook.renewal),
        "revoked_at": rfc3339(summary.revoked_at),
    }


def _shown_renewal(renewal: RenewalOutlook) -> dict[str, object]:
    refused = renewal.refused
    return {
        "automatic": renewal.is_automatic,
        "due": rfc3339(renewal.due_at),
        "held_by": renewal.held_by,
        "last_error": refused.text if refused else "",
        "last_try": rfc3339(refused.at if refused else None),
        "next_try": rfc3339(renewal.next_try),
    }


SUMMARY_DESCRIPTION = """
Returns what is known of a stored certificate: names, status, serial number, validity, key type, issuer, who asked for
it, and when and how it is renewed. It returns no PEM, no CSR and no key. It does nothing else: it does not ask SCM,
collects and renews nothing, follows no renewal, and writes nothing. A policy can allow it to people who may not see
keys.
"""

DETAILS_DESCRIPTION = f"""
Returns the unique ids of the certificates stored under the config entry, in ascending order, and in key_info what is
known of each one, without PEM and key. An order that SCM has not answered, or whose answer was lost, is listed as
order-<uuid>. At most {MAX_PAGE} are returned; a warning says so if there may be more. status and name select; a list
that is filtered looks at a bounded number of certificates, so that it may return fewer than limit, and the warning then
says where to continue.
"""

EXPIRING_DESCRIPTION = f"""
Returns the certificates under all config entries that end within the window, soonest first, as
<config_name>/<unique_id>, and in key_info what is known of each one, without PEM and key. Certificates that are
revoked, renewed or have expired are left out. At most {MAX_PAGE} are returned. If there may be more, a warning says
after which place to continue: <day>/<config_name>/<unique_id>, in UTC. Pages follow one another by these places; of a
day whose certificates do not fit into one page, each page has some, soonest first. After an upgrade from a version
without this list, the background work completes it.
"""
