"""Custom fields, read as tolerantly as everything of SCM's."""

import httpx
import pytest

from sectigo_vault_pki.scm import SMIME, SSL, CertificateApi
from sectigo_vault_pki.scm.client import ScmClient
from tests.unit.scm.script import Script

ROW = {
    "id": 81,
    "name": "Cost centre",
    "certType": "SSL",
    "state": "ACTIVE",
    "input": {"type": "TEXT_OPTION", "options": ["4711", "4712"]},
    "mandatories": ["ADMIN_UI", "REST_API"],
}


async def test_a_field_is_mandatory_if_the_rest_api_is_named(client: ScmClient, script: Script) -> None:
    rows = [ROW, {**ROW, "name": "a", "mandatories": ["ADMIN_UI"]}, {**ROW, "name": "b", "state": "INACTIVE"}]
    script.answers(httpx.Response(200, json=rows))
    fields = await SSL.custom_fields(client)
    assert [(field.name, field.is_mandatory) for field in fields] == [("Cost centre", True), ("a", False), ("b", False)]
    assert (fields[0].input.type, fields[0].input.options) == ("TEXT_OPTION", ("4711", "4712"))


@pytest.mark.parametrize(("api", "kind"), [(SSL, "SSL"), (SMIME, "SMIME")])
async def test_each_kind_asks_for_its_own_fields_and_reads_no_others(
    api: CertificateApi, kind: str, client: ScmClient, script: Script
) -> None:
    rows = [{**ROW, "certType": certificate_kind} for certificate_kind in ("SSL", "SMIME", "Device")]
    script.answers(httpx.Response(200, json=rows))
    assert [field.certificate_kind for field in await api.custom_fields(client)] == [kind]
    assert str(script.requests[0].url).endswith(f"/api/customField/v2?certType={kind}")


@pytest.mark.parametrize(
    "odd", [None, "field", {}, {**ROW, "name": ""}, {**ROW, "input": "text", "mandatories": "REST_API"}, {"name": "x"}]
)
async def test_an_odd_row_makes_nothing_mandatory(odd: object, client: ScmClient, script: Script) -> None:
    script.answers(httpx.Response(200, json=[odd, ROW]))
    fields = await SSL.custom_fields(client)
    assert [field.name for field in fields if field.is_mandatory] == ["Cost centre"]
