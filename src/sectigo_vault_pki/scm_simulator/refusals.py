"""The refusals that the two APIs word differently (scm-api.md 6.1)."""

from collections.abc import Callable
from dataclasses import dataclass

from sectigo_vault_pki.scm_simulator import client_problems, problems
from sectigo_vault_pki.scm_simulator.problems import Problem


@dataclass(frozen=True)
class Refusals:
    """One API's words.

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


SSL_REFUSALS = Refusals(
    pending=problems.being_processed,
    declined=problems.not_collectable_state,
    revoked=problems.revoked_not_downloadable,
    unknown_format=problems.unknown_format,
    not_replaceable=problems.not_replaceable_state,
)
CLIENT_REFUSALS = Refusals(
    pending=client_problems.not_collectable,
    declined=client_problems.not_collectable_state,
    revoked=client_problems.revoked,
    unknown_format=client_problems.unsupported_format,
    not_replaceable=client_problems.not_replaceable_state,
)
