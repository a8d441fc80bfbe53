"""PEM as people paste it, and PEM as it is kept."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sectigo_vault_pki.errors import ChainError

STORED_UNREADABLE = "the stored certificate cannot be read"

# A label is printable ASCII without hyphens (RFC 7468 2 allows some, and nobody writes them): `PKCS #7 SIGNED DATA`.
_BLOCK = re.compile(r"-----BEGIN ([!-,.-~][ -,.-~]*)-----([A-Za-z0-9+/=\s]*)-----END \1-----")
_MARKERS = re.compile(r"-----(?:BEGIN ([^-\n]*)|END ([^-\n]*)-----|B(?:E|EG|EGI|EGIN)?\n\Z)")
_ESCAPED_LINE_END = re.compile(r"\\r\\n|\\n|\\r")
_LINE_LENGTH = 64  # RFC 7468 2


@dataclass(frozen=True, slots=True)
class PemBlock:
    """One armoured object.

    Attributes:
        label: what stands behind `BEGIN`, such as `CERTIFICATE`.
        der: the bytes inside.
    """

    label: str
    der: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The block in its one normal form: lines of 64 characters, a newline at the end."""
        encoded = base64.b64encode(self.der).decode("ascii")
        body = "\n".join(encoded[start : start + _LINE_LENGTH] for start in range(0, len(encoded), _LINE_LENGTH))
        return f"-----BEGIN {self.label}-----\n{body}\n-----END {self.label}-----\n"


def normalise_pem(text: str) -> str:
    """Give text the line ends of a PEM file: CRLF and a literal backslash-n turn into newlines, blanks go.

    What is no PEM stays what it is, line by line. Normalising twice changes nothing more.
    """
    lines = [line.strip() for line in _ESCAPED_LINE_END.sub("\n", text).splitlines()]
    return "".join([f"{line}\n" for line in lines if line])


def pem_blocks(text: str) -> Iterator[PemBlock]:
    """Find the armoured objects in text that went through `normalise_pem`; what stands between them is left out.

    Raises:
        ValueError: a block's body is no base64.
    """
    for found in _BLOCK.finditer(text):
        label, body = found.groups()
        yield PemBlock(label, _decoded(body))


def is_cut_off(text: str) -> bool:
    """Tell whether text that went through `normalise_pem` begins an armoured object and does not end it.

    Other text between the objects or behind them does not count.
    """
    begun: str | None = None
    for marker in _MARKERS.finditer(text):
        label, ended = marker.groups()
        if ended is None and begun is not None:
            return True
        if ended is None:
            begun = label or ""
        elif ended == begun:
            begun = None
    return begun is not None


def pem_texts(text: str) -> tuple[str, ...]:
    """Take text apart that `PemBlock.text` wrote, without reading what stands inside the blocks."""
    return tuple(f"{found.group()}\n" for found in _BLOCK.finditer(text))


def pem_der(text: str) -> bytes:
    """Return what stands inside the one block of a stored certificate's text, which `PemBlock.text` wrote.

    Raises:
        ChainError: it is not exactly one block.
    """
    try:
        (block,) = pem_blocks(text)
    except ValueError:
        raise ChainError(STORED_UNREADABLE) from None
    return block.der


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error as error:
        raise ValueError("a PEM block is no base64") from error
