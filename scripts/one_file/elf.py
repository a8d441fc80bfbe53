"""What ELF files need of each other, and what of it is taken out before they are shipped."""

import re
import shutil
import struct
import subprocess
from pathlib import Path

_NEEDED = re.compile(r"^\s*(?P<name>\S+) => (?P<path>/\S+) \(0x", re.MULTILINE)
_MISSING = re.compile(r"^\s*(?P<name>\S+) => not found", re.MULTILINE)
_LOADER = re.compile(r"^\s*(?P<path>/\S+) \(0x", re.MULTILINE)
_HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_DYNAMIC = struct.Struct("<qQ")
_CLASS_64, _LITTLE_ENDIAN = 2, 1
_PT_DYNAMIC = 2
_DT_NULL, _DT_RPATH, _DT_RUNPATH, _DT_DEBUG = 0, 15, 29, 21


class NotSupportedError(Exception):
    """The machine, or what is installed on it, is none that the program can be built from."""


def needed_libraries(file: Path) -> dict[str, Path]:
    """Return every shared library that a file needs, by its name, and the loader by its own.

    Raises:
        NotSupportedError: one of them is not there.
    """
    said = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False).stdout
    if missing := _MISSING.search(said):
        raise NotSupportedError(f"{file} needs {missing['name']}, which is not installed")
    found = {Path(match["name"]).name: Path(match["path"]) for match in _NEEDED.finditer(said)}
    return found | {Path(match["path"]).name: Path(match["path"]) for match in _LOADER.finditer(said)}


def is_elf(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == b"\x7fELF"


def without_symbols(file: Path, target: Path) -> None:
    """Copy a file without what only a debugger needs."""
    strip = shutil.which("strip")
    if strip is None:
        raise NotSupportedError("strip is needed, of binutils")
    subprocess.run([strip, "--strip-unneeded", "-o", str(target), str(file)], check=True)


def without_run_path(content: bytes) -> bytes:
    """Return an ELF file that looks for libraries nowhere but where its loader is told to.

    The folders that a build machine wrote into it would be searched on every other machine too.

    Raises:
        NotSupportedError: it is not for a 64-bit little-endian machine.
    """
    magic, width, order, *_, program_offset, _, _, _, entry_size, count, _, _, _ = _HEADER.unpack_from(content)
    if magic != b"\x7fELF" or (width, order) != (_CLASS_64, _LITTLE_ENDIAN):
        raise NotSupportedError("only 64-bit little-endian machines are known")
    changed = bytearray(content)
    for number in range(count):
        kind, _, offset, _, _, size, _, _ = _PROGRAM_HEADER.unpack_from(content, program_offset + number * entry_size)
        if kind == _PT_DYNAMIC:
            _disable_run_path(changed, offset, offset + size)
    return bytes(changed)


def _disable_run_path(content: bytearray, start: int, end: int) -> None:
    for position in range(start, end, _DYNAMIC.size):
        tag, value = _DYNAMIC.unpack_from(content, position)
        if tag in {_DT_RPATH, _DT_RUNPATH}:
            _DYNAMIC.pack_into(content, position, _DT_DEBUG, value)  # which the loader only writes to, in programs
        if tag == _DT_NULL:
            return
