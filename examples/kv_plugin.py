"""A Vault secrets engine in Python: it keeps texts under names."""

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
