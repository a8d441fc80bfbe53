"""`enroll/:config_name`: order a certificate."""

from collections.abc import Sequence
from dataclasses import replace

from sectigo_vault_pki.lifecycle import Engine, EnrolmentRequest
from sectigo_vault_pki.paths.answers.certificate_answer import (
    CERTIFICATE_SCHEMA,
    certificate_response,
    delete_one_time_key,
    with_remarks,
)
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES, logical_errors
from sectigo_vault_pki.paths.fields import client_fields, common_fields, key_fields, ssl_fields, waiting_fields
from sectigo_vault_pki.paths.fields.columns import stored_values
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME
from sectigo_vault_pki.store import CertificateType, RequestedFields, SubjectFields
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path, kinds
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

MAX_NAMES_LENGTH = 64
"""Characters of a person's names together, with the spaces between them (scm-api.md 4.1)."""

REQUEST_ID = Field(
    name="sectigo_request_id",
    label="Request id",
    kind=kinds.text(max_length=64),
    description=(
        "A text of your own that names this enrolment: a request with the same text returns the first one's result "
        "and orders nothing."
    ),
)


def path_enroll(engine: Engine) -> Path:
    """Declare the path of an order."""

    async def review(request: Request, data: FieldData) -> Sequence[str]:
        with logical_errors(request.operation):  # the router reports an unknown entry beside other problems
            certificate_type = await engine.certificate_type(data[CONFIG_NAME])
        return enrolment_problems(certificate_type, data)

    async def write(request: Request, data: FieldData) -> Response:
        certificate_type = await engine.certificate_type(data[CONFIG_NAME])
        enrolment = replace(
            enrolment_request(certificate_type, data), host_request_id=request.id, requested_by=request.requester
        )
        answer = await engine.enroll(data[CONFIG_NAME], enrolment, time_limit=request.time_limit)
        response = with_remarks(certificate_response(answer, None), key_fields.remarks_on_names(enrolment.csr))
        await delete_one_time_key(engine, data[CONFIG_NAME], answer, request.requester)
        return response

    return Path(
        template="enroll/{config_name}",
        fields=(
            CONFIG_NAME,
            *key_fields.FIELDS,
            *waiting_fields.with_default_from("the config entry's value, else"),
            *ssl_fields.FIELDS,
            *client_fields.FIELDS,
            REQUEST_ID,
        ),
        operations={Operation.UPDATE: Handler(write, forwarded=True, answer=CERTIFICATE_SCHEMA, failures=SCM_FAILURES)},
        synopsis="Order a certificate at SCM and collect it.",
        description=DESCRIPTION,
        review=review,
        strict=common_fields.ORDERING,
    )


def enrolment_problems(certificate_type: CertificateType, data: FieldData) -> Sequence[str]:
    """Return what is wrong with the fields of an enrolment together: missing, of the other type, contradictory."""
    is_ssl = certificate_type is CertificateType.SSL
    own, other = (ssl_fields, client_fields) if is_ssl else (client_fields, ssl_fields)
    strange = (declared.name for declared in other.FIELDS if not data.lacks(declared))
    return [
        *(f"{name} does not go with a config entry of type {certificate_type.value}" for name in strange),
        *(declared.missing_text for declared in own.REQUIRED if data.lacks(declared)),
        *_subject_problems(data),
        *_name_problems(data),
        *key_fields.key_problems(data, needs_common_name=is_ssl),
    ]


def _subject_problems(data: FieldData) -> Sequence[str]:
    if data.lacks(key_fields.CSR) and data.lacks(key_fields.DOMAIN):
        return ("sectigo_csr_domain is required if no sectigo_csr is given",)
    return ()


def _name_problems(data: FieldData) -> Sequence[str]:
    length = len(" ".join(name for declared in client_fields.NAMES if (name := data.get(declared))))
    if length <= MAX_NAMES_LENGTH:
        return ()
    complaint = (
        "sectigo_client_cert_first_name, _middle_name and _last_name must have at most "
        f"{MAX_NAMES_LENGTH} characters together, with a space between them: they have {length}"
    )
    return (complaint,)


def enrolment_request(certificate_type: CertificateType, data: FieldData) -> EnrolmentRequest:
    """Turn the fields of a request without `enrolment_problems` into an enrolment."""
    csr, key = data.get(key_fields.CSR), data.get(key_fields.PRIVATE_KEY)
    is_ssl = certificate_type is CertificateType.SSL
    return EnrolmentRequest(
        requested=RequestedFields(
            ssl=ssl_fields.ssl_order(data) if is_ssl else None,
            client=None if is_ssl else client_fields.client_order(data),
            format=ssl_fields.format_name(data),
            subject=SubjectFields.model_validate(stored_values(key_fields.SUBJECT, data)) if csr is None else None,
            waiting=waiting_fields.waiting_and_renewal(data),
        ),
        csr=csr,
        private_key=key,
        key_parameters=key_fields.key_parameters(data) if csr is None and key is None else None,
        request_id=data.get(REQUEST_ID),
    )


DESCRIPTION = """
Makes a private key and a CSR (or uses yours), orders a certificate at Sectigo Certificate Manager under the config
entry, waits for it, and stores certificate, key and history. The key and the CSR are stored before the order is sent.

The request returns when the certificate is issued, or after sectigo_max_timeout or the config entry's
sectigo_wait_limit: then `certificate` says TimeoutStateSaved, and reading certs/<config_name>/<cert_unique_id> collects
it. Errors that SCM reports after accepting the order appear there as ErrorCode with SCM's code. If SCM's answer to the
order was lost, the id is order-<uuid>: do not order again, but read that id.

An unknown field whose name begins with sectigo_ is refused, so that a misspelt option never orders a certificate
without it.
"""
