"""The SCM simulator as a program, and its control listener."""

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.polling import until


class ScmProcess:
    """One simulator process; leaving the context ends it.

    Attributes:
        url: the root of its API.
        user, password, customer_uri, org_id: the login it accepts.
        output_file: what it printed.
        server_ca_file: the CA to trust for https.
    """

    def __init__(self, folder: Path, *, password: str, options: tuple[str, ...] = ()) -> None:
        self.password = password
        self.output_file = folder / "simulator.log"
        self._ready_file = folder / "simulator.json"
        self._options = options

    def __enter__(self) -> Self:
        with self.output_file.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "sectigo_vault_pki.scm_simulator"),
                    *("--password", self.password, "--ready-file", str(self._ready_file)),
                    *("--exit-with-parent", str(os.getpid()), *self._options),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            until(self._is_up, what="a simulator that is ready", seconds=60)
            ready = json.loads(self._ready_file.read_bytes())
        except BaseException:
            self._end()
            raise
        self.url: str = ready["url"]
        self.user: str = ready["user"]
        self.customer_uri: str = ready["customer_uri"]
        self.org_id: int = ready["org_id"]
        self.server_ca_file = Path(ready["server_ca_file"] or "")
        self._control = httpx.Client(base_url=ready["control_url"], timeout=30, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._control.close()
        self._end()

    def config(self) -> dict[str, object]:
        """Return the fields of a config entry that uses it."""
        return {
            "sectigo_cm_user": self.user,
            "sectigo_cm_password": self.password,
            "sectigo_cm_uri": self.customer_uri,
            "sectigo_config_type": "ssl_cert",
            "sectigo_cm_org_id": self.org_id,
            "sectigo_cm_base_url": self.url,
        }

    def without_login(self) -> dict[str, object]:
        """Return the fields of a config entry that uses it, but those of the login."""
        return {
            name: value
            for name, value in self.config().items()
            if name not in {"sectigo_cm_user", "sectigo_cm_password"}
        }

    def login_certificate(self) -> tuple[str, str]:
        """Return a client certificate that it trusts, and its key."""
        issued = self._call("POST", "/client-certificates", {"login": self.user, "trusted": True}).json()
        return issued["certificate"], issued["private_key"]

    def orders(self) -> list[dict[str, Any]]:
        """Return its order book, oldest first."""
        orders: list[dict[str, Any]] = self._call("GET", "/orders").json()
        return orders

    def order(self) -> dict[str, Any]:
        """Return the only order."""
        (order,) = self.orders()
        return order

    def issue(self, order_id: int) -> None:
        """Issue what waits."""
        self._call("POST", f"/orders/{order_id}/issue")

    def set(self, **knobs: object) -> None:
        """Turn knobs; see docs/simulator.md."""
        self._call("POST", "/settings", knobs)

    def validate(self, domain: str) -> None:
        """Let the validation of a domain succeed; a new one is delegated to the organization too."""
        self._call("POST", f"/domains/{domain}/validate")

    def fault(self, operation: str, kind: str, **details: object) -> None:
        """Let something go wrong; see docs/simulator.md."""
        self._call("POST", "/faults", {"operation": operation, "kind": kind, **details})

    def domain(self, name: str, *, ends_at: datetime) -> None:
        """Let the validation of a domain have succeeded, and end then."""
        validated_at = (ends_at - timedelta(days=198)).isoformat()
        self._call("POST", "/domains", {"name": name, "validated_at": validated_at, "ends_at": ends_at.isoformat()})

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._call("DELETE", "/faults")

    def reset(self) -> None:
        """Forget orders and faults, and turn the knobs back."""
        self._call("POST", "/reset")

    def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self._control.request(method, path, json=body).raise_for_status()

    def _is_up(self) -> bool:
        assert self._process.poll() is None, self.output_file.read_text()
        return self._ready_file.exists()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        finally:
            self._process.kill()
            self._process.wait()
