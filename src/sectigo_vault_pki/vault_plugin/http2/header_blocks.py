"""Header lists and their blocks (RFC 7541; RFC 9113 section 8.2 and 8.3).

Both directions do without a dynamic table. We announce a table of no bytes, so that equal blocks have equal meanings
and need decoding once; and we encode in literals, so that blocks that we send often are constant bytes.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto

from hpack import Decoder
from hpack.exceptions import HPACKError, OversizedHeaderListError

from sectigo_vault_pki.vault_plugin.http2.limits import (
    MAX_CONTINUATION_FRAMES,
    MAX_HEADER_BLOCK_BYTES,
    MAX_HEADER_LIST_BYTES,
    MAX_MEMOIZED_BLOCK_BYTES,
    MAX_MEMOIZED_BLOCKS,
)
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode

Fields = Sequence[tuple[bytes, bytes]]

NO_DYNAMIC_TABLE = b"\x20"
"""Begins the first block of a connection: a table size update to 0 (RFC 7541 section 6.3)."""

_FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+\Z")
_FIELD_VALUE = re.compile(rb"[^\0\r\n]*\Z")
_CONNECTION_FIELDS = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_REQUEST_FIELDS = frozenset({b":method", b":scheme", b":path", b":authority"})
_REQUIRED_REQUEST_FIELDS = frozenset({b":method", b":scheme", b":path"})
_RESPONSE_FIELDS = frozenset({b":status"})

_PREFIX_LIMIT = 2**7 - 1
_DIGIT_LIMIT = 2**7


class Kind(Enum):
    """What a header list is; each has its own pseudo-header fields."""

    REQUEST = auto()
    RESPONSE = auto()
    TRAILERS = auto()


_PSEUDO_FIELDS = {
    Kind.REQUEST: (_REQUEST_FIELDS, _REQUIRED_REQUEST_FIELDS),
    Kind.RESPONSE: (_RESPONSE_FIELDS, _RESPONSE_FIELDS),
    Kind.TRAILERS: (frozenset[bytes](), frozenset[bytes]()),
}


class HeaderList:
    """One decoded list; equal blocks give the same object.

    Attributes:
        reading: where a reader keeps what it made of the fields, which never change.
    """

    __slots__ = ("_defects", "_first", "fields", "reading")

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self._first = dict(reversed(fields))
        self.reading: object | None = None
        self._defects: dict[Kind, str | None] = {}

    def defect(self, kind: Kind) -> str | None:
        """Return what makes this malformed as such a list, or None (RFC 9113 section 8.1.1)."""
        try:
            return self._defects[kind]
        except KeyError:
            found = self._defects[kind] = _defect(self.fields, kind)
            return found

    def get(self, name: bytes) -> bytes | None:
        """Return the first value of that name."""
        return self._first.get(name)


def _defect(fields: Fields, kind: Kind) -> str | None:
    allowed, required = _PSEUDO_FIELDS[kind]
    pseudo: set[bytes] = set()
    regular = False
    for name, value in fields:
        if name.startswith(b":"):
            if regular or name in pseudo or name not in allowed:
                return "a pseudo-header field out of place"
            pseudo.add(name)
        else:
            regular = True
        defect = _field_defect(name, value)
        if defect is not None:
            return defect
    return None if required <= pseudo else "a pseudo-header field is missing"


def _field_defect(name: bytes, value: bytes) -> str | None:
    if not _FIELD_VALUE.match(value) or value != value.strip(b" \t"):
        return "a value with forbidden characters"
    if name.startswith(b":"):
        return "an empty path" if (name, value) == (b":path", b"") else None
    if not _FIELD_NAME.match(name):
        return "a name with forbidden characters"
    if name in _CONNECTION_FIELDS or (name == b"te" and value != b"trailers"):
        return "a field of HTTP/1.1 connections"
    return None


class HeaderDecoder:
    """Decodes a peer's blocks; each small one once."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=MAX_HEADER_LIST_BYTES)
        self._memo: dict[bytes, HeaderList] = {}

    def forbid_table(self) -> None:
        """Refuse a dynamic table from now on: the peer has acknowledged our settings."""
        self._decoder.max_allowed_table_size = 0

    def decode(self, block: bytes) -> HeaderList:
        """Decode a block.

        Raises:
            ConnectionProblem: it cannot be decoded, or is too long; the connection cannot go on after that.
        """
        known = self._memo.get(block)
        if known is not None:
            return known
        try:
            decoded = HeaderList(
                tuple((bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True))
            )
        except OversizedHeaderListError:
            raise ConnectionProblem(ErrorCode.ENHANCE_YOUR_CALM, "a header list that is too long") from None
        except HPACKError:
            raise ConnectionProblem(ErrorCode.COMPRESSION_ERROR, "a header block that cannot be decoded") from None
        # Without a table on the peer's side, a block's meaning depends on nothing but its bytes.
        if self._decoder.max_allowed_table_size == 0 and len(block) <= MAX_MEMOIZED_BLOCK_BYTES:
            if len(self._memo) >= MAX_MEMOIZED_BLOCKS:
                del self._memo[next(iter(self._memo))]
            self._memo[block] = decoded
        return decoded


def encode(fields: Fields) -> bytes:
    """Return a block of literals without indexing (RFC 7541 section 6.2.2)."""
    parts: list[bytes] = []
    for name, value in fields:
        parts += (b"\0", _length(len(name)), name, _length(len(value)), value)
    return b"".join(parts)


def _length(number: int) -> bytes:
    """Return an integer with a prefix of 7 bits, the highest bit being "no Huffman code" (RFC 7541 section 5.1)."""
    if number < _PREFIX_LIMIT:
        return bytes((number,))
    digits = [_PREFIX_LIMIT]
    number -= _PREFIX_LIMIT
    while number >= _DIGIT_LIMIT:
        digits.append(number % _DIGIT_LIMIT + _DIGIT_LIMIT)
        number //= _DIGIT_LIMIT
    digits.append(number)
    return bytes(digits)


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
