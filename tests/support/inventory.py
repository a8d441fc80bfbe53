"""A server that lists made-up certificates, as the engine's detailed lists show them."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

MOUNT = "sectigo-vault-pki"
TEAMS = ("web", "shop", "mail", "payments", "intranet", "devices")
PEOPLE = ("automatic", "approle-ci", "userpass-ann", "userpass-bob", "kubernetes-cert-manager", "oidc-carla")
ISSUERS = (
    "CN=Sectigo RSA Organization Validation Secure Server CA,O=Sectigo Limited,L=Salford,C=GB",
    "CN=Sectigo ECC Organization Validation Secure Server CA,O=Sectigo Limited,L=Salford,C=GB",
    "CN=Example Private CA R3,O=Example B.V.,C=NL",
)
KEYS = (("rsa", 2048), ("ec", 256), ("rsa", 4096), ("ec", 384))
LIVES = (365, 365, 198, 90)
WORDS = ("api", "www", "login", "mail", "cdn", "db", "cache", "auth", "grafana", "git", "registry", "node", "edge")
Info = dict[str, Any]


def inventory(count: int, *, now: datetime, seed: int = 17) -> dict[str, dict[str, Info]]:
    """Return `key_info` by config entry: mostly certificates in use, and some of every other state."""
    draw = random.Random(seed)
    found: dict[str, dict[str, Info]] = {team: {} for team in TEAMS}
    for number in range(count):
        config = draw.choices(TEAMS, weights=(40, 25, 15, 10, 6, 4))[0]
        info = _info(draw, config, 100_000 + number, now)
        found[config][info["unique_id"]] = info
    return found


def _info(draw: random.Random, config: str, number: int, now: datetime) -> Info:
    life = draw.choice(LIVES)
    kind = draw.choices(("Issued", "Renewed", "Revoked", "Applied", "Expired"), weights=(90, 6, 2, 0.5, 0.5))[0]
    left = draw.uniform(4, life) if kind != "Expired" else -draw.uniform(0.1, 40)
    end = now + timedelta(days=left)
    name = f"{draw.choice(WORDS)}-{draw.randrange(10_000)}.{config}.example.com"
    more = [f"{draw.choice(WORDS)}.{name}" for _ in range(draw.choice((0, 0, 0, 1, 3)))]
    key_type, bits = draw.choices(KEYS, weights=(50, 35, 10, 5))[0]
    is_issued = kind != "Applied"
    return {
        "common_name": name,
        "dns_names": [name, *more],
        "issuer": draw.choices(ISSUERS, weights=(70, 20, 10))[0] if is_issued else "",
        "key_type": key_type,
        "key_bits": bits,
        "not_before": rfc3339(end - timedelta(days=life)) if is_issued else "",
        "not_after": rfc3339(end) if is_issued else "",
        "status": {"Expired": "Issued"}.get(kind, kind),
        "serial_number": colons(draw.getrandbits(128)) if is_issued else "",
        "config": config,
        "unique_id": f"{number}_example",
        "requested_by": draw.choices(PEOPLE, weights=(50, 20, 10, 8, 8, 4))[0],
        "renewed_to": f"{number + 1}_example" if kind == "Renewed" else "",
        "renewed_from": "",
    }


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def colons(number: int) -> str:
    digits = f"{number:032x}"
    return ":".join(digits[place : place + 2] for place in range(0, 32, 2))


def listed(infos: Mapping[str, Info], *, after: str, limit: int) -> tuple[int, Mapping[str, Any]]:
    """Return the status and the body of one page; an empty page is 404, as the server has it."""
    keys = sorted(key for key in infos if key > after)[: limit or None]
    if not keys:
        return 404, {"errors": []}
    return 200, {"data": {"keys": keys, "key_info": {key: infos[key] for key in keys}}}


def answer(
    found: Mapping[str, Mapping[str, Info]], url: str, warnings: Sequence[str], deleted: Sequence[str] = ()
) -> tuple[int, Mapping[str, Any]]:
    """Return what the server answers to a list or a read; the config entries in `deleted` are not there any more."""
    entries = sorted({*found} - {*deleted})
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    match parts.path.removeprefix(f"/v1/{MOUNT}/").split("/"):
        case ["configs"]:
            return (200, {"data": {"keys": entries}}) if entries else (404, {"errors": []})
        case ["status"]:
            accounts = {name: {"certificates": len(found[name])} for name in entries}
            total = sum(map(len, found.values()))
            data = {"version": "0.1.0", "warnings": list(warnings), "certificates": total, "accounts": accounts}
            return 200, {"data": data}
        case ["certs", config, "detailed"] if config not in found:
            return 404, {"errors": [f'no config entry named "{config}"']}
        case ["certs", config, "detailed"]:
            return listed(found.get(config, {}), after=query.get("after", ""), limit=int(query.get("limit", "0")))
    if not parts.path.startswith(f"/v1/{MOUNT}/"):
        return 404, {"errors": ['no handler for route "foo/configs". route entry not found.']}
    return 404, {"errors": ["1 error occurred:\n\t* unsupported path\n\n"]}


@contextmanager
def serving(
    found: Mapping[str, Mapping[str, Info]], warnings: Sequence[str] = (), deleted: Sequence[str] = ()
) -> Iterator[str]:
    """Serve an inventory on loopback; give the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = answer(found, self.path, warnings, deleted)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
