"""SCM over https, as it is in life: its certificate is checked."""

from collections.abc import Iterator

import pytest
import trustme

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


def test_a_client_certificate_logs_in_over_the_private_paths(mount: VaultMount) -> None:
    certificate, key = mount.scm.login_certificate()
    fields = {
        **mount.scm.without_login(),
        "sectigo_cm_ca_cert": mount.scm.server_ca_file.read_text(),
        "sectigo_cm_auth": "certificate",
        "sectigo_cm_user": mount.scm.user,
        "sectigo_cm_client_cert": certificate,
        "sectigo_cm_client_key": key,
    }
    mount.api("POST", "configs/badge", fields).expect(204)
    assert mount.api("GET", "configs/badge/test").expect(200).data["organization"]
    assert mount.enroll("badge").expect(200).data["status"] == "Issued"
    assert "PRIVATE KEY" not in str(mount.api("GET", "configs/badge").expect(200).data)


def test_a_client_certificate_that_scm_does_not_trust_is_one_clear_error(mount: VaultMount) -> None:
    stranger = trustme.CA().issue_cert("stranger@example.test")
    fields = {
        **mount.scm.without_login(),
        "sectigo_cm_ca_cert": mount.scm.server_ca_file.read_text(),
        "sectigo_cm_auth": "certificate",
        "sectigo_cm_user": mount.scm.user,
        "sectigo_cm_client_cert": stranger.cert_chain_pems[0].bytes().decode(),
        "sectigo_cm_client_key": stranger.private_key_pem.bytes().decode(),
    }
    mount.api("POST", "configs/stranger", fields).expect(204)
    before = len(mount.scm.orders())
    answer = mount.enroll("stranger")
    assert answer.status in {400, 502}
    assert mount.ids("stranger") == []
    assert len(mount.scm.orders()) == before


def test_an_api_key_logs_in_by_oauth2(mount: VaultMount) -> None:
    fields = {
        **mount.scm.without_login(),
        "sectigo_cm_ca_cert": mount.scm.server_ca_file.read_text(),
        "sectigo_cm_auth": "oauth2",
        "sectigo_cm_client_id": "demo-client-id",
        "sectigo_cm_client_secret": "demo-client-secret",
    }
    mount.api("POST", "configs/api", fields).expect(204)
    tried = mount.api("GET", "configs/api/test").expect(200)
    assert tried.data["api_version"] == "v2"
    assert mount.enroll("api").expect(200).data["status"] == "Issued"
    assert "demo-client-secret" not in mount.server.log()


def test_a_password_is_changed_and_the_entry_goes_on(mount: VaultMount) -> None:
    mount.configure(sectigo_cm_ca_cert=mount.scm.server_ca_file.read_text())
    mount.api("POST", "configs/web/rotate-root").expect(204)
    assert mount.enroll().expect(200).data["status"] == "Issued"
    mount.configure(sectigo_cm_ca_cert=mount.scm.server_ca_file.read_text())
    assert mount.enroll().status == 400  # the old password
