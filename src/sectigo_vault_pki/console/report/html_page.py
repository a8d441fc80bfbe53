"""The report as one page that needs nothing else: markup, style, program and data in one file.

The files are in `page/`. The page may run its own program and style alone, by their hashes, and may load nothing.
"""

import base64
import hashlib
import html
from importlib.resources import files
from string import Template
from typing import TextIO

from sectigo_vault_pki.console.report.columns import packed
from sectigo_vault_pki.console.report.summary import Report

_SCRIPTS = ("data.js", "rows.js", "elements.js", "chart.js", "overview.js", "details.js", "table.js", "main.js")
"""In the order in which they come; each knows those before it."""


def write_page(report: Report, out: TextIO) -> None:
    """Write the page."""
    style = _file("style.css")
    script = "\n".join(("(() => {", '"use strict";', *map(_file, _SCRIPTS), "})();"))
    values = {
        "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        "title": html.escape(f"Certificates of {report.mount}"),
        "style": style,
        "script": script,
        "data": packed(report),
    }
    out.write(Template(_file("page.html")).substitute(values))


def _file(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text(encoding="utf-8")


def _hash(inline: str) -> str:
    digest = hashlib.sha256(inline.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
