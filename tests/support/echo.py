"""How the echo plugin is started: as a command for `PluginHost`, and as a file for a server's plugin directory."""

import sys
from pathlib import Path

_SCRIPT = Path(__file__).parent / "echo_plugin.py"

ECHO = [sys.executable, str(_SCRIPT)]


def write_echo_command(folder: Path) -> Path:
    """Write an executable file that runs the echo plugin; return its path."""
    path = folder / "echo-plugin"
    path.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_path({str(_SCRIPT)!r}, run_name='__main__')\n")
    path.chmod(0o755)
    return path
