"""Certificate profiles, which SCM calls types (scm-api.md 3.1, 13.4)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sectigo_vault_pki.scm.call import Call
from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.codes import TYPES
from sectigo_vault_pki.scm.results import Days, Id, Page, ScmJson, Word, as_text


def _key_types(value: Any) -> Mapping[str, Sequence[str]]:
    """Read the sizes by algorithm; anything else tells nothing."""
    if not isinstance(value, dict):
        return {}
    return {
        str(algorithm).upper(): [text for size in sizes if isinstance(text := as_text(size), str)]
        for algorithm, sizes in value.items()
        if isinstance(sizes, list)
    }


class Profile(ScmJson):
    """One profile.

    Attributes:
        terms: the validities on offer, in days; empty if they cannot be told.
        key_types: SCM's sizes, such as `2048` or `P-256`, by algorithm in capitals; empty if they cannot be told.
    """

    id: Id
    name: Word = ""
    description: Word = ""
    terms: Days = ()
    key_types: Annotated[Mapping[str, Sequence[str]], BeforeValidator(_key_types)] = Field(
        default_factory=dict, validation_alias="keyTypes"
    )


async def listed_profiles(client: ScmClient, prefix: str) -> Page[Profile]:
    """List the profiles that the organization may order from an API; SCM may name one twice."""
    return await client.listed(Call(TYPES, "GET", f"{prefix}/types", query={"organizationId": client.org_id}), Profile)
