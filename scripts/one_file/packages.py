"""The installed packages that the plugin needs at run time, as the lock file and their own records have them."""

import base64
import hashlib
import re
from importlib.metadata import Distribution, PackagePath, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.one_file.elf import NotSupportedError

PLUGIN = "sectigo-vault-pki"
EXTRA = "cli"
"""The optional packages that are taken along: the commands for people."""
DATA_FILES = frozenset({"certifi/cacert.pem"})
"""What is read besides modules."""
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)", re.MULTILINE)


def runtime_packages() -> list[Distribution]:
    """Return the packages that the plugin needs, without itself, by name."""
    found: dict[str, Distribution] = {}
    waiting = [PLUGIN]
    while waiting:
        package = waiting.pop()
        extra = EXTRA if package == PLUGIN else ""
        for text in distribution(package).requires or ():
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
                found[name] = distribution(name)
                waiting.append(name)
    return [found[name] for name in sorted(found)]


def check_pins(packages: list[Distribution], lock_file: Path) -> None:
    """Make sure that what is installed is what the lock file says.

    Raises:
        NotSupportedError: it is not.
    """
    pins = {canonicalize_name(match["name"]): match["version"] for match in _PINNED.finditer(lock_file.read_text())}
    for package in packages:
        if pins.get(canonicalize_name(package.name)) != package.version:
            raise NotSupportedError(f"{package.name} {package.version} is not what {lock_file.name} says: make setup")


def shipped_files(package: Distribution) -> list[PackagePath]:
    """Return the package's modules and data, each as it was when it was installed.

    Raises:
        NotSupportedError: one was changed since.
    """
    files = [file for file in package.files or () if _is_shipped(file)]
    for file in files:
        if file.hash is None or file.hash.mode != "sha256" or file.hash.value != _record_hash(Path(str(file.locate()))):
            raise NotSupportedError(f"{file} of {package.name} was changed after it was installed")
    return files


def _is_shipped(file: PackagePath) -> bool:
    return ".." not in file.parts and (file.suffix in {".py", ".so"} or str(file) in DATA_FILES)


def _record_hash(file: Path) -> str:
    """Return a file's hash as RECORD writes it (PEP 376)."""
    return base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).decode().rstrip("=")
