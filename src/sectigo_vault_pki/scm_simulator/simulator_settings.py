"""The knobs, which may be turned while the simulator runs."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Login = Literal["headers", "certificate", "oauth2"]


class Settings(BaseModel):
    """How the simulated SCM behaves. Status is derived, so a change also moves the orders that wait already.

    Attributes:
        pending_polls: How many collects answer "being processed" first. Not 0 by default, so that nobody writes a
            client which assumes instant issuance; 0 turns it off.
        pending_seconds: The least age of an order, since its approval, at which it is issued.
        pending_code: The code of "being processed": 0, or -1400 of newer builds; a client certificate's 0 is -183.
        never_issue: Nothing leaves the state Applied except by the control listener.
        auto_approve: False: a new order waits in the state Requested for an approval.
        strict_renew_body: False: a renewal also takes an empty body and the text `""`, as older builds did.
        renew_answers_id: False: a renewal is answered 204 without a body, as some builds did; the id is in the list.
        renew_reuses_first_csr: True: a renewal without a CSR goes back behind every replacement, to the first order's.
        external_requester_required: Whether an enrolment must name one.
        mandatory_custom_fields: Names of custom fields that an enrolment must carry.
        longest_term: Days; profiles lose every longer term, as public ones do over the years (scm-api.md 7).
        validity_seconds: Certificates are valid that long, whatever their term, so that an end comes within seconds.
        backdated_seconds: Certificates begin, and end, that much earlier, so that one can be seen to become due.
        ecc_allowed: False: the tenant takes no EC keys at all.
        crlf: PEM with CRLF line ends.
        latency: Seconds before each answer.
        logins: Which logins are accepted: header login, certificate login, OAuth2 (scm-api.md 1.1, 1.2, 13.1).
        token_seconds: The life of an access token, which is `expires_in` of a token answer.
        token_refusal_status: HTTP status of a token that is refused; which one the service uses is inferred.
        token_url: What the `WWW-Authenticate` of a 401 names; None is the simulator's own token endpoint, and a URL of
            a foreign host is what an attacker would put there.
        www_authenticate: `url` names it bare, as the example in the vendor's OpenAPI does; `authorization_uri` as a
            parameter of `Bearer`, as the Enrollment API does.
        admin_ssl_versions: Which `/api/ssl/<version>` the admin host has (scm-api.md 13.1).
        admin_smime_ids: `order` answers `orderNumber`, as 25.9 does; `id` answers SCM's own id, as 26.7 does, and
            collects by it (scm-api.md 9).
        missing_privilege_status: HTTP status of a call without its privilege; None is 400 on the classic host and 403
            on the admin host.
        expired_password_changeable: False: an expired password cannot change itself either.
        password_days: The life of a changed password; None is without end.
        shortest_password: How long a new password must be at least.
        dcv: What an SSL order with a name of no validated domain does: `off` is issued, `wait` waits for its DCV,
            `refuse` is refused.
        dcv_days: How long a validation is reused: 198, 100 or 10 (scm-api.md 13.3).
        dcv_rechecks: After how many rechecks of an order the DCV has succeeded; None leaves it to the control listener.
        dcv_mode_required: True: no domain is validated beforehand, so that an order must carry `dcvMode`.
        types_with_keys: False: profiles are `id`, `name` and `terms` alone, as older services show them.
        tls_client_auth: False: server certificates are for server authentication alone, as public ones are today.
        date_offset_seconds: How far the `Date` of an answer is off; nothing else uses it.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True, hide_input_in_errors=True)

    pending_polls: int = Field(default=2, ge=0, le=1_000_000)
    pending_seconds: Seconds = 0
    pending_code: Literal[0, -1400] = 0
    never_issue: bool = False
    auto_approve: bool = True
    strict_renew_body: bool = True
    renew_answers_id: bool = True
    renew_reuses_first_csr: bool = False
    external_requester_required: bool = False
    mandatory_custom_fields: tuple[str, ...] = ()
    longest_term: Annotated[int, Field(ge=1)] | None = None
    validity_seconds: Annotated[int, Field(ge=1)] | None = None
    backdated_seconds: Annotated[int, Field(ge=0)] = 0
    ecc_allowed: bool = True
    crlf: bool = False
    latency: Seconds = 0
    logins: tuple[Login, ...] = ("headers", "certificate", "oauth2")
    token_seconds: Annotated[int, Field(ge=1)] = 300
    token_refusal_status: Literal[400, 401] = 401
    token_url: str | None = None
    www_authenticate: Literal["url", "authorization_uri"] = "url"
    admin_ssl_versions: tuple[Literal["v1", "v2"], ...] = ("v1", "v2")
    admin_smime_ids: Literal["order", "id"] = "id"
    missing_privilege_status: Literal[400, 403] | None = None
    expired_password_changeable: bool = True
    password_days: Annotated[int, Field(ge=1)] | None = None
    shortest_password: Annotated[int, Field(ge=1, le=128)] = 8
    dcv: Literal["off", "wait", "refuse"] = "off"
    dcv_days: Annotated[int, Field(ge=1)] = 198
    dcv_rechecks: Annotated[int, Field(ge=1)] | None = None
    dcv_mode_required: bool = False
    types_with_keys: bool = True
    tls_client_auth: bool = True
    date_offset_seconds: Annotated[float, Field(ge=-86_400, le=86_400, allow_inf_nan=False)] = 0

    def change_to(self, other: Self) -> None:
        """Take every value of `other`, which is valid as a whole."""
        for name in type(self).model_fields:
            setattr(self, name, getattr(other, name))
