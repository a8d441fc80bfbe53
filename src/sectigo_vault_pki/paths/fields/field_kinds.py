"""Kinds of fields that only this engine has."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_network
from typing import TypeVar

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.lifecycle import header_value_problem, parse_base_url, parse_ca_bundle, parse_token_url
from sectigo_vault_pki.pki import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    OTHER_NAMES_OF_EC,
    CertificateFormat,
    CertificateSigningRequest,
    GivenCertificate,
    KeyAlgorithm,
    Pkcs12Encryption,
    PrivateKey,
    is_host_name,
    is_ip_address,
    normalise_email,
    normalise_name,
    normalise_names,
    normalise_pem,
    parse_csr,
    parse_serial_number,
)
from sectigo_vault_pki.vault_plugin.framework import Kind, KindError, kinds

T = TypeVar("T")

MAX_TEXT_LENGTH = 65_536
MAX_NAMES_LENGTH = 30_000
"""Characters of a list of names, with its commas."""
MAX_CUSTOM_FIELDS = 100
MAX_CUSTOM_FIELD_LENGTH = 256
"""Characters of a custom field's name or value (scm-api.md 3.2)."""

_PORTAL = re.compile(
    r"(?:https?://)?[A-Za-z0-9.:-]+/customer/(?P<uri>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})(?:[/?#].*)?", re.ASCII
)
_FILE_NAME = re.compile(r"[A-Za-z0-9._/~-]{1,100}\.(?:pem|csr|req|p10|crt|cer|der|txt|key)", re.ASCII | re.IGNORECASE)
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)  # RFC 3339 5.6
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")


def _domain(base: Kind[str], convert: Callable[[str], T]) -> Kind[T]:
    def parse(value: object) -> T:
        try:
            return convert(base.parse(value))
        except InvalidInputError as error:
            raise KindError(f"cannot be used: {error}") from None

    return Kind(base.label, base.schema, parse)


def _pem(parse: Callable[[str], T], *, field_name: str, is_secret: bool = False) -> Kind[T]:
    """Text in PEM. The error about a file name shows how to pass a file, and never the value of a secret field."""
    read = _domain(kinds.text(max_length=MAX_TEXT_LENGTH), parse)

    def parse_unless_file_name(value: object) -> T:
        if isinstance(value, str) and _FILE_NAME.fullmatch(value.strip()):
            shown = "<file>" if is_secret else value.strip()
            raise KindError(f"must be PEM, but looks like a file name: did you mean {field_name}=@{shown}?")
        return read.parse(value)

    return Kind(read.label, read.schema, parse_unless_file_name)


def private_key(field_name: str) -> Kind[PrivateKey]:
    """An unencrypted private key in PEM."""
    return _pem(PrivateKey.parse, field_name=field_name, is_secret=True)


def csr(field_name: str) -> Kind[CertificateSigningRequest]:
    """A CSR in PEM with a valid signature."""
    return _pem(parse_csr, field_name=field_name)


def key_algorithm() -> Kind[str]:
    """RSA or EC, in any case."""
    options = kinds.choice(*(known.value for known in KeyAlgorithm))

    def parse(value: object) -> str:
        try:
            return options.parse(value)
        except KindError as error:
            if isinstance(value, str) and value.strip().upper() in OTHER_NAMES_OF_EC:
                raise KindError(f"{error}; did you mean EC?") from None
            raise

    return Kind(options.label, options.schema, parse)


def certificate_format() -> Kind[CertificateFormat]:
    """One of SCM's formats, in any case."""
    options = kinds.choice(*(known.value for known in CertificateFormat))
    return _domain(options, CertificateFormat.parse)


def pkcs12_password() -> Kind[str]:
    """The password of a PKCS#12 file: ASCII only, because programs encode other letters differently."""

    def parse(value: object) -> str:
        parsed = kinds.text().parse(value)
        is_plain = parsed.isascii() and parsed.isprintable()
        if not (is_plain and MIN_PASSWORD_LENGTH <= len(parsed) <= MAX_PASSWORD_LENGTH):
            raise KindError(f"must be {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} printable ASCII characters")
        return parsed

    schema = {"type": "string", "minLength": MIN_PASSWORD_LENGTH, "maxLength": MAX_PASSWORD_LENGTH}
    return Kind("string", schema, parse)


def pkcs12_encryption() -> Kind[Pkcs12Encryption]:
    """How a PKCS#12 file is encrypted."""
    return _domain(kinds.choice(*Pkcs12Encryption), Pkcs12Encryption)


def base_url() -> Kind[str]:
    """SCM's root; a path of the API behind it is cut off."""
    return _url(parse_base_url)


def token_url() -> Kind[str]:
    """The token endpoint of an OAuth2 server."""
    return _url(parse_token_url)


