"""Make `dist/sectigo-vault-pki_<version>`: the plugin as one executable file that needs nothing on its host.

Beside it lie an archive with what a user needs besides, and both files' checksums. With PYTHONHASHSEED=0, the
same inputs give the same bytes. See docs/decisions/0010-one-file.md.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

from scripts.one_file import elf, packages, python
from scripts.one_file.archive import write_archive, write_checksums
from scripts.one_file.compiling import compiled
from scripts.one_file.elf import NotSupportedError
from scripts.one_file.licences import licences
from scripts.one_file.payload import EXECUTABLE, Payload
from sectigo_vault_pki import __version__

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PACKAGE = ROOT / "src" / "sectigo_vault_pki"
LEFT_OUT = (PACKAGE / "scm_simulator", PACKAGE / "vault_plugin" / "testing")
PAGE_FILES = frozenset({".css", ".html", ".js"})
"""Of the package, what is read besides modules."""
MODULES = PurePosixPath(*python.STANDARD_LIBRARY.relative_to(python.BASE).parts)
"""Where modules lie in the folder; Python finds it from its own place, because `os` is there."""
COMPILER_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s")


def main() -> int:
    """Build; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="the folder to write to (default: dist)")
    output: Path = parser.parse_args().output
    try:
        for made in build(output):
            print(f"{made} ({made.stat().st_size / 2**20:.1f} MiB)")
    except NotSupportedError as error:
        print(f"make dist: {error}", file=sys.stderr)
        return 1
    return 0


def build(output: Path) -> list[Path]:
    """Write everything, and return it.

    Raises:
        NotSupportedError: something that is needed is not here.
    """
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    if compiler is None:
        raise NotSupportedError("a C compiler and a static libc are needed; Debian has them in gcc and libc6-dev")
    needed = packages.runtime_packages()
    packages.check_pins(needed, ROOT / "requirements.lock")
    output.mkdir(parents=True, exist_ok=True)
    program = output / f"{packages.PLUGIN}_{__version__}"
    with tempfile.TemporaryDirectory(prefix="one-file-") as name:
        scratch = Path(name)
        payload = Payload()
        libraries = fill(payload, needed, scratch)
        link(compiler, payload, program, scratch)
    archive = program.with_name(f"{program.name}.tar.gz")
    write_archive(archive, program=program, root=ROOT, licences=licences(needed, libraries))
    return [program, archive, write_checksums(output / "SHA256SUMS", [program, archive])]


def fill(payload: Payload, needed: list[Distribution], scratch: Path) -> list[Path]:
    """Put everything in that runs; return the system's libraries among it."""
    binaries = {PurePosixPath("bin/python3"): python.interpreter()}
    for file in python.standard_modules():
        add_module(payload, file, PurePosixPath(*file.relative_to(python.STANDARD_LIBRARY).parts), scratch)
    for file in python.extension_modules():
        binaries[MODULES / "lib-dynload" / file.name] = file
    for package in needed:
        for shipped in packages.shipped_files(package):
            file, place = Path(str(shipped.locate())), PurePosixPath(*shipped.parts)
            if shipped.suffix == ".py":
                add_module(payload, file, place, scratch)
            elif shipped.suffix == ".so":
                binaries[MODULES / place] = file
            else:
                payload.add(MODULES / place, file.read_bytes())
    add_own_package(payload, scratch)
    payload.add("start.pyc", compiled(HERE / "start.py", name="start.py", scratch=scratch))
    return add_binaries(payload, binaries, scratch)


def add_own_package(payload: Payload, scratch: Path) -> None:
    """Put the plugin's own package in, without what only development needs."""
    for file in sorted(PACKAGE.rglob("*")):
        place = PurePosixPath(*file.relative_to(PACKAGE.parent).parts)
        if any(map(file.is_relative_to, LEFT_OUT)):
            continue
        if file.suffix == ".py":
            add_module(payload, file, place, scratch)
        elif file.suffix in PAGE_FILES:
            payload.add(MODULES / place, file.read_bytes())


def add_module(payload: Payload, source: Path, place: PurePosixPath, scratch: Path) -> None:
    """Put a module in, compiled."""
    payload.add((MODULES / place).with_suffix(".pyc"), compiled(source, name=str(place), scratch=scratch))


def add_binaries(payload: Payload, binaries: dict[PurePosixPath, Path], scratch: Path) -> list[Path]:
    """Put programs and extension modules in, with the libraries that they need; return those of the system."""
    libraries = python.system_libraries(list(binaries.values()))
    own = {library for name, library in libraries.items() if name.startswith("libpython")}
    for name, library in sorted(libraries.items()):
        place = PurePosixPath(packages.PLUGIN) if name.startswith("ld-") else PurePosixPath("lib", name)
        if library in own:
            binaries[place] = library
        else:
            payload.add(place, library.read_bytes(), mode=EXECUTABLE)
    for place, file in binaries.items():
        elf.without_symbols(file, scratch / "stripped")
        payload.add(place, elf.without_run_path((scratch / "stripped").read_bytes()), mode=EXECUTABLE)
    return [library for library in libraries.values() if library not in own]


def link(compiler: str, payload: Payload, program: Path, scratch: Path) -> None:
    """Compile the launcher around the payload.

    Raises:
        NotSupportedError: the compiler refuses.
    """
    texts = {
        "program_name": packages.PLUGIN,
        "program_version": __version__,
        "program_needs": (
            f"one file for {platform.system()} on {platform.machine()}; needs no libc and no Python of the host, "
            f"brings {python.versions()}"
        ),
    }
    sources = [HERE / "launcher.c", HERE / "unpack.c", *payload.write(scratch, texts=texts)]
    command = [compiler, *COMPILER_FLAGS, f"-I{HERE}", *map(str, sources), "-o", str(program.resolve())]
    said = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise NotSupportedError(f"the launcher does not compile (Debian: gcc, libc6-dev):\n{said.stderr[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
