"""What the checks ask: each path once, whatever the number of checks that look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sectigo_vault_pki.console.connection import Connection
from sectigo_vault_pki.console.server import FORBIDDEN, OK, Answer, Server

Data = Mapping[str, Any]


class NotPermittedError(Exception):
    """The token may not ask for a path.

    Attributes:
        path: the one.
        capability: what its policy lacks.
    """

    def __init__(self, path: str, capability: str) -> None:
        super().__init__(path)
        self.path = path
        self.capability = capability


class NotApplicableError(Exception):
    """There is nothing to check; the text says why."""


@dataclass(frozen=True, slots=True)
class Examination:
    """One run of the checks.

    Attributes:
        server: to ask.
        mount: the engine's path, without slashes at its ends.
        plugin_directory: where it is, if the server does not say so.
        calls_scm: whether checks may make the engine call SCM.
        now: this machine's time.
    """

    server: Server
    mount: str
    plugin_directory: Path | None = None
    calls_scm: bool = True
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _answers: dict[tuple[str, str], Answer] = field(default_factory=dict)

    @property
    def connection(self) -> Connection:
        return self.server.connection

    def ask(self, path: str, capability: str = "read") -> Answer:
        """Return the answer to a read or a list, whatever its status.

        Raises:
            UnreachableError: there is none.
        """
        key = (path, capability)
        if key not in self._answers:
            query = {"list": "true"} if capability == "list" else None
            self._answers[key] = self.server.ask("GET", path, query=query)
        return self._answers[key]

    def data(self, path: str) -> Data:
        """Return the data of a read; empty if there is nothing.

        Raises:
            NotPermittedError: the token may not read it.
        """
        answer = self._permitted(path, "read")
        return answer.data if answer.status == OK else {}

    def listing(self, path: str) -> Answer:
        """Return a list, whatever its status.

        Raises:
            NotPermittedError: the token may not list it.
        """
        return self._permitted(path, "list")

    def _permitted(self, path: str, capability: str) -> Answer:
        answer = self.ask(path, capability)
        if answer.status == FORBIDDEN:
            raise NotPermittedError(path, capability)
        return answer

    @property
    def mounted(self) -> Data:
        """What the server says of the mount; a token that may use it may see that."""
        answer = self.ask(f"sys/internal/ui/mounts/{self.mount}")
        return answer.data if answer.status == OK else {}

    @property
    def plugin(self) -> str:
        """The plugin's name in the catalogue."""
        return str(self.mounted.get("type") or "")

    @property
    def catalogued(self) -> Data:
        """The catalogue's entry that the mount runs; empty if there is none, or the server cannot use it.

        Raises:
            NotPermittedError: the token may not read it.
        """
        answer = self.catalogue_answer
        return answer.data if answer.status == OK else {}

    @property
    def catalogue_answer(self) -> Answer:
        """The catalogue's answer about it.

        Raises:
            NotPermittedError: the token may not read it.
        """
        path, version = f"sys/plugins/catalog/secret/{self.plugin}", str(self.mounted.get("plugin_version") or "")
        if (path, version) not in self._answers:
            self._answers[path, version] = self.server.ask("GET", path, query={"version": version} if version else None)
        if self._answers[path, version].status == FORBIDDEN:
            raise NotPermittedError(path, "read")
        return self._answers[path, version]

    @property
    def status(self) -> Data:
        """The engine's own status.

        Raises:
            NotPermittedError: the token may not read it.
        """
        return self.data(f"{self.mount}/status")

    @property
    def configs(self) -> list[str]:
        """The names of the config entries.

        Raises:
            NotPermittedError: the token may not list them.
        """
        return self.listing(f"{self.mount}/configs").keys

    def config(self, name: str) -> Data:
        """Return a config entry.

        Raises:
            NotPermittedError: the token may not read it.
        """
        return self.data(f"{self.mount}/configs/{name}")

    def need_scm(self) -> None:
        """Go on only if SCM may be called.

        Raises:
            NotApplicableError: it may not.
        """
        if not self.calls_scm:
            raise NotApplicableError("SCM is not called, as asked for")
