"""What a role allows, held against an oracle that decides by other means."""

import random
import string
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.lifecycle.rules import role_rules
from sectigo_vault_pki.pki import ROLE_SUBJECT_FIELDS, CertificateSigningRequest, KeyParameters, normalise_name
from sectigo_vault_pki.store import RoleRecord

DAY = 86_400.0


def role(**said: object) -> RoleRecord:
    values: dict[str, object] = {
        "config_name": "web",
        "certificate_profile": 501,
        "validity_days": 365,
        "allowed_domains": ("example.test", "xn--bcher-kva.test"),
    }
    return RoleRecord.model_validate({**values, **said})


def is_allowed(held: RoleRecord, name: str) -> bool:
    try:
        role_rules.check_names(held, name, ())
    except InvalidInputError:
        return False
    return True


class TestNames:
    """Generated names against an oracle that reads labels from the right, one by one."""

    PIECES = (
        "example.test",
        "evilexample.test",
        "example.test.evil",
        "example-test",
        "xexample",
        "example",
        "test",
        "www",
        "a.b",
        "EXAMPLE.Test",
        "xn--bcher-kva.test",
        "XN--BCHER-KVA.TEST",
        "xn--bcher-kva",
        "bücher.test",
        "b\u0075\u0308cher.test",
        "BÜCHER\u3002test",
        "bücher",
        "faß.test",
        "example\uff0etest",
        "ex\u00adample.test",
        "\uff45xample.test",
        "test\uff61",
        "☃",
        "\uff0a",
        "*",
        "*.example.test",
        "*example.test",
        "w*w",
        "192.0.2.7",
        "2001:db8::1",
        "ann@example.test",
        "_dmarc",
        "",
    )

    A_LABELS: Mapping[str, str] = MappingProxyType({"bücher": "xn--bcher-kva", "faß": "xn--fa-hia"})

    def names(self) -> list[str]:
        draw = random.Random(20_261_126)
        made: list[str] = []
        while len(made) < 1200:
            name = ".".join(draw.choice(self.PIECES) for _ in range(draw.randint(1, 3)))
            if draw.random() < 0.2:
                name += draw.choice((".", "..", " ", "%00", "/", draw.choice(string.punctuation)))
            if draw.random() < 0.2:
                name = "".join(draw.choice((letter.upper(), letter.lower())) for letter in name)
            made.append(name)
        return made

    def oracle(self, held: RoleRecord, written: str) -> bool:
        """Decide by walking the labels from the right, without the product's own words for a name."""
        name = written.strip().lower() if written.isascii() else self.in_ascii(written.strip())
        if name in {"", "192.0.2.7", "2001:db8::1"}:
            return False
        labels = name.removesuffix(".").split(".")
        is_wild = labels[0] == "*" and len(labels) > 1
        plain = labels[1:] if is_wild else labels
        sound = set(string.ascii_lowercase + string.digits + "-_")
        if not all(label and set(label) <= sound and "-" not in {label[0], label[-1]} for label in plain):
            return False
        if is_wild and not held.allow_wildcard_certificates:
            return False
        return any(self.is_within(held, plain, domain.split("."), is_wild) for domain in held.allowed_domains)

    def in_ascii(self, written: str) -> str:
        """Write an international name in ASCII by a table of what `PIECES` are made of; empty if it is no name."""
        composed = unicodedata.normalize("NFC", written.replace("ẞ", "ß"))
        name = composed.translate({0x3002: ".", 0xFF0E: ".", 0xFF61: ".", 0xFF45: "e", 0xFF25: "e", 0xAD: None}).lower()
        stem, wild = name.removeprefix("*."), name.startswith("*.")
        labels = [self.A_LABELS.get(label, label) for label in stem.split(".")]
        sound = set(string.ascii_lowercase + string.digits + "-")
        if not all(set(label) <= sound for label in labels):  # STD3's rules: not even an underscore
            return ""
        return "*." * wild + ".".join(labels)

    @staticmethod
    def is_within(held: RoleRecord, plain: list[str], domain: list[str], is_wild: bool) -> bool:
        rest, wanted = list(plain), list(domain)
        while rest and wanted and rest[-1] == wanted[-1]:
            rest.pop()
            wanted.pop()
        if wanted:
            return False
        return held.allow_subdomains if rest or is_wild else held.allow_bare_domains

    @pytest.mark.parametrize("subdomains", [True, False])
    @pytest.mark.parametrize("bare", [True, False])
    @pytest.mark.parametrize("wildcards", [True, False])
    @pytest.mark.parametrize("addresses", [True, False])
    def test_exactly_what_the_oracle_allows_is_allowed(
        self, subdomains: bool, bare: bool, wildcards: bool, addresses: bool
    ) -> None:
        held = role(
            allow_subdomains=subdomains,
            allow_bare_domains=bare,
            allow_wildcard_certificates=wildcards,
            allow_ip_sans=addresses,
        )
        verdicts = {True: 0, False: 0}
        for written in self.names():
            expected = self.oracle(held, written)
            try:
                actual = is_allowed(held, normalise_name(written))
            except InvalidInputError:
                actual = False
            assert actual is expected, written
            verdicts[expected] += 1
        assert verdicts[False] > 100
        assert verdicts[True] >= (20 if subdomains or bare else 0)

    def test_international_names_are_among_both(self) -> None:
        held = role(allow_subdomains=True, allow_bare_domains=True)
        verdicts = [self.oracle(held, written) for written in self.names() if not written.isascii()]
        assert min(verdicts.count(True), verdicts.count(False)) > 30

    @pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1"])
    def test_an_address_may_be_a_san_and_no_common_name(self, address: str) -> None:
        held = role(allow_subdomains=True, allow_ip_sans=True)
        role_rules.check_names(held, "a.example.test", (address,))
        with pytest.raises(InvalidInputError, match=f"^common name {address} not allowed by this role$"):
            role_rules.check_names(held, address, (address,))

    def test_without_domains_no_host_is_allowed(self) -> None:
        held = role(allowed_domains=(), allow_subdomains=True, allow_bare_domains=True)
        assert not is_allowed(held, "example.test")
        assert not is_allowed(held, "test")

    def test_a_refusal_names_what_is_not_allowed(self) -> None:
        held = role(allow_subdomains=True, allow_ip_sans=False)
        with pytest.raises(InvalidInputError, match=r"^common name evil\.test not allowed by this role$"):
            role_rules.check_names(held, "evil.test", ())
        for name, words in {
            "evil.test": "subject alternate name evil.test not allowed by this role",
            "ann@example.test": "email address ann@example.test not allowed by this role",
            "192.0.2.7": "IP Subject Alternative Names are not allowed in this role, but was provided 192.0.2.7",
        }.items():
            with pytest.raises(InvalidInputError) as refused:
                role_rules.check_names(held, "a.example.test", ("b.example.test", name))
            assert str(refused.value) == words


