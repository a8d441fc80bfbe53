"""`bao agent` with the templates of docs/recipes.md: nothing is ordered in vain, and what is due is new on disk."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import recipes
from tests.support.consumers import lines, prepare, rendered, run_agent, running
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault

SHORT_LIFE = 10
"""Seconds: the agent asks again after about nine."""
LIFE = 7200
"""Seconds: of the certificate that the engine renews, which nobody orders with a life under an hour."""
ID_ON_THE_PAGE = "283829_example-corp"


def secret_templates(mount: VaultMount) -> str:
    """Return the page's second configuration, for a certificate that is enrolled here."""
    unique_id = mount.enroll(sectigo_csr_domain="api.example.com").expect(200).data["cert_unique_id"]
    text = recipes.file("agent_secret.hcl", mount)
    assert ID_ON_THE_PAGE in text
    return text.replace(ID_ON_THE_PAGE, unique_id)


def orders(scm: ScmProcess, common_name: str) -> int:
    return sum(order["common_name"] == common_name for order in scm.orders())


def test_pki_cert_renders_certificate_issuer_and_key_and_a_restart_orders_nothing(
    mount: VaultMount, scm: ScmProcess, tmp_path: Path
) -> None:
    prepare(mount, tmp_path)
    for _start in range(2):
        run_agent(mount, tmp_path, recipes.file("agent_pki.hcl", mount))
    leaf, issuer = rendered(tmp_path / "site.pem")
    assert "www.example.com" in leaf.subject.rfc4514_string()
    assert issuer.subject != issuer.issuer
    assert orders(scm, "www.example.com") == 1
    assert lines(tmp_path / "site.reloads") == 1
    assert (tmp_path / "site.pem").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_gone_comes_back_without_an_order(mount: VaultMount, scm: ScmProcess, tmp_path: Path) -> None:
    prepare(mount, tmp_path)
    run_agent(mount, tmp_path, recipes.file("agent_pki.hcl", mount))
    before = rendered(tmp_path / "site.pem")
    (tmp_path / "site.pem").unlink()
    run_agent(mount, tmp_path, recipes.file("agent_pki.hcl", mount))
    assert rendered(tmp_path / "site.pem") == before
    assert orders(scm, "www.example.com") == 1


def test_secrets_are_rendered_and_a_restart_orders_nothing(mount: VaultMount, scm: ScmProcess, tmp_path: Path) -> None:
    prepare(mount, tmp_path)
    templates = secret_templates(mount)
    for _start in range(2):
        run_agent(mount, tmp_path, templates)
    assert len(rendered(tmp_path / "shop.pem")) == 2
    assert len(rendered(tmp_path / "api.pem")) == 3
    assert (orders(scm, "shop.example.com"), orders(scm, "api.example.com")) == (1, 1)
    assert (lines(tmp_path / "shop.reloads"), lines(tmp_path / "api.reloads")) == (1, 1)


def test_what_is_due_is_ordered_written_and_the_process_reloaded(
    mount: VaultMount, scm: ScmProcess, tmp_path: Path
) -> None:
    prepare(mount, tmp_path)
    scm.set(validity_seconds=LIFE, backdated_seconds=LIFE - SHORT_LIFE)
    templates = secret_templates(mount)
    scm.set(validity_seconds=SHORT_LIFE, backdated_seconds=0)
    mount.configure(sectigo_suspend_renewals=True)
    with ExitStack() as agents:
        agents.enter_context(running(mount, tmp_path, "agent", "pki.hcl", recipes.file("agent_pki.hcl", mount)))
        agents.enter_context(running(mount, tmp_path, "agent", "secret.hcl", templates))
        first = {name: serial_once_reloaded(tmp_path, name, times=1) for name in ("site", "shop", "api")}
        mount.configure(sectigo_suspend_renewals=False)
        later = {name: serial_once_reloaded(tmp_path, name, times=2) for name in first}
    assert not {*first.values()} & {*later.values()}
    assert orders(scm, "www.example.com") >= 2
    assert orders(scm, "shop.example.com") >= 2


def serial_once_reloaded(folder: Path, name: str, *, times: int) -> int:
    """Wait until the agent has reloaded so often, and return the serial number of what lies there then."""
    until(
        lambda: lines(folder / f"{name}.reloads") >= times,
        what=f"{name} reloaded {times} times",
        seconds=6 * SHORT_LIFE,
    )
    return rendered(folder / f"{name}.pem")[0].serial_number


def test_an_order_that_scm_takes_its_time_for_is_collected_by_the_agents_next_attempt(
    mount: VaultMount, scm: ScmProcess, tmp_path: Path
) -> None:
    prepare(mount, tmp_path)
    mount.configure(sectigo_wait_limit=1)
    scm.set(never_issue=True)
    with running(mount, tmp_path, "agent", "pki.hcl", recipes.file("agent_pki.hcl", mount)):
        log = tmp_path / "pki.hcl.log"
        until(lambda: "pending: SCM has not issued the certificate yet" in log.read_text(), what="a pending order")
        scm.set(never_issue=False)
        serial_once_reloaded(tmp_path, "site", times=1)
    assert orders(scm, "www.example.com") == 1
