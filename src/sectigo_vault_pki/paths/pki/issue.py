"""`issue/:role` and `sign/:role`: certificates under a role, with the fields and answers of Vault's own pki engine."""

from collections.abc import Sequence
from datetime import timedelta

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.lifecycle import ANY_KEY, Engine, Issued, Issuer, IssueRequest
from sectigo_vault_pki.paths.answers.pki_answer import (
    ISSUE_SCHEMA,
    SIGN_SCHEMA,
    issued_chain,
    issued_data,
    issued_key,
    pkcs12_base64,
    signed_data,
)
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES
from sectigo_vault_pki.paths.fields import key_fields
from sectigo_vault_pki.paths.fields import pki_fields as fields
from sectigo_vault_pki.paths.fields.pki_fields import IssuedFormat, PrivateKeyFormat
from sectigo_vault_pki.pki import CertificateSigningRequest, normalise_name, normalise_names
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

COMMON: tuple[Field[object], ...] = (
    fields.ROLE,
    fields.COMMON_NAME,
    fields.ALT_NAMES,
    fields.IP_SANS,
    *(refused for refused, _ in fields.REFUSED),
    fields.TTL,
    fields.NOT_AFTER,
    fields.PRIVATE_KEY_FORMAT,
    fields.REMOVE_ROOTS,
    fields.EXCLUDE_CN,
    fields.ISSUER_REF,
)


def path_issue(engine: Engine, issuer: Issuer) -> Path:
    """Declare the path that makes the key."""

    async def write(request: Request, data: FieldData) -> Response:
        protection = key_fields.protection(data, data.get(fields.FORMAT_OF_ISSUE) or IssuedFormat.PEM)
        wanted = IssueRequest(
            common_name=data.get(fields.COMMON_NAME),
            names=_names(data),
            ttl=_ttl(data),
            not_after=data.get(fields.NOT_AFTER),
            key_type=data.get(fields.KEY_TYPE_OF_REQUEST),
            key_bits=data.get(fields.KEY_BITS_OF_REQUEST),
            host_request_id=request.id,
            requested_by=request.requester,
        )
        issued = await _issued(issuer, request, data, wanted)
        chain, key = issued_chain(issued, with_roots=not data.get(fields.REMOVE_ROOTS)), issued_key(issued)
        shown = issued_data(
            chain,
            key,
            _format(data, fields.FORMAT_OF_ISSUE),
            PrivateKeyFormat(data.get(fields.PRIVATE_KEY_FORMAT) or PrivateKeyFormat.DER),
        )
        if protection is not None:
            shown |= {"private_key": "", "pkcs12": await pkcs12_base64(engine, chain, key, protection)}
        await issuer.handed_out(issued, request.requester)
        return Response(data=shown, warnings=(*_remarks_on_key(data, issued), *issued.warnings))

    return Path(
        template="issue/{role}",
        fields=(
            *COMMON,
            fields.FORMAT_OF_ISSUE,
            key_fields.PASSWORD,
            key_fields.ENCRYPTION,
            fields.KEY_TYPE_OF_REQUEST,
            fields.KEY_BITS_OF_REQUEST,
        ),
        operations={
            Operation.UPDATE: Handler(
                write,
                summary="Request a certificate and a private key.",
                forwarded=True,
                answer=ISSUE_SCHEMA,
                failures=SCM_FAILURES,
                operation_id="issue-with-role",
            )
        },
        synopsis="Request a certificate and a private key under a role.",
        description=ISSUE_DESCRIPTION,
    )


