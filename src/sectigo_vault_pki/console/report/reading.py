"""Reads the certificates of a mount, page by page."""

from collections.abc import Callable, Iterator, Sequence

from sectigo_vault_pki.console.failures import ConsoleError, SettingsError
from sectigo_vault_pki.console.report.certificates import Certificate, certificate_from
from sectigo_vault_pki.console.server import NOT_FOUND, OK, Server

PAGE = 1000


def config_names(server: Server, mount: str) -> list[str]:
    """Return the names of the config entries.

    Raises:
        ConsoleError: the server does not answer, or refuses.
    """
    return server.listing(f"{mount}/configs").expect(OK, NOT_FOUND).keys


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
        ConsoleError: the server does not answer, or refuses; or the plugin is too old to show details.
    """
    words: dict[str, str] = {}
    for config in configs:
        after, count = "", 0
        while page := _page(server, f"{mount}/certs/{config}/detailed", after):
            for unique_id, info in page:
                yield certificate_from(config, unique_id, info, words)
            count += len(page)
            progress(config, count)
            if page[-1][0] == after:
                raise ConsoleError(f"{mount}/certs/{config}/detailed answers the same page again")
            after = page[-1][0]


def _page(server: Server, path: str, after: str) -> list[tuple[str, dict[str, object]]]:
    answer = server.listing(path, limit=PAGE, **({"after": after} if after else {}))
    if answer.status == NOT_FOUND and any("unsupported path" in error for error in answer.errors):
        raise SettingsError(f"the plugin is too old for a report: it does not know {path}")
    data = answer.expect(OK, NOT_FOUND).data
    infos = data.get("key_info")
    infos = infos if isinstance(infos, dict) else {}
    found = ((key, infos.get(key)) for key in answer.keys)
    return [(key, info if isinstance(info, dict) else {}) for key, info in found]
