"""The custom fields as v2 describes them (scm-api.md 13.4)."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints
from sectigo_vault_pki.scm_simulator.api.inbound import Inbound, compact_json_response
from sectigo_vault_pki.scm_simulator.model.custom_fields import CustomFields
from sectigo_vault_pki.scm_simulator.model.tenant import CertType, CustomField

CUSTOM_FIELD = "/api/customField/v2"
_CERT_TYPES: tuple[CertType, ...] = ("SSL", "SMIME")
_NEIGHBOURS = frozenset({"CodeSign", "Device"})  # of which the tenant has none


class CustomFieldApi:
    """The list: a line for each field and kind of certificate, whatever the state."""

    def __init__(self, custom_fields: CustomFields) -> None:
        self._custom_fields = custom_fields

    def routes(self, endpoints: Endpoints) -> list[Route]:
        return [Route(CUSTOM_FIELD, endpoints.endpoint("custom_fields", self.list_fields), methods=["GET"])]

    def list_fields(self, inbound: Inbound) -> Response:
        wanted = inbound.query.get("certType")
        if wanted is not None and wanted not in _CERT_TYPES and wanted not in _NEIGHBOURS:
            raise scm_problems.invalid_value("certType")
        return compact_json_response(
            [
                self._row_json(field, cert_type)
                for cert_type in _CERT_TYPES
                for field in self._custom_fields
                if cert_type in field.cert_types and wanted in {None, cert_type}
            ]
        )

    def _row_json(self, field: CustomField, cert_type: CertType) -> dict[str, Any]:
        options = {"options": list(field.options)} if field.input_type == "TEXT_OPTION" else {}
        return {
            "id": field.id,
            "name": field.name,
            "certType": cert_type,
            "state": field.state,
            "input": {"type": field.input_type, **options},
            "mandatories": list(self._custom_fields.mandatories(field)),
        }
