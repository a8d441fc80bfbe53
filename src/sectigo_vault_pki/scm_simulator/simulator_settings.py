"""The knobs, which may be turned while the simulator runs."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


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

    def change_to(self, other: Self) -> None:
        """Take every value of `other`, which is valid as a whole."""
        for name in type(self).model_fields:
            setattr(self, name, getattr(other, name))
