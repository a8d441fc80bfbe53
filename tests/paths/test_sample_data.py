"""Every file that users copy is sent through the path it is for."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, Response
from tests.support.certificates import key_of, pem_of
from tests.support.mount import CONFIG, Mount, answered

SAMPLES = Path(__file__).resolve().parent.parent.parent / "sample_data_jsons"
CUSTOM_FIELDS = '[{"name": "Cost centre", "value": "4711"}]'


@dataclass(frozen=True)
class Family:
    """A folder of samples, and what only the user's own account knows, here the simulator's."""

    name: str
    account: Mapping[str, object] = field(repr=False)
    id_field: str
    common_name: str

    def file(self, purpose: str = "") -> Path:
        return SAMPLES / self.name / f"{self.name}{purpose}.json"

    def sample(self, purpose: str = "") -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.file(purpose).read_text())
        return fields

    def filled(self, purpose: str = "") -> dict[str, Any]:
        """Return the sample as its user sends it: with words of his own in place of those in angle brackets."""
        return {
            name: re.sub("<([^<>]+)>", r"my \1", value) if isinstance(value, str) else value
            for name, value in self.sample(purpose).items()
        }


SSL = Family(
    "ssl_cert",
    {"sectigo_ssl_cert_type": 501, "sectigo_ssl_cert_custom_fields": CUSTOM_FIELDS},
    id_field="ssl_id",
    common_name="www.example.com",
)
CLIENT = Family(
    "client_cert",
    {"sectigo_client_cert_type": 601, "sectigo_client_cert_custom_fields": CUSTOM_FIELDS},
    id_field="order_number",
    common_name="my first name my last name",
)
ROLE = SAMPLES / "role" / "role.json"
LOGINS = (SAMPLES / "login" / "oauth2_config.json", SAMPLES / "login" / "certificate_config.json")
PURPOSES = ("_config", "", "_revoke", "_replace", "_manual_renew", "_fetch", "_export", "_sync")
OF_A_READ = ("", "_manual_renew", "_fetch")
"""What a role says of the subject, and the sample leaves out."""
_OPERATION = {"_revoke": "revoke", "_replace": "replace", "_export": "export"}


@pytest.fixture(params=[SSL, CLIENT], ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    chosen: Family = request.param
    return chosen


def as_the_command_line_reads(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as the command line sends them with a read: everything as text (api.md 1)."""
    return {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in fields.items()}


def without_warnings(response: Response | None) -> Mapping[str, Any]:
    data = answered(response)
    assert response is not None
    assert response.warnings == ()
    return data


async def configured(mount: Mount, family: Family) -> None:
    changes = {name: value for name, value in CONFIG.items() if name != "sectigo_config_type"}
    await mount.write("configs/web", {**family.filled("_config"), **changes})


async def enrolled(mount: Mount, family: Family) -> Mapping[str, Any]:
    await configured(mount, family)
    return without_warnings(await mount.write("enroll/web", {**family.filled(), **family.account}))


def test_every_sample_is_sent_by_a_test_of_this_module() -> None:
    of_families = {family.file(purpose) for family in (SSL, CLIENT) for purpose in PURPOSES}
    assert set(SAMPLES.rglob("*.*")) == of_families | {ROLE, *LOGINS}


def sample_in(file: Path) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads(file.read_text())
    return sample


@pytest.mark.parametrize("file", LOGINS, ids=lambda file: file.stem)
async def test_login_sample_logs_in_once_it_is_filled_in(mount: Mount, file: Path) -> None:
    sample = sample_in(file)
    with pytest.raises(BadRequestError) as refused:
        await mount.write("configs/web", sample)
    blank = {name for name, value in sample.items() if str(value).startswith("<")}
    assert {line.split()[0] for line in str(refused.value).splitlines()} == blank
    shown = mount.simulator.issue_login_certificate("demo-user")
    mount.simulator.accounts.trust("demo-user", shown.certificate)
    own = {
        "sectigo_cm_user": "demo-user",
        "sectigo_cm_client_id": "demo-client-id",
        "sectigo_cm_client_secret": "demo-client-secret",
        "sectigo_cm_client_cert": shown.certificate_pem(),
        "sectigo_cm_client_key": shown.private_key_pem(),
        "sectigo_cm_uri": "demo-customer",
        "sectigo_cm_org_id": 7001,
    }
    await mount.write("configs/web", {**sample, **{name: value for name, value in own.items() if name in sample}})
    mount.simulator.settings.pending_polls = 0
    assert (await mount.enroll())["status"] == "Issued"


