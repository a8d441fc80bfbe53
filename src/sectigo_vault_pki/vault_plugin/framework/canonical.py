"""The one spelling of a path that has several, by which the host holds policies against it (plugin-protocol.md 5.1).

A field whose kind has a `canonical` spelling needs nothing else. A path whose spellings only the engine knows has a
`canonical` of its own. Every other path costs one comparison of its beginning.
"""

from collections.abc import Mapping, Sequence

from sectigo_vault_pki.vault_plugin.framework.kinds import KindError
from sectigo_vault_pki.vault_plugin.framework.path import Path


class CanonicalPaths:
    """Finds the canonical spelling of one engine's paths.

    Args:
        paths: in the order in which requests are matched.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._beginnings = tuple(path.template.partition("{")[0] for path in paths if _has_spellings(path))

    async def find(self, relative_path: str) -> str | None:
        """Return the canonical spelling of a path; None if it is canonical, or has no other spelling.

        Raises:
            LogicalError: it cannot be found, so that no policy can be applied.
        """
        if not relative_path.startswith(self._beginnings):
            return None
        for path in self._paths:
            if match := path.pattern.fullmatch(relative_path):
                return await _canonical(path, match.groupdict()) if _has_spellings(path) else None
        return None


def _has_spellings(path: Path) -> bool:
    return path.canonical is not None or any(path.by_name[name].kind.canonical for name in path.captured)


async def _canonical(path: Path, captured: Mapping[str, str]) -> str | None:
    values = dict(captured)
    try:
        for name in path.captured:
            if (canonical := path.by_name[name].kind.canonical) is not None:
                values[name] = canonical(values[name])
    except KindError:
        return None  # the request itself is refused for it
    if path.canonical is not None:
        values |= await path.canonical(values)
    return None if values == captured else path.template.format_map(values)
