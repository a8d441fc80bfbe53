"""`profile/:config_name` and `profile/:config_name/:profile_id`: what SCM offers, as far as orders need it."""

from collections.abc import Mapping

from sectigo_vault_pki.lifecycle import Profile, Profiles, ProfileWithFields
from sectigo_vault_pki.paths.answers.certificate_answer import LIST_SCHEMA, NUMBER, OBJECT, TEXT, TEXTS, Schema
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES
from sectigo_vault_pki.paths.fields import field_kinds
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME
from sectigo_vault_pki.vault_plugin.framework import PAGING, Field, FieldData, Handler, Path, page_response
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

PROFILE_ID = Field(
    name="profile_id",
    label="Profile id",
    kind=field_kinds.number_in_path(),
    log_key="profile",
    description="SCM's id of the certificate profile: what sectigo_ssl_cert_type or sectigo_client_cert_type names.",
)

PROFILE_SCHEMA: Schema = {
    "custom_fields": {
        "type": "array",
        "items": {"type": "object", "properties": {"name": TEXT, "options": TEXTS, "type": TEXT}},
        "description": "Custom fields that every order needs, with SCM's word for their type",
    },
    "description": TEXT,
    "id": NUMBER,
    "key_types": {**OBJECT, "description": "Sizes by algorithm, in SCM's words; empty if SCM does not say"},
    "name": TEXT,
    "terms": {
        "type": "array",
        "items": NUMBER,
        "description": "Validities in days that can be ordered; empty if SCM does not say",
    },
}
LISTED_SCHEMA: Schema = {
    **LIST_SCHEMA,
    "key_info": {**OBJECT, "description": "By id: name, description, terms, key_types"},
}


def path_profile_list(profiles: Profiles) -> Path:
    """Declare the list."""

    async def list_profiles(_: Request, data: FieldData) -> Response:
        listed = {str(profile.id): profile for profile in await profiles.listed(data[CONFIG_NAME])}
        key_info = {key: _shown(profile) for key, profile in listed.items()}
        return page_response([*listed], data, key_info=key_info)

    return Path(
        template="profile/{config_name}/",
        fields=(CONFIG_NAME, *PAGING),
        operations={
            Operation.LIST: Handler(
                list_profiles, forwarded=True, query=PAGING, answer=LISTED_SCHEMA, failures=SCM_FAILURES
            )
        },
        synopsis="List the certificate profiles that can be ordered under a config entry.",
        description=LIST_DESCRIPTION,
    )


def path_profile(profiles: Profiles) -> Path:
    """Declare read, write and delete."""

    async def read(_: Request, data: FieldData) -> Response:
        return _response(await profiles.get(data[CONFIG_NAME], int(data[PROFILE_ID])))

    async def write(_: Request, data: FieldData) -> Response:
        return _response(await profiles.get(data[CONFIG_NAME], int(data[PROFILE_ID]), ask_again=True))

    async def delete(_: Request, data: FieldData) -> None:
        profiles.drop(data[CONFIG_NAME])

    return Path(
        template="profile/{config_name}/{profile_id}",
        fields=(CONFIG_NAME, PROFILE_ID),
        operations={
            Operation.READ: Handler(
                read, summary="Read a profile.", forwarded=True, answer=PROFILE_SCHEMA, failures=SCM_FAILURES
            ),
            Operation.UPDATE: Handler(
                write,
                summary="Ask SCM again for a profile.",
                forwarded=True,
                answer=PROFILE_SCHEMA,
                failures=SCM_FAILURES,
            ),
            Operation.DELETE: Handler(delete, summary="Drop what is kept of the profiles.", forwarded=True),
        },
        synopsis="Read a certificate profile: its terms, its keys, and the custom fields that an order needs.",
        description=DESCRIPTION,
    )


def _response(found: ProfileWithFields) -> Response:
    fields = [
        {"name": field.name, "options": list(field.input.options), "type": field.input.type}
        for field in found.mandatory_fields
    ]
    data = {"id": found.profile.id, **_shown(found.profile), "custom_fields": fields}
    return Response(data=data, warnings=found.warnings)


def _shown(profile: Profile) -> Mapping[str, object]:
    return {
        "description": profile.description,
        "key_types": {algorithm: list(sizes) for algorithm, sizes in profile.key_types.items()},
        "name": profile.name,
        "terms": list(profile.terms),
    }


LIST_DESCRIPTION = """
Returns the ids of the certificate profiles (SCM calls them types) that the entry's organization may order, and under
key_info their names, terms and keys. What SCM said is kept for an hour.
"""

DESCRIPTION = """
A certificate profile is a product of SCM. Its id is what sectigo_ssl_cert_type and sectigo_client_cert_type name.

A read returns its name, the terms in days and the keys that can be ordered, and the custom fields that every order
needs. What SCM said is kept for an hour, for all profiles of the config entry; a write asks SCM again, and a delete
drops what is kept. Nothing happens at SCM.

Orders are checked against the same: one that SCM cannot take is refused before it is stored or sent. What SCM does not
say is not checked.
"""