async def test_config_sample_is_taken_once_it_is_filled_in(mount: Mount, family: Family) -> None:
    fields = family.filled("_config")
    assert await mount.write("configs/web", fields) is None
    shown = answered(await mount.read("configs/web"))
    assert {name: shown[name] for name in fields if name != "sectigo_cm_password"} == {
        name: value for name, value in fields.items() if name != "sectigo_cm_password"
    }


def test_config_sample_needs_no_field_but_the_accounts_own(family: Family) -> None:
    assert set(family.sample("_config")) == set(CONFIG)
    assert family.sample("_config")["sectigo_config_type"] == family.name


async def test_enrolment_sample_with_the_accounts_values_orders_a_certificate(mount: Mount, family: Family) -> None:
    issued = await enrolled(mount, family)
    assert issued["status"] == "Issued"
    assert issued["certificate_type"] == family.name
    assert issued["domain"] == family.common_name
    assert issued["private_key_type"] == "rsa"


@pytest.mark.parametrize("purpose", PURPOSES)
async def test_sample_as_it_stands_is_refused_by_the_names_of_what_has_to_be_filled_in(
    mount: Mount, family: Family, purpose: str
) -> None:
    unique_id = (await enrolled(mount, family))["cert_unique_id"]
    stored, calls = mount.storage.snapshot(), len(mount.simulator.calls)
    fields = family.sample(purpose)
    brackets = [name for name, value in fields.items() if isinstance(value, str) and "<" in value]
    path = {"": "enroll/web", "_config": "configs/web"}.get(purpose, f"{_OPERATION.get(purpose)}/web/{unique_id}")
    if not brackets:
        assert purpose in {*OF_A_READ, "_sync"}
        return
    with pytest.raises(BadRequestError) as refused:
        await mount.write(path, fields)
    complained = [line.split()[0] for line in str(refused.value).splitlines() if "still holds the sample's" in line]
    assert complained == brackets
    assert mount.storage.snapshot() == stored
    assert len(mount.simulator.calls) == calls


async def test_enrolment_sample_filled_in_gets_as_far_as_scm(mount: Mount, family: Family) -> None:
    await configured(mount, family)
    with pytest.raises(BadRequestError, match="SCM offers this organization no certificate profile 123"):
        await mount.write("enroll/web", family.filled())
    assert mount.simulator.calls.count("types") == 1


@pytest.mark.parametrize("purpose", PURPOSES)
def test_sample_leaves_renewal_to_the_config_entry(family: Family, purpose: str) -> None:
    flags = {"sectigo_expiry_window", "sectigo_auto_renew", "sectigo_read_renewed_cert"}
    assert flags.isdisjoint(family.sample(purpose))


async def test_entrys_renewal_flags_hold_for_what_the_sample_orders(mount: Mount, family: Family) -> None:
    issued = await enrolled(mount, family)
    await mount.write("configs/web", {"sectigo_auto_renew": False})
    mount.clock.advance(days=364)
    path = f"certs/web/{issued['cert_unique_id']}"
    assert without_warnings(await mount.read(path)) == issued
    await mount.write("configs/web", {"sectigo_auto_renew": True})
    assert without_warnings(await mount.read(path))["renewed_from"] == issued["cert_unique_id"]


