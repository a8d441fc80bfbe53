"""The refusals that only the client certificate API knows (scm-api.md 3.4, 4.3 and 6.1)."""

from http import HTTPStatus

from sectigo_vault_pki.scm_simulator import problems
from sectigo_vault_pki.scm_simulator.problems import Problem


def invalid_profile() -> Problem:
    return Problem(-172, "Client Certificate Profile is invalid!")


def invalid_order_number(text: str) -> Problem:
    return Problem(-1104, f"Invalid order number {text}")


def unknown_mail() -> Problem:
    """Nobody has that address: 404 (scm-api.md 4); that it is this code is inferred."""
    return Problem(-518, "Unknown email address", HTTPStatus.NOT_FOUND)


def not_collectable(pending_code: int) -> Problem:
    """Not ready yet; the knob has no say between 0 and -183, which are one code in the two APIs."""
    if pending_code == 0:
        return Problem(-183, "Certificate is not collectable.")
    return problems.being_processed(pending_code)


def not_collectable_state(status: str) -> Problem:
    """A declined or rejected order; not seen, so it is as for SSL."""
    return Problem(-1112, f"The client certificate can't be approved. Status = {status}", HTTPStatus.CONFLICT)


def revoked() -> Problem:
    return Problem(-192, "The Certificate has been revoked!")


def unsupported_format(name: str) -> Problem:
    return Problem(-1450, f"Unsupported certificate format specified: {name}")


def not_replaceable_state(status: str) -> Problem:
    return Problem(-130, f"Client certificate state is not 'ISSUED': {status}")
