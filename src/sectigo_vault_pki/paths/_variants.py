"""Fields as single paths declare them: with another default, or without effect; and the names that paths refuse."""

import re
from collections.abc import Iterable
from dataclasses import replace

from sectigo_vault_pki.paths import _fields
from sectigo_vault_pki.vault_plugin.framework import Field, StrictNames


def otherwise(source: str, fields: Iterable[Field[object]]) -> tuple[Field[object], ...]:
    """Return fields whose help names, before the default, what holds in their absence."""
    return tuple(
        replace(declared, description=declared.description.replace("Default:", f"Default: {source}"))
        for declared in fields
    )


OF_A_CERTIFICATE = otherwise(
    "the value stored with the certificate, else the config entry's, else", _fields.WAITING_AND_RENEWAL
)
"""Waiting and renewal on the paths of a certificate that is stored."""
STORED_FORMAT = replace(
    _fields.SSL_FORMAT_TYPE,
    default=None,
    inherits=True,
    description=_fields.SSL_FORMAT_TYPE.description.replace(", the default", "")
    + " Default: the format stored with the certificate.",
)
"""The format on the paths of a certificate that is stored."""

ORDERING = StrictNames(
    prefix="sectigo_",
    ignored=dict.fromkeys(
        (
            "sectigo_cm_base_url",
            "sectigo_cm_org_id",
            "sectigo_cm_password",
            "sectigo_cm_uri",
            "sectigo_cm_user",
            "sectigo_config_type",
        ),
        "the account belongs to the config entry, configs/<config_name>",
    ),
)
"""How paths that order judge undeclared names: a misspelt option must not buy a certificate without it.

Newer samples of the vendor's carry the account's fields in an order's body.
"""


_NEED_OR_DEFAULT = re.compile(r"(?:Required|Default:)[^.]*\.")


def without_effect(fields: Iterable[Field[object]]) -> tuple[Field[object], ...]:
    """Return the fields as a path declares them that accepts and ignores them: no need, no default."""
    return tuple(
        replace(
            declared,
            description=_NEED_OR_DEFAULT.sub("", declared.description).strip(),
            required=False,
            without_effect=True,
        )
        for declared in fields
    )
