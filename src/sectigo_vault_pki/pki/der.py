"""DER from strangers: its frame (X.690), and parsers that report every failure as an error of ours."""

import threading
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from sectigo_vault_pki.errors import SectigoVaultPkiError

BIT_STRING = 0x03
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
SET = 0x31

_HIGH_TAG = 0x1F
_LONG_LENGTH = 0x80
_MAX_LENGTH_BYTES = 4


class Element(NamedTuple):
    """One value: its identifier octet, and the octets of its content."""

    tag: int
    content: bytes


def elements(der: bytes) -> Iterator[Element]:
    """Yield the values that stand one behind another.

    Raises:
        ValueError: a value is cut off, has a tag of several octets, or a length that DER does not know.
    """
    position = 0
    while position < len(der):
        tag, start, end = _header(der, position)
        yield Element(tag, der[start:end])
        position = end


def contents(der: bytes, *tags: int) -> tuple[bytes, ...]:
    """Return the contents of values that must have exactly these tags, in this order.

    Raises:
        ValueError: they are others.
    """
    found = tuple(elements(der))
    if tuple(element.tag for element in found) != tags:
        raise ValueError("unexpected values in DER")
    return tuple(element.content for element in found)


def _header(der: bytes, position: int) -> tuple[int, int, int]:
    """Return a value's tag, and where its content begins and ends."""
    if len(der) < position + 2:
        raise ValueError("DER is cut off")
    tag, length = der[position], der[position + 1]
    if tag & _HIGH_TAG == _HIGH_TAG:
        raise ValueError("a tag of several octets in DER")
    start = position + 2
    if length >= _LONG_LENGTH:
        count = length - _LONG_LENGTH
        if not 0 < count <= _MAX_LENGTH_BYTES:
            raise ValueError("a length that DER does not know")
        start += count
        length = int.from_bytes(der[position + 2 : start], "big")
    end = start + length
    if end > len(der):
        raise ValueError("DER is cut off")
    return tag, start, end


T = TypeVar("T")

# `warnings.catch_warnings` changes the state of the whole process, and PKCS#12 files are made in other threads.
_quiet = threading.RLock()


def decoded(read: Callable[[], T], refusal: type[SectigoVaultPkiError], text: str) -> T:
    """Return what `read` makes of foreign bytes; it must look at every attribute that it wants to know.

    An error of ours that `read` raises is passed on.

    Raises:
        refusal: with `text`, whatever else was raised. Nothing is chained to it: the cause may quote a private key.
    """
    try:
        with _quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except (SectigoVaultPkiError, MemoryError):  # a lack of memory says nothing of the bytes
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
    raise refusal(text)


def _is_panic(error: BaseException) -> bool:
    """Recognise a panic of Rust code, whose class cannot be imported and derives from BaseException."""
    return type(error).__name__ == "PanicException" and type(error).__module__ == "pyo3_runtime"
