"""Write `vault_plugin/proto` anew from `proto/`; with `--check`, only say whether it is up to date.

The folders below `proto/` are the package's own, so that what protoc writes imports by the package's full name, and so
that no descriptor's file name meets one of another installed package.
"""

import argparse
import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "proto"
PACKAGE = Path("sectigo_vault_pki", "vault_plugin", "proto")
INIT = '"""Generated from `proto/` by `make proto`; never edited."""\n'


def generate(target: Path) -> None:
    """Write the package's files below `target`."""
    plugins = Path(sys.executable).parent
    sources = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.proto"))
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            f"--proto_path={SOURCES}",
            f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet:{target}",
            *sources,
        ],
        check=True,
    )
    (target / PACKAGE / "__init__.py").write_text(INIT)
    drop_modules_without_services(target / PACKAGE)


def drop_modules_without_services(package: Path) -> None:
    """Remove the empty `_pb2_grpc` modules that protoc writes for files that hold messages only."""
    for module in package.glob("*_pb2_grpc.py"):
        if "_to_server(" not in module.read_text():
            module.unlink()
            module.with_suffix(".pyi").unlink(missing_ok=True)


def differences(made: Path, committed: Path) -> list[str]:
    """Return the names of the files that are not the same in both folders."""
    names = {path.name for folder in (made, committed) for path in folder.glob("*.py*")}
    _, unequal, missing = filecmp.cmpfiles(made, committed, sorted(names), shallow=False)
    return sorted(unequal + missing)


def main() -> int:
    """Generate or check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is out of date")
    check: bool = parser.parse_args().check
    committed = ROOT / "src" / PACKAGE
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        made = Path(folder) / PACKAGE
        stale = differences(made, committed)
        if check:
            for name in stale:
                print(f"out of date: {PACKAGE / name}")
            return 1 if stale else 0
        shutil.rmtree(committed, ignore_errors=True)
        shutil.copytree(made, committed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
