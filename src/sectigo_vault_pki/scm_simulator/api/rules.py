"""What the tenant allows: each part of a request held against its catalogue and the knobs (scm-api.md 6.1)."""

from collections.abc import Iterable, Sequence
from typing import Any

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.bodies import CustomFieldValue
from sectigo_vault_pki.scm_simulator.api.certificates import type_json
from sectigo_vault_pki.scm_simulator.api.submitted_csr import check_key, parse_csr
from sectigo_vault_pki.scm_simulator.model.orders import Csr
from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue, Organization, Profile
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings


class Rules:
    """Gives back what a request means, or raises the `Problem` that it is."""

    def __init__(self, *, catalogue: Catalogue, settings: Settings) -> None:
        self._catalogue = catalogue
        self._settings = settings

    def types(self, profiles: Iterable[Profile], *, org_id: str | None) -> list[dict[str, Any]]:
        """Show the profiles of an organization, or of all."""
        if org_id is not None and org_id != str(self._catalogue.organization.id):
            raise scm_problems.unknown_organization(org_id)
        return [type_json(profile, longest_term=self._settings.longest_term) for profile in profiles]

    def custom_fields(self) -> list[dict[str, Any]]:
        mandatory = self._settings.mandatory_custom_fields
        return [
            {"id": field.id, "name": field.name, "mandatory": field.name in mandatory}
            for field in self._catalogue.custom_fields
        ]

    def organization(self, org_id: int) -> Organization:
        if org_id != self._catalogue.organization.id:
            raise scm_problems.invalid_org_id()
        return self._catalogue.organization

    def check_term(self, profile: Profile, term: int) -> None:
        if term not in profile.terms_up_to(self._settings.longest_term):
            raise scm_problems.invalid_term()

    def renewed_term(self, profile: Profile, term: int) -> int:
        """Return the term of a renewal: the same, or what is the longest by now, without a word (scm-api.md 3.5)."""
        if not profile.renewable:
            raise scm_problems.renewal_forbidden()
        terms = profile.terms_up_to(self._settings.longest_term)
        if not terms:
            raise scm_problems.invalid_term()
        return term if term in terms else max(terms)

    def csr(self, text: str, profile: Profile) -> Csr:
        csr = parse_csr(text)
        check_key(csr, profile, ecc_allowed=self._settings.ecc_allowed)
        return csr

    def custom_field_values(self, given: Sequence[CustomFieldValue]) -> tuple[tuple[str, str], ...]:
        known = {field.name for field in self._catalogue.custom_fields}
        values = {field.name: field.value for field in given}
        if not values.keys() <= known:
            raise scm_problems.unknown_custom_field()
        if not all(values.get(name) for name in self._settings.mandatory_custom_fields):
            raise scm_problems.missing_custom_field()
        return tuple(values.items())
