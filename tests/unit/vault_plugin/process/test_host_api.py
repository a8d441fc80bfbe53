"""What the operator may say about the TLS of the host's API."""

import ssl
from pathlib import Path

import pytest
import trustme

from sectigo_vault_pki.vault_plugin.process.handshake import CredentialsError
from sectigo_vault_pki.vault_plugin.process.tls import HostApiTls, read_host_api_tls

EVERYTHING = HostApiTls(
    ca_cert="ca.pem",
    ca_path="cas",
    client_cert="c.pem",
    client_key="k.pem",
    server_name="vault.example.test",
    skip_verify=True,
)


@pytest.mark.parametrize("dash", ["-", "--"])
@pytest.mark.parametrize("separator", ["=", None])
def test_arguments_are_read_in_every_spelling_of_gos(dash: str, separator: str | None) -> None:
    pairs = {
        "ca-cert": "ca.pem",
        "ca-path": "cas",
        "client-cert": "c.pem",
        "client-key": "k.pem",
        "tls-server-name": "vault.example.test",
    }
    arguments = [f"{dash}tls-skip-verify"]
    for name, value in pairs.items():
        arguments += [f"{dash}{name}={value}"] if separator else [f"{dash}{name}", value]
    assert read_host_api_tls(arguments, {}) == EVERYTHING


@pytest.mark.parametrize(
    ("argument", "skips"),
    [
        ("-tls-skip-verify", True),
        ("-tls-skip-verify=true", True),
        ("-tls-skip-verify=1", True),
        ("-tls-skip-verify=false", False),
        ("-tls-skip-verify=F", False),
        ("tls-skip-verify", False),
    ],
)
def test_switch_is_read_as_gos(argument: str, skips: bool) -> None:
    assert read_host_api_tls([argument], {}).skip_verify is skips


def test_arguments_that_mean_nothing_here_are_passed_over() -> None:
    arguments = ["-log-level=debug", "word", "--", "-ca-cert", "ca.pem", "-x", "-"]
    assert read_host_api_tls(arguments, {}) == HostApiTls(ca_cert="ca.pem")


@pytest.mark.parametrize(("arguments", "what"), [(["-ca-cert"], "-ca-cert"), (["-tls-skip-verify=perhaps"], "skip")])
def test_argument_without_a_possible_value_is_an_error(arguments: list[str], what: str) -> None:
    with pytest.raises(CredentialsError, match=what):
        read_host_api_tls(arguments, {})


def test_variables_of_the_hosts_command_line_count_where_there_is_no_argument() -> None:
    environ = {
        "BAO_CACERT": "ca.pem",
        "VAULT_CACERT": "other.pem",
        "VAULT_CAPATH": "cas",
        "VAULT_CLIENT_CERT": "c.pem",
        "BAO_CLIENT_KEY": "k.pem",
        "VAULT_TLS_SERVER_NAME": "vault.example.test",
    }
    assert read_host_api_tls(["-tls-skip-verify"], environ) == EVERYTHING
    given = read_host_api_tls(["-ca-path=mine", "-client-cert=c2.pem", "-client-key=k2.pem"], environ)
    assert (given.ca_cert, given.ca_path) == ("", "mine")
    assert (given.client_cert, given.client_key, given.server_name) == ("c2.pem", "k2.pem", "vault.example.test")


def test_no_variable_turns_verification_off() -> None:
    environ = {"VAULT_SKIP_VERIFY": "true", "BAO_SKIP_VERIFY": "1"}
    assert read_host_api_tls([], environ).skip_verify is False


def test_host_is_verified_unless_an_argument_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    for settings in (HostApiTls(), HostApiTls(ca_cert=str(file)), HostApiTls(ca_path=str(tmp_path))):
        context = settings.context()
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert HostApiTls(skip_verify=True).context().verify_mode is ssl.CERT_NONE


def test_own_cas_take_the_place_of_the_systems(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "below").mkdir(exist_ok=True)
        trustme.CA().cert_pem.write_to_path(tmp_path / "below" / f"{name}.pem")
    assert len(HostApiTls(ca_path=str(tmp_path)).context().get_ca_certs()) == 2
    assert len(HostApiTls(ca_cert=str(tmp_path / "below" / "one.pem"), ca_path="unused").context().get_ca_certs()) == 1


def test_files_that_cannot_be_used_are_an_error_that_names_them(tmp_path: Path) -> None:
    empty, nothing = tmp_path / "empty.pem", tmp_path / "none"
    empty.touch()
    nothing.mkdir()
    for settings, name in [
        (HostApiTls(ca_cert="/no/such.pem"), "/no/such.pem"),
        (HostApiTls(ca_cert=str(empty)), "empty.pem"),
        (HostApiTls(ca_path=str(nothing)), "none"),
        (HostApiTls(ca_path=str(tmp_path)), "empty.pem"),
        (HostApiTls(client_cert=str(empty), client_key=str(empty)), "empty.pem"),
        (HostApiTls(client_cert=str(empty)), "-client-key"),
        (HostApiTls(client_key=str(empty)), "-client-cert"),
    ]:
        with pytest.raises(CredentialsError, match=name):
            settings.context()


def test_encrypted_key_is_an_error_and_nobody_is_asked_for_its_password(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    leaf = trustme.CA().issue_cert("client.example.test")
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    leaf.cert_chain_pems[0].write_to_path(cert)
    locked = serialization.BestAvailableEncryption(b"secret")
    key.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked
        )
    )
    with pytest.raises(CredentialsError, match="certificate with its key"):
        HostApiTls(client_cert=str(cert), client_key=str(key)).context()
