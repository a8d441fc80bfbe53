"""Kinds of fields that only this engine has."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
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
    normalise_pem,
    parse_csr,
    parse_serial_number,
)
from sectigo_vault_pki.store import Ending, UniqueId
from sectigo_vault_pki.vault_plugin.framework import Kind, KindError, kinds

T = TypeVar("T")

MAX_TEXT_LENGTH = 65_536
MAX_CUSTOM_FIELDS = 100
MAX_CUSTOM_FIELD_LENGTH = 256
"""Characters of a custom field's name or value (scm-api.md 3.2)."""

_NUMBER_IN_PATH = re.compile("[1-9][0-9]{0,14}", re.ASCII)
_PORTAL = re.compile(
    r"(?:https?://)?[A-Za-z0-9.:-]+/customer/(?P<uri>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})(?:[/?#].*)?", re.ASCII
)
_FILE_NAME = re.compile(r"[A-Za-z0-9._/~-]{1,100}\.(?:pem|csr|req|p10|crt|cer|der|txt|key)", re.ASCII | re.IGNORECASE)
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)  # RFC 3339 5.6
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def converted(base: Kind[str], convert: Callable[[str], T]) -> Kind[T]:
    """What a function of the domain makes of text; what it refuses cannot be used."""

    def parse(value: object) -> T:
        try:
            return convert(base.parse(value))
        except InvalidInputError as error:
            raise KindError(f"cannot be used: {error}") from None

    return Kind(base.label, base.schema, parse)


def _pem(parse: Callable[[str], T], *, field_name: str, is_secret: bool = False) -> Kind[T]:
    """Text in PEM. The error about a file name shows how to pass a file, and never the value of a secret field."""
    read = converted(kinds.text(max_length=MAX_TEXT_LENGTH), parse)

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
    return converted(options, CertificateFormat.parse)


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
    return converted(kinds.choice(*Pkcs12Encryption), Pkcs12Encryption)


def base_url() -> Kind[str]:
    """SCM's root; a path of the API behind it is cut off."""
    return _url(parse_base_url)


def token_url() -> Kind[str]:
    """The token endpoint of an OAuth2 server."""
    return _url(parse_token_url)


def _url(convert: Callable[[str], str]) -> Kind[str]:
    base = converted(kinds.text(max_length=2048), convert)

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


def number_in_path() -> Kind[str]:
    """One of SCM's numbers as an id in a path: in one spelling, so that a policy meets it."""
    base = identifier()

    def parse(value: object) -> str:
        text = base.parse(value)
        if not _NUMBER_IN_PATH.fullmatch(text):
            raise KindError("must be a whole number of at least 1, without leading zeros")
        return text

    return Kind(base.label, base.schema, parse, pattern=base.pattern)


def identifier() -> Kind[str]:
    """An id in a path. The guide of 2019 prints commands without the space between an id and `@file`."""
    base = kinds.identifier()

    def parse(value: object) -> str:
        parsed = base.parse(value)
        if "@" in parsed:
            raise KindError('contains "@": put a space before @file')
        return parsed

    return Kind(base.label, base.schema, parse, pattern=base.pattern)


def serial_number() -> Kind[str]:
    """A serial number in hex, with colons or hyphens between the bytes; the result has colons."""
    parsed = converted(kinds.line(max_length=128), parse_serial_number)
    pattern = "[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2})*"
    return Kind(parsed.label, parsed.schema, parsed.parse, pattern, canonical=parsed.parse)


def certificate(field_name: str) -> Kind[GivenCertificate]:
    """One certificate in PEM."""
    return _pem(GivenCertificate.parse, field_name=field_name)


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


def day() -> Kind[date]:
    """A day of ISO 8601, such as 2027-01-31."""
    written = kinds.text()

    def parse(value: object) -> date:
        read = written.parse(value)
        try:
            if _DAY.fullmatch(read):
                return date.fromisoformat(read)
        except ValueError:
            pass
        raise KindError("must be a day such as 2027-01-31")

    return Kind("string", {"type": "string", "format": "date"}, parse)


def ending() -> Kind[Ending]:
    """A certificate's place among those that end: the day, its config entry and its unique id."""
    written, on = kinds.line(max_length=1024), day()

    def parse(value: object) -> Ending:
        ends, _, place = written.parse(value).partition("/")
        config_name, _, unique_id = place.partition("/")
        try:
            if config_name and unique_id and "/" not in unique_id:
                return Ending(config_name, UniqueId(unique_id), on.parse(ends))
        except KindError:
            pass
        raise KindError("must be <day>/<config_name>/<unique_id>, as the warning of the page before says")

    return Kind(written.label, written.schema, parse)


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


def client_certificate() -> Kind[str]:
    """A certificate in PEM, and behind it those of its issuers."""
    base = ca_bundle()

    def parse(value: object) -> str:
        try:
            return base.parse(value)
        except KindError:
            raise KindError("must be certificates in PEM: that of the client, and its issuers behind it") from None

    return Kind(base.label, base.schema, parse)


def ca_bundle() -> Kind[str]:
    """CA certificates in PEM."""
    return converted(kinds.text(max_length=MAX_TEXT_LENGTH), lambda pem: parse_ca_bundle(normalise_pem(pem)))


_DAYS = kinds.duration(unit=timedelta(days=1))


def window() -> Kind[str]:
    """A length of time as a part of a path, in days where it has no unit; `window_length` says how long it is.

    It is read in one spelling, the largest unit of which it is a whole number.
    """

    def parse(value: object) -> str:
        seconds = round(_DAYS.parse(value).total_seconds())
        if seconds < 1:
            raise KindError("must be at least a second, such as 12h or 30d")
        unit, length = next((unit, length) for unit, length in _UNITS.items() if not seconds % length)
        return f"{seconds // length}{unit}"

    return Kind(_DAYS.label, {"type": "string", "example": "30d"}, parse, pattern="[^/]+", canonical=parse)


def window_length(window: str) -> timedelta:
    """Return the length of what `window` has read."""
    return _DAYS.parse(window)


_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
