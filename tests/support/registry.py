"""A registry of container images on loopback, with one image in it (OCI distribution and image specifications)."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_TYPES = "application/vnd.oci.image"
_ANY_TYPE = "application/octet-stream"


class Registry:
    """Serves an image that is made `FROM scratch` with one file in it; leaving the context ends it.

    Attributes:
        image: what the image is called, without its tag.
    """

    def __init__(self, file: Path, *, name: str, tag: str) -> None:
        self._answers: dict[str, tuple[str, bytes]] = {"/v2/": (_ANY_TYPE, b"{}")}
        self._name = name
        layer = _layer(file, name=name)
        config = json.dumps(_configuration(layer, name=name)).encode()
        compressed = gzip.compress(layer, compresslevel=1)
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{_TYPES}.manifest.v1+json",
                "config": self._blob(config, f"{_TYPES}.config.v1+json"),
                "layers": [self._blob(compressed, f"{_TYPES}.layer.v1.tar+gzip")],
            }
        ).encode()
        for reference in (tag, _digest(manifest)):
            self._answers[f"/v2/{name}/manifests/{reference}"] = (f"{_TYPES}.manifest.v1+json", manifest)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._answers))
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def image(self) -> str:
        return f"127.0.0.1:{self._server.server_port}/{self._name}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _blob(self, content: bytes, kind: str) -> dict[str, Any]:
        self._answers[f"/v2/{self._name}/blobs/{_digest(content)}"] = (_ANY_TYPE, content)
        return {"mediaType": kind, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _layer(file: Path, *, name: str) -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(file, arcname=name)
    return layer.getvalue()


def _configuration(layer: bytes, *, name: str) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [f"/{name}"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }


def _handler(answers: dict[str, tuple[str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, content = answers.get(self.path, (_ANY_TYPE, b""))
            self.send_response(HTTPStatus.OK if self.path in answers else HTTPStatus.NOT_FOUND)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815  http.server's name

        def log_message(self, *arguments: object) -> None:
            """Say nothing: the test looks at what the server says."""

    return Handler
