"""The plugin's process: shared by mounts, reloaded, disabled, killed, and gone with its server."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from secrets import token_hex

import httpx
import pytest

from scripts.openbao import OpenBaoServer
from scripts.server_api import Answer
from scripts.server_binary import OpenBaoError
from sectigo_vault_pki import __version__
from tests.support.certificates import key_fits
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import ORDER, PLUGIN, OwnEngine, VaultMount, install, kill_plugin, plugin_pids, watched

pytestmark = pytest.mark.vault

KILLS = 3
FIRST_ANSWER_SECONDS = 1.0
AT_ONCE_SECONDS = 20.0
"""Of the 50 that a request may wait, on a busy machine."""


@pytest.fixture
def two_mounts(engine: OwnEngine, scm: ScmProcess, secrets: Secrets) -> Iterator[tuple[VaultMount, VaultMount]]:
    """Two mounts of an engine whose process no other test shares."""
    with engine.mounted(first={}, second={}) as (first, second):
        yield (
            VaultMount(engine.server, first, scm, secrets),
            VaultMount(engine.server, second, scm, secrets),
        )


def only_pid(engine: OwnEngine) -> int:
    (pid,) = plugin_pids(engine.server, name=engine.name)
    return pid


def test_two_mounts_share_a_process_and_nothing_else(
    two_mounts: tuple[VaultMount, VaultMount], engine: OwnEngine
) -> None:
    first, second = two_mounts
    only_pid(engine)
    data = first.enrolled("shared")
    assert second.api("GET", "configs/shared").status == 404
    assert second.read(data["cert_unique_id"], "shared").status == 404
    second.configure("shared", sectigo_max_timeout=5)
    assert second.ids("shared") == []
    assert first.api("GET", "configs/shared").data["sectigo_max_timeout"] == 600
    assert second.api("DELETE", "configs/shared").status == 204
    assert first.read(data["cert_unique_id"], "shared").expect(200).data == data


@pytest.fixture
def different_mounts(engine: OwnEngine, scm: ScmProcess, secrets: Secrets) -> Iterator[dict[str, VaultMount]]:
    """Mounts of that engine, each with options of its own."""
    options: dict[str, dict[str, object]] = {
        "plain": {},
        "local": {"local": True, "seal_wrap": True},
        "tuned": {"config": {"default_lease_ttl": "1h", "max_lease_ttl": "2h"}, "description": "tuned"},
        "optional": {"options": {"colour": "blue"}},
        "versioned": {"config": {"plugin_version": f"v{__version__}"}},
    }
    with engine.mounted(**options) as paths:
        yield {name: VaultMount(engine.server, path, scm, secrets) for name, path in zip(options, paths, strict=True)}


@pytest.mark.parametrize("end", ["nothing", "kill", "reload of one mount", "reload by name"])
def test_mounts_of_different_options_share_a_process_and_keep_apart(
    engine: OwnEngine, different_mounts: dict[str, VaultMount], end: str
) -> None:
    server = engine.server
    held = {name: mount.enrolled() for name, mount in different_mounts.items()}
    before = only_pid(engine)
    match end:
        case "kill":
            kill_plugin(server, name=engine.name)
        case "reload of one mount":
            body = {"mounts": [f"{different_mounts['local'].path}/"]}
            server.api("PUT", "sys/plugins/reload/backend", body).expect(200, 202, 204)
        case "reload by name":
            server.reload(engine.name)
    for name, mount in different_mounts.items():
        assert mount.ids() == [held[name]["cert_unique_id"]]
        assert mount.read(held[name]["cert_unique_id"]).expect(200).data == held[name]
        assert mount.enroll().expect(200).data["status"] == "Issued"
    assert (only_pid(engine) == before) is (end == "nothing")


@pytest.mark.parametrize("what", ["plugin", "mounts"])
def test_a_reload_starts_a_new_process_that_knows_what_was_stored(
    two_mounts: tuple[VaultMount, VaultMount], engine: OwnEngine, what: str
) -> None:
    first, second = two_mounts
    of_first, of_second = first.enrolled(), second.enrolled()
    before = only_pid(engine)
    option = f"-plugin={engine.name}" if what == "plugin" else f"-mounts={first.path}/,{second.path}/"
    reloaded = first.cli("plugin", "reload", option)
    assert reloaded.returncode == 0, reloaded.stderr
    assert first.read(of_first["cert_unique_id"]).expect(200).data == of_first
    assert second.read(of_second["cert_unique_id"]).expect(200).data == of_second
    assert only_pid(engine) != before
    assert first.enroll().expect(200).data["status"] == "Issued"


def test_a_mount_that_is_disabled_and_enabled_again_is_empty_and_works(mount: VaultMount) -> None:
    data = mount.enrolled()
    assert mount.cli("secrets", "disable", "{mount}").returncode == 0
    assert mount.read(data["cert_unique_id"]).status == 404
    assert mount.cli("secrets", "enable", "-path={mount}", PLUGIN).returncode == 0
    assert mount.api("LIST", "configs").status == 404
    assert mount.ids() == []
    assert mount.enrolled()["serial_number"] != data["serial_number"]


def test_the_first_request_after_the_plugin_was_killed_is_answered_within_a_second(
    two_mounts: tuple[VaultMount, VaultMount], engine: OwnEngine
) -> None:
    first, second = two_mounts
    data = first.enrolled()
    seconds = []
    for _ in range(KILLS):
        killed = only_pid(engine)
        kill_plugin(first.server, name=engine.name)
        answer = first.read(data["cert_unique_id"]).expect(200)
        assert answer.data == data
        assert second.configure().status == 204
        assert only_pid(engine) != killed
        seconds.append(answer.seconds)
    assert min(seconds) < FIRST_ANSWER_SECONDS  # of several, as the machine may be busy with other tests


def test_what_a_killed_process_left_is_removed_by_the_next_one(
    two_mounts: tuple[VaultMount, VaultMount], engine: OwnEngine
) -> None:
    first, _ = two_mounts
    data, server = first.enrolled(), first.server
    kill_plugin(server, name=engine.name)
    first.read(data["cert_unique_id"]).expect(200)
    until(
        lambda: len(list(server.temporary.glob("plugin-*"))) == len(plugin_pids(server)),
        what="one folder for each process",
    )


@pytest.mark.parametrize("end", ["kill", "reload"])
def test_a_process_that_ends_while_an_order_waits_loses_nothing(
    two_mounts: tuple[VaultMount, VaultMount], engine: OwnEngine, end: str
) -> None:
    mount, _ = two_mounts
    mount.configure()
    mount.scm.set(never_issue=True)
    with pytest.raises(httpx.ReadTimeout):
        mount.api("POST", "enroll/web", ORDER, timeout=0.5)
    if end == "kill":
        kill_plugin(mount.server, name=engine.name)
    else:
        mount.server.reload(engine.name)
    mount.scm.issue(mount.scm.order()["id"])
    (unique_id,) = mount.ids()
    collected = mount.read(unique_id).expect(200).data
    assert collected["status"] == "Issued"
    assert key_fits(collected)


@contextmanager
def waiting(mount: VaultMount, *, orders: int) -> Iterator[list[Future[Answer]]]:
    """Let some orders wait for their certificates, which are not issued, and end when all are answered."""
    mount.scm.set(never_issue=True)
    with ThreadPoolExecutor(orders) as callers:
        answers = [callers.submit(mount.enroll) for _ in range(orders)]
        until(lambda: len(accepted(mount)) == orders, what="orders that SCM has accepted")
        yield answers


def accepted(mount: VaultMount) -> list[str]:
    return [unique_id for unique_id in mount.ids() if not unique_id.startswith("order-")]


def saved_and_collected(mount: VaultMount, answers: list[Future[Answer]]) -> None:
    """See that each of the orders was answered as one whose time was over, and that a read carries it on."""
    for answer in answers:
        data = answer.result().expect(200).data
        assert data["certificate"] == "TimeoutStateSaved"
        mount.scm.issue(int(data["cert_unique_id"].partition("_")[0]))
        collected = mount.read(data["cert_unique_id"]).expect(200).data
        assert collected["status"] == "Issued"
        assert key_fits(collected)
    assert len(mount.scm.orders()) == len(answers)


@pytest.mark.parametrize("what", ["plugin", "mounts"])
def test_a_reload_has_what_waits_on_another_mount_of_its_process_answered_at_once(
    two_mounts: tuple[VaultMount, VaultMount], engine: OwnEngine, what: str
) -> None:
    reloaded, other = two_mounts
    other.configure()
    body = {"plugin": engine.name} if what == "plugin" else {"mounts": [f"{reloaded.path}/"]}
    with waiting(other, orders=5) as answers:
        other.server.api("PUT", "sys/plugins/reload/backend", body).expect(200, 202, 204)
        assert max(answer.result().seconds for answer in answers) < AT_ONCE_SECONDS
    saved_and_collected(other, answers)


def test_a_reload_waits_for_what_waits_on_its_own_mount(
    two_mounts: tuple[VaultMount, VaultMount], engine: OwnEngine
) -> None:
    mount, _ = two_mounts
    mount.configure(sectigo_wait_limit=4)
    before = only_pid(engine)
    with waiting(mount, orders=3) as answers:
        assert not any(answer.done() for answer in answers)
        body = {"mounts": [f"{mount.path}/"]}
        mount.server.api("PUT", "sys/plugins/reload/backend", body).expect(200, 202, 204)
        assert all(answer.done() for answer in answers)
    assert only_pid(engine) != before
    saved_and_collected(mount, answers)


def test_the_catalogue_knows_the_version_that_the_plugin_says(mount: VaultMount) -> None:
    listed = mount.cli("plugin", "list", "secret").stdout.splitlines()
    assert [PLUGIN, f"v{__version__}"] in [line.split() for line in listed]


def test_the_list_of_mounts_shows_the_running_version(mount: VaultMount) -> None:
    header, _, *rows = mount.cli("secrets", "list", "-detailed").stdout.splitlines()
    (row,) = (row for row in rows if row.startswith(f"{mount.path}/"))
    column = header.index("Running Version")
    assert row[column:].split()[0] == f"v{__version__}"


def test_the_engine_is_registered_under_the_version_that_it_has(server: OpenBaoServer) -> None:
    name = f"engine-{token_hex(4)}"
    install(server, name=name, version=f"v{__version__}")
    versions = [
        entry["version"] for entry in server.api("GET", "sys/plugins/catalog").data["detailed"] if entry["name"] == name
    ]
    assert versions == [f"v{__version__}"]
    server.enable(name, path=name)
    assert server.api("LIST", f"{name}/configs").status == 404
    server.disable(name)


def test_the_engine_is_not_registered_under_a_version_that_it_does_not_have(server: OpenBaoServer) -> None:
    name = f"engine-{token_hex(4)}"
    with pytest.raises(OpenBaoError, match="version mismatch"):
        install(server, name=name, version="v99.0.0")


def test_no_process_outlives_the_last_mount_nor_the_server(secrets: Secrets) -> None:
    with watched(OpenBaoServer.dev(), secrets) as server:
        install(server)
        for path in ("first", "second"):
            server.enable(PLUGIN, path=path)
        server.disable("first")
        assert len(plugin_pids(server)) == 1
        server.disable("second")
        until(lambda: not plugin_pids(server), what="the end of the last mount's process")
        assert list(server.temporary.iterdir()) == []
        server.enable(PLUGIN, path="third")
        assert len(plugin_pids(server)) == 1
        server.stop()
        assert plugin_pids(server) == []
        assert list(server.temporary.iterdir()) == []


def test_a_killed_server_takes_the_plugin_with_it(secrets: Secrets) -> None:
    with OpenBaoServer.dev() as server:
        install(server)
        server.enable(PLUGIN, path="only")
        assert len(plugin_pids(server)) == 1
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: not plugin_pids(server), what="the end of the orphaned plugin")
        # What lies there is the killed server's: its sockets. The plugin's is a folder.
        assert [path for path in server.temporary.iterdir() if path.is_dir()] == []
