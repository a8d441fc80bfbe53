"""`enroll/:config_name`: order a certificate."""

from collections.abc import Sequence
from dataclasses import replace

from sectigo_vault_pki.lifecycle import Engine, EnrolmentRequest
from sectigo_vault_pki.paths import _fields, _variants
from sectigo_vault_pki.paths._answers import CERTIFICATE_SCHEMA, answered_with_key, certificate_response, with_remarks
from sectigo_vault_pki.paths._errors import with_logical_errors
from sectigo_vault_pki.paths._keys import SUBJECT, key_parameters, key_problems, remarks_on_names
from sectigo_vault_pki.store import CertificateType, ClientFields, RequestedFields, SslFields, SubjectFields
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path, kinds
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

MAX_NAMES_LENGTH = 64
"""Characters of a person's names together, with the blanks between them (scm-api.md 4.1)."""

REQUEST_ID = Field(
    name="sectigo_request_id",
    label="Request id",
    kind=kinds.text(max_length=64),
    description=(
        "A text of your own that names this enrolment: sent again, it answers the first one's result and orders "
        "nothing."
    ),
)


def path_enroll(engine: Engine) -> Path:
    """Declare the path."""

    async def review(_: Request, data: FieldData) -> Sequence[str]:
        return enrolment_problems(await engine.certificate_type(data[_fields.CONFIG_NAME]), data)

    async def write(request: Request, data: FieldData) -> Response:
        certificate_type = await engine.certificate_type(data[_fields.CONFIG_NAME])
        wish = replace(enrolment_request(certificate_type, data), host_request_id=request.id)
        answer = await engine.enroll(data[_fields.CONFIG_NAME], wish, time_limit=request.time_limit)
        response = with_remarks(certificate_response(answer, None), remarks_on_names(wish.csr))
        return await answered_with_key(engine, data[_fields.CONFIG_NAME], answer, response)

    return Path(
        template="enroll/{config_name}",
        fields=(
            _fields.CONFIG_NAME,
            *_fields.KEY_AND_CSR,
            *_variants.otherwise("the config entry's value, else", _fields.WAITING_AND_RENEWAL),
            *_fields.SSL,
            *_fields.CLIENT,
            REQUEST_ID,
        ),
        operations={
            Operation.UPDATE: Handler(
                with_logical_errors(write),
                summary="Order a certificate at SCM and collect it.",
                forwarded=True,
                answer=CERTIFICATE_SCHEMA,
            )
        },
        synopsis="Order a certificate at SCM and collect it.",
        description=DESCRIPTION,
        review=with_logical_errors(review),
        strict=_variants.ORDERING,
    )


def enrolment_problems(certificate_type: CertificateType, data: FieldData) -> Sequence[str]:
    """Return what is wrong with the fields of an enrolment together: missing, of the other type, in contradiction."""
    is_ssl = certificate_type is CertificateType.SSL
    needed, other = (_NEEDED_FOR_SSL, _fields.CLIENT) if is_ssl else (_NEEDED_FOR_CLIENT, _fields.SSL)
    strange = (declared.name for declared in other if not data.lacks(declared))
    return [
        *(f"{name} does not go with a config entry of type {certificate_type.value}" for name in strange),
        *(declared.missing_text for declared in needed if data.lacks(declared)),
        *_subject_problems(data),
        *_name_problems(data),
        *key_problems(data, needs_common_name=is_ssl),
    ]


def _subject_problems(data: FieldData) -> Sequence[str]:
    if data.lacks(_fields.CSR) and data.lacks(_fields.CSR_DOMAIN):
        return ("sectigo_csr_domain is required where no sectigo_csr is given",)
    return ()


def _name_problems(data: FieldData) -> Sequence[str]:
    length = len(" ".join(name for declared in _NAMES if (name := data.get(declared))))
    if length <= MAX_NAMES_LENGTH:
        return ()
    complaint = (
        "sectigo_client_cert_first_name, _middle_name and _last_name must have at most "
        f"{MAX_NAMES_LENGTH} characters together, with a blank between them: they have {length}"
    )
    return (complaint,)


