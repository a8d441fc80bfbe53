"""Fields about waiting for a certificate and renewing it."""

from dataclasses import replace
from datetime import timedelta

from sectigo_vault_pki.paths.fields.columns import (
    DAY,
    SECOND,
    Column,
    Table,
    emptied_attributes,
    fields_of,
    in_seconds,
    shown_values,
    stored_values,
)
from sectigo_vault_pki.store import WaitingAndRenewal
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, kinds

MAX_TIMEOUT = Field(
    name="sectigo_max_timeout",
    label="Waiting time (seconds)",
    kind=kinds.duration(unit=SECOND),
    default=timedelta(seconds=600),
    inherits=True,
    description="Seconds to wait for the certificate to be issued; 0 does not wait. Default: 600.",
)
LOOP_PERIOD = Field(
    name="sectigo_loop_period",
    label="Longest pause between collects (seconds)",
    kind=kinds.duration(unit=SECOND, minimum=SECOND),
    default=timedelta(seconds=30),
    inherits=True,
    description=(
        "Longest pause, in seconds, between two attempts to collect the certificate; in the first minute pauses are "
        "5 s at most. Default: 30."
    ),
)
EXPIRY_WINDOW = Field(
    name="sectigo_expiry_window",
    label="Expiry window (days)",
    kind=kinds.duration(unit=DAY),
    default=timedelta(days=7),
    inherits=True,
    description=(
        "Days before its expiry from which a certificate is renewed: at most a third of its life. Default: 7."
    ),
)
AUTO_RENEW = Field(
    name="sectigo_auto_renew",
    label="Renew automatically",
    kind=kinds.boolean(),
    default=True,
    inherits=True,
    description=(
        "Whether a certificate inside its expiry window is renewed automatically, by a read or in the background. "
        "Default: true."
    ),
)
READ_RENEWED_CERT = Field(
    name="sectigo_read_renewed_cert",
    label="Read the renewed certificate",
    kind=kinds.boolean(),
    default=True,
    inherits=True,
    description="Whether reading a renewed certificate returns its successor. Default: true.",
)

TABLE: Table = {
    "max_timeout": in_seconds(MAX_TIMEOUT),
    "loop_period": in_seconds(LOOP_PERIOD),
    "expiry_window": in_seconds(EXPIRY_WINDOW, DAY),
    "auto_renew": Column(AUTO_RENEW),
    "read_renewed_cert": Column(READ_RENEWED_CERT),
}
"""How `WaitingAndRenewal` is set."""
FIELDS = fields_of(TABLE)


def with_default_from(source: str) -> tuple[Field[object], ...]:
    """Return fields whose help names, before the default, where a value comes from that the request leaves out."""
    return tuple(
        replace(declared, description=declared.description.replace("Default:", f"Default: {source}"))
        for declared in FIELDS
    )


_STORED, *_OTHERS_STORED = with_default_from("the value stored with the certificate, else the config entry's, else")
MAX_TIMEOUT_OF_CERTIFICATE = _STORED


def of_certificate(max_timeout: Field[object] = MAX_TIMEOUT_OF_CERTIFICATE) -> tuple[Field[object], ...]:
    """Return the fields as a stored certificate's paths declare them, with the path's own waiting time."""
    return (max_timeout, *_OTHERS_STORED)


_UNSET = WaitingAndRenewal()


def waiting_and_renewal(data: FieldData) -> WaitingAndRenewal:
    """Return the waiting and renewal values that the request itself gives."""
    values = stored_values(TABLE, data)
    return WaitingAndRenewal.model_validate(values) if values else _UNSET


def cleared_flags(data: FieldData) -> frozenset[str]:
    """Return the attributes of `WaitingAndRenewal` that the request sends empty: their stored values are removed."""
    return emptied_attributes(TABLE, data)


def shown_flags(stored: WaitingAndRenewal) -> dict[str, object]:
    """Return waiting and renewal fields as they are stored, without those that are not."""
    shown = shown_values(TABLE, stored, with_defaults=False)
    return {
        column.field.name: shown[column.field.name]
        for name, column in TABLE.items()
        if getattr(stored, name) is not None
    }
