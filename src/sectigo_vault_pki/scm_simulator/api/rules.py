"""What the tenant allows: each part of a request held against its catalogue and the knobs (scm-api.md 6.1)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.bodies import CustomFieldValue
from sectigo_vault_pki.scm_simulator.api.certificates import type_json
from sectigo_vault_pki.scm_simulator.api.submitted_csr import check_key, parse_csr
from sectigo_vault_pki.scm_simulator.model.custom_fields import CustomFields
from sectigo_vault_pki.scm_simulator.model.domains import Domains
from sectigo_vault_pki.scm_simulator.model.orders import Csr
from sectigo_vault_pki.scm_simulator.model.organizations import Organizations
from sectigo_vault_pki.scm_simulator.model.tenant import PRIVATE, CertType, CustomField, Organization, Profile
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

_OLD_TYPE_FIELDS = ("id", "name", "terms")  # scm-api.md 3.1


class Rules:
    """Gives back what a request means, or raises the `Problem` that it is."""

    def __init__(
        self, *, settings: Settings, organizations: Organizations, custom_fields: CustomFields, domains: Domains
    ) -> None:
        self._settings = settings
        self._organizations = organizations
        self._custom_fields = custom_fields
        self._domains = domains

    def types(self, profiles: Iterable[Profile], *, org_id: str | None) -> list[dict[str, Any]]:
        """Show the profiles of an organization, or of all."""
        if org_id is not None and not (org_id.isascii() and org_id.isdigit() and self._organizations.find(int(org_id))):
            raise scm_problems.unknown_organization(org_id)
        shown = [type_json(profile, longest_term=self._settings.longest_term) for profile in profiles]
        if self._settings.types_with_keys:
            return shown
        return [{name: row[name] for name in _OLD_TYPE_FIELDS} for row in shown]

    def custom_fields(self, cert_type: CertType) -> list[dict[str, Any]]:
        mandatory = self._custom_fields.mandatory_names(cert_type)
        return [
            {"id": field.id, "name": field.name, "mandatory": field.name in mandatory}
            for field in self._custom_fields.active(cert_type)
        ]

    def organization(self, org_id: int, cert_type: CertType) -> Organization:
        """Return the organization of an order; a department's has the department's id and the same name."""
        unit = self._organizations.find(org_id)
        if unit is None:
            raise scm_problems.invalid_org_id()
        organization = unit.organization
        enabled = organization.ssl_certs_api_enabled if cert_type == "SSL" else organization.client_certs_api_enabled
        if not enabled:
            raise scm_problems.api_not_enabled()
        return replace(organization, id=org_id)

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

    def check_dcv(self, names: Sequence[str], profile: Profile, *, mode: str | None, email: str | None) -> None:
        """Check how the names of an SSL order are to be validated (scm-api.md 13.3)."""
        if mode is None and self._settings.dcv_mode_required:
            raise scm_problems.missing_value("dcvMode")
        if mode == "EMAIL" and not email and self._settings.dcv_mode_required:
            raise scm_problems.missing_value("dcvEmail")
        if self._settings.dcv == "refuse" and profile.validation_type != PRIVATE:
            for name in self._domains.missing(names):
                raise scm_problems.domain_not_validated(name)

    def custom_field_values(
        self, given: Sequence[CustomFieldValue], cert_type: CertType
    ) -> tuple[tuple[str, str], ...]:
        known = {field.name: field for field in self._custom_fields.active(cert_type)}
        values = {field.name: field.value for field in given}
        if not values.keys() <= known.keys():
            raise scm_problems.unknown_custom_field()
        if not all(values.get(name) for name in self._custom_fields.mandatory_names(cert_type)):
            raise scm_problems.missing_custom_field()
        for name, value in values.items():
            if value and not _fits(value, known[name]):
                raise scm_problems.invalid_value("customFields")
        return tuple(values.items())


def _fits(value: str, field: CustomField) -> bool:
    """Whether the value is one of the field's type; that a wrong one is refused is inferred."""
    match field.input_type:
        case "NUMBER":
            return re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?", value) is not None
        case "EMAIL":
            return re.fullmatch(r"[^\s@,]+@[^\s@,]+", value) is not None
        case "DATE":
            return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None
        case "TEXT_OPTION":
            return value in field.options
        case "TEXT_SINGLE_LINE":
            return "\n" not in value
        case _:
            return True