def enrolment_request(certificate_type: CertificateType, data: FieldData) -> EnrolmentRequest:
    """Turn the fields of a request without `enrolment_problems` into an enrolment."""
    csr, key = data.get(_fields.CSR), data.get(_fields.PRIVATE_KEY)
    is_ssl = certificate_type is CertificateType.SSL
    return EnrolmentRequest(
        requested=RequestedFields(
            ssl=_ssl_fields(data) if is_ssl else None,
            client=None if is_ssl else _client_fields(data),
            format=_fields.certificate_format(data),
            subject=_subject(data) if csr is None else None,
            waiting=_fields.waiting_and_renewal(data),
        ),
        csr=csr,
        private_key=key,
        key_parameters=key_parameters(data) if csr is None and key is None else None,
        request_id=data.get(REQUEST_ID),
    )


_NAMES = (_fields.CLIENT_FIRST_NAME, _fields.CLIENT_MIDDLE_NAME, _fields.CLIENT_LAST_NAME)
_NEEDED_FOR_SSL: Sequence[Field[object]] = (_fields.SSL_TYPE, _fields.SSL_VALIDITY)
_NEEDED_FOR_CLIENT: Sequence[Field[object]] = (
    _fields.CLIENT_TYPE,
    _fields.CLIENT_VALIDITY,
    _fields.CLIENT_EMAIL,
    _fields.CLIENT_FIRST_NAME,
    _fields.CLIENT_LAST_NAME,
)


def _ssl_fields(data: FieldData) -> SslFields:
    requesters = data.get(_fields.SSL_EXTERNAL_REQUESTER)
    return SslFields(
        certificate_profile=data[_fields.SSL_TYPE],
        validity_days=data[_fields.SSL_VALIDITY].days,
        subject_alt_names=data.get(_fields.SSL_SUBJECT_ALT_NAMES) or (),
        external_requester=",".join(requesters) if requesters else None,
        comments=data.get(_fields.SSL_COMMENTS),
        number_servers=data.get(_fields.SSL_NUM_SERVERS),
        server_type=data.get(_fields.SSL_SERVER_TYPE),
        custom_fields=data.get(_fields.SSL_CUSTOM_FIELDS) or (),
    )


def _client_fields(data: FieldData) -> ClientFields:
    return ClientFields(
        certificate_profile=data[_fields.CLIENT_TYPE],
        validity_days=data[_fields.CLIENT_VALIDITY].days,
        email=data[_fields.CLIENT_EMAIL],
        first_name=data[_fields.CLIENT_FIRST_NAME],
        middle_name=data.get(_fields.CLIENT_MIDDLE_NAME),
        last_name=data[_fields.CLIENT_LAST_NAME],
        custom_fields=data.get(_fields.CLIENT_CUSTOM_FIELDS) or (),
    )


def _subject(data: FieldData) -> SubjectFields:
    return SubjectFields.model_validate({part: data.get(field) for part, field in SUBJECT.items()})


DESCRIPTION = """
Makes a private key and a CSR (or takes yours), orders a certificate at Sectigo Certificate Manager under the config
entry, waits for it, and stores certificate, key and history. The key and the CSR are stored before the order is sent.

The request is answered when the certificate is issued, or after sectigo_max_timeout or the config entry's
sectigo_wait_limit: then `certificate` says TimeoutStateSaved, and reading certs/<config_name>/<cert_unique_id> collects
it. Errors that SCM reports after accepting the order appear there as ErrorCode with SCM's code. If SCM's answer to the
order was lost, the id is order-<uuid>: do not order again, read that id to find out.

A field whose name begins with sectigo_ and that is unknown here is refused, so that a misspelt option never buys a
certificate without it.
"""
