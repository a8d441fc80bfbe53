"""How paths accept the file of an enrolment and use a part of it."""

import re
from dataclasses import replace

from sectigo_vault_pki.paths.fields import client_fields, key_fields, ssl_fields
from sectigo_vault_pki.vault_plugin.framework import Field, StrictNames

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
"""Which undeclared names paths that order refuse: a misspelt option must not order a certificate without it.

Newer samples of the vendor carry the account's fields in an order's body.
"""

_REQUIRED_OR_DEFAULT = re.compile(r"(?:Required|Default:)[^.]*\.")


def with_ignored(*taken: Field[object]) -> tuple[Field[object], ...]:
    """Return a path's fields, and the other fields of an enrolment as ones without effect.

    So a path accepts the file of the enrolment.
    """
    names = {declared.name for declared in taken}
    of_enrolment = (*key_fields.FIELDS, *ssl_fields.FIELDS, *client_fields.FIELDS)
    return (*taken, *(_without_effect(declared) for declared in of_enrolment if declared.name not in names))


def _without_effect(declared: Field[object]) -> Field[object]:
    description = _REQUIRED_OR_DEFAULT.sub("", declared.description).strip()
    return replace(declared, description=description, required=False, without_effect=True)