@pytest.mark.parametrize("purpose", OF_A_READ)
async def test_sample_can_be_given_to_a_read(mount: Mount, family: Family, purpose: str) -> None:
    issued = await enrolled(mount, family)
    path = f"certs/web/{issued['cert_unique_id']}"
    fields = family.sample(purpose)
    assert without_warnings(await mount.read(path, fields)) == issued
    assert without_warnings(await mount.read(path, as_the_command_line_reads(fields))) == issued


async def test_renewal_sample_renews(mount: Mount, family: Family) -> None:
    issued = await enrolled(mount, family)
    path = f"renew/web/{issued['cert_unique_id']}"
    renewed = without_warnings(await mount.write(path, family.sample("_manual_renew")))
    assert renewed["status"] == "Issued"
    assert renewed["renewed_from"] == issued["cert_unique_id"]


async def test_replacement_sample_replaces_and_keeps_what_it_leaves_empty(mount: Mount, family: Family) -> None:
    issued = await enrolled(mount, family)
    path = f"replace/web/{issued['cert_unique_id']}"
    replaced = without_warnings(await mount.write(path, family.filled("_replace")))
    assert replaced["status"] == "Issued"
    assert replaced["cert_unique_id"] == issued["cert_unique_id"]
    assert replaced["domain"] == family.common_name
    assert replaced["private_key"] != issued["private_key"]


async def test_revocation_sample_revokes(mount: Mount, family: Family) -> None:
    issued = await enrolled(mount, family)
    path = f"revoke/web/{issued['cert_unique_id']}"
    assert without_warnings(await mount.write(path, family.filled("_revoke")))["status"] == "Revoked"


async def test_fetch_sample_fetches_what_vault_forgot(mount: Mount, family: Family) -> None:
    issued = await enrolled(mount, family)
    await mount.delete(f"certs/web/{issued['cert_unique_id']}")
    path = f"fetch/web/{issued[family.id_field]}"
    fetched = without_warnings(await mount.write(path, family.sample("_fetch")))
    assert fetched["cert_unique_id"] == issued["cert_unique_id"]
    assert fetched["certificate"] == issued["certificate"]
    assert fetched["private_key"] == ""


async def test_sync_sample_compares_and_changes_nothing(mount: Mount, family: Family) -> None:
    await enrolled(mount, family)
    compared = without_warnings(await mount.write("sync/web", family.sample("_sync")))
    assert (compared["status"], compared["dry_run"], compared["counts"]) == ("ended", True, {})


async def test_export_sample_makes_a_file_under_its_password(mount: Mount, family: Family) -> None:
    issued = await enrolled(mount, family)
    path = f"export/web/{issued['cert_unique_id']}"
    exported = without_warnings(await mount.write(path, family.filled("_export")))
    made = pkcs12.load_pkcs12(base64.b64decode(exported["pkcs12"]), b"my password of the file")
    assert isinstance(made.key, rsa.RSAPrivateKey)
    assert pem_of(made.key) == pem_of(key_of(issued))


@pytest.mark.parametrize("purpose", PURPOSES)
def test_sample_leaves_key_and_csr_to_the_command_line(family: Family, purpose: str) -> None:
    assert {"sectigo_csr", "sectigo_private_key"}.isdisjoint(family.sample(purpose))


@pytest.mark.parametrize("purpose", PURPOSES)
def test_sample_holds_no_list_because_the_command_line_cannot_send_one_with_a_read(
    family: Family, purpose: str
) -> None:
    assert not [value for value in family.sample(purpose).values() if isinstance(value, list | dict)]


async def test_role_sample_with_the_accounts_profile_allows_its_domains(mount: Mount) -> None:
    await configured(mount, SSL)
    sample = json.loads(ROLE.read_text())
    written = without_warnings(await mount.write("roles/web", sample))
    assert {name: written[name] for name in sample} == {
        **sample,
        "allowed_domains": ["example.com"],
        "max_ttl": 398 * 86_400,
        "min_remaining": 60 * 86_400,
    }
    await mount.write("roles/web", {**sample, "certificate_type": 501})
    mount.simulator.settings.pending_polls = 0
    without_warnings(await mount.write("issue/web", {"common_name": "www.example.com"}))
