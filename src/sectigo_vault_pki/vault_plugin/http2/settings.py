"""SETTINGS (RFC 9113 section 6.5)."""

from dataclasses import dataclass
from enum import IntEnum

from sectigo_vault_pki.vault_plugin.http2.limits import MAX_FRAME_BYTES, MAX_WINDOW_BYTES
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode

_LARGEST_FRAME_BYTES = 2**24 - 1


class Setting(IntEnum):
    """RFC 9113 section 6.5.2."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6


@dataclass(slots=True)
class PeerSettings:
    """The peer's settings, with the defaults that hold until it sends any.

    Its header table size and list size are left out: we keep no table, and our lists are short.
    """

    max_concurrent_streams: int = 2**32 - 1
    initial_window_size: int = 65_535
    max_frame_size: int = MAX_FRAME_BYTES

    def change(self, identifier: int, value: int) -> None:
        """Apply one setting; an unknown one is ignored.

        Raises:
            ConnectionProblem: the value is out of its bounds.
        """
        match identifier:
            case Setting.ENABLE_PUSH if value > 1:
                raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, f"ENABLE_PUSH of {value}")
            case Setting.MAX_CONCURRENT_STREAMS:
                self.max_concurrent_streams = value
            case Setting.INITIAL_WINDOW_SIZE:
                if value > MAX_WINDOW_BYTES:
                    raise ConnectionProblem(ErrorCode.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE of {value}")
                self.initial_window_size = value
            case Setting.MAX_FRAME_SIZE:
                if not MAX_FRAME_BYTES <= value <= _LARGEST_FRAME_BYTES:
                    raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, f"MAX_FRAME_SIZE of {value}")
                self.max_frame_size = value
