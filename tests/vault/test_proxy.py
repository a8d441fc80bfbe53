"""`bao proxy` as docs/recipes.md has it, and the page's curl through it."""

import json
import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from scripts.guide_examples import write_small_curl
from scripts.openbao import free_port
from tests.support import recipes
from tests.support.consumers import prepare, running
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault

PORT_ON_THE_PAGE = "8100"


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v1/sys/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_whoever_asks_the_proxy_needs_no_token_and_an_equal_request_buys_nothing(
    mount: VaultMount, scm: ScmProcess, tmp_path: Path
) -> None:
    prepare(mount, tmp_path)
    write_small_curl(tmp_path / "spare")
    port = free_port()
    configuration = recipes.file("proxy.hcl", mount).replace(PORT_ON_THE_PAGE, str(port))
    (command,) = re.findall(r"^\$ (curl .*)$", recipes.block("console", "bao proxy", mount), re.MULTILINE)
    with running(mount, tmp_path, "proxy", "proxy.hcl", configuration):
        until(lambda: answers(port), what="an answer of the proxy")
        first, second = (
            subprocess.run(
                ["/bin/sh", "-c", command.replace(PORT_ON_THE_PAGE, str(port))],
                env={"PATH": f"{os.environ['PATH']}:{tmp_path / 'spare'}"},
                capture_output=True,
                check=True,
                timeout=60,
            ).stdout
            for _request in range(2)
        )
    data = json.loads(first)["data"]
    mount.secrets.note(data)
    assert data["private_key"]
    assert json.loads(second)["data"] == data
    assert [order["common_name"] for order in scm.orders()] == ["proxy.example.com"]
