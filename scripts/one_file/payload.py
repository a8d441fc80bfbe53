"""What the program carries: files by their path, and the C source that describes them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

READABLE, EXECUTABLE = 0o400, 0o500
_ALIGNMENT = 4096  # pages of the program and of the file, which are compared with each other


@dataclass(slots=True)
class Payload:
    """Files by their path below the folder; built in any order, written in one.

    Raises:
        ValueError: on adding, a path that is taken.
    """

    files: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def add(self, path: str | PurePosixPath, content: bytes, *, mode: int = READABLE) -> None:
        """Take a file in."""
        name = str(path)
        if name in self.files:
            raise ValueError(f"{name} would be there twice")
        self.files[name] = (mode, content)

    def folders(self) -> list[str]:
        """Return every folder, each after the one that it is in."""
        parents = {str(parent) for path in self.files for parent in PurePosixPath(path).parents}
        return sorted(parents - {"."})

    def digest(self) -> str:
        """Return the SHA-256 of all paths, modes and contents."""
        digest = hashlib.sha256()
        for path, (mode, content) in sorted(self.files.items()):
            digest.update(f"{path}\0{mode:o}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def write(self, folder: Path, *, texts: Mapping[str, str]) -> list[Path]:
        """Write the payload and what describes it; return the sources to compile, which are to be found from `folder`.

        Args:
            folder: where to.
            texts: constants of `launcher.h`, by their names.
        """
        rows, position = [], 0
        with (folder / "payload.bin").open("wb") as blob:
            for path, (mode, content) in sorted(self.files.items()):
                rows.append(f'{{"{path}", 0{mode:o}, {position}, {len(content)}}},')
                blob.write(content + bytes(-len(content) % _ALIGNMENT))
                position += len(content) + -len(content) % _ALIGNMENT
        table, data = folder / "payload.c", folder / "payload.S"
        table.write_text(_table(rows, self.folders(), {**texts, "payload_hash": self.digest()}))
        data.write_text(_DATA)
        return [table, data]


_DATA = f"""\
    .section .rodata
    .global payload
    .balign {_ALIGNMENT}
payload:
    .incbin "payload.bin"
    .section .note.GNU-stack, "", %progbits
"""


def _table(rows: Iterable[str], folders: Iterable[str], texts: Mapping[str, str]) -> str:
    lines = [
        '#include "launcher.h"',
        "const struct packed_file packed_files[] = {",
        *rows,
        "};",
        "const size_t packed_file_count = sizeof packed_files / sizeof *packed_files;",
        "const char *const packed_folders[] = {",
        *(f'"{folder}",' for folder in folders),
        "};",
        "const size_t packed_folder_count = sizeof packed_folders / sizeof *packed_folders;",
        *(f'const char {name}[] = "{text}";' for name, text in texts.items()),
    ]
    return "\n".join([*lines, ""])
