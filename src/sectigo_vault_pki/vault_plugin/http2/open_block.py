"""A header block between its HEADERS frame and its last CONTINUATION (RFC 9113 section 4.3)."""

from sectigo_vault_pki.vault_plugin.http2.limits import MAX_CONTINUATION_FRAMES, MAX_HEADER_BLOCK_BYTES
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode


class OpenBlock:
    """The fragments so far; nothing else may come between them."""

    def __init__(self, stream_id: int, fragment: bytes, *, end_stream: bool) -> None:
        self.stream_id = stream_id
        self.end_stream = end_stream
        self.fragments = [fragment]
        self.size = len(fragment)

    def add(self, fragment: bytes) -> None:
        """Take one more.

        Raises:
            ConnectionProblem: it is too long, or in too many pieces.
        """
        self.fragments.append(fragment)
        self.size += len(fragment)
        if self.size > MAX_HEADER_BLOCK_BYTES or len(self.fragments) > MAX_CONTINUATION_FRAMES:
            raise ConnectionProblem(ErrorCode.ENHANCE_YOUR_CALM, "a header block that is too long")