def csr(
    key_type: str = "rsa",
    key_size: int = 2048,
    *,
    subject_fields: tuple[tuple[str, str], ...] = (),
    other_names: tuple[str, ...] = (),
    privileges: tuple[str, ...] = (),
) -> CertificateSigningRequest:
    return CertificateSigningRequest(
        pem="",
        common_name="a.example.test",
        subject_alt_names=(),
        public_key_digest=b"",
        key_type=key_type,
        key_size=key_size,
        subject_fields=subject_fields,
        other_names=other_names,
        privileges=privileges,
    )


@pytest.mark.parametrize(
    ("said", "brought"),
    [
        ({}, csr()),
        ({}, csr(key_size=4096)),
        ({"key_bits": 3072}, csr(key_size=3072)),
        ({"key_type": "ec"}, csr("ec", 256)),
        ({"key_type": "ec", "key_bits": 384}, csr("ec", 521)),
        ({"key_type": "any"}, csr("ec", 256)),
        ({"key_type": "any"}, csr("rsa", 2048)),
        ({}, csr(subject_fields=tuple((word, "x") for word in sorted(ROLE_SUBJECT_FIELDS)))),
    ],
)
def test_a_csr_with_a_key_that_the_role_has_is_taken(
    said: dict[str, object], brought: CertificateSigningRequest
) -> None:
    role_rules.check_csr(role(**said), brought)