def path_sign(issuer: Issuer) -> Path:
    """Declare the path that takes a CSR."""

    async def write(request: Request, data: FieldData) -> Response:
        csr = data[fields.CSR]
        wanted = IssueRequest(
            common_name=_common_name_of(csr),
            names=csr.subject_alt_names,
            ttl=_ttl(data),
            not_after=data.get(fields.NOT_AFTER),
            csr=csr,
            host_request_id=request.id,
            requested_by=request.requester,
        )
        issued = await _issued(issuer, request, data, wanted)
        chain = issued_chain(issued, with_roots=not data.get(fields.REMOVE_ROOTS))
        await issuer.handed_out(issued, request.requester)
        return Response(
            data=signed_data(chain, _format(data, fields.FORMAT)),
            warnings=(*_remarks_on_names(data, csr), *issued.warnings),
        )

    return Path(
        template="sign/{role}",
        fields=(*COMMON, fields.FORMAT, fields.CSR),
        operations={
            Operation.UPDATE: Handler(
                write,
                summary="Request a certificate for a CSR.",
                forwarded=True,
                answer=SIGN_SCHEMA,
                failures=SCM_FAILURES,
                operation_id="sign-with-role",
            )
        },
        synopsis="Request a certificate for a CSR under a role.",
        description=SIGN_DESCRIPTION,
    )


async def _issued(issuer: Issuer, request: Request, data: FieldData, wanted: IssueRequest) -> Issued:
    for refused, why in fields.REFUSED:
        if data.get(refused):
            raise InvalidInputError(why)
    return await issuer.issue(data[fields.ROLE], wanted, time_limit=request.time_limit)


def _format(data: FieldData, declared: Field[str]) -> IssuedFormat:
    named = data.get(declared)
    return IssuedFormat.PEM if named in {None, key_fields.PKCS12} else IssuedFormat(named)


def _common_name_of(csr: CertificateSigningRequest) -> str:
    if not csr.common_name:
        raise InvalidInputError(
            "the CSR has no common name, which SCM requires of every order, whatever require_cn of the role says"
        )
    try:
        common_name = normalise_name(csr.common_name)
    except InvalidInputError:
        raise InvalidInputError("the common name of the CSR is no host name and no IP address") from None
    if not csr.common_name.isascii():  # SCM takes it from the CSR, and might read it as another name
        raise InvalidInputError(f"the common name of the CSR is not ASCII: make the CSR with {common_name}")
    if csr.common_name.strip() != csr.common_name:
        raise InvalidInputError(
            f"the common name of the CSR begins or ends with a blank: make the CSR with {common_name}"
        )
    return common_name


def _names(data: FieldData) -> tuple[str, ...]:
    return normalise_names((*(data.get(fields.ALT_NAMES) or ()), *(data.get(fields.IP_SANS) or ())))


def _ttl(data: FieldData) -> timedelta | None:
    """Return the requested ttl; 0 means none, as in Vault's pki."""
    return data.get(fields.TTL) or None


def _remarks_on_key(data: FieldData, issued: Issued) -> Sequence[str]:
    if issued.role.key_type == ANY_KEY:
        return ()
    named = fields.KEY_TYPE_OF_REQUEST in data or fields.KEY_BITS_OF_REQUEST in data
    return ("parameters key_type and key_bits ignored as role had specific values",) if named else ()


def _remarks_on_names(data: FieldData, csr: CertificateSigningRequest) -> Sequence[str]:
    """Return warnings about names of the request that have no effect because the CSR has its own."""
    common_name = _common_name_of(csr)
    remarks = []
    if data.get(fields.COMMON_NAME) not in {None, common_name}:
        remarks.append("the common_name field was provided but the CSR's common name is used")
    remarks.extend(
        f"the {field.name} field was provided but the CSR's subject alternative names are used"
        for field in (fields.ALT_NAMES, fields.IP_SANS)
        if not {*(data.get(field) or ())} <= {common_name, *csr.subject_alt_names}
    )
    return remarks


ISSUE_DESCRIPTION = """
Returns a certificate and its private key, if the role allows the request. The field names, the answer and its formats
are those of Vault's own pki engine.

Each certificate may cost money. An equal request continues an order in progress, and if the role has a min_remaining,
it returns the stored certificate as long as that much of its life is left. If SCM does not issue the certificate in
time, the request fails with an error that begins with "pending" and names the order; the same request later collects
it. A certificate ordered here is not renewed automatically: request it again.
"""

SIGN_DESCRIPTION = """
Returns a certificate for the CSR, if the role allows its key and every name in it. Common name and subject alternative
names are the CSR's; common_name, alt_names and ip_sans have no effect. The common name is required, and must be in its
xn-- form if it is international. Everything else works as with issue/.
"""
