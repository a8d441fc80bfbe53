"""The tenant's organizations and their departments, which tests may change."""

from collections.abc import Iterator
from dataclasses import dataclass

from sectigo_vault_pki.scm_simulator.model.tenant import Organization


@dataclass(frozen=True)
class Unit:
    """What an `orgId` names: an organization, or a department within one.

    Args:
        id: The `orgId`.
        organization: The organization, or that of the department.
        department: The department's name; None for an organization.
    """

    id: int
    organization: Organization
    department: str | None = None


class Organizations:
    """Every organization, oldest first.

    Args:
        first: The one that is there from the start, and again after `clear`.
    """

    def __init__(self, first: Organization) -> None:
        self._first = first
        self._organizations = {first.id: first}

    def __iter__(self) -> Iterator[Organization]:
        return iter(tuple(self._organizations.values()))

    def put(self, organization: Organization) -> None:
        """Add an organization, or change the one with its id."""
        self._organizations[organization.id] = organization

    def find(self, unit_id: int) -> Unit | None:
        for organization in self:
            if organization.id == unit_id:
                return Unit(unit_id, organization)
            for department in organization.departments:
                if department.id == unit_id:
                    return Unit(unit_id, organization, department.name)
        return None

    def clear(self) -> None:
        self._organizations = {self._first.id: self._first}
