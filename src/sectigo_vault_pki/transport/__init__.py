"""gRPC over HTTP/2 on asyncio and `ssl`, in the shape of `grpc.aio`: a server, and channels."""

from sectigo_vault_pki.transport.budget import Budget
from sectigo_vault_pki.transport.channel import Channel
from sectigo_vault_pki.transport.dialling import tcp_dial, unix_dial
from sectigo_vault_pki.transport.server import Server

__all__ = ["Budget", "Channel", "Server", "tcp_dial", "unix_dial"]
