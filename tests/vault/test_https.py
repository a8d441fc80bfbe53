"""SCM over https, as it is in life: its certificate is checked."""

from collections.abc import Iterator

import pytest

from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault


@pytest.fixture(scope="module")
def scm_process(tmp_path_factory: pytest.TempPathFactory, secrets: Secrets) -> Iterator[ScmProcess]:
    options = ("--tls", "--pending-polls", "0")
    with ScmProcess(tmp_path_factory.mktemp("scm"), password="canary-over-https", options=options) as scm:
        yield scm


def test_an_scm_of_a_trusted_ca_is_used(mount: VaultMount) -> None:
    trusted = mount.scm.server_ca_file.read_text()
    mount.configure(sectigo_cm_ca_cert=trusted)
    assert mount.scm.url.startswith("https://")
    assert mount.enroll().expect(200).data["status"] == "Issued"
    assert mount.api("GET", "configs/web").data["sectigo_cm_ca_cert"] == trusted


def test_an_scm_of_an_unknown_ca_gets_no_order(mount: VaultMount) -> None:
    mount.configure()
    answer = mount.enroll()
    assert answer.status == 502
    assert "certificate" in answer.errors[0]
    assert mount.ids() == []
    assert mount.scm.orders() == []
