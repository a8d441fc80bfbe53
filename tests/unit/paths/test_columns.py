"""Tables between the attributes of records and the fields that set them."""

from datetime import timedelta

import pytest
from pydantic import BaseModel

from sectigo_vault_pki.paths.fields import (
    client_fields,
    config_fields,
    key_fields,
    role_fields,
    ssl_fields,
    waiting_fields,
)
from sectigo_vault_pki.paths.fields.columns import (
    DAY,
    Column,
    Table,
    emptied_attributes,
    in_days,
    in_seconds,
    shown_values,
    stored_values,
)
from sectigo_vault_pki.store import (
    ClientFields,
    ConfigRecord,
    RoleDefaults,
    RoleRecord,
    SslFields,
    SubjectFields,
    WaitingAndRenewal,
)
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, kinds

LENGTH = Field(name="length", kind=kinds.duration(unit=DAY), default=timedelta(days=7), description="Days.")
NAMES = Field(name="names", kind=kinds.string_list(), description="Names.")
SECRET = Field(name="secret", kind=kinds.text(), secret=True, description="Hidden.")
TABLE: Table = {
    "length": in_seconds(LENGTH, DAY),
    "names": Column(NAMES, stored=lambda names: ",".join(names) or None),
    "secret": Column(SECRET),
}


class Stored(BaseModel):
    length: float | None = None
    names: str | None = None
    secret: str | None = None


@pytest.mark.parametrize(
    ("table", "record", "others"),
    [
        (ssl_fields.TABLE, SslFields, set()),
        (client_fields.TABLE, ClientFields, set()),
        (key_fields.SUBJECT, SubjectFields, set()),
        (waiting_fields.TABLE, WaitingAndRenewal, set()),
        (config_fields.TABLE, ConfigRecord, {"v", "defaults", "next_password", "next_password_until"}),
        (role_fields.TABLE, RoleRecord, {"v", "allowed_subject", "builtin_fields", "inherited"}),
        (role_fields.DEFAULTS_TABLE, RoleDefaults, {"v"}),
    ],
)
def test_every_attribute_has_a_field(table: Table, record: type[BaseModel], others: set[str]) -> None:
    assert table.keys() | others == record.model_fields.keys()


def test_what_a_request_leaves_out_is_not_stored() -> None:
    sent = FieldData({"length": timedelta(days=2), "names": ()}, frozenset({"secret"}))
    assert stored_values(TABLE, sent) == {"length": 172_800.0}
    assert emptied_attributes(TABLE, sent) == {"secret"}


@pytest.mark.parametrize(
    ("seconds", "with_defaults", "shown"),
    [(172_800.0, False, 2), (129_600.0, False, 1.5), (None, False, ""), (None, True, 7)],
)
def test_a_length_of_time_is_shown_in_its_unit(seconds: float | None, with_defaults: bool, shown: object) -> None:
    assert shown_values(TABLE, Stored(length=seconds), with_defaults=with_defaults)["length"] == shown


def test_a_secret_is_never_shown() -> None:
    shown = shown_values(TABLE, Stored(names="a,b", secret="hidden"), with_defaults=True)
    assert shown == {"length": 7, "names": "a,b"}


def test_days_are_stored_as_they_are_shown() -> None:
    table = {"days": in_days(LENGTH)}
    assert stored_values(table, FieldData({"length": timedelta(days=3)})) == {"days": 3}
