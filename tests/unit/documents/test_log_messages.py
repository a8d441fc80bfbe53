"""The guide's table of log messages and the lines that the engine writes are the same."""

import logging
import re
from pathlib import Path

from sectigo_vault_pki.lifecycle.event_log import LogEvent

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "running.md"
LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn", logging.ERROR: "error"}
_ROW = re.compile(r"^\| `(?P<message>[^`]+)` \| (?P<level>debug|info|warn|error) \| [^|]+ \|$", re.MULTILINE)


def test_the_guide_lists_every_message_with_its_level() -> None:
    listed = [(row["message"], row["level"]) for row in _ROW.finditer(PAGE.read_text())]
    assert len(set(listed)) == len(listed)
    assert sorted(listed) == sorted((event.message, LEVELS[event.level]) for event in LogEvent)