def _url(convert: Callable[[str], str]) -> Kind[str]:
    base = _domain(kinds.text(max_length=2048), convert)

    def parse(value: object) -> str:
        if isinstance(value, str) and "://" not in value:
            raise KindError("must begin with https://")
        return base.parse(value)

    return Kind(base.label, base.schema, parse)


def header_value(*, max_length: int) -> Kind[str]:
    """Text that is sent to SCM in a header."""
    base = kinds.text(max_length=max_length)

    def parse(value: object) -> str:
        parsed = base.parse(value)
        if (problem := header_value_problem(parsed)) is not None:
            raise KindError(problem)
        return parsed

    return Kind(base.label, base.schema, parse)


def customer_uri() -> Kind[str]:
    """The name of a customer of SCM: the last part of the portal's address."""
    base = kinds.name()

    def parse(value: object) -> str:
        if isinstance(value, str) and (portal := _PORTAL.fullmatch(value.strip())):
            raise KindError(f"must not be the whole address of the portal: give only its last part: {portal['uri']}")
        return base.parse(value)

    return Kind(base.label, base.schema, parse)


def identifier() -> Kind[str]:
    """An id in a path. The guide of 2019 prints commands without the space between an id and `@file`."""
    base = kinds.identifier()

    def parse(value: object) -> str:
        parsed = base.parse(value)
        if "@" in parsed:
            raise KindError('contains "@": put a space before @file')
        return parsed

    return Kind(base.label, base.schema, parse, pattern=base.pattern)


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
    base = _without_url(_domain(kinds.line(max_length=max_length), normalise_name))

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


def serial_number() -> Kind[str]:
    """A serial number in hex, with colons or hyphens between the bytes; the result has colons."""
    parsed = _domain(kinds.line(max_length=128), parse_serial_number)
    pattern = "[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2})*"
    return Kind(parsed.label, parsed.schema, parsed.parse, pattern, canonical=parsed.parse)


def certificate(field_name: str) -> Kind[GivenCertificate]:
    """One certificate in PEM."""
    return _pem(GivenCertificate.parse, field_name=field_name)


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
    return _domain(kinds.line(max_length=255), normalise_email)


def reason() -> Kind[str]:
    """A reason in 1 to 512 characters."""
    base = kinds.text(max_length=512)

    def parse(value: object) -> str:
        parsed = base.parse(value).strip()
        if not parsed:
            raise KindError("must not be blank")
        return parsed

    return Kind(base.label, base.schema, parse)


def date_time() -> Kind[datetime]:
    """A date and time with its offset (RFC 3339)."""
    base = kinds.line(max_length=64)

    def parse(value: object) -> datetime:
        text = base.parse(value).upper()
        try:
            if _DATE_TIME.fullmatch(text):
                return datetime.fromisoformat(text)
        except ValueError:
            pass
        raise KindError("must be a date and time with its offset, such as 2027-01-31T00:00:00Z")

    return Kind(base.label, {"type": "string", "format": "date-time"}, parse)


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


def country() -> Kind[str]:
    """Two letters (ISO 3166)."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not value.isascii() or not value.isalpha() or len(value) != 2:  # noqa: PLR2004 - alpha-2
            raise KindError("must be two letters, such as CA")
        return value.upper()

    return Kind("string", {"type": "string", "pattern": "^[A-Za-z]{2}$"}, parse)


def custom_fields() -> Kind[tuple[tuple[str, str], ...]]:
    """A list of objects with `name` and `value`, or the same as JSON text."""
    text = kinds.text(max_length=MAX_TEXT_LENGTH)
    allowed = 'must be a list such as [{"name": "Department", "value": "IT"}], or that as JSON text'

    def parse(value: object) -> tuple[tuple[str, str], ...]:
        if isinstance(value, str):
            value = text.parse(value)
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise KindError(allowed) from None
        if not isinstance(value, list) or len(value) > MAX_CUSTOM_FIELDS:
            raise KindError(allowed)
        return tuple(_custom_field(item, allowed) for item in value)

    item = {"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "string"}}}
    return Kind("string or list", {"type": "array", "items": item}, parse)


def _custom_field(item: object, allowed: str) -> tuple[str, str]:
    if not isinstance(item, dict) or set(item) != {"name", "value"}:
        raise KindError(allowed)
    name, value = item["name"], item["value"]
    if not isinstance(name, str) or not isinstance(value, str) or not name:
        raise KindError(allowed)
    if max(len(name), len(value)) > MAX_CUSTOM_FIELD_LENGTH or not kinds.is_sound(name + value):
        raise KindError(f"must contain names and values in Unicode of at most {MAX_CUSTOM_FIELD_LENGTH} characters")
    return name, value


def ca_bundle() -> Kind[str]:
    """CA certificates in PEM."""
    return _domain(kinds.text(max_length=MAX_TEXT_LENGTH), lambda pem: parse_ca_bundle(normalise_pem(pem)))
