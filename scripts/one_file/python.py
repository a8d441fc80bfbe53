"""The interpreter that runs this, with its standard library and the system libraries that it needs."""

import os
import platform
import ssl
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from scripts.one_file.elf import NotSupportedError, needed_libraries

BASE = Path(sys.base_prefix)
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
EXTENSIONS = Path(sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix})) / "lib-dynload"
LEFT_OUT = frozenset(
    {
        *("__pycache__", "site-packages", "dist-packages", "lib-dynload", "test", "tests", "idlelib", "lib2to3"),
        *("tkinter", "turtle.py", "turtledemo", "ensurepip", "distutils", "pydoc_data", "pydoc.py", "curses"),
        *("sqlite3", "dbm", "venv", "unittest", "doctest.py", "pdb.py", "antigravity.py", "this.py"),
    }
)
"""Of the standard library, for people at a terminal, for tests and for other programs."""
LIBRARIES = ("ld-linux", "libc.", "libm.", "libpython", "libssl.", "libcrypto.", "libz.", "libpthread.", "libdl.")
"""An extension module that needs others is left out; each of those is optional where it is imported."""
LOADED_LATER = ("libgcc_s.so.1", "libresolv.so.2", "libnss_dns.so.2", "libnss_files.so.2")
"""What libc loads by itself, for the end of a thread and for names."""


def interpreter() -> Path:
    """Return the program itself.

    Raises:
        NotSupportedError: it is not built for glibc.
    """
    if not os.confstr("CS_GNU_LIBC_VERSION"):
        raise NotSupportedError("a Python that is built for glibc is needed")
    return (BASE / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}").resolve(strict=True)


def standard_modules() -> Iterator[Path]:
    """Yield the source files of the standard library that are taken."""
    for root, folders, files in os.walk(STANDARD_LIBRARY):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT and not name.startswith("config-"))
        yield from (Path(root, name) for name in sorted(files) if name.endswith(".py") and name not in LEFT_OUT)


def extension_modules() -> Iterator[Path]:
    """Yield the extension modules of the standard library that are taken."""
    for file in sorted(EXTENSIONS.glob("*.so")):
        is_for_tests = file.name.startswith(("_test", "_xx", "xx"))
        if not is_for_tests and all(name.startswith(LIBRARIES) for name in needed_libraries(file)):
            yield file


def system_libraries(files: list[Path]) -> dict[str, Path]:
    """Return the libraries that these need, and those that libc loads later, by name; the loader among them."""
    found: dict[str, Path] = {}
    for file in files:
        found |= needed_libraries(file)
    beside_libc = found["libc.so.6"].parent
    return found | {name: beside_libc / name for name in LOADED_LATER if (beside_libc / name).exists()}


def versions() -> str:
    """Return what it is that is taken."""
    libc = (os.confstr("CS_GNU_LIBC_VERSION") or "").replace("-", " ")
    openssl = " ".join(ssl.OPENSSL_VERSION.split()[:2])
    return f"{platform.python_implementation()} {platform.python_version()}, {libc}, {openssl}"
