"""The one certificate of both sides in unwrap-token mode, fetched from the host's HTTP API (plugin-protocol.md 3.3)."""

import asyncio
import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sectigo_vault_pki.vault_plugin.process.handshake import CredentialsError
from sectigo_vault_pki.vault_plugin.process.tls import (
    Credentials,
    HostApiTls,
    Identity,
    read_host_api_tls,
    shared_credentials,
)

_SECONDS = 30.0
"""The host waits 60 s for the handshake line."""

_MAX_ANSWER_BYTES = 64 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""A JWT (RFC 7515 section 7.1)."""

_REDIRECTS = frozenset({301, 302, 307})


async def fetched_credentials(token: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Credentials:
    """Exchange the token, which is good once, for the certificate that both sides show.

    Where the host lives is one of the token's claims. They are not verified: the host set the token.

    Args:
        token: what the host handed over.
        arguments: of the process, for `read_host_api_tls`.
        environ: of the process, for the same.

    Raises:
        CredentialsError: there is no certificate in it for us; the text does not carry the token.
    """
    settings = read_host_api_tls(arguments, environ)
    return shared_credentials(_identity_in(await _answer(token, settings)))


async def _answer(token: str, settings: HostApiTls) -> bytes:
    address = _address_in(token)
    context = settings.context()
    try:
        async with (
            asyncio.timeout(_SECONDS),
            # The host is on this machine as a rule, and whatever is between must not see the token.
            httpx.AsyncClient(verify=context, trust_env=False, timeout=_SECONDS) as client,
        ):
            url = address.copy_with(
                path=f"{address.path.rstrip('/')}/v1/sys/wrapping/unwrap", query=None, fragment=None
            )
            return await _unwrap(client, url, token, settings)
    except (httpx.HTTPError, TimeoutError) as error:
        is_late = isinstance(error, httpx.TimeoutException | TimeoutError)
        reason = str(error) or ("it took too long" if is_late else "the connection broke")
        raise CredentialsError(f"the host's API at {_shown(address)} gave no answer: {reason}") from None


def _address_in(token: str) -> httpx.URL:
    if not _TOKEN.fullmatch(token):  # or the error of a header that cannot be sent would quote it
        raise CredentialsError("the unwrap token is none of a host's")
    payload = token.split(".")[1]
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        text = claims["addr"]
        url = httpx.URL(text if isinstance(text, str) else "")
    except (ValueError, KeyError, TypeError, RecursionError, httpx.InvalidURL):
        raise CredentialsError("the unwrap token names no address of the host's API") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise CredentialsError("the unwrap token names no address of the host's API: api_addr has to be set there")
    return url


async def _unwrap(client: httpx.AsyncClient, url: httpx.URL, token: str, settings: HostApiTls) -> bytes:
    status, location, body = await _put(client, url, token, settings)
    if status in _REDIRECTS and location:  # a standby that forwards nothing; once, as the host's own client does it
        target = url.join(location)
        if url.scheme == "https" and target.scheme != "https":
            raise CredentialsError("the host's API redirects to an address without TLS")
        status, _, body = await _put(client, target, token, settings)
    if status != httpx.codes.OK:
        raise CredentialsError(f"the host's API refused the unwrap token: HTTP {status}; it is good once, for 60 s")
    return body


async def _put(client: httpx.AsyncClient, url: httpx.URL, token: str, settings: HostApiTls) -> tuple[int, str, bytes]:
    request = client.build_request(
        "PUT",
        url,
        content=b"{}",
        headers={
            "X-Vault-Token": token,
            "X-Vault-Request": "true",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        },
        extensions={"sni_hostname": settings.server_name} if settings.server_name else None,
    )
    response = await client.send(request, stream=True, follow_redirects=False)
    body = bytearray()
    try:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > _MAX_ANSWER_BYTES:
                raise CredentialsError("the host's API answers more than a certificate and its key")
    finally:
        await response.aclose()
    return response.status_code, response.headers.get("Location", ""), bytes(body)


def _identity_in(answer: bytes) -> Identity:
    try:
        data: Any = json.loads(answer)["data"]
        certificate = x509.load_der_x509_certificate(base64.b64decode(data["ServerCert"], validate=True))
        key = serialization.load_der_private_key(base64.b64decode(data["ServerKey"], validate=True), None)
        matches = key.public_key() == certificate.public_key()
    except (ValueError, KeyError, TypeError, RecursionError, UnsupportedAlgorithm):
        raise CredentialsError("the host's API answered no certificate with its key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not matches:
        raise CredentialsError("the host's API answered a certificate and the key of another")
    return Identity(certificate, key)


def _shown(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"
