"""Which mount a call is for: gRPC metadata that the host adds to each (plugin-protocol.md 5.9)."""

from collections.abc import Iterable

METADATA_KEY = "multiplex_id"
SINGLE_ID = "single"
"""Of the only mount of a process, in the app protocols that do not know of more."""


class InvalidMultiplexIdError(Exception):
    """A call does not say which mount it is for; the texts are the ones hosts know."""


def multiplex_id_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """Return the id.

    Raises:
        InvalidMultiplexIdError: there is none, or not exactly one.
    """
    entries = list(metadata or ())
    if not entries:
        raise InvalidMultiplexIdError("missing plugin multiplexing metadata")
    ids = [value for key, value in entries if key == METADATA_KEY]
    if not ids:
        raise InvalidMultiplexIdError("no multiplexing ID found")
    if len(ids) != 1:
        raise InvalidMultiplexIdError(f"unexpected number of IDs in metadata: ({len(ids)})")
    multiplex_id = ids[0]
    if not multiplex_id or isinstance(multiplex_id, bytes):
        raise InvalidMultiplexIdError("empty multiplex ID in metadata")
    return multiplex_id


def single_id_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """Return the id where there is one mount: hosts of app protocols 3 and 4 name none."""
    del metadata
    return SINGLE_ID
