"""Reading the host's wishes, and the line that answers them."""

import base64

import pytest

from sectigo_vault_pki.vault_plugin.process.handshake import (
    Launch,
    Mode,
    NotLaunchedByHostError,
    UnsupportedHostError,
    handshake_line,
    host_variable,
    read_launch,
    take_unwrap_token,
)

HOST = {
    "VAULT_BACKEND_PLUGIN": "6669da05-b1c8-4f49-97d9-c8e5bed98e20",
    "PLUGIN_PROTOCOL_VERSIONS": "5",
    "PLUGIN_CLIENT_CERT": "-----BEGIN CERTIFICATE-----",
}
OLD_HOST = {
    "VAULT_BACKEND_PLUGIN": "6669da05-b1c8-4f49-97d9-c8e5bed98e20",
    "PLUGIN_PROTOCOL_VERSIONS": "4,3",
    "VAULT_PLUGIN_METADATA_MODE": "false",
    "VAULT_UNWRAP_TOKEN": "e30.e30.e30",
}
LIMIT = "ENGINE_MAX_PROTOCOL"


def test_launch_by_an_ordinary_host_is_read() -> None:
    assert read_launch({**HOST, "VAULT_VERSION": "1.14.0"}) == Launch(
        client_certificate="-----BEGIN CERTIFICATE-----", host_version="1.14.0"
    )


def test_launch_by_a_container_host_is_read() -> None:
    launch = read_launch(
        {
            **HOST,
            "PLUGIN_UNIX_SOCKET_DIR": "/run/p",
            "PLUGIN_UNIX_SOCKET_GROUP": "1000",
            "PLUGIN_MULTIPLEX_GRPC": "true",
        }
    )
    assert (launch.socket_dir, launch.socket_group, launch.asks_for_multiplexed_broker) == ("/run/p", "1000", True)


def test_launch_shows_no_certificate_in_its_repr() -> None:
    assert "BEGIN" not in repr(read_launch(HOST))


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {**HOST, "VAULT_BACKEND_PLUGIN": "wrong"},
        {**HOST, "VAULT_BACKEND_PLUGIN": "926a0820-aea2-be28-51d6-83cdf00e8edb"},
        {
            "VAULT_DATABASE_PLUGIN": "926a0820-aea2-be28-51d6-83cdf00e8edb",
            "PLUGIN_PROTOCOL_VERSIONS": "5",
            "PLUGIN_CLIENT_CERT": "-----BEGIN CERTIFICATE-----",
        },
    ],
)
def test_launch_without_the_cookie_is_none_of_a_host(environ: dict[str, str]) -> None:
    with pytest.raises(NotLaunchedByHostError):
        read_launch(environ)


@pytest.mark.parametrize("offered", ["15", "1,2", "six", "6"])
def test_host_without_a_protocol_of_ours_is_told_the_lowest_as_gos_plugins_do(offered: str) -> None:
    with pytest.raises(UnsupportedHostError, match="protocol") as caught:
        read_launch({**HOST, "PLUGIN_PROTOCOL_VERSIONS": offered})
    assert (caught.value.refusal, caught.value.is_wanted) == ("1|3|unix||grpc|", False)


@pytest.mark.parametrize(
    ("offered", "limit", "chosen"),
    [("3,4", "", 4), ("4,3", "", 4), ("3", "", 3), ("", "", 3), ("3,4,5", "", 5), ("3,4,5,6", "4", 4), ("3,4", "3", 3)],
)
def test_highest_common_protocol_is_chosen(offered: str, limit: str, chosen: int) -> None:
    environ = {**HOST, "PLUGIN_PROTOCOL_VERSIONS": offered, LIMIT: limit}
    assert read_launch(environ, limit_variable=LIMIT).app_protocol == chosen


@pytest.mark.parametrize("limit", ["3", "4"])
def test_host_of_today_is_refused_where_the_operator_allows_only_older_protocols(limit: str) -> None:
    with pytest.raises(UnsupportedHostError, match="protocol 5, and only 3") as caught:
        read_launch({**HOST, LIMIT: limit}, limit_variable=LIMIT)
    assert (caught.value.refusal, caught.value.is_wanted) == ("1|3|unix||grpc|", True)


