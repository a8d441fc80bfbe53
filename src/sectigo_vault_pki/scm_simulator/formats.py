"""A collected certificate in each of SCM's formats (scm-api.md 3.4)."""

from collections.abc import Callable, Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

Chain = Sequence[x509.Certificate]
"""Leaf first, root last."""

DEFAULT_FORMAT = "base64"


def _pem(certificates: Chain) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _pkcs7_pem(chain: Chain) -> bytes:
    return pkcs7.serialize_certificates(list(chain), Encoding.PEM)


def _pkcs7_der(chain: Chain) -> bytes:
    return pkcs7.serialize_certificates(list(chain), Encoding.DER)


_RENDERERS: Mapping[str, Callable[[Chain], bytes]] = {
    "x509": lambda chain: _pem(chain[::-1]),
    "pem": lambda chain: _pem(chain[::-1]),
    "x509r": _pem,
    "x509co": lambda chain: _pem(chain[:1]),
    "pemco": lambda chain: _pem(chain[:1]),
    "x509io": lambda chain: _pem(chain[:0:-1]),
    "x509ior": lambda chain: _pem(chain[1:]),
    "pemia": lambda chain: _pem(chain[:-1]),
    "base64": _pkcs7_pem,
    "bin": _pkcs7_der,
}


def is_known_format(name: str) -> bool:
    """Whether SCM knows the format; clients spell it in any case."""
    return name.lower() in _RENDERERS


def render(chain: Chain, name: str, *, crlf: bool = False) -> bytes:
    """Return the chain, leaf first, in a known format; `crlf` turns the line ends of every text format."""
    data = _RENDERERS[name.lower()](chain)
    return data.replace(b"\n", b"\r\n") if crlf and data.startswith(b"-----") else data
