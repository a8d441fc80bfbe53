"""The tenant's custom fields, which tests may change."""

from collections.abc import Iterable, Iterator

from sectigo_vault_pki.scm_simulator.model.tenant import AccessMethod, CertType, CustomField
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

ACCESS_METHODS: tuple[AccessMethod, ...] = ("ADMIN_UI", "REST_API", "SOAP_API", "WEB_FORM")


class CustomFields:
    """Every custom field by its name.

    Args:
        first: Those that are there from the start, and again after `clear`.
        settings: The knob `mandatory_custom_fields` makes a field mandatory through every access.
    """

    def __init__(self, first: Iterable[CustomField], settings: Settings) -> None:
        self._first = tuple(first)
        self._settings = settings
        self._fields: dict[str, CustomField] = {}
        self.clear()

    def __iter__(self) -> Iterator[CustomField]:
        return iter(tuple(self._fields.values()))

    def put(self, field: CustomField) -> None:
        """Add a field, or change the one with its name."""
        self._fields[field.name] = field

    def remove(self, name: str) -> bool:
        return self._fields.pop(name, None) is not None

    def next_id(self) -> int:
        return max((field.id for field in self), default=80) + 1

    def active(self, cert_type: CertType) -> list[CustomField]:
        """Return those that an order of the kind can carry."""
        return [field for field in self if field.state == "ACTIVE" and cert_type in field.cert_types]

    def mandatories(self, field: CustomField) -> tuple[AccessMethod, ...]:
        if field.name in self._settings.mandatory_custom_fields:
            return ACCESS_METHODS
        return field.mandatories

    def mandatory_names(self, cert_type: CertType) -> set[str]:
        """Return the names that an order through the REST API must carry; a knob's may be of no field."""
        active = {field.name for field in self.active(cert_type) if "REST_API" in self.mandatories(field)}
        return active | set(self._settings.mandatory_custom_fields)

    def clear(self) -> None:
        self._fields = {field.name: field for field in self._first}
