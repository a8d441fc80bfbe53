"""The HTTP API of a running server, as far as tests and scripts use it."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from scripts.server_binary import OpenBaoError

START_SECONDS = 60.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: its status, and its JSON body (empty where there is none)."""

    status: int
    body: dict[str, Any] = field(default_factory=dict, repr=False)
    seconds: float = 0.0

    @property
    def data(self) -> dict[str, Any]:
        """What stands under `data`."""
        return self.body.get("data") or {}

    @property
    def errors(self) -> list[str]:
        """What stands under `errors`."""
        return self.body.get("errors") or []

    @property
    def warnings(self) -> list[str]:
        """What stands under `warnings`."""
        return self.body.get("warnings") or []

    def expect(self, *statuses: int) -> Self:
        """Return the answer itself.

        Raises:
            OpenBaoError: its status is none of these.
        """
        if self.status not in statuses:
            raise OpenBaoError(f"HTTP {self.status}: {'; '.join(self.errors)}")
        return self


class ServerApi:
    """Calls one server's API; with a root token it may do everything.

    Attributes:
        port: where the API listens on loopback; 0 until that is known.
        token: the root token; empty until a raft server is initialized.
        unseal_key: of a raft server, once it is initialized.
        plugin_directory: where plugin commands must lie.
    """

    def __init__(self, plugin_directory: Path, *, token: str = "") -> None:
        self.plugin_directory = plugin_directory
        self.token = token
        self.unseal_key = ""
        self.port = 0
        self._client = httpx.Client(timeout=120, trust_env=False)

    @property
    def address(self) -> str:
        """The URL of the API, such as `http://127.0.0.1:34567`."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._client.close()

    def register(
        self,
        name: str,
        *,
        command: str,
        sha256: str | None = None,
        args: Sequence[str] = (),
        env: Sequence[str] = (),
        version: str = "",
    ) -> None:
        """Register a secrets engine; the checksum is the installed command's where none is given.

        Raises:
            OpenBaoError: the server refuses.
        """
        checksum = sha256 or hashlib.sha256((self.plugin_directory / command).read_bytes()).hexdigest()
        body = {"command": command, "sha256": checksum, "args": list(args), "env": list(env), "version": version}
        self.api("PUT", f"sys/plugins/catalog/secret/{name}", body).expect(200, 204)

    def enable(self, name: str, *, path: str, **options: Any) -> None:
        """Mount a registered engine at `path`.

        Raises:
            OpenBaoError: the server refuses.
        """
        self.api("POST", f"sys/mounts/{path}", {"type": name, **options}).expect(200, 204)

    def disable(self, path: str) -> None:
        """Unmount what lies at `path`.

        Raises:
            OpenBaoError: the server refuses.
        """
        self.api("DELETE", f"sys/mounts/{path}").expect(200, 204)

    def reload(self, name: str) -> None:
        """Start an engine's process anew.

        Raises:
            OpenBaoError: the server refuses.
        """
        self.api("PUT", "sys/plugins/reload/backend", {"plugin": name}).expect(200, 202, 204)

    def api(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Call the HTTP API; `path` is what follows `/v1/`, a query included. `LIST` is a method.

        Raises:
            httpx.HTTPError: no answer.
        """
        token = self.token if token is None else token
        answer = self._client.request(
            method,
            f"{self.address}/v1/{path}",
            content=None if body is None else json.dumps(body),
            headers={"X-Vault-Token": token, **(headers or {})} if token else headers,
            timeout=timeout if timeout is not None else httpx.USE_CLIENT_DEFAULT,
        )
        text = answer.text
        parsed = json.loads(text) if text.startswith("{") else {}
        return Answer(answer.status_code, parsed, answer.elapsed.total_seconds())

    def initialize(self) -> None:
        """Initialize a raft server with one key, keep that and the root token, and unseal it."""
        answer = self.api("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}).expect(200)
        self.unseal_key = answer.body["keys_base64"][0]
        self.token = answer.body["root_token"]
        self.unseal()

    def unseal(self) -> None:
        """Unseal a raft server, and wait until it is active.

        Raises:
            OpenBaoError: it is not active in time.
        """
        self.api("PUT", "sys/unseal", {"key": self.unseal_key}).expect(200)
        self._wait_until_healthy("sys/health", "the unsealed server did not become active")

    def join(self, leader: "ServerApi") -> None:
        """Let a new raft server join another's cluster, and unseal it.

        Raises:
            OpenBaoError: it is no standby in time.
        """
        self.unseal_key, self.token = leader.unseal_key, leader.token
        self.api("PUT", "sys/storage/raft/join", {"leader_api_addr": leader.address}).expect(200)
        self.api("PUT", "sys/unseal", {"key": self.unseal_key}).expect(200)
        self._wait_until_healthy("sys/health?standbyok=true", "the server that joined did not become a standby")

    def _wait_until_healthy(self, path: str, complaint: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.api("GET", path).status != httpx.codes.OK:
            if time.monotonic() > deadline:
                raise OpenBaoError(complaint)
            time.sleep(POLL_SECONDS)

    def is_leader(self) -> bool:
        """Whether it is the active node of its cluster."""
        return bool(self.api("GET", "sys/leader").body.get("is_self"))
