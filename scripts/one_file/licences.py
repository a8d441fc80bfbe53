"""Whose work the program carries, and under which terms."""

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path

from scripts.one_file.python import STANDARD_LIBRARY, versions

_HEAD = """\
What sectigo-vault-pki carries in its one file, besides itself: the interpreter, packages and system libraries below,
each under its own terms. The libraries lie as separate files in the folder that the program unpacks; the program's own
launcher is linked with libc, and can be linked anew with `make dist` from the source.
"""
_REFERRED_TO = Path("/usr/share/common-licenses")
"""Whole texts of licences, in place of which Debian's packages name this folder."""


def licences(packages: Iterable[Distribution], libraries: Iterable[Path]) -> str:
    """Return the text of all licences."""
    parts = [_HEAD, _part(f"Python ({versions()})", STANDARD_LIBRARY / "LICENSE.txt")]
    for package in packages:
        parts += [_part(f"{package.name} {package.version}: {file.name}", file) for file in _licence_files(package)]
    parts += [_part(title, file) for title, file in _system_packages(libraries)]
    parts += [_part(name, _REFERRED_TO / name) for name in ("Apache-2.0", "GPL-3", "LGPL-2.1")]
    return "\n".join(parts)


def _licence_files(package: Distribution) -> list[Path]:
    names = ("LICENSE", "LICENCE", "COPYING", "NOTICE")
    files = [file for file in package.files or () if ".dist-info" in str(file) and file.name.upper().startswith(names)]
    return [Path(str(file.locate())) for file in files]


def _part(title: str, file: Path) -> str:
    text = file.read_text(errors="replace").strip() if file.exists() else "The text is not on the machine of the build."
    return f"{'=' * 100}\n{title}\n{'=' * 100}\n\n{text}\n"


def _system_packages(libraries: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Yield the system's packages that the libraries are of, and where each has its licence."""
    owners: dict[str, list[str]] = {}
    for library in sorted({library.resolve() for library in libraries}):
        owners.setdefault(_owner(library), []).append(library.name)
    for owner, names in sorted(owners.items()):
        yield f"{owner or 'system'}: {', '.join(names)}", Path("/usr/share/doc", owner.split(":")[0], "copyright")


def _owner(library: Path) -> str:
    """Return the Debian package of a library, or nothing where that is not known."""
    dpkg = shutil.which("dpkg-query")
    places = (library, Path(str(library).removeprefix("/usr")))  # of which the other is a link today
    for place in places if dpkg else ():
        said = subprocess.run([str(dpkg), "--search", str(place)], capture_output=True, text=True, check=False)
        if said.returncode == 0:
            return said.stdout.partition(f": {place}")[0]
    return ""
