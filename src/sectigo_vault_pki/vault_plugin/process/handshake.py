"""How the host starts the process, and the one line that answers it (plugin-protocol.md 1 and 2)."""

import base64
import enum
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

COOKIE_NAME = "VAULT_BACKEND_PLUGIN"
COOKIE_VALUE = "6669da05-b1c8-4f49-97d9-c8e5bed98e20"
CORE_PROTOCOL = 1
MULTIPLEXED_PROTOCOL = 5
APP_PROTOCOLS = (3, 4, MULTIPLEXED_PROTOCOL)
"""3 and 4 are the same on the wire: one mount for each process, and no AutoMTLS as a rule."""

_UNWRAP_TOKEN = "UNWRAP_TOKEN"  # noqa: S105  the variable's name


class NotLaunchedByHostError(Exception):
    """No host started the process, or one that wants another kind of plugin."""


class UnsupportedHostError(Exception):
    """The host offers no way of talking that this plugin knows, or may use.

    Attributes:
        refusal: the line for stdout that makes the host report the problem itself, or None.
        is_wanted: whether the operator configured it so.
    """

    def __init__(self, text: str, *, refusal: str | None = None, is_wanted: bool = False) -> None:
        super().__init__(text)
        self.refusal = refusal
        self.is_wanted = is_wanted


class CredentialsError(Exception):
    """The certificates cannot be obtained; the text contains no secret."""


class Mode(enum.Enum):
    """How the two sides authenticate each other (plugin-protocol.md 1.1)."""

    AUTO_MTLS = "AutoMTLS"
    """By certificates that each side makes and sends to the other."""

    METADATA = "metadata"
    """Not at all: the host only asks what the engine is."""

    UNWRAP = "unwrap"
    """By one certificate for both, which the plugin fetches from the host's HTTP API."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What the host's environment variables ask for.

    Attributes:
        client_certificate: PEM of the certificate that the host shows on every connection; empty without AutoMTLS.
        app_protocol: the one to speak, of `APP_PROTOCOLS`.
        mode: how the two sides authenticate each other.
        socket_dir: where sockets must lie, or None for the usual temporary folder.
        socket_group: group name or id that must be able to connect, or None.
        asks_for_multiplexed_broker: the answer then needs a seventh field.
        host_version: such as `2.7.2`, or empty.
    """

    client_certificate: str = field(default="", repr=False)
    app_protocol: int = MULTIPLEXED_PROTOCOL
    mode: Mode = Mode.AUTO_MTLS
    socket_dir: str | None = None
    socket_group: str | None = None
    asks_for_multiplexed_broker: bool = False
    host_version: str = ""

    @property
    def is_multiplexed(self) -> bool:
        """Whether one process serves many mounts."""
        return self.app_protocol >= MULTIPLEXED_PROTOCOL


def host_variable(environ: Mapping[str, str], name: str) -> str:
    """Return `BAO_<name>` if present, even empty, else `VAULT_<name>`, else nothing (plugin-protocol.md 1.2)."""
    return environ.get(f"BAO_{name}", environ.get(f"VAULT_{name}", ""))


def take_unwrap_token(environ: MutableMapping[str, str]) -> str:
    """Return the token of `Mode.UNWRAP`, and remove it from the environment."""
    token = host_variable(environ, _UNWRAP_TOKEN)
    for prefix in ("BAO", "VAULT"):
        environ.pop(f"{prefix}_{_UNWRAP_TOKEN}", None)
    return token


def read_launch(environ: Mapping[str, str], *, limit_variable: str = "") -> Launch:
    """Read the host's environment variables.

    Args:
        environ: the process's.
        limit_variable: the name of one that may name the highest app protocol to speak.

    Raises:
        NotLaunchedByHostError: the magic cookie is missing or another one.
        UnsupportedHostError: no app protocol or no mode fits both sides, or that variable makes no sense.
    """
    if environ.get(COOKIE_NAME) != COOKIE_VALUE:
        raise NotLaunchedByHostError
    app_protocol = _app_protocol(environ, limit_variable)
    client_certificate = environ.get("PLUGIN_CLIENT_CERT", "")
    return Launch(
        client_certificate=client_certificate,
        app_protocol=app_protocol,
        mode=_mode(environ, app_protocol, client_certificate),
        socket_dir=environ.get("PLUGIN_UNIX_SOCKET_DIR") or None,
        socket_group=environ.get("PLUGIN_UNIX_SOCKET_GROUP") or None,
        asks_for_multiplexed_broker=bool(environ.get("PLUGIN_MULTIPLEX_GRPC")),
        host_version=host_variable(environ, "VERSION"),
    )


def handshake_line(launch: Launch, *, socket_path: str, certificate_der: bytes) -> str:
    """Return the line that tells the host where to connect, and which certificate to expect.

    Only AutoMTLS needs the certificate: in the other modes the host knows it, or there is none (plugin-protocol.md 2).
    """
    shown = certificate_der if launch.mode is Mode.AUTO_MTLS else b""
    certificate = base64.b64encode(shown).decode().rstrip("=")
    fields = [str(CORE_PROTOCOL), str(launch.app_protocol), "unix", socket_path, "grpc", certificate]
    if launch.asks_for_multiplexed_broker:
        fields.append("false")
    return "|".join(fields)


def _app_protocol(environ: Mapping[str, str], limit_variable: str) -> int:
    limit = environ.get(limit_variable, "") or str(MULTIPLEXED_PROTOCOL)
    if limit not in map(str, APP_PROTOCOLS):
        raise UnsupportedHostError(f"{limit_variable} must be one of {', '.join(map(str, APP_PROTOCOLS))}")
    ours = [version for version in APP_PROTOCOLS if version <= int(limit)]
    offered = environ.get("PLUGIN_PROTOCOL_VERSIONS", "")
    if not offered:  # a host from before there was a choice (go-plugin, server.go)
        return ours[0]
    versions = {version.strip() for version in offered.split(",")}
    common = versions.intersection(map(str, ours))
    if not common:
        raise UnsupportedHostError(
            f"the host offers plugin protocol {offered}, and only {', '.join(map(str, ours))} may be spoken",
            # As Go's plugins do: the host sees that it is none of its own, and may try others.
            refusal=f"{CORE_PROTOCOL}|{ours[0]}|unix||grpc|",
            is_wanted=not versions.isdisjoint(map(str, APP_PROTOCOLS)),
        )
    return max(map(int, common))


def _mode(environ: Mapping[str, str], app_protocol: int, client_certificate: str) -> Mode:
    if client_certificate:
        return Mode.AUTO_MTLS
    if app_protocol >= MULTIPLEXED_PROTOCOL:
        raise UnsupportedHostError("the host gave no certificate of its own (PLUGIN_CLIENT_CERT): AutoMTLS is needed")
    if host_variable(environ, "PLUGIN_METADATA_MODE") == "true":
        return Mode.METADATA
    if not host_variable(environ, _UNWRAP_TOKEN):
        raise UnsupportedHostError(
            "the host gave neither a certificate of its own (PLUGIN_CLIENT_CERT) nor an unwrap token "
            "(VAULT_UNWRAP_TOKEN), and does not only ask for metadata"
        )
    return Mode.UNWRAP
