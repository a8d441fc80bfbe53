"""Request bodies of the client certificate API (scm-api.md 4 and 4.1)."""

from typing import Annotated

from pydantic import Field, StringConstraints

from sectigo_vault_pki.scm_simulator.bodies import Body, CommonName, CsrText, CustomFieldValue, Reason, ReasonCode

# RFC 5321 4.1.2: a Dot-string at a domain name, which is what an rfc822Name can hold.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"

Mailbox = Annotated[str, StringConstraints(pattern=rf"^{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*$", max_length=128)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
MiddleName = Annotated[str, StringConstraints(strip_whitespace=True)]
Phone = Annotated[str, StringConstraints(pattern=r"^[0-9#()+| x-]*$", max_length=32)]
MaybeEmptyReason = Annotated[str, Field(max_length=512)]


class ClientEnrollBody(Body):
    """scm-api.md 4.1."""

    orgId: Annotated[int, Field(ge=1)]  # noqa: N815 - SCM's spelling
    csr: CsrText
    certType: int  # noqa: N815 - SCM's spelling
    term: Annotated[int, Field(ge=1)]
    email: Mailbox
    firstName: Name  # noqa: N815 - SCM's spelling
    lastName: Name  # noqa: N815 - SCM's spelling
    middleName: MiddleName | None = None  # noqa: N815 - SCM's spelling
    phone: Phone | None = None
    secondaryEmails: list[Mailbox] | None = None  # noqa: N815 - SCM's spelling
    commonName: CommonName | None = None  # noqa: N815 - SCM's spelling
    eppn: Annotated[str, Field(max_length=128)] | None = None
    upn: Annotated[str, Field(max_length=256)] | None = None
    comments: Annotated[str, Field(max_length=1024)] | None = None
    customFields: list[CustomFieldValue] | None = None  # noqa: N815 - SCM's spelling


class ClientReplaceBody(Body):
    """scm-api.md 4: `revoke` is about the certificate that is replaced."""

    csr: CsrText
    reason: Reason
    revoke: bool = False


class ClientRevokeBody(Body):
    """As for SSL, but the reason may be empty."""

    reason: MaybeEmptyReason
    reasonCode: ReasonCode = 0  # noqa: N815 - SCM's spelling


class PersonRevokeBody(ClientRevokeBody):
    """Of the revocation of everything that a person has."""

    email: Mailbox
