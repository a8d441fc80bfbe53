"""What is shipped beside the program: an archive with everything that a user reads, and the checksums."""

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

_FOLDER = "sectigo-vault-pki"
_DOCUMENTS = ("README.md", "CHANGELOG.md", "LICENSE")
_FOLDERS_OF_FILES = ("monitoring", "deployment")
_EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def write_archive(archive: Path, *, program: Path, root: Path, licences: str) -> None:
    """Write the archive: the program, README and documents, the samples and the licences."""
    samples = sorted((root / "sample_data_jsons").rglob("*.json"))
    pages = [*(root / "docs").glob("*.md"), *(root / "docs" / "guide").glob("*.md")]
    pages += [file for folder in _FOLDERS_OF_FILES for file in (root / "docs" / folder).iterdir()]
    documents = [*(root / name for name in _DOCUMENTS), *sorted(pages)]
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=_EPOCH, compresslevel=6) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        _add(tar, program.name, program.read_bytes(), mode=0o755)
        _add(tar, "THIRD_PARTY.txt", licences.encode())
        for document in [*documents, *samples]:
            _add(tar, str(document.relative_to(root)), document.read_bytes())


def _add(tar: tarfile.TarFile, path: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(f"{_FOLDER}/{path}")
    entry.size, entry.mode, entry.mtime = len(content), mode, _EPOCH
    tar.addfile(entry, io.BytesIO(content))


def write_checksums(target: Path, files: list[Path]) -> Path:
    """Write what `sha256sum -c` reads; return where."""
    target.write_text("".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files))
    return target
