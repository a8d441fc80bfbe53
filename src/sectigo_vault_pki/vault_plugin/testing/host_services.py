"""What the host lends a plugin over a brokered connection, served from memory."""
# ruff: noqa: N802  the wire's names

import asyncio
import base64
import json
import ssl
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NoReturn, Self

import grpc
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from sectigo_vault_pki.vault_plugin.logical import ReplicationState, StorageEntry, StorageError
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.proto.backend_pb2_grpc import (
    StorageServicer,
    SystemViewServicer,
    add_StorageServicer_to_server,
    add_SystemViewServicer_to_server,
)
from sectigo_vault_pki.vault_plugin.proto.environment_pb2 import PluginEnvironment
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from sectigo_vault_pki.vault_plugin.testing.host_identity import HostIdentity

Context = grpc.aio.ServicerContext[Any, Any]


class HostStorage(StorageServicer):
    """An `InmemStorage` on the wire: its errors travel as text in the reply, as the host's do.

    Without `pages`, it knows no `ListPage`, like Vault.
    """

    def __init__(self, storage: InmemStorage, *, pages: bool = True) -> None:
        self._storage = storage
        self._pages = pages

    async def Get(self, request: pb.StorageGetArgs, context: Context) -> pb.StorageGetReply:
        try:
            entry = await self._storage.get(request.key)
        except StorageError as error:
            return pb.StorageGetReply(err=str(error))
        if entry is None:
            return pb.StorageGetReply()
        return pb.StorageGetReply(entry=pb.StorageEntry(key=entry.key, value=entry.value, seal_wrap=entry.seal_wrap))

    async def Put(self, request: pb.StoragePutArgs, context: Context) -> pb.StoragePutReply:
        entry = request.entry
        try:
            await self._storage.put(StorageEntry(entry.key, entry.value, seal_wrap=entry.seal_wrap))
        except StorageError as error:
            return pb.StoragePutReply(err=str(error))
        return pb.StoragePutReply()

    async def Delete(self, request: pb.StorageDeleteArgs, context: Context) -> pb.StorageDeleteReply:
        try:
            await self._storage.delete(request.key)
        except StorageError as error:
            return pb.StorageDeleteReply(err=str(error))
        return pb.StorageDeleteReply()

    async def List(self, request: pb.StorageListArgs, context: Context) -> pb.StorageListReply:
        try:
            return pb.StorageListReply(keys=await self._storage.list(request.prefix))
        except StorageError as error:
            return pb.StorageListReply(err=str(error))

    async def ListPage(self, request: pb.StorageListPageArgs, context: Context) -> pb.StorageListReply:
        if not self._pages:
            await _unimplemented(context)
        try:
            names = await self._storage.list_page(request.prefix, after=request.after, limit=request.limit)
        except StorageError as error:
            return pb.StorageListReply(err=str(error))
        return pb.StorageListReply(keys=names)


@dataclass
class SystemAnswers:
    """What the host reports about itself; change it at any time."""

    default_lease_ttl_ns: int = 3600 * 10**9
    max_lease_ttl_ns: int = 7200 * 10**9
    caching_disabled: bool = False
    local_mount: bool = False
    replication_state: ReplicationState = ReplicationState.PERFORMANCE_DISABLED | ReplicationState.DR_DISABLED
    environment: PluginEnvironment = field(default_factory=lambda: PluginEnvironment(vault_version="2.7.2"))
    environment_error: str = ""


class HostSystem(SystemViewServicer):
    """`SystemAnswers` on the wire; what no plugin of ours asks is unimplemented."""

    def __init__(self, answers: SystemAnswers) -> None:
        self._answers = answers

    async def DefaultLeaseTTL(self, request: pb.Empty, context: Context) -> pb.TTLReply:
        return pb.TTLReply(TTL=self._answers.default_lease_ttl_ns)

    async def MaxLeaseTTL(self, request: pb.Empty, context: Context) -> pb.TTLReply:
        return pb.TTLReply(TTL=self._answers.max_lease_ttl_ns)

    async def CachingDisabled(self, request: pb.Empty, context: Context) -> pb.CachingDisabledReply:
        return pb.CachingDisabledReply(disabled=self._answers.caching_disabled)

    async def LocalMount(self, request: pb.Empty, context: Context) -> pb.LocalMountReply:
        return pb.LocalMountReply(local=self._answers.local_mount)

    async def ReplicationState(self, request: pb.Empty, context: Context) -> pb.ReplicationStateReply:
        return pb.ReplicationStateReply(state=int(self._answers.replication_state))

    async def PluginEnv(self, request: pb.Empty, context: Context) -> pb.PluginEnvReply:
        return pb.PluginEnvReply(plugin_environment=self._answers.environment, err=self._answers.environment_error)


