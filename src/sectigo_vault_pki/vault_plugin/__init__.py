"""An SDK for secrets engines of HashiCorp Vault and OpenBao in Python, as go-plugin processes; it is 0.x and internal.

An engine declares its paths, and serves what builds one mount's engine. This is `examples/kv_plugin.py`, whole:

    import sys

    from sectigo_vault_pki import vault_plugin as vault
    from sectigo_vault_pki.vault_plugin import kinds

    NAME = vault.Field(name="name", kind=kinds.name(), description="Name of the entry.")
    TEXT = vault.Field(name="text", kind=kinds.text(max_length=1000), description="What is kept.", required=True)


    async def write(request: vault.Request, data: vault.FieldData) -> None:
        await request.storage.put(vault.StorageEntry(f"kv/{data[NAME]}", data[TEXT].encode()))


    async def read(request: vault.Request, data: vault.FieldData) -> vault.Response | None:
        entry = await request.storage.get(f"kv/{data[NAME]}")
        return vault.Response({"text": entry.value.decode()}) if entry is not None else None


    async def delete(request: vault.Request, data: vault.FieldData) -> None:
        await request.storage.delete(f"kv/{data[NAME]}")


    async def names(request: vault.Request, data: vault.FieldData) -> vault.Response:
        return vault.list_response(await request.storage.list("kv/"))


    PATHS = (
        vault.Path(
            template="kv/{name}",
            fields=(NAME, TEXT),
            operations={
                vault.Operation.UPDATE: vault.Handler(write, forwarded=True),
                vault.Operation.READ: vault.Handler(read),
                vault.Operation.DELETE: vault.Handler(delete, forwarded=True),
            },
            synopsis="Write, read and delete an entry.",
            description="An entry is a text of at most 1000 characters.",
        ),
        vault.Path(
            template="kv/",
            fields=(),
            operations={vault.Operation.LIST: vault.Handler(names)},
            synopsis="List the entries.",
            description="Returns the names of all entries.",
        ),
    )


    async def build(config: vault.BackendConfig) -> vault.Backend:
        return vault.PathBackend(config, PATHS, title="Key/value store", description="Keeps texts under names.")


    if __name__ == "__main__":
        sys.exit(vault.serve(build, name="kv-plugin", version="0.1.0"))

`docs/vault-plugin-sdk.md` describes how to run, register and test it. `testing` has a storage and a host for tests.
"""

from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path, PathBackend, Router, kinds
from sectigo_vault_pki.vault_plugin.logical import (
    Backend,
    BackendConfig,
    BackendFactory,
    BadRequestError,
    LogicalError,
    NotFoundError,
    Operation,
    ReadOnlyError,
    Request,
    Response,
    SpecialPaths,
    Storage,
    StorageEntry,
    StorageError,
    SystemView,
    UnavailableError,
    add_log_values,
    list_response,
)
from sectigo_vault_pki.vault_plugin.process import serve

__all__ = [
    "Backend",
    "BackendConfig",
    "BackendFactory",
    "BadRequestError",
    "Field",
    "FieldData",
    "Handler",
    "LogicalError",
    "NotFoundError",
    "Operation",
    "Path",
    "PathBackend",
    "ReadOnlyError",
    "Request",
    "Response",
    "Router",
    "SpecialPaths",
    "Storage",
    "StorageEntry",
    "StorageError",
    "SystemView",
    "UnavailableError",
    "add_log_values",
    "kinds",
    "list_response",
    "serve",
]
