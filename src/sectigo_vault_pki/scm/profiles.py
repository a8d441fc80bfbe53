"""Certificate profiles, which SCM calls types (scm-api.md 3.1, 13.4)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sectigo_vault_pki.scm.call import Call
from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.codes import TYPES
from sectigo_vault_pki.scm.results import Days, Id, Line, Page, ScmJson, as_text


def _key_types(value: Any) -> Mapping[str, Sequence[str]]:
    """Read the sizes by algorithm; anything else tells nothing."""
    if not isinstance(value, dict):
        return {}
    return {str(algorithm).strip().upper(): _sizes(sizes) for algorithm, sizes in value.items()}


def _sizes(value: Any) -> Sequence[str]:
    """Read sizes; one that is none makes all of them unknown, as nobody can tell then what is on offer."""
    texts = [as_text(size) for size in value] if isinstance(value, list) else []
    sizes = [text.strip() for text in texts if isinstance(text, str) and text.strip()]
    return sizes if len(sizes) == len(texts) else []


class Profile(ScmJson):
    """One profile.

    Attributes:
        terms: the validities on offer, in days; empty if they cannot be told.
        key_types: SCM's sizes, such as `2048` or `P-256`, by algorithm in capitals; empty if they cannot be told, and
            so are the sizes of one algorithm.
    """

    id: Id
    name: Line = ""
    description: Line = ""
    terms: Days = ()
    key_types: Annotated[Mapping[str, Sequence[str]], BeforeValidator(_key_types)] = Field(
        default_factory=dict, validation_alias="keyTypes"
    )


async def listed_profiles(client: ScmClient, prefix: str) -> Page[Profile]:
    """List the profiles that the organization may order from an API; SCM may name one twice."""
    return await client.listed(Call(TYPES, "GET", f"{prefix}/types", query={"organizationId": client.org_id}), Profile)