@pytest.mark.parametrize(
    ("said", "brought", "words"),
    [
        ({}, csr("ec", 256), "role requires keys of type rsa"),
        ({"key_type": "ec"}, csr("rsa", 4096), "role requires keys of type ec"),
        ({"key_bits": 3072}, csr(), "role requires a minimum of a 3072-bit key, but CSR's key is 2048 bits"),
        ({"key_type": "ec", "key_bits": 384}, csr("ec", 256), "a minimum of a 384-bit key"),
        ({"key_type": "any"}, csr(other_names=("URI urn:a",)), "names of a kind that no role allows, URI urn:a"),
        ({}, csr(privileges=("basicConstraints CA:TRUE",)), "asks for basicConstraints CA:TRUE, which no role allows"),
        ({}, csr(subject_fields=(("ou", "IT"), ("serial_number", "7"))), "serial_number 7 in the CSR's subject is not"),
        ({}, csr(subject_fields=(("1.2.3", "a\x1bb"),)), r"1\.2\.3 a\?b in the CSR's subject is not allowed"),
    ],
)
def test_a_csr_beyond_the_role_is_refused(
    said: dict[str, object], brought: CertificateSigningRequest, words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        role_rules.check_csr(role(**said), brought)


def test_a_role_for_any_key_makes_that_of_the_request() -> None:
    held = role(key_type="any")
    with pytest.raises(InvalidInputError, match="only signing, unless the request has a key_type"):
        role_rules.key_parameters(held)
    assert role_rules.key_parameters(held, "EC", "0") == KeyParameters.parse("ec", 256)


def test_a_role_for_one_kind_of_key_takes_none_from_the_request() -> None:
    assert role_rules.key_parameters(role(), "ec", "384") == KeyParameters.parse("rsa", 2048)


@pytest.mark.parametrize(
    ("max_ttl", "ttl", "offered", "days", "said"),
    [
        (None, None, (365, 398), 365, ""),
        (None, None, None, 365, ""),
        (None, 398, (365, 398), 398, ""),
        (None, 90, (47, 100, 199), 100, "100 days were ordered"),
        (None, 500, (47, 100, 199), 199, "199 days were ordered"),
        (None, None, (47, 100, 199), 199, "199 days were ordered"),
        (90, 60, (47, 100, 199), 47, "47 days were ordered"),
        (100, 365, (47, 100, 199), 100, 'TTL "8760h0m0s" is longer than permitted maxTTL "2400h0m0s"'),
        (365, 30, None, 365, "365 days were ordered"),
    ],
)
def test_the_shortest_term_that_covers_the_wish_is_ordered(
    max_ttl: int | None, ttl: int | None, offered: tuple[int, ...] | None, days: int, said: str
) -> None:
    held = role(max_ttl=None if max_ttl is None else max_ttl * DAY)
    term = role_rules.term(held, None if ttl is None else timedelta(days=ttl), offered)
    assert term.days == days
    warnings = (*term.warnings, *term.of_order)
    assert said in " ".join(warnings)
    assert bool(warnings) is bool(said)
    assert max_ttl is None or term.days <= max_ttl


def test_where_no_term_is_short_enough_nothing_is_ordered() -> None:
    with pytest.raises(InvalidInputError, match=r"365 or 398 days, and the role's max_ttl of 2160h0m0s allows none"):
        role_rules.term(role(max_ttl=90 * DAY), None, (365, 398))


class TestRequestedLife:
    """A request says how long by `ttl` or until when by `not_after`; either way no term beyond the role is ordered."""

    @pytest.mark.parametrize("seed", range(40))
    def test_no_term_is_longer_than_the_role_allows_and_none_shorter_is_left_out(self, seed: int) -> None:
        draw, now = random.Random(seed), datetime(2026, 11, 28, tzinfo=UTC)
        offered = sorted(draw.sample(range(1, 1200), draw.randint(1, 5)))
        max_days = draw.choice([None, *(days + draw.randint(0, 9) for days in offered)])
        held = role(max_ttl=None if max_days is None else max_days * DAY)
        wanted = timedelta(seconds=draw.randint(1, 1300 * 86_400))
        for life in (
            role_rules.requested_life(wanted, None, now),
            role_rules.requested_life(None, now + wanted, now),
        ):
            days = role_rules.term(held, life, offered).days
            allowed = [term for term in offered if max_days is None or term <= max_days]
            assert days in allowed
            assert days == next((term for term in allowed if timedelta(days=term) >= wanted), allowed[-1])

    def test_both_or_an_end_in_the_past_are_refused(self) -> None:
        now = datetime(2026, 11, 28, tzinfo=UTC)
        with pytest.raises(InvalidInputError, match=r"^Either ttl or not_after should be provided\."):
            role_rules.requested_life(timedelta(days=1), now + timedelta(days=1), now)
        with pytest.raises(InvalidInputError, match="not_after must be in the future"):
            role_rules.requested_life(None, now, now)