def lend(server: grpc.aio.Server, *, storage: InmemStorage, system: SystemAnswers, pages: bool = True) -> None:
    """Serve a mount's storage and system view; the methods left out above answer that they are unimplemented."""
    lent_storage = HostStorage(storage, pages=pages)  # type: ignore[abstract]  # only the stub calls them abstract
    add_StorageServicer_to_server(lent_storage, server)
    lent_system = HostSystem(system)  # type: ignore[abstract]  # the same
    add_SystemViewServicer_to_server(lent_system, server)


async def _unimplemented(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not implemented!")


_BYTES_OF_P521 = 66


@dataclass
class Call:
    """What came in.

    Attributes:
        method, path: of the request line.
        headers: by lower-case name.
        server_name: what TLS was asked for, or empty.
    """

    method: str
    path: str
    headers: dict[str, str]
    server_name: str = ""


@dataclass
class HostApi:
    """A server that unwraps one token, once; change what it answers before the plugin asks.

    Attributes:
        identity: what the token is worth.
        tls: the server's side, or None for plain HTTP.
        redirect_to: an address that is named in place of an answer, once.
        answer: the body of the answer, in place of the certificate.
        mute: whether it never answers.
        calls: what came in, oldest first.
        called: set once something has.
    """

    identity: HostIdentity
    tls: ssl.SSLContext | None = None
    redirect_to: str = ""
    answer: bytes | None = None
    mute: bool = False
    calls: list[Call] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    token: str = ""
    _spent: bool = False

    async def __aenter__(self) -> Self:
        self._server_name = ""
        if self.tls is not None:
            self.tls.sni_callback = self._note_name
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        port = self._server.sockets[0].getsockname()[1]
        self.address = f"{'http' if self.tls is None else 'https'}://127.0.0.1:{port}"
        self.token = wrapping_token(self.address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()

    def _note_name(self, tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        self._server_name = name or ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        method, path, _ = request_line.split()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        await reader.readexactly(int(headers.get("content-length", "0")))
        self.calls.append(Call(method, path, headers, self._server_name))
        self.called.set()
        if self.mute:
            await reader.read()
        status, extra, body = self._answer_to(self.calls[-1])
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{extra}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    def _answer_to(self, call: Call) -> tuple[str, str, bytes]:
        if self.redirect_to:
            target, self.redirect_to = self.redirect_to, ""
            return "307 Temporary Redirect", f"Location: {target}{call.path}\r\n", b""
        right = (call.method, call.path) == ("PUT", "/v1/sys/wrapping/unwrap")
        if not right or self._spent or call.headers.get("x-vault-token") != self.token:
            errors = {"errors": ["wrapping token is not valid or does not exist"]}
            return "400 Bad Request", "", json.dumps(errors).encode()
        self._spent = True
        return "200 OK", "", unwrapped(self.identity) if self.answer is None else self.answer


def unwrapped(identity: HostIdentity, *, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """Return the body of an answer: the certificate, and its key or another one."""
    key_der = (key or identity.key).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    data = {"ServerCert": base64.b64encode(identity.der).decode(), "ServerKey": base64.b64encode(key_der).decode()}
    return json.dumps({"request_id": "1", "lease_id": "", "data": data, "wrap_info": None}).encode()


def wrapping_token(address: object) -> str:
    """Return a wrapping token as hosts sign it, with its ES512; `address` is the claim of where the API is."""
    now = int(time.time())
    claims = {
        "accessor": "",
        "addr": address,
        "exp": now + 60,
        "iat": now,
        "jti": "s.Token",
        "nbf": now - 5,
        "type": "wrapping",
    }
    signed = f"{_part({'alg': 'ES512', 'typ': 'JWT'})}.{_part(claims)}"
    signature = ec.generate_private_key(ec.SECP521R1()).sign(signed.encode(), ec.ECDSA(hashes.SHA512()))
    numbers = (number.to_bytes(_BYTES_OF_P521, "big") for number in utils.decode_dss_signature(signature))
    return f"{signed}.{_encode(b''.join(numbers))}"


def _part(value: object) -> str:
    return _encode(json.dumps(value).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
