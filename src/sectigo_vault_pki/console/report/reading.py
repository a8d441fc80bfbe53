"""Reads the certificates of a mount, page by page."""

import re
from collections.abc import Callable, Iterator, Sequence

from sectigo_vault_pki.console.failures import ConsoleError, SettingsError
from sectigo_vault_pki.console.report.certificates import Certificate, certificate_from
from sectigo_vault_pki.console.server import NOT_FOUND, Server

PAGE = 1000
_GOES_ON = re.compile(r"continue with after=(\S+)$")


def config_names(server: Server, mount: str) -> list[str]:
    """Return the names of the config entries.

    Raises:
        ConsoleError: the server does not answer, or refuses, or has no such mount.
    """
    return server.listing(f"{mount}/configs").expect_list().keys


def read_certificates(
    server: Server, mount: str, configs: Sequence[str], progress: Callable[[str, int], None] = lambda *_: None
) -> Iterator[Certificate]:
    """Yield the certificates of some config entries.

    Args:
        server: to ask.
        mount: the engine's path.
        configs: names of entries.
        progress: told of the entry and the number that were read of it, after each page.

    Raises:
        ConsoleError: the server does not answer, or refuses, or has neither such an entry nor certificates of it; or
            the plugin is too old to show details.
    """
    words: dict[str, str] = {}
    for config in configs:
        path, count = f"{mount}/certs/{config}/detailed", 0
        after: str | None = ""
        while after is not None:
            page, following = _page(server, path, after)
            for unique_id, info in page:
                yield certificate_from(config, unique_id, info, words)
            count += len(page)
            progress(config, count)
            if following == after:
                raise ConsoleError(f"{path} answers the same page again")
            after = following


def _page(server: Server, path: str, after: str) -> tuple[list[tuple[str, dict[str, object]]], str | None]:
    """Return a page, and after which key the next one begins; None if there is none."""
    answer = server.listing(path, limit=PAGE, **({"after": after} if after else {}))
    if answer.status == NOT_FOUND and any("unsupported path" in error for error in answer.errors):
        raise SettingsError(f"{path} is unknown: it is another engine, or the plugin is too old for a report")
    data = answer.expect_list().data
    infos = data.get("key_info")
    infos = infos if isinstance(infos, dict) else {}
    found = ((key, infos.get(key)) for key in answer.keys)
    page = [(key, info if isinstance(info, dict) else {}) for key, info in found]
    # A page may be short, even empty, before the last one: the engine says so in a warning.
    goes_on = next((match[1] for said in answer.warnings if (match := _GOES_ON.search(said))), None)
    return page, goes_on or (page[-1][0] if page else None)
