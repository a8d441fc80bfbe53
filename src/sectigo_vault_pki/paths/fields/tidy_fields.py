"""Fields of `tidy` and `config/auto-tidy`, with the names of Vault's own pki engine where it has them."""

import re
from dataclasses import replace
from datetime import timedelta

from sectigo_vault_pki.paths.fields.columns import SECOND, Column, Table, fields_of, in_seconds
from sectigo_vault_pki.vault_plugin.framework import Field, Kind, KindError, StrictNames, kinds

SMALLEST_PAGE = 5
LARGEST_PAGE = 10_000
LONGEST_PAUSE = timedelta(hours=1)

_PARTS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)", re.ASCII)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": SECOND,
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
}


def _pause() -> Kind[timedelta]:
    """A length of time as Go writes it, such as 50ms or 1m30s; a bare number counts seconds."""

    def parse(value: object) -> timedelta:
        text = kinds.text().parse(value).strip()
        parts = _PARTS.findall(text if text[-1:].isalpha() else f"{text}s")
        if "".join(number + unit for number, unit in parts) not in {text, f"{text}s"} or not parts:
            raise KindError("must be a number of seconds or a duration such as 50ms or 2s")
        length = sum((float(number) * _UNITS[unit] for number, unit in parts), timedelta(0))
        if length > LONGEST_PAUSE:
            raise KindError("must be at most 1h")
        return length

    return Kind("duration", {"type": "string"}, parse)


def as_go_writes(seconds: float) -> str:
    """Return a length of time as Vault's own pki engine shows it: 0s, 50ms, 1m30s."""
    length = timedelta(seconds=seconds)
    if timedelta(0) < length < SECOND:
        return f"{length / timedelta(milliseconds=1):g}ms"
    minutes, rest = divmod(length, timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    text = f"{rest.total_seconds():g}s"
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}" if minutes else text


CERT_STORE = Field(
    name="tidy_cert_store",
    label="Tidy expired certificates",
    kind=kinds.boolean(),
    default=False,
    description="Delete certificates that have expired and were not revoked, with their keys. Default: false.",
)
REVOKED_CERTS = Field(
    name="tidy_revoked_certs",
    label="Tidy revoked certificates",
    kind=kinds.boolean(),
    default=False,
    description="Delete certificates that were revoked and have expired, with their keys. Default: false.",
)
ORDERS = Field(
    name="tidy_orders",
    label="Tidy orders",
    kind=kinds.boolean(),
    default=False,
    description=(
        "Delete orders that SCM has declined or certainly does not have, with their keys, and ids of orders and "
        "requests of which nothing is stored any more. Default: false."
    ),
)
SAFETY_BUFFER = Field(
    name="safety_buffer",
    label="Safety buffer",
    kind=kinds.duration(unit=SECOND, minimum=SECOND),
    default=timedelta(hours=72),
    description=(
        "Time, in seconds or as a duration such as 72h, that must have passed since a certificate expired. For "
        "tidy_orders, time since the order came to nothing, and at least 24 hours. Default: 259200 (72 hours)."
    ),
)
REVOKED_SAFETY_BUFFER = Field(
    name="revoked_safety_buffer",
    label="Safety buffer of revoked certificates",
    kind=kinds.duration(unit=SECOND, minimum=SECOND),
    description="Time that must have passed since a revoked certificate expired. Default: safety_buffer.",
)
PAUSE_DURATION = Field(
    name="pause_duration",
    label="Pause",
    kind=_pause(),
    description="Pause before each entry that is looked at, in seconds or such as 50ms; at most 1h. Default: 0s.",
)
PAGE_SIZE = Field(
    name="page_size",
    label="Page size",
    kind=kinds.whole_number(minimum=SMALLEST_PAGE, maximum=LARGEST_PAGE),
    default=1000,
    description="Number of entries that are listed at once. Default: 1000.",
)
DRY_RUN = Field(
    name="dry_run",
    label="Dry run",
    kind=kinds.boolean(),
    default=False,
    description=(
        "Delete nothing, and return the counts and names of what would be deleted. The request then waits for the run "
        "as long as it may. Default: false."
    ),
)
ENABLED = Field(
    name="enabled",
    label="Enabled",
    kind=kinds.boolean(),
    default=False,
    description="Whether tidy operations begin automatically. Default: false.",
)
INTERVAL_DURATION = Field(
    name="interval_duration",
    label="Interval",
    kind=kinds.duration(unit=SECOND, minimum=timedelta(minutes=1)),
    default=timedelta(hours=12),
    description=(
        "Time, in seconds or as a duration such as 12h, from the end of a run to the beginning of the next. A run that "
        "was begun by hand counts; a dry run does not. Default: 43200 (12 hours)."
    ),
)

RULES: Table = {
    "tidy_cert_store": Column(CERT_STORE, unset=False),
    "tidy_revoked_certs": Column(REVOKED_CERTS, unset=False),
    "tidy_orders": Column(ORDERS, unset=False),
    "safety_buffer": in_seconds(SAFETY_BUFFER),
    "revoked_safety_buffer": in_seconds(REVOKED_SAFETY_BUFFER),
    "pause_duration": Column(PAUSE_DURATION, timedelta.total_seconds, as_go_writes),
    "page_size": Column(PAGE_SIZE),
}
"""The attributes of `TidyRules`."""

SCHEDULE: Table = {
    "enabled": Column(ENABLED, unset=False),
    "interval_duration": in_seconds(INTERVAL_DURATION),
}
"""The other attributes of `AutoTidy`."""

OF_TIDY = (*fields_of(RULES), DRY_RUN)
OF_AUTO_TIDY = tuple(replace(field, inherits=True) for field in (*fields_of(SCHEDULE), *fields_of(RULES)))

NOT_HERE = "this engine has nothing of that kind"
STRICT = StrictNames(
    prefix="tidy_",
    ignored=dict.fromkeys(
        (
            "tidy_acme",
            "tidy_cert_metadata",
            "tidy_cmpv2_nonce_store",
            "tidy_cross_cluster_revoked_certs",
            "tidy_expired_issuers",
            "tidy_invalid_certs",
            "tidy_move_legacy_ca_bundle",
            "tidy_revocation_list",
            "tidy_revocation_queue",
            "tidy_revoked_cert_issuer_associations",
        ),
        NOT_HERE,
    ),
    beginnings=tuple(sorted({field.name.partition("_")[0] for field in (*OF_TIDY, *OF_AUTO_TIDY)})),
)
"""Which undeclared names are refused: a misspelt dry_run or safety_buffer must not delete what it was to spare.

The names that are ignored are those of Vault's and OpenBao's own pki engines.
"""
