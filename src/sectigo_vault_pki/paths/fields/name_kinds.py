"""Kinds of fields that hold names: of hosts, domains, networks and people."""

import re
from ipaddress import ip_network
from typing import TypeVar

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.paths.fields.field_kinds import converted
from sectigo_vault_pki.pki import (
    is_host_name,
    is_ip_address,
    normalise_email,
    normalise_name,
    normalise_names,
)
from sectigo_vault_pki.vault_plugin.framework import Kind, KindError, kinds

T = TypeVar("T")

MAX_NAMES_LENGTH = 30_000
"""Characters of a list of names, with its commas."""
MAX_DOMAIN_LENGTH = 255

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")


def _without_url(base: Kind[T]) -> Kind[T]:
    def parse(value: object) -> T:
        if isinstance(value, str) and (url := _SCHEME.match(value.strip())):
            raise KindError(f"must be a name, not a URL{_host_meant(url[1])}")
        return base.parse(value)

    return Kind(base.label, base.schema, parse, pattern=base.pattern)


def alternative_names() -> Kind[tuple[str, ...]]:
    """Host names, IP addresses and e-mail addresses."""
    base = kinds.string_list(max_length=MAX_NAMES_LENGTH)

    def parse(value: object) -> tuple[str, ...]:
        parsed = base.parse(value)
        for place, name in enumerate(parsed, start=1):
            if url := _SCHEME.match(name):
                raise KindError(f"cannot be used: name {place} is a URL, not a name{_host_meant(url[1])}")
        try:
            names = normalise_names(parsed)
        except InvalidInputError as error:
            raise KindError(f"cannot be used: {error}") from None
        _check_length_as_ascii(",".join(names), MAX_NAMES_LENGTH)
        return names

    return Kind(base.label, base.schema, parse)


def host_name(*, max_length: int) -> Kind[str]:
    """One host name, wildcard, IP address or e-mail address; a role decides which of them are allowed."""
    base = _without_url(converted(kinds.line(max_length=max_length), normalise_name))

    def parse(value: object) -> str:
        parsed = base.parse(value)
        _check_length_as_ascii(parsed, max_length)
        return parsed

    return Kind(base.label, base.schema, parse)


def _check_length_as_ascii(names: str, most: int) -> None:
    """Refuse what is too long only since its international names are written in ASCII."""
    if len(names) > most:
        raise KindError(f"must have at most {most} characters, written as xn--… it has {len(names)}")


def ip_addresses() -> Kind[tuple[str, ...]]:
    """IP addresses."""
    base = alternative_names()

    def parse(value: object) -> tuple[str, ...]:
        try:
            parsed = base.parse(value)
        except KindError:
            raise KindError("must contain IP addresses only") from None
        if not all(is_ip_address(name) for name in parsed):
            raise KindError("must contain IP addresses only")
        return parsed

    return Kind(base.label, base.schema, parse)


def domains() -> Kind[tuple[str, ...]]:
    """Host names without wildcards."""
    base = alternative_names()

    def parse(value: object) -> tuple[str, ...]:
        parsed = base.parse(value)
        if not all(is_host_name(name) for name in parsed):
            raise KindError("must contain domains only, without wildcards")
        return parsed

    return Kind(base.label, base.schema, parse)


def domain() -> Kind[str]:
    """One domain in a path, in lower case; SCM also lists wildcards, and may list names that are not ASCII."""
    base = kinds.identifier()

    def parse(value: object) -> str:
        parsed = base.parse(value).strip().lower().removesuffix(".")
        is_odd = not parsed.isprintable() or any(letter.isspace() for letter in parsed)
        if (
            is_odd
            or len(parsed) > MAX_DOMAIN_LENGTH
            or (parsed.isascii() and not is_host_name(parsed.removeprefix("*.")))
        ):
            raise KindError("must be a domain, such as example.com")
        return parsed

    return Kind(base.label, base.schema, parse, pattern=base.pattern, canonical=parse)


def common_name() -> Kind[str]:
    """The common name of a certificate: 64 characters at most (RFC 5280 appendix A.1); a host name is ASCII."""
    base = kinds.line(max_length=64)

    def parse(value: object) -> str:
        parsed = base.parse(value)
        is_host_name = "." in parsed and " " not in parsed
        if is_host_name and not parsed.isascii():
            raise KindError("must be ASCII: write international names as xn--…")
        return parsed

    return _without_url(Kind(base.label, base.schema, parse))


def _host_meant(authority: str) -> str:
    """Return a hint with the host of a URL's authority, without the password that it may contain."""
    host = authority.rpartition("@")[2].partition(":")[0]
    return f": did you mean {host}?" if is_host_name(host) else ""


def email() -> Kind[str]:
    """One e-mail address."""
    return converted(kinds.line(max_length=255), normalise_email)


def networks() -> Kind[tuple[str, ...]]:
    """Networks in CIDR notation."""
    base = kinds.string_list(max_length=4096)

    def parse(value: object) -> tuple[str, ...]:
        try:
            return tuple(str(ip_network(network, strict=False)) for network in base.parse(value))
        except ValueError:
            raise KindError("must contain networks only, such as 10.0.0.0/8") from None

    return Kind(base.label, base.schema, parse)


def emails(*, max_length: int) -> Kind[tuple[str, ...]]:
    """Comma-separated e-mail addresses."""
    base = kinds.string_list(max_length=max_length)

    def parse(value: object) -> tuple[str, ...]:
        try:
            return tuple(normalise_email(address) for address in base.parse(value))
        except InvalidInputError:
            raise KindError("must contain e-mail addresses only") from None

    return Kind(base.label, base.schema, parse)
