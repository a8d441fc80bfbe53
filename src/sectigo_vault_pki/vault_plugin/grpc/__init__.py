"""gRPC over HTTP/2 on asyncio and `ssl`: a server, and channels, for the call shapes that hosts and plugins use."""

from sectigo_vault_pki.vault_plugin.grpc.channel import Channel, tcp_dial, unix_dial
from sectigo_vault_pki.vault_plugin.grpc.server import Server

__all__ = ["Channel", "Server", "tcp_dial", "unix_dial"]
