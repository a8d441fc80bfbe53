"""Names the config entry in an error that would otherwise name only what is missing under it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sectigo_vault_pki.errors import UnknownCertificateError
from sectigo_vault_pki.lifecycle import Engine


@asynccontextmanager
async def naming_unknown_entry(engine: Engine, config_name: str) -> AsyncIterator[None]:
    """Report an unknown config entry in place of an unknown certificate under it.

    Certificates of a deleted entry stay readable, so the entry is looked up only if there is no such certificate.

    Raises:
        UnknownConfigError: there is no such entry.
    """
    try:
        yield
    except UnknownCertificateError:
        await engine.certificate_type(config_name)
        raise
