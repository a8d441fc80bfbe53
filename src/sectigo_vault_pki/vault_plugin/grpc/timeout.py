"""`grpc-timeout` (gRPC over HTTP/2, "Requests"): at most 8 digits and a unit."""

import re

_FORM = re.compile(rb"([0-9]{1,8})([HMSmun])\Z")
_SECONDS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_UNITS = ((b"n", 1e-9), (b"u", 1e-6), (b"m", 1e-3), (b"S", 1.0), (b"M", 60.0), (b"H", 3600.0))
_MOST = 99_999_999


def decode_timeout(value: bytes) -> float | None:
    """Return seconds, or None where the value is none."""
    parts = _FORM.match(value)
    return None if parts is None else int(parts[1]) * _SECONDS[parts[2]]


def encode_timeout(seconds: float) -> bytes:
    """Return a time that is not shorter, in the finest unit that it fits into; what is over is as short as can be."""
    for unit, length in _UNITS:
        number = max(-int(-seconds // length), 0)
        if number <= _MOST:
            return b"%d%b" % (number, unit)
    return b"%dH" % _MOST
