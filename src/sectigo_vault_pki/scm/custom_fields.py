"""The custom fields that a customer has defined at SCM (scm-api.md 13.4)."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sectigo_vault_pki.scm.call import Call
from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.codes import CUSTOM_FIELDS
from sectigo_vault_pki.scm.results import ScmJson, TextOrNone, Word

_OUR_ACCESS = "REST_API"
_IN_USE = "ACTIVE"


def _texts(value: Any) -> tuple[str, ...]:
    """Read a list of texts; what is none tells nothing."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _input(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class FieldInput(ScmJson):
    """What a field takes.

    Attributes:
        type: SCM's word, such as `TEXT_OPTION`.
        options: the values to choose from.
    """

    type: Word = ""
    options: Texts = ()


class CustomField(ScmJson):
    """One field, as SCM lists it for one kind of certificate; an order names it by exactly this name."""

    name: Annotated[TextOrNone, Field(min_length=1)]
    certificate_kind: Word = Field(default="", validation_alias="certType")
    state: Word = ""
    input: Annotated[FieldInput, BeforeValidator(_input)] = FieldInput()
    mandatories: Texts = ()

    @property
    def is_mandatory(self) -> bool:
        """Whether every order over the REST API needs it."""
        return self.state.upper() == _IN_USE and _OUR_ACCESS in self.mandatories


async def listed_custom_fields(client: ScmClient, kind: str) -> Sequence[CustomField]:
    """List the fields of a kind of certificate, those out of use among them.

    Args:
        client: the account.
        kind: SCM's word for it: `SSL` or `SMIME`.
    """
    page = await client.listed(Call(CUSTOM_FIELDS, "GET", "/api/customField/v2", query={"certType": kind}), CustomField)
    return [field for field in page.rows if field.certificate_kind.upper() in {"", kind}]
