"""The events that `Connection.receive` returns."""

from typing import NamedTuple

from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderList
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode


class HeadersReceived(NamedTuple):
    """A request, a response, or trailers; which of them follows from the side and from what came before."""

    stream_id: int
    headers: HeaderList
    end_stream: bool


class DataReceived(NamedTuple):
    """Part of a body; its length has to be credited for more to come."""

    stream_id: int
    data: bytes
    end_stream: bool


class StreamReset(NamedTuple):
    """A stream that was open ended with RST_STREAM."""

    stream_id: int
    code: ErrorCode
    reason: str


class StreamDrained(NamedTuple):
    """All data that a stream held back is on its way."""

    stream_id: int


class SettingsReceived(NamedTuple):
    """The peer's settings are in force."""


class GoAwayReceived(NamedTuple):
    """The peer takes no new streams, and knows none above this id."""

    last_stream_id: int
    code: ErrorCode


class ConnectionFailed(NamedTuple):
    """The peer broke the rules: nothing more is read, and a GOAWAY is the last thing to send."""

    code: ErrorCode
    reason: str


Event = (
    HeadersReceived | DataReceived | StreamReset | StreamDrained | SettingsReceived | GoAwayReceived | ConnectionFailed
)
