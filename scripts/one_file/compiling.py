"""Modules without their source."""

import py_compile
from pathlib import Path
from py_compile import PycInvalidationMode


def compiled(source: Path, *, name: str, scratch: Path) -> bytes:
    """Return a module's code, which Python takes as it is: it looks for no source, and never writes.

    Args:
        source: the module's file.
        name: what tracebacks call it; nothing of the machine of the build.
        scratch: a folder for files in between.
    """
    target = scratch / "module.pyc"
    py_compile.compile(
        str(source),
        cfile=str(target),
        dfile=name,
        doraise=True,
        optimize=0,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        quiet=1,
    )
    return target.read_bytes()
