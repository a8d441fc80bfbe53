"""Reading the host's wishes, and the line that answers them."""

import base64

import pytest

from sectigo_vault_pki.plugin.handshake import (
    Launch,
    NotLaunchedByHostError,
    UnsupportedHostError,
    handshake_line,
    host_variable,
    read_launch,
)

HOST = {
    "VAULT_BACKEND_PLUGIN": "6669da05-b1c8-4f49-97d9-c8e5bed98e20",
    "PLUGIN_PROTOCOL_VERSIONS": "5",
    "PLUGIN_CLIENT_CERT": "-----BEGIN CERTIFICATE-----",
}


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


@pytest.mark.parametrize("offered", ["3,4", "4,3", "15", ""])
def test_host_without_our_protocol_is_told_which_one_it_is(offered: str) -> None:
    with pytest.raises(UnsupportedHostError, match="protocol") as caught:
        read_launch({**HOST, "PLUGIN_PROTOCOL_VERSIONS": offered})
    assert caught.value.refusal == "1|5|unix||grpc|"


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
