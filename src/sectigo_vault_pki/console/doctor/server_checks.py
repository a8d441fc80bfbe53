"""Checks of the server and of the token."""

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from sectigo_vault_pki.console.doctor.examination import Examination
from sectigo_vault_pki.console.doctor.results import Result, critical, informational, warning
from sectigo_vault_pki.console.failures import UnreachableError, UntrustedError
from sectigo_vault_pki.console.server import FORBIDDEN, OK

_CLOCKS_APART = timedelta(seconds=60)
_CERTIFICATE_ENDS = timedelta(days=30)
_CERTIFICATE_ENDS_NOW = timedelta(days=7)
_TOKEN_ENDS = timedelta(minutes=10)
_FIRST_WITH_VERSIONS = (1, 12)


def server_reachable(examination: Examination) -> Iterator[Result]:
    address = examination.connection.address
    try:
        answer = examination.ask("sys/health")
    except UntrustedError as error:
        yield critical(
            address, str(error), "Set BAO_CACERT to the CA's file, or BAO_TLS_SERVER_NAME to the name in it."
        )
    except UnreachableError as error:
        yield critical(address, str(error), "Check BAO_ADDR, the network and the server's log.")
    else:
        if "sealed" not in answer.body and answer.status != OK:
            advice = "Check BAO_ADDR: a proxy or another program seems to answer."
            yield critical(address, f"sys/health answers HTTP {answer.status}, and not as a server does", advice)


def server_seal(examination: Examination) -> Iterator[Result]:
    health = examination.ask("sys/health").body
    if health.get("initialized") is False:
        yield critical("sys/health", "the server is not initialized", "Run `bao operator init`.")
    elif health.get("sealed"):
        yield critical("sys/health", "the server is sealed: nothing is renewed", "Run `bao operator unseal`.")


def server_version(examination: Examination) -> Iterator[Result]:
    version = str(examination.ask("sys/health").body.get("version", ""))
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers and numbers < _FIRST_WITH_VERSIONS:
        advice = "See docs/operating.md, Vault before 1.12: one process for each mount, and no versions of plugins."
        yield informational("sys/health", f"Vault {version} is older than 1.12", advice)


def server_tls(examination: Examination) -> Iterator[Result]:
    connection = examination.connection
    address, host = connection.address, urlsplit(connection.address).hostname or ""
    if address.startswith("http://") and not _is_loopback(host):
        advice = "Give the listener a certificate, and use https."
        yield warning(address, "the token and the private keys travel without TLS", advice)
    if address.startswith("https://") and connection.skip_verify:
        advice = "Unset BAO_SKIP_VERIFY, and set BAO_CACERT to the CA's file."
        yield warning(address, "the server's certificate is not verified", advice)
    ends = examination.ask("sys/health").certificate.get("notAfter")
    if isinstance(ends, str):
        yield from _certificate_end(
            address, datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC), examination.now
        )


def server_clock(examination: Examination) -> Iterator[Result]:
    told = examination.ask("sys/health").body.get("server_time_utc")
    if not isinstance(told, int):
        return
    apart = datetime.fromtimestamp(told, UTC) - examination.now
    if abs(apart) > _CLOCKS_APART:
        seconds = abs(apart.total_seconds())
        which = "ahead of" if apart > timedelta() else "behind"
        message = f"the server's clock is {seconds:.0f} s {which} this machine's"
        yield warning("sys/health", message, "Let both follow a time server: due renewals are counted by the server's.")


def token(examination: Examination) -> Iterator[Result]:
    if not examination.connection.token:
        yield critical("token", "there is no token", "Log in with `bao login`, or set BAO_TOKEN.")
        return
    source = examination.connection.token_source or "token"
    answer = examination.ask("auth/token/lookup-self")
    if answer.status != OK:
        reason = "is not valid, or has ended" if answer.status == FORBIDDEN else f"is refused: HTTP {answer.status}"
        yield critical(source, f"the token {reason}", "Log in again with `bao login`.")
        return
    left = answer.data.get("ttl")
    if isinstance(left, int) and 0 < left < _TOKEN_ENDS.total_seconds():
        yield informational(source, f"the token ends in {left} s", "Log in again with `bao login` before long work.")


def _certificate_end(address: str, ends: datetime, now: datetime) -> Iterator[Result]:
    left = ends - now
    if left > _CERTIFICATE_ENDS:
        return
    found = critical if left <= _CERTIFICATE_ENDS_NOW else warning
    message = f"the listener's certificate ends on {ends:%Y-%m-%d %H:%M} UTC"
    yield found(address, message, "Replace it and send the server SIGHUP, which loads it.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
