"""`sectigo-vault-pki import` into a real mount: from one entry's certificates at SCM into another's."""

from pathlib import Path

import pytest

from tests.support.console import Ran, run
from tests.support.vault import VaultMount

pytestmark = pytest.mark.vault


def imported(mount: VaultMount, file: Path, *options: str, **environ: str) -> Ran:
    known = {**mount.server.client_environment(), **environ}
    return run("import", "copy", str(file), f"-mount={mount.path}", *options, home=file.parent, **known)


@pytest.fixture
def ids(mount: VaultMount, tmp_path: Path) -> Path:
    """A file with six ids that SCM knows, one that it does not, and an entry `copy` that has none of them."""
    found = [mount.enrolled("web")["ssl_id"], *(mount.enroll("web").expect(200).data["ssl_id"] for _ in range(5))]
    mount.configure("copy")
    file = tmp_path / "ids.txt"
    file.write_text("# from SCM's report\n" + "\n".join(map(str, found)) + "\n99999999\n")
    return file


def test_what_scm_knows_is_stored_and_what_it_does_not_is_listed_with_the_reason(mount: VaultMount, ids: Path) -> None:
    ran = imported(mount, ids)
    assert ran.status == 2
    assert len(mount.ids("copy")) == 6
    failed, blank, counts = ran.output.splitlines()
    assert failed.startswith("99999999  ")
    assert blank == ""
    assert counts == "6 imported, 0 were stored before, 1 failed"


def test_it_goes_on_where_it_was_and_leaves_out_what_is_stored(mount: VaultMount, ids: Path) -> None:
    first = ids.read_text().splitlines()[1]
    mount.api("POST", f"fetch/copy/{first}", {}).expect(200)
    ran = imported(mount, ids, "-format=json")
    assert (ran.json["imported"], ran.json["skipped"]) == (5, 1)
    assert [one["id"] for one in ran.json["failed"]] == ["99999999"]
    again = imported(mount, ids, "-format=json")
    assert (again.json["imported"], again.json["skipped"]) == (0, 6)
    assert ids.with_name("ids.txt.state").exists()
    ids.write_text("\n".join(ids.read_text().splitlines()[:-1]))
    assert imported(mount, ids).status == 0


def test_what_fails_for_a_moment_is_tried_again(mount: VaultMount, ids: Path) -> None:
    mount.scm.fault("collect", "status", status=503, times=8)
    ran = imported(mount, ids, "-parallel=2", "-format=json")
    assert ran.json["imported"] == 6


def test_the_certificates_carry_the_flag_for_renewals(mount: VaultMount, ids: Path) -> None:
    imported(mount, ids, "-auto-renew=false")
    unique_id = mount.ids("copy")[0]
    summary = mount.api("GET", f"certs/copy/{unique_id}/summary").expect(200).data
    assert summary["renewal"]["automatic"] is False


def test_a_token_that_may_not_fetch_ends_it_at_once(mount: VaultMount, ids: Path) -> None:
    token = mount.server.api("POST", "auth/token/create", {"policies": ["default"]}).body["auth"]["client_token"]
    ran = imported(mount, ids, BAO_TOKEN=token)
    assert ran.status == 2
    assert "HTTP 403" in ran.errors
    assert mount.ids("copy") == []
