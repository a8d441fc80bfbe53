"""The way to an account's SCM: straight, or through the proxy that the process's environment names."""

import ssl
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.scm.account import ScmAccount, is_plain_http, trust_only
from sectigo_vault_pki.scm.keep_alive import KEEP_IDLE, KeepAliveTransport


def transport_to(account: ScmAccount, max_connections: int) -> httpx.AsyncBaseTransport:
    """Return what carries an account's requests; nothing is connected yet.

    Raises:
        InvalidInputError: the proxy in the environment cannot be used, or the account's CA bundle.
    """
    if is_plain_http(account.base_url):
        # A proxy cannot reach a loopback host, and must not see a login that has no TLS around it.
        return KeepAliveTransport(httpx.URL(account.base_url), tls=None)
    tls = _tls_context(account)
    proxy = _proxy_for(account.base_url)
    if proxy is None:
        return KeepAliveTransport(httpx.URL(account.base_url), tls)
    limits = httpx.Limits(max_connections=max_connections, keepalive_expiry=KEEP_IDLE)
    try:
        return httpx.AsyncHTTPTransport(verify=tls, proxy=httpx.Proxy(proxy), limits=limits)
    except (ImportError, ValueError, httpx.InvalidURL):
        raise InvalidInputError("the proxy settings in the process's environment cannot be used") from None


def _tls_context(account: ScmAccount) -> ssl.SSLContext:
    bundle = account.ca_bundle_pem
    context = httpx.create_ssl_context() if bundle is None else trust_only(bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _proxy_for(base_url: str) -> str | None:
    parts = urlsplit(base_url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