@pytest.mark.parametrize("limit", ["2", "6", "04", "four", "-1"])
def test_limit_that_is_no_protocol_of_ours_is_an_error(limit: str) -> None:
    with pytest.raises(UnsupportedHostError, match="ENGINE_MAX_PROTOCOL must be one of 3, 4, 5") as caught:
        read_launch({**HOST, LIMIT: limit}, limit_variable=LIMIT)
    assert caught.value.refusal is None


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        (HOST, Mode.AUTO_MTLS),
        ({**HOST, "BAO_PLUGIN_METADATA_MODE": "true"}, Mode.AUTO_MTLS),
        ({**OLD_HOST, "PLUGIN_CLIENT_CERT": "-----BEGIN"}, Mode.AUTO_MTLS),
        ({**OLD_HOST, "VAULT_PLUGIN_METADATA_MODE": "true"}, Mode.METADATA),
        ({**OLD_HOST, "BAO_PLUGIN_METADATA_MODE": "true"}, Mode.METADATA),
        ({**OLD_HOST, "BAO_PLUGIN_METADATA_MODE": "", "VAULT_PLUGIN_METADATA_MODE": "true"}, Mode.UNWRAP),
        (OLD_HOST, Mode.UNWRAP),
        ({**OLD_HOST, "VAULT_PLUGIN_METADATA_MODE": "True"}, Mode.UNWRAP),
    ],
)
def test_mode_is_chosen_as_gos_plugins_choose_it(environ: dict[str, str], mode: Mode) -> None:
    assert read_launch(environ).mode is mode


def test_metadata_mode_does_not_stand_in_for_automtls() -> None:
    environ = {**HOST, "PLUGIN_CLIENT_CERT": "", "VAULT_PLUGIN_METADATA_MODE": "true"}
    with pytest.raises(UnsupportedHostError, match="AutoMTLS"):
        read_launch(environ)


@pytest.mark.parametrize("token", [{}, {"BAO_UNWRAP_TOKEN": ""}])
def test_old_host_that_gives_nothing_to_know_it_by_is_refused(token: dict[str, str]) -> None:
    environ = {key: value for key, value in OLD_HOST.items() if key != "VAULT_UNWRAP_TOKEN" or token}
    with pytest.raises(UnsupportedHostError, match="VAULT_UNWRAP_TOKEN") as caught:
        read_launch({**environ, **token})
    assert caught.value.refusal is None


def test_unwrap_token_is_left_nowhere() -> None:
    environ = {"BAO_UNWRAP_TOKEN": "a.b.c", "VAULT_UNWRAP_TOKEN": "a.b.c", "OTHER": "x"}
    assert "a.b.c" not in repr(read_launch({**OLD_HOST, **environ}))
    assert take_unwrap_token(environ) == "a.b.c"
    assert environ == {"OTHER": "x"}


@pytest.mark.parametrize("mode", [Mode.METADATA, Mode.UNWRAP])
def test_old_host_is_told_no_certificate(mode: Mode) -> None:
    launch = Launch(app_protocol=4, mode=mode)
    assert handshake_line(launch, socket_path="/s", certificate_der=b"x") == "1|4|unix|/s|grpc|"


def test_host_without_a_certificate_of_its_own_is_refused() -> None:
    with pytest.raises(UnsupportedHostError, match="AutoMTLS") as caught:
        read_launch({**HOST, "PLUGIN_CLIENT_CERT": ""})
    assert caught.value.refusal is None


@pytest.mark.parametrize("offered", ["5", "3,5", " 5 ,4"])
def test_our_protocol_is_found_among_others(offered: str) -> None:
    assert read_launch({**HOST, "PLUGIN_PROTOCOL_VERSIONS": offered}) == read_launch(HOST)


@pytest.mark.parametrize(
    ("environ", "value"),
    [
        ({"BAO_VERSION": "2.7.2", "VAULT_VERSION": "1.14.0"}, "2.7.2"),
        ({"BAO_VERSION": "", "VAULT_VERSION": "1.14.0"}, ""),
        ({"VAULT_VERSION": "1.14.0"}, "1.14.0"),
        ({}, ""),
    ],
)
def test_openbao_variable_wins_wherever_it_is_present(environ: dict[str, str], value: str) -> None:
    assert host_variable(environ, "VERSION") == value


@pytest.mark.parametrize("length", [300, 301, 302])
def test_handshake_line_has_six_fields_and_a_certificate_without_padding(length: int) -> None:
    der = bytes(range(256)) + bytes(length - 256)
    line = handshake_line(Launch("pem"), socket_path="/tmp/plugin1/s", certificate_der=der)
    *start, certificate = line.split("|")
    assert start == ["1", "5", "unix", "/tmp/plugin1/s", "grpc"]
    assert "=" not in certificate
    assert base64.b64decode(certificate + "=" * (-len(certificate) % 4), validate=True) == der


def test_handshake_line_refuses_to_multiplex_only_where_the_host_asks() -> None:
    launch = Launch("pem", asks_for_multiplexed_broker=True)
    assert handshake_line(launch, socket_path="/s", certificate_der=b"x").endswith("|eA|false")
