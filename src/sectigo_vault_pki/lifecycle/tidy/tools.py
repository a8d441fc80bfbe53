"""What a run of `tidy` works with."""

from dataclasses import dataclass

from sectigo_vault_pki.lifecycle.deletion import Deletion
from sectigo_vault_pki.lifecycle.orders.idempotency import Enrolments
from sectigo_vault_pki.lifecycle.orders.runner import Runner
from sectigo_vault_pki.lifecycle.resources import Resources


@dataclass(frozen=True, slots=True)
class Tools:
    """The parts of the engine that judge and delete."""

    resources: Resources
    runner: Runner
    enrolments: Enrolments
    deletion: Deletion
