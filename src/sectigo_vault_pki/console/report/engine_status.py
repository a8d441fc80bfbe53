"""What a report takes from the engine's own status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.server import NOT_FOUND, OK, Server


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A part of the status.

    Attributes:
        version: the plugin's; empty if the status cannot be read.
        warnings: the engine's, or that it cannot be read.
        certificates: how many are stored; None if the status cannot be read.
        of_entries: how many of them belong to config entries that exist.
    """

    version: str
    warnings: Sequence[str]
    certificates: int | None = None
    of_entries: int = 0

    def left_out(self, listed: int) -> int:
        """Return how many certificates of deleted entries a list of all entries leaves out.

        The engine's own difference is of one moment, but counts an entry that cannot be read as deleted; the
        difference to the list also counts what was enrolled since. The smaller one is neither's error.
        """
        if self.certificates is None:
            return 0
        return max(0, self.certificates - max(listed, self.of_entries))


def read_status(server: Server, mount: str) -> EngineStatus:
    """Read the status; a token that may not is no error.

    Raises:
        SettingsError: there is no such engine at that mount.
        ConsoleError: the server does not answer.
    """
    answer = server.read(f"{mount}/status")
    if answer.status not in (OK, NOT_FOUND):
        return EngineStatus("", [f"The status could not be read: HTTP {answer.status}."])
    certificates = answer.data.get("certificates")
    if answer.status == NOT_FOUND or not isinstance(certificates, int):
        raise SettingsError(f"what is mounted at {mount}/ is not this engine: it has no such status; give -mount")
    accounts = answer.data.get("accounts")
    return EngineStatus(
        version=str(answer.data.get("version") or ""),
        warnings=[str(warning) for warning in answer.data.get("warnings") or ()],
        certificates=certificates,
        of_entries=sum(map(_certificates_of, accounts.values())) if isinstance(accounts, Mapping) else 0,
    )


def _certificates_of(account: object) -> int:
    count = account.get("certificates") if isinstance(account, Mapping) else None
    return count if isinstance(count, int) else 0
