"""How the host starts the process, and the one line that answers it (plugin-protocol.md 1 and 2)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

COOKIE_NAME = "VAULT_BACKEND_PLUGIN"
COOKIE_VALUE = "6669da05-b1c8-4f49-97d9-c8e5bed98e20"
CORE_PROTOCOL = 1
APP_PROTOCOL = 5


class NotLaunchedByHostError(Exception):
    """No host started the process, or one that wants another kind of plugin."""


class UnsupportedHostError(Exception):
    """The host offers no way of talking that this plugin knows.

    Attributes:
        refusal: the line for stdout that makes the host say what is wrong in its own words, or None.
    """

    def __init__(self, text: str, *, refusal: str | None = None) -> None:
        super().__init__(text)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Launch:
    """What the host's environment variables ask for.

    Attributes:
        client_certificate: PEM of the certificate that the host shows on every connection.
        socket_dir: where sockets must lie, or None for the usual temporary folder.
        socket_group: group name or id that must be able to connect, or None.
        asks_for_multiplexed_broker: the answer then needs a seventh field.
        host_version: such as `2.7.2`, or empty.
    """

    client_certificate: str = field(repr=False)
    socket_dir: str | None = None
    socket_group: str | None = None
    asks_for_multiplexed_broker: bool = False
    host_version: str = ""


def host_variable(environ: Mapping[str, str], name: str) -> str:
    """Return `BAO_<name>` if present, even empty, else `VAULT_<name>`, else nothing (plugin-protocol.md 1.2)."""
    return environ.get(f"BAO_{name}", environ.get(f"VAULT_{name}", ""))


def read_launch(environ: Mapping[str, str]) -> Launch:
    """Read the host's wishes from its environment variables.

    Raises:
        NotLaunchedByHostError: the magic cookie is missing or another one.
        UnsupportedHostError: app protocol 5 with AutoMTLS is not what the host wants.
    """
    if environ.get(COOKIE_NAME) != COOKIE_VALUE:
        raise NotLaunchedByHostError
    offered = environ.get("PLUGIN_PROTOCOL_VERSIONS", "")
    if str(APP_PROTOCOL) not in (version.strip() for version in offered.split(",")):
        raise UnsupportedHostError(
            f"the host offers plugin protocol {offered or 'versions of an unknown number'}, and only "
            f"{APP_PROTOCOL} is supported: Vault 1.12 or newer, or OpenBao",
            refusal=f"{CORE_PROTOCOL}|{APP_PROTOCOL}|unix||grpc|",
        )
    client_certificate = environ.get("PLUGIN_CLIENT_CERT", "")
    if not client_certificate:
        raise UnsupportedHostError("the host gave no certificate of its own (PLUGIN_CLIENT_CERT): AutoMTLS is needed")
    return Launch(
        client_certificate=client_certificate,
        socket_dir=environ.get("PLUGIN_UNIX_SOCKET_DIR") or None,
        socket_group=environ.get("PLUGIN_UNIX_SOCKET_GROUP") or None,
        asks_for_multiplexed_broker=bool(environ.get("PLUGIN_MULTIPLEX_GRPC")),
        host_version=host_variable(environ, "VERSION"),
    )


def handshake_line(launch: Launch, *, socket_path: str, certificate_der: bytes) -> str:
    """Return the line that tells the host where to connect, and which certificate it meets there."""
    certificate = base64.b64encode(certificate_der).decode().rstrip("=")
    fields = [str(CORE_PROTOCOL), str(APP_PROTOCOL), "unix", socket_path, "grpc", certificate]
    if launch.asks_for_multiplexed_broker:
        fields.append("false")
    return "|".join(fields)
