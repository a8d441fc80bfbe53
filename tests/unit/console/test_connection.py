"""Where the commands find the server, the token and the TLS settings."""

from pathlib import Path

import pytest

from sectigo_vault_pki.console.connection import connection_from
from sectigo_vault_pki.console.failures import SettingsError


def test_without_anything_it_is_the_address_that_bao_has(tmp_path: Path) -> None:
    connection = connection_from({}, {}, tmp_path)
    assert (connection.address, connection.token, connection.seconds) == ("https://127.0.0.1:8200", "", 60)


def test_baos_variables_come_before_vaults_and_options_before_both(tmp_path: Path) -> None:
    environ = {"BAO_ADDR": "https://bao:1", "VAULT_ADDR": "https://vault:1", "VAULT_NAMESPACE": "/team/"}
    assert connection_from({}, environ, tmp_path).address == "https://bao:1"
    assert connection_from({"ADDR": "http://option:1/"}, environ, tmp_path).address == "http://option:1"
    assert connection_from({}, environ, tmp_path).namespace == "team"


def test_an_agent_is_asked_in_place_of_the_server(tmp_path: Path) -> None:
    environ = {"VAULT_AGENT_ADDR": "unix:///run/agent.sock", "BAO_ADDR": "https://bao:1"}
    assert connection_from({}, environ, tmp_path).address == "unix:///run/agent.sock"


def test_the_token_is_the_variables_else_the_files(tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text("s.file\n")
    of_file = connection_from({}, {}, tmp_path)
    assert (of_file.token, of_file.token_source) == ("s.file", str(tmp_path / ".vault-token"))
    of_variable = connection_from({}, {"VAULT_TOKEN": "s.variable"}, tmp_path)
    assert (of_variable.token, of_variable.token_source) == ("s.variable", "VAULT_TOKEN")
    (tmp_path / "other").write_text("s.other")
    assert connection_from({}, {"BAO_TOKEN_PATH": str(tmp_path / "other")}, tmp_path).token == "s.other"


def test_the_token_is_not_in_the_repr_of_a_connection(tmp_path: Path) -> None:
    assert "s.secret" not in repr(connection_from({}, {"BAO_TOKEN": "s.secret"}, tmp_path))


@pytest.mark.parametrize("token", ["s.secret\nX-Evil: 1", "s.sécret", "two words"])
def test_a_token_that_fits_in_no_header_is_refused_without_being_shown(token: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BAO_TOKEN") as caught:
        connection_from({}, {"BAO_TOKEN": token}, tmp_path)
    assert "cret" not in str(caught.value)
    assert "two" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"BAO_ADDR": "vault.example.com:8200"}, "https://"),
        ({"BAO_CACERT": "/does/not/exist.pem"}, "CACERT"),
        ({"BAO_SKIP_VERIFY": "yes please"}, "SKIP_VERIFY"),
        ({"BAO_CLIENT_TIMEOUT": "soon"}, "CLIENT_TIMEOUT"),
        ({"BAO_CLIENT_CERT": "/etc/hostname"}, "CLIENT_KEY"),
        ({"BAO_CACERT": "~nobody-of-this-name/ca.pem"}, "CACERT"),
        ({"BAO_CACERT": "/" + "x" * 5000}, "CACERT"),
        ({"BAO_CLIENT_TIMEOUT": "0"}, "CLIENT_TIMEOUT"),
        ({"BAO_CLIENT_TIMEOUT": "9" * 400}, "CLIENT_TIMEOUT"),
        ({"BAO_TLS_SERVER_NAME": ".example.com"}, "TLS_SERVER_NAME"),
        ({"BAO_NAMESPACE": "team\nX-Evil: 1"}, "namespace"),
        ({"VAULT_NAMESPACE": "t\u00e9am"}, "namespace"),
        ({"VAULT_NAMESPACE": "team\udcff"}, "namespace"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(environ: dict[str, str], word: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=word):
        connection_from({}, environ, tmp_path)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1m30s", 90), ("500ms", 0.5), ("45", 45)])
def test_the_timeout_is_a_duration(text: str, seconds: float, tmp_path: Path) -> None:
    assert connection_from({}, {"VAULT_CLIENT_TIMEOUT": text}, tmp_path).seconds == seconds


@pytest.mark.parametrize(("text", "skips"), [("1", True), ("true", True), ("false", False), ("", False)])
def test_verification_is_skipped_only_by_ones_own_choice(text: str, skips: bool, tmp_path: Path) -> None:
    assert connection_from({}, {"VAULT_SKIP_VERIFY": text}, tmp_path).skip_verify is skips


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("https://user:hunter2@vault.example.com:8200", "the token is the login"),
        ("http://[::1", "no usable host"),
        ("http://..", "no usable host"),
        ("https://:8200", "no usable host"),
        ("https://vault.example.com:port", "no usable host"),
        ("https://vault\x01.example.com", "no usable host"),
        ("https://vault example", "no usable host"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(address: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=word) as caught:
        connection_from({}, {"BAO_ADDR": address}, tmp_path)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8200/", "https://[::1]:8200", "https://vault.example.com/"])
def test_an_address_has_no_slash_at_its_end(address: str, tmp_path: Path) -> None:
    assert connection_from({}, {"BAO_ADDR": address}, tmp_path).address == address.rstrip("/")


def test_a_namespace_that_fits_in_no_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="namespace"):
        connection_from({}, {"BAO_NAMESPACE": "a b/é"}, tmp_path)


@pytest.mark.parametrize(
    "address",
    [
        "http://[::1",
        "http://..",
        "http://a..b",
        "http://xn--",
        "http://",
        "http:///v1",
        "http://host:port",
        "http://host:99999",
        "http://two words",
        "http://host/?list=true",
        "http://host/#here",
        "http://host\x1b[2J",
        "http://host\n",
        "http://host\udcff",
        "unix://",
        "unix:///run/\x01.sock",
    ],
)
def test_an_address_that_leads_nowhere_is_wrong_use(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="address") as caught:
        connection_from({"ADDR": f"{address}x" if address.endswith("\n") else address}, {}, tmp_path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "address",
    ["http://[::1]:8200", "https://vault.example.com/prefix", "https://v\u00e4ult.example", "unix:///run/a b@c.sock"],
)
def test_an_address_may_have_a_port_a_path_and_any_host(address: str, tmp_path: Path) -> None:
    assert connection_from({"ADDR": address}, {}, tmp_path).address == address


@pytest.mark.parametrize(
    "address", ["http://ann:hunter2@vault:8200", "ann:hunter2@vault", "https://ann:hun/ter2@vault"]
)
def test_an_address_with_a_login_is_refused_and_not_shown(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the token is the login") as caught:
        connection_from({}, {"VAULT_ADDR": address}, tmp_path)
    assert "ter2" not in str(caught.value)
    assert "ann" not in str(caught.value)
