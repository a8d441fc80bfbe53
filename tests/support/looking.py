"""Everything that a token can ask of a mount, and the search of the answers for certificates, CSRs and keys."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.vault import VaultMount

_PEM = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----(?P<body>.*?)-----END", re.DOTALL)
_CERTIFICATE = "CERTIFICATE"
_MIN_LENGTH = 32
"""Base64 characters by which a PEM block is recognized, wherever its lines end."""


@dataclass(frozen=True)
class Call:
    """A request below the mount.

    Attributes:
        template: the path as the server's OpenAPI document has it.
    """

    method: str
    path: str
    template: str

    @property
    def is_plain(self) -> bool:
        """Whether it is neither for help nor a list, and has no slash at the end."""
        return "?" not in self.path and not self.path.endswith("/")


class Material:
    """The PEM blocks that a mount has returned, to find them again however their lines end.

    What a key or a CSR shares with a certificate, its public key, is not counted as the key's or the CSR's.
    """

    def __init__(self) -> None:
        self._bodies: dict[str, set[str]] = {
            kind: set() for kind in (_CERTIFICATE, "CERTIFICATE REQUEST", "PRIVATE KEY")
        }

    def note(self, *answers: Mapping[str, Any]) -> None:
        """Remember the PEM in the data of answers."""
        for match in _PEM.finditer("\n".join(_texts([*answers]))):
            (kind,) = (kind for kind in self._bodies if match["kind"].endswith(kind))
            self._bodies[kind].add("".join(match["body"].split()))

    def found_in(self, content: bytes) -> set[str]:
        """Return the kinds of PEM blocks of which a part is in an answer's body, and `PEM` if it has any."""
        text = re.sub(r"\\n|\s", "", content.decode("latin-1"))
        found = {kind for kind in self._bodies if any(part in text for part in self._parts(kind))}
        return found | ({"PEM"} if "-----BEGIN" in text else set())

    def _parts(self, kind: str) -> set[str]:
        parts = {part for body in self._bodies[kind] for part in _parts_of(body)}
        if kind == _CERTIFICATE:
            return parts
        own = {part for part in parts if not any(part in body for body in self._bodies[_CERTIFICATE])}
        assert own, f"no {kind} was noted"
        return own


def _parts_of(body: str) -> Iterator[str]:
    return (body[start : start + _MIN_LENGTH] for start in range(0, len(body) - _MIN_LENGTH, _MIN_LENGTH))


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            yield from (text for one in value.values() for text in _texts(one))
        case Sequence():
            yield from (text for one in value for text in _texts(one))


def every_call(mount: VaultMount, places: Sequence[Mapping[str, str]]) -> list[Call]:
    """Return each operation of each path of the server's document, at each place, and the path's help.

    Args:
        mount: whose.
        places: values for all parameters of paths.
    """
    document = mount.server.api("GET", "sys/internal/specs/openapi").expect(200).body
    start = f"/{mount.path}/"
    calls: list[Call] = []
    for template in document["paths"]:
        if template.startswith(start):
            below = template.removeprefix(start)
            for path in sorted({below.format_map(place) for place in places}):
                calls += (Call(method, path, below) for method in ("GET", "LIST", "SCAN", "POST", "PATCH", "DELETE"))
                calls += (Call("GET", f"{path}?{query}", below) for query in ("help=1", "list=true", "scan=true"))
                calls += (Call("GET", f"{path}/", below), Call("LIST", f"{path}/", below))
    assert {template for template in document["paths"] if template.startswith(start)} == {
        f"{start}{call.template}" for call in calls
    }
    return calls


def unauthenticated(mount: VaultMount) -> set[str]:
    """Return the paths of the mount that need no token, as the server's document says."""
    document = mount.server.api("GET", "sys/internal/specs/openapi").expect(200).body
    start = f"/{mount.path}/"
    ours = {path: item for path, item in document["paths"].items() if path.startswith(start)}
    return {path.removeprefix(start) for path, item in ours.items() if item.get("x-vault-unauthenticated")}


def bodies(mount: VaultMount, calls: Iterable[Call], token: str) -> list[tuple[Call, httpx.Response]]:
    """Make the calls with a token, or without one, and return what is answered, as it comes."""
    headers = {"X-Vault-Token": token} if token else {}
    with httpx.Client(base_url=f"{mount.server.address}/v1/{mount.path}/", timeout=60, trust_env=False) as client:
        return [(call, client.send(_request(client, call, headers))) for call in calls]


def _request(client: httpx.Client, call: Call, headers: Mapping[str, str]) -> httpx.Request:
    if call.method in {"POST", "PATCH"}:
        kind = "application/merge-patch+json" if call.method == "PATCH" else "application/json"
        return client.build_request(
            call.method, call.path, content=json.dumps({}), headers={**headers, "Content-Type": kind}
        )
    return client.build_request(call.method, call.path, headers=headers)
