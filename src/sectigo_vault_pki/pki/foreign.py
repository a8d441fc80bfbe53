"""The one way from other people's bytes to what they say; only errors of ours come out of it.

`cryptography` documents ValueError for bytes that it cannot read, and raises a good deal more: its own exceptions
(x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion, UnsupportedAlgorithm), KeyError for an
unknown TLS feature, TypeError for an odd string, OverflowError, a panic of its Rust code. Much of it comes late, from
an attribute that is evaluated when it is first looked at. Besides, it warns of what it takes nevertheless (PKCS#7 in
BER, long names), which Python would print into the server's log.
"""

import threading
import warnings
from collections.abc import Callable
from typing import TypeVar

from sectigo_vault_pki.errors import SectigoVaultPkiError

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
