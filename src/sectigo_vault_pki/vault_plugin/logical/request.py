"""A request, as the host routes it to the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sectigo_vault_pki.vault_plugin.logical.operation import Operation
from sectigo_vault_pki.vault_plugin.logical.storage import Storage


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a user, an agent or the host itself.

    Attributes:
        operation: what is asked.
        path: relative to the mount, without a leading `/`; the mount root is empty.
        storage: the mount's storage.
        data: the JSON body, or the query of a read, list or delete; may hold secrets.
        id: the host's id of the request, for the logs.
        mount_point: namespace and path of the mount, with a trailing `/`.
        time_limit: seconds left until the host's gRPC deadline, or None where it sent none.
    """

    operation: Operation
    path: str
    storage: Storage = field(repr=False)
    data: Mapping[str, object] = field(default_factory=dict, repr=False)
    id: str = ""
    mount_point: str = ""
    time_limit: float | None = None
