"""What is left to do until the plugin runs."""

from dataclasses import replace

import pytest

from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.register.registration import Mounted, Registered, Wanted, steps_to

NAME, OLD, NEW = "sectigo-vault-pki", "0" * 64, "1" * 64
WANTED = Wanted(name=NAME, command=NAME, sha256=NEW, mount=NAME)
ENTRY = Registered(version="v0.1.0", sha256=NEW, command=NAME)
RUNNING = Mounted(type=NAME, version="v0.1.0", running_sha256=NEW)


def commands(wanted: Wanted, registered: list[Registered], mounted: Mounted | None) -> list[str]:
    return [step.command for step in steps_to(wanted, registered, mounted)]


def test_a_new_plugin_is_registered_and_mounted() -> None:
    assert commands(WANTED, [], None) == [
        f"bao plugin register -sha256={NEW} secret {NAME}",
        f"bao secrets enable {NAME}",
    ]


def test_a_version_a_path_and_arguments_are_in_the_commands() -> None:
    wanted = replace(WANTED, command=f"{NAME}_2", mount="certs/web", version="v2", args=["-a", "-b"])
    assert commands(wanted, [], None) == [
        f"bao plugin register -sha256={NEW} -command={NAME}_2 -version=v2 -args=-a,-b secret {NAME}",
        f"bao secrets enable -path=certs/web -plugin-version=v2 {NAME}",
    ]


def test_what_is_done_already_is_left_out() -> None:
    assert commands(WANTED, [ENTRY], RUNNING) == []
    assert commands(WANTED, [ENTRY], None) == [f"bao secrets enable {NAME}"]


def test_another_file_under_the_same_version_is_registered_and_reloaded() -> None:
    assert commands(WANTED, [replace(ENTRY, sha256=OLD)], replace(RUNNING, running_sha256=OLD)) == [
        f"bao plugin register -sha256={NEW} secret {NAME}",
        f"bao plugin reload -plugin={NAME}",
    ]


def test_a_new_version_moves_the_mount_over() -> None:
    wanted = replace(WANTED, version="v0.2.0")
    assert commands(wanted, [replace(ENTRY, sha256=OLD)], replace(RUNNING, running_sha256=OLD)) == [
        f"bao plugin register -sha256={NEW} -version=v0.2.0 secret {NAME}",
        f"bao secrets tune -plugin-version=v0.2.0 {NAME}/",
        f"bao plugin reload -plugin={NAME}",
    ]


def test_a_reload_that_is_asked_for_is_done() -> None:
    assert commands(replace(WANTED, reload=True), [ENTRY], RUNNING) == [f"bao plugin reload -plugin={NAME}"]


def test_variables_are_registered_each_time_and_their_values_are_not_printed() -> None:
    (step,) = steps_to(replace(WANTED, env=["HTTPS_PROXY=http://user:secret@proxy"]), [ENTRY], RUNNING)
    assert step.command == (
        f"bao write sys/plugins/catalog/secret/{NAME} command={NAME} sha256={NEW} env=HTTPS_PROXY=..."
    )
    assert step.body["env"] == ["HTTPS_PROXY=http://user:secret@proxy"]
    assert "secret@" not in repr(step)


def test_another_engine_at_the_path_is_left_alone() -> None:
    with pytest.raises(SettingsError, match=r"sectigo-vault-pki/ is taken: .* type kv"):
        steps_to(WANTED, [ENTRY], Mounted(type="kv", version="", running_sha256=""))
