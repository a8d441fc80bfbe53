"""What every stored record is made of (design.md 5)."""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer, SecretStr

StoredSecret = Annotated[
    SecretStr, PlainSerializer(lambda secret: secret.get_secret_value(), return_type=str, when_used="json")
]
"""Written out only into the record itself, which the host encrypts; hidden in repr, errors and logs."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Record(Part):
    v: Literal[1] = 1


class CertificateType(StrEnum):
    """SCM's two families, in the guide's words."""

    SSL = "ssl_cert"
    CLIENT = "client_cert"


class WaitingAndRenewal(Part):
    """What a request or a config entry says of waiting and renewal, in seconds; None where it says nothing."""

    max_timeout: float | None = None
    loop_period: float | None = None
    expiry_window: float | None = None
    auto_renew: bool | None = None
    read_renewed_cert: bool | None = None

    def changed_by(self, said: "WaitingAndRenewal", cleared: AbstractSet[str] = frozenset()) -> "WaitingAndRenewal":
        """Return what holds after a request has said something: its own values, and none where it clears one."""
        values = {name: value for name, value in said if value is not None}
        return self.model_copy(update=dict.fromkeys(cleared) | values)
