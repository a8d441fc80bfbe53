"""gRPC over HTTP/2 on asyncio and `ssl`, in the shape of `grpc.aio`: a server, and channels."""

from sectigo_vault_pki.vault_plugin.grpc.channel import Channel
from sectigo_vault_pki.vault_plugin.grpc.dialling import tcp_dial, unix_dial
from sectigo_vault_pki.vault_plugin.grpc.server import Server
from sectigo_vault_pki.vault_plugin.http2.budget import Budget

__all__ = ["Budget", "Channel", "Server", "tcp_dial", "unix_dial"]
