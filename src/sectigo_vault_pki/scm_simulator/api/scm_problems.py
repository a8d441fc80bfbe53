"""Every refusal the simulator knows, one constructor each (scm-api.md 6.1).

SCM's codes are not unique and its HTTP status is 400 for nearly everything, so each constructor states both.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from sectigo_vault_pki.scm_simulator.model.orders import Kind


class Problem(Exception):  # noqa: N818 - SCM's answer, not a fault of this program
    """What SCM says instead of doing it: an HTTP status of 400 or more and `{"code", "description"}`."""

    def __init__(self, code: int, description: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(f"{status} {code} {description}")
        self.code = code
        self.description = description
        self.status = int(status)

    def body(self) -> bytes:
        return json.dumps({"code": self.code, "description": self.description}, separators=(",", ":")).encode()


# The request as such


def unknown_user() -> Problem:
    return Problem(-16, "Unknown user", HTTPStatus.UNAUTHORIZED)


def missing_privilege(privilege: str, status: int) -> Problem:
    """A right that the administrator lacks; that the description names it so is inferred (scm-api.md 1.1, 13.1)."""
    return Problem(-3, f"You are not authorized to perform {privilege}.", status)


def api_not_enabled() -> Problem:
    """An organization whose API is off for this kind of certificate; that it is this code is inferred."""
    return Problem(-37, "Access denied.")


def wrong_old_password() -> Problem:
    """That a change with a wrong old password is answered so is inferred."""
    return Problem(-970, "Incorrect login credentials.")


def internal_error() -> Problem:
    return Problem(-14, "Unknown error.", HTTPStatus.INTERNAL_SERVER_ERROR)


def unknown_path(path: str) -> Problem:
    return Problem(-1, f"Unknown error. No such path: {path}", HTTPStatus.NOT_FOUND)


def method_not_allowed(method: str) -> Problem:
    return Problem(-1, f"Unknown error. Request method '{method}' not supported", HTTPStatus.METHOD_NOT_ALLOWED)


def body_too_large() -> Problem:
    return Problem(-1, "Unknown error. The body is too large.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def unparsable_body() -> Problem:
    return Problem(-1002, "Cannot parse message body")


def null_value(field: str) -> Problem:
    return Problem(-1001, f"Value of '{field}' must not be null.")


def missing_value(field: str) -> Problem:
    return Problem(-7, f"{field} is required but missing.")


def invalid_value(field: str) -> Problem:
    return Problem(-1601, f"Field '{field}' has invalid value.")


# CSR and key


def csr_not_base64() -> Problem:
    return Problem(-9, "The CSR is not valid Base-64 data!")


def csr_not_decodable() -> Problem:
    return Problem(-10, "Error while decoding CSR.")


def invalid_csr() -> Problem:
    return Problem(-138, "Invalid CSR.")


def unsupported_key_algorithm() -> Problem:
    return Problem(-11, "The CSR uses an unsupported algorithm!")


def unsupported_key_size() -> Problem:
    return Problem(-13, "The CSR uses an unsupported key size!")


def key_too_small(minimum: int) -> Problem:
    return Problem(-141, f"The public key size is too small, {minimum} bits minimum.")


def ecc_not_allowed() -> Problem:
    return Problem(-170, "Based on the customer configuration, ECC CSRs are not allowed.")


def unusable_public_key() -> Problem:
    return Problem(-78, "The public key is invalid or not supported.")


# Profile, organization and what a tenant may demand


def invalid_term() -> Problem:
    return Problem(-36, "The validity period (term) is invalid for this certificate profile.")


def unknown_profile(profile_id: int) -> Problem:
    return Problem(-111, f"No certificate profile found by id {profile_id}")


def invalid_org_id() -> Problem:
    return Problem(-639, "Supplied orgid invalid.")


def unknown_organization(org_id: str) -> Problem:
    return Problem(-1023, f"Organization '{org_id}' not found.")


def missing_custom_field() -> Problem:
    return Problem(-62, "Missing mandatory custom field!")


def unknown_custom_field() -> Problem:
    return Problem(-135, "Custom field cannot be found.")


def domain_not_validated(name: str) -> Problem:
    """The code is one of several (scm-api.md 6.1); which one a tenant gets, and the text, are inferred."""
    return Problem(-724, f"Domain {name} is not validated.")


def unknown_domain(name: str) -> Problem:
    return Problem(-727, f"Domain {name} not found.", HTTPStatus.NOT_FOUND)


def external_requester_required() -> Problem:
    return Problem(-139, "External Requester is required.")


# One order


def wrong_ssl_id(ssl_id: str) -> Problem:
    return Problem(-124, f"Wrong SSL certificate id {ssl_id}.")


def certificate_not_found(name: str, status: int = HTTPStatus.NOT_FOUND) -> Problem:
    return Problem(-5101, f"Certificate not found. {name}", status)


def being_processed(code: int) -> Problem:
    """Not ready yet: an HTTP error although code 0 looks like success (scm-api.md 3.4)."""
    text = "Being processed by Sectigo" if code == 0 else "The request is being processed by Sectigo."
    return Problem(code, text)


def not_collectable_state(status: str) -> Problem:
    """A declined or rejected order: above 400 (scm-api.md 3.4); which status it is was not seen, 409 is ours."""
    return Problem(-1112, f"The SSL certificate can't be approved. Status = {status}", HTTPStatus.CONFLICT)


def not_approvable_state(status: str) -> Problem:
    return Problem(-1112, f"The SSL certificate can't be approved. Status = {status}")


def revoked_not_downloadable() -> Problem:
    return Problem(-110, "Certificate has been revoked and cannot be downloaded.")


def unknown_format(name: str) -> Problem:
    return Problem(-126, f"Unknown SSL certificate file format requested: {name}")


def not_renewable_state(status: str) -> Problem:
    return Problem(-105, f"Error was occurred while renewing cert. Status = {status}")


def invalid_renew_id() -> Problem:
    return Problem(-123, "Renew id is invalid (null)")


def renewal_forbidden() -> Problem:
    return Problem(-180, "The certificate profile doesn't allow renew.")


def not_replaceable_state(status: str) -> Problem:
    return Problem(-130, f"SSL state is not 'ISSUED': {status}")


def not_revocable_state() -> Problem:
    return Problem(-102, "Only issued certificates could be revoked.")


def already_revoked() -> Problem:
    return Problem(-159, "Your certificate already revoked")


# Only in the client certificate API (scm-api.md 3.4, 4.3)


def invalid_client_profile() -> Problem:
    return Problem(-172, "Client Certificate Profile is invalid!")


def invalid_order_number(text: str) -> Problem:
    return Problem(-1104, f"Invalid order number {text}")


def unknown_mail() -> Problem:
    """Nobody has that address: 404 (scm-api.md 4); that it is this code is inferred."""
    return Problem(-518, "Unknown email address", HTTPStatus.NOT_FOUND)


def client_not_collectable(pending_code: int) -> Problem:
    """Not ready yet; the knob has no say between 0 and -183, which are one code in the two APIs."""
    if pending_code == 0:
        return Problem(-183, "Certificate is not collectable.")
    return being_processed(pending_code)


def client_not_collectable_state(status: str) -> Problem:
    """A declined or rejected order; not seen, so it is as for SSL."""
    return Problem(-1112, f"The client certificate can't be approved. Status = {status}", HTTPStatus.CONFLICT)


def client_revoked() -> Problem:
    return Problem(-192, "The Certificate has been revoked!")


def unsupported_client_format(name: str) -> Problem:
    return Problem(-1450, f"Unsupported certificate format specified: {name}")


def client_not_replaceable_state(status: str) -> Problem:
    return Problem(-130, f"Client certificate state is not 'ISSUED': {status}")


# What the two APIs word differently


@dataclass(frozen=True)
class Refusals:
    """What the two APIs refuse in words of their own.

    Args:
        pending: Not issued yet; takes the knob `pending_code`.
        declined: Never to be issued; takes the status.
        revoked: Not to be collected any more.
        unknown_format: Takes the format.
        not_replaceable: Takes the status.
    """

    pending: Callable[[int], Problem]
    declined: Callable[[str], Problem]
    revoked: Callable[[], Problem]
    unknown_format: Callable[[str], Problem]
    not_replaceable: Callable[[str], Problem]


REFUSALS: Mapping[Kind, Refusals] = {
    Kind.SSL: Refusals(
        pending=being_processed,
        declined=not_collectable_state,
        revoked=revoked_not_downloadable,
        unknown_format=unknown_format,
        not_replaceable=not_replaceable_state,
    ),
    Kind.CLIENT: Refusals(
        pending=client_not_collectable,
        declined=client_not_collectable_state,
        revoked=client_revoked,
        unknown_format=unsupported_client_format,
        not_replaceable=client_not_replaceable_state,
    ),
}
