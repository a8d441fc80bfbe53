"""`issue/:role` and `sign/:role`: certificates under a role, asked for and answered as by Vault's own pki engine."""

from collections.abc import Sequence

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.framework import Field, FieldData, Handler, Path
from sectigo_vault_pki.lifecycle import Issuer, IssueRequest
from sectigo_vault_pki.logical import Operation, Request, Response
from sectigo_vault_pki.paths import _pki_fields as fields
from sectigo_vault_pki.paths._errors import with_logical_errors
from sectigo_vault_pki.paths._pki_answers import ISSUE_SCHEMA, SIGN_SCHEMA, issued_data
from sectigo_vault_pki.pki import (
    CertificateSigningRequest,
    IssuedFormat,
    PrivateKeyFormat,
    is_ip_address,
    normalise_name,
    normalise_names,
)

_COMMON: tuple[Field[object], ...] = (
    fields.ROLE,
    fields.COMMON_NAME,
    fields.ALT_NAMES,
    fields.IP_SANS,
    *fields.REFUSED,
    fields.TTL,
    fields.FORMAT,
    fields.PRIVATE_KEY_FORMAT,
    fields.REMOVE_ROOTS,
    fields.EXCLUDE_CN,
    fields.ISSUER_REF,
)


def path_issue(issuer: Issuer) -> Path:
    """Declare the path that makes keys."""

    async def write(request: Request, data: FieldData) -> Response:
        wish = IssueRequest(common_name=_common_name(data), names=_names(data), ttl=data.get(fields.TTL))
        return await _answered(issuer, request, data, wish)

    return Path(
        template="issue/{role}",
        fields=(*_COMMON, fields.KEY_TYPE_OF_REQUEST, fields.KEY_BITS_OF_REQUEST),
        operations={
            Operation.UPDATE: Handler(
                with_logical_errors(write),
                summary="Request a certificate and a private key.",
                forwarded=True,
                answer=ISSUE_SCHEMA,
            )
        },
        synopsis="Request a certificate and a private key under a role.",
        description=ISSUE_DESCRIPTION,
    )


def path_sign(issuer: Issuer) -> Path:
    """Declare the path that takes CSRs."""

    async def write(request: Request, data: FieldData) -> Response:
        csr = data[fields.CSR]
        wish = IssueRequest(
            common_name=_common_name_of(csr), names=csr.subject_alt_names, ttl=data.get(fields.TTL), csr=csr
        )
        return await _answered(issuer, request, data, wish)

    return Path(
        template="sign/{role}",
        fields=(*_COMMON, fields.CSR),
        operations={
            Operation.UPDATE: Handler(
                with_logical_errors(write),
                summary="Request a certificate for a CSR.",
                forwarded=True,
                answer=SIGN_SCHEMA,
            )
        },
        synopsis="Request a certificate for a CSR under a role.",
        description=SIGN_DESCRIPTION,
    )


async def _answered(issuer: Issuer, request: Request, data: FieldData, wish: IssueRequest) -> Response:
    for refused in fields.REFUSED:
        if data.get(refused):
            raise InvalidInputError(f"{refused.name} are not allowed by this role")
    issued = await issuer.issue(data[fields.ROLE], wish, time_limit=request.time_limit)
    answer = issued_data(
        issued,
        IssuedFormat(data.get(fields.FORMAT) or IssuedFormat.PEM),
        PrivateKeyFormat(data.get(fields.PRIVATE_KEY_FORMAT) or PrivateKeyFormat.DER),
        with_key=wish.csr is None,
        with_roots=not data.get(fields.REMOVE_ROOTS),
    )
    await issuer.handed_out(issued)
    return Response(data=answer, warnings=(*_remarks(data, wish.csr), *issued.warnings))


def _common_name(data: FieldData) -> str:
    if fields.COMMON_NAME not in data:
        raise InvalidInputError("the common_name field is required")
    return data[fields.COMMON_NAME]


def _common_name_of(csr: CertificateSigningRequest) -> str:
    if not csr.common_name:
        raise InvalidInputError("the CSR has no common name, which SCM requires")
    try:
        return normalise_name(csr.common_name)
    except InvalidInputError:
        raise InvalidInputError("the common name of the CSR is no host name and no IP address") from None


def _names(data: FieldData) -> tuple[str, ...]:
    return normalise_names((*(data.get(fields.ALT_NAMES) or ()), *(data.get(fields.IP_SANS) or ())))


def _remarks(data: FieldData, csr: CertificateSigningRequest | None) -> Sequence[str]:
    """Say what of the request has no effect; the words are those of Vault's pki."""
    if csr is None:
        named = fields.KEY_TYPE_OF_REQUEST in data or fields.KEY_BITS_OF_REQUEST in data
        return ("parameters key_type and key_bits ignored as role had specific values",) if named else ()
    remarks = []
    common_name = data.get(fields.COMMON_NAME)
    if common_name is not None and common_name != _common_name_of(csr):
        remarks.append("the common_name field was provided but the CSR's common name is used")
    names = _names(data)
    if not {*names} <= {*csr.subject_alt_names, _common_name_of(csr)}:
        kinds = "ip_sans" if all(is_ip_address(name) for name in names) else "alt_names"
        remarks.append(f"the {kinds} field was provided but the CSR's subject alternative names are used")
    return remarks


ISSUE_DESCRIPTION = """
Answers a certificate and its private key, if the role allows what is asked for. The field names, the answer and its
formats are those of Vault's own pki engine.

Each certificate may cost. An equal request adopts an order that is under way, and where the role has a min_remaining,
is answered with the certificate that is stored, as long as so much of its life is left. A certificate that SCM has not
issued in time is answered with an error that begins with "pending" and names the order; the same request later collects
it. A certificate ordered here is not renewed by itself: ask again.
"""

SIGN_DESCRIPTION = """
Answers a certificate for the CSR, if the role allows its key and every name in it. Common name and subject alternative
names are the CSR's; common_name, alt_names and ip_sans have no effect. Everything else is as with issue/.
"""
