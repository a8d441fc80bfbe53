"""What is said about connections that are not the host's: enough to notice, too little to fill the host's log."""

import asyncio
import logging

from sectigo_vault_pki.vault_plugin.grpc import Budget

_log = logging.getLogger(__name__)

_LINES = 10
_QUIET_SECONDS = 60.0


class RefusalLog:
    """Logs each refusal, ten within a minute; of the others, one line a minute says how many there were."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines = Budget(_LINES, _LINES / _QUIET_SECONDS, clock=self._loop.time)
        self._untold = 0
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, reason: str) -> None:
        """Take note of a connection that was refused, or ended by us."""
        if self._timer is None and self._lines.spend():
            _log.warning("refused a connection", extra={"kv": {"reason": reason}})
            return
        self._untold += 1
        if self._timer is None:
            self._timer = self._loop.call_later(_QUIET_SECONDS, self._tell)

    def close(self) -> None:
        """Say what was not said yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def _tell(self) -> None:
        self._timer = None
        untold, self._untold = self._untold, 0
        _log.warning("refused more connections", extra={"kv": {"connections": untold}})
