"""What a request under a role may leave out or write differently: international names, ends of life, keys, no name."""

# ruff: noqa: RUF001  letters that look alike are what some of these tests are about

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.crashes import MortalMount
from tests.support.issuing import NAME, ROLE, issue, leaf_of, leave_pending, names_in, prepared, request, sign, written
from tests.support.mount import Mount, answered
from tests.support.virtual_time import LoopClock

BUCHER = "xn--bcher-kva.example.test"


def common_name_in(data: Mapping[str, Any]) -> str:
    (attribute,) = leaf_of(data).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attribute.value)


class TestInternationalNames:
    async def test_order_and_answer_carry_the_a_label(self, mount: Mount) -> None:
        await prepared(mount)
        data = await issue(mount, common_name="Bücher.example.test", alt_names="*.bücher.example.test,faß.example.test")
        assert common_name_in(data) == BUCHER
        assert names_in(leaf_of(data)) == {BUCHER, f"*.{BUCHER}", "xn--fa-hia.example.test"}
        (order,) = mount.simulator.orders
        assert order.request.common_name == BUCHER
        assert set(order.request.names) == names_in(leaf_of(data))

    async def test_every_spelling_of_a_name_is_one_name(self, mount: Mount) -> None:
        await prepared(mount)
        data = await issue(mount, common_name="bücher.example.test", alt_names=f"BÜCHER.example.test.,{BUCHER}")
        assert names_in(leaf_of(data)) == {BUCHER}
        for spelling in (BUCHER, "b\u0075\u0308cher.example.test", "bücher。example．test", "ｂücher.example.test"):
            assert await issue(mount, common_name=spelling) == data
        assert len(list(mount.simulator.orders)) == 1

    async def test_a_role_may_be_written_with_international_domains(self, mount: Mount) -> None:
        await prepared(mount, allowed_domains="bücher.test,xn--bcher-kva.test,FAẞ.test")
        shown = answered(await mount.read("roles/shop"))
        assert shown["allowed_domains"] == ["xn--bcher-kva.test", "xn--fa-hia.test"]
        assert names_in(leaf_of(await issue(mount, common_name="www.bücher.test"))) == {"www.xn--bcher-kva.test"}

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"common_name": "bücher.test"}, "common name xn--bcher-kva.test not allowed by this role"),
            ({"common_name": "bücher.example.test。evil.test"}, "common name .*evil.test not allowed by this role"),
            ({"common_name": "bücher．evilexample．test"}, "common name xn--bcher-kva.evilexample.test not allowed"),
            ({"common_name": "example.test｡é"}, "common name example.test.xn--9ca not allowed by this role"),
            ({"alt_names": "b.example.test,é。evil.test"}, "subject alternate name xn--9ca.evil.test not allowed"),
            ({"alt_names": "ann@bücher.example.test"}, f"email address ann@{BUCHER} not allowed by this role"),
            ({"alt_names": "änn@example.test"}, "alt_names cannot be used: name 1 is not an e-mail address"),
            ({"common_name": "☃.example.test"}, "common_name cannot be used: not a valid international host name"),
            ({"common_name": "é_b.example.test"}, "common_name cannot be used: not a valid international host name"),
            ({"common_name": "xn--é.example.test"}, "common_name cannot be used: not a valid international"),
            ({"common_name": "é..example.test"}, "common_name cannot be used: not a valid international host name"),
            ({"common_name": "＊.é.example.test"}, "common_name cannot be used: not a valid international host name"),
            ({"common_name": "*。é.example.test"}, "common_name cannot be used: not a valid international host name"),
            ({"common_name": "é.*.example.test"}, "common_name cannot be used: not a valid international host name"),
            ({"common_name": "é／evil.example.test"}, "common_name cannot be used: not a valid international host"),
            ({"common_name": "１９２.0.2.7"}, "common_name cannot be used: not a host name"),
            ({"alt_names": "a.example.test,é，evil.test"}, "alt_names cannot be used: name 2 is not a valid intern"),
            ({"alt_names": ["é.example.test", "é" * 64 + ".test"]}, "alt_names cannot be used: name 2 is not a valid"),
            ({"alt_names": "é" * 300}, "alt_names cannot be used: name 1 is longer than 253 characters"),
            ({"common_name": "é.é.é.é.é.é.é.example.test"}, "at most 64 characters, written as xn--… it has 68"),
            ({"alt_names": ["山" * 8 + f"{n}.example.test" for n in range(1100)]}, "at most 30000 characters, written"),
            ({"ip_sans": "１９２.0.2.7"}, "ip_sans must contain IP addresses only"),
        ],
    )
    async def test_what_is_beyond_the_role_or_no_name_is_not_ordered(
        self, mount: Mount, fields: dict[str, object], words: str
    ) -> None:
        await prepared(mount)
        with pytest.raises(BadRequestError, match=words):
            await issue(mount, **fields)
        assert not list(mount.simulator.orders)

    @pytest.mark.parametrize("domain", ["☃.test", "*.bücher.test", "ann@bücher.test", "a_é.test"])
    async def test_a_role_with_something_else_is_refused(self, mount: Mount, domain: str) -> None:
        await mount.configure()
        with pytest.raises(BadRequestError, match=r"^allowed_domains (cannot be used|must contain domains only)"):
            await written(mount, allowed_domains=domain)

    async def test_a_csr_has_to_carry_the_a_label_as_scm_takes_the_name_from_there(self, mount: Mount) -> None:
        await prepared(mount)
        with pytest.raises(BadRequestError, match=f"the CSR is not ASCII: make the CSR with {BUCHER}$"):
            await sign(mount, request("bücher.example.test"))
        with pytest.raises(BadRequestError, match="the common name of the CSR is no host name and no IP address"):
            await sign(mount, request("☃.example.test"))
        with pytest.raises(BadRequestError, match=r"begins or ends with a blank: make the CSR with a\.example\.test$"):
            await sign(mount, request(" a.example.test"))
        assert not list(mount.simulator.orders)
        response = await mount.write(
            "sign/shop",
            {"csr": request(BUCHER), "common_name": "bücher.example.test", "alt_names": "bücher.example.test"},
        )
        assert response is not None
        assert response.warnings == ()

    async def test_the_alternative_names_of_an_enrolment_are_converted_too(self, mount: Mount) -> None:
        await mount.configure()
        await mount.enroll(sectigo_ssl_cert_subject_alt_names="bücher.example.test")
        (order,) = mount.simulator.orders
        assert BUCHER in order.request.names


class TestEndOfLife:
    """The profile 502 has terms of 47, 100 and 199 days."""

    async def prepared(self, mount: Mount) -> None:
        await prepared(mount, certificate_type=502, validity=199, max_ttl="150d", min_remaining=0)

    def end(self, mount: Mount, **length: float) -> str:
        return (mount.clock.now() + timedelta(**length)).isoformat()

    @pytest.mark.parametrize(
        ("length", "days"), [({"seconds": 1}, 47), ({"days": 47}, 47), ({"days": 48}, 100), ({"days": 99.5}, 100)]
    )
    async def test_the_shortest_term_that_lasts_until_then_is_ordered(
        self, mount: Mount, length: dict[str, float], days: int
    ) -> None:
        await prepared(mount, certificate_type=502, validity=100, max_ttl="150d", min_remaining=0)
        leaf = leaf_of(await issue(mount, not_after=self.end(mount, **length)))
        assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=days)

    async def test_an_end_beyond_max_ttl_is_capped_with_warnings(self, mount: Mount) -> None:
        await prepared(mount, certificate_type=502, validity=100, max_ttl="150d")
        for end in ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999-23:59", self.end(mount, days=200)):
            response = await mount.write("issue/shop", {**NAME, "not_after": end})
            assert response is not None
            assert 'longer than permitted maxTTL "3600h0m0s", so maxTTL is being used' in response.warnings[0]
            assert response.warnings[-1].endswith(", before the requested not_after")
            leaf = leaf_of(answered(response))
            assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=100)

    @pytest.mark.parametrize("offset", ["z", "+00:00", "-00:00", "+14:00", "-12:00"])
    async def test_offsets_count(self, mount: Mount, offset: str) -> None:
        await prepared(mount, certificate_type=502, validity=100)
        local = mount.clock.now() + timedelta(days=47)
        if offset not in {"z", "-00:00"}:
            hours = int(offset[:3])
            local += timedelta(hours=hours)
        end = local.strftime("%Y-%m-%dt%H:%M:%S") + offset
        response = await mount.write("sign/shop", {"csr": request(), "not_after": end})
        leaf = leaf_of(answered(response))
        assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=47)

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"ttl": "30d"}, "^Either ttl or not_after should be provided. Both should not be provided in the same"),
            ({"not_after": "2020-01-01T00:00:00Z"}, "^not_after must be in the future$"),
            ({"not_after": "0001-01-01T00:00:00+23:59"}, "^not_after must be in the future$"),
            ({"not_after": "2099-01-01"}, "not_after must be a date and time with its offset, such as 20"),
            ({"not_after": "2099-01-01T00:00:00"}, "not_after must be a date and time"),
            ({"not_after": "2099-02-30T00:00:00Z"}, "not_after must be a date and time"),
            ({"not_after": "2099-01-01T00:00:60Z"}, "not_after must be a date and time"),
            ({"not_after": "2099-01-01T00:00:00+24:00"}, "not_after must be a date and time"),
            ({"not_after": "２０９９-01-01T00:00:00Z"}, "not_after must be a date and time"),
            ({"not_after": "20990101T000000Z"}, "not_after must be a date and time"),
            ({"not_after": 4070908800}, "not_after must be a date and time"),
            ({"not_after": "9" * 100}, "not_after must have at most 64 characters"),
            ({"not_after": ["2099-01-01T00:00:00Z"]}, "not_after was given more than once"),
            ({"not_before": "2099-01-01T00:00:00Z"}, "not_before cannot be asked for"),
        ],
    )
    async def test_what_is_no_future_end_is_not_ordered(
        self, mount: Mount, fields: dict[str, object], words: str
    ) -> None:
        await prepared(mount)
        for path, named in (("issue/shop", NAME), ("sign/shop", {"csr": request()})):
            with pytest.raises(BadRequestError, match=words):
                await mount.write(path, {"not_after": "2099-01-01T00:00:00Z", **named, **fields})
        assert len(mount.simulator.calls) == 0

    async def test_a_ttl_of_zero_is_none_as_in_vaults_pki(self, mount: Mount) -> None:
        await prepared(mount)
        assert await issue(mount, ttl=0, not_after=self.end(mount, days=1))

    async def test_an_end_makes_no_other_request_and_a_certificate_that_ends_before_says_so(self, mount: Mount) -> None:
        await prepared(mount, min_remaining="30d")
        first = await issue(mount)
        mount.clock.advance(days=100)
        response = await mount.write("issue/shop", {**NAME, "not_after": self.end(mount, days=300)})
        assert answered(response) == first
        assert response is not None
        assert any("before the requested not_after" in warning for warning in response.warnings)
        assert len(list(mount.simulator.orders)) == 1


class TestKeysUnderAny:
    @pytest.mark.parametrize(
        ("fields", "key"),
        [
            ({"key_type": "rsa"}, ("rsa", 2048)),
            ({"key_type": "RSA", "key_bits": 3072}, ("rsa", 3072)),
            ({"key_type": "ec", "key_bits": "0"}, ("ec", 256)),
            ({"key_type": " ec ", "key_bits": 384}, ("ec", 384)),
        ],
    )
    async def test_the_request_says_which_key_to_make(
        self, mount: Mount, fields: dict[str, object], key: tuple[str, int]
    ) -> None:
        await prepared(mount, key_type="any")
        response = await mount.write("issue/shop", {**NAME, **fields})
        assert response is not None
        assert response.warnings == ()
        data = answered(response)
        public_key: Any = leaf_of(data).public_key()
        assert (data["private_key_type"], public_key.key_size) == key
        assert answered(await mount.read("roles/shop"))["key_bits"] == 0

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            (
                {},
                'role key type "any" not allowed for issuing .*, only signing, unless the request has a key_type: rsa',
            ),
            ({"key_bits": 2048}, "unless the request has a key_type"),
            ({"key_type": "", "key_bits": 2048}, "unless the request has a key_type"),
            ({"key_type": "any"}, "^key_type must be one of rsa, ec$"),
            ({"key_type": "ed25519"}, "^key_type must be one of rsa, ec$"),
            ({"key_type": "ecdsa"}, '^key_type must be one of rsa, ec; did you mean "ec"'),
            ({"key_type": "rsa", "key_bits": 1024}, "^key_bits cannot be used: the key size is not supported for RSA"),
            ({"key_type": "rsa", "key_bits": 256}, "^key_bits cannot be used: the key size is not supported for RSA"),
            ({"key_type": "ec", "key_bits": 2048}, "^key_bits cannot be used: the key size is not supported for EC"),
            ({"key_type": "ec", "key_bits": -1}, "^key_bits cannot be used"),
            ({"key_type": "ec", "key_bits": "9" * 17}, "^key_bits must have at most 16 characters"),
        ],
    )
    async def test_a_key_that_cannot_be_made_is_not_ordered(
        self, mount: Mount, fields: dict[str, object], words: str
    ) -> None:
        await prepared(mount, key_type="any")
        with pytest.raises(BadRequestError, match=words):
            await issue(mount, **fields)
        assert len(mount.simulator.calls) == 0

    async def test_where_the_role_says_a_type_the_requests_is_ignored_with_a_warning(self, mount: Mount) -> None:
        await prepared(mount)
        response = await mount.write("issue/shop", {**NAME, "key_type": "ed25519", "key_bits": "many"})
        assert response is not None
        assert response.warnings == ("parameters key_type and key_bits ignored as role had specific values",)
        assert answered(response)["private_key_type"] == "ec"

    async def test_another_key_is_another_request_and_an_equal_one_buys_nothing(self, mount: Mount) -> None:
        await prepared(mount, key_type="any")
        first = await issue(mount, key_type="ec")
        for same in ({"key_type": "ec", "key_bits": 256}, {"key_type": "EC", "key_bits": "P-256"}):
            assert await issue(mount, **same) == first
        others: tuple[dict[str, object], ...] = ({"key_type": "ec", "key_bits": 384}, {"key_type": "rsa"})
        for number, other in enumerate(others, 2):
            assert (await issue(mount, **other))["serial_number"] != first["serial_number"]
            assert len(list(mount.simulator.orders)) == number

    async def test_a_role_that_turns_from_a_type_to_any_knows_its_certificates(self, mount: Mount) -> None:
        await prepared(mount)
        first = await issue(mount)
        await written(mount, key_type="any")
        assert await issue(mount, key_type="ec") == first

    async def test_a_request_whose_process_is_killed_is_bought_once_with_its_key(self) -> None:
        fields = {**NAME, "key_type": "ec", "key_bits": 384}
        end_after, deeds = 0, 1
        while end_after <= deeds:
            clock = LoopClock()
            mount = MortalMount(Simulator(now=clock.now), clock)
            mount.simulator.settings.pending_polls = 1
            await mount.configure()
            await mount.write("roles/shop", {**ROLE, "key_type": "any"})
            mount.life.end_after(end_after)
            killed = asyncio.ensure_future(mount.write("issue/shop", fields))
            end = asyncio.ensure_future(mount.life.ended.wait())
            await asyncio.wait({killed, end}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(1)
            for task in (killed, end):
                task.cancel()
            deeds = max(deeds, len(mount.life.deeds) + 1)
            successor = await mount.restarted()
            await self.assert_bought_once(successor, fields)
            await successor.backend.cleanup()
            end_after += 1
        assert deeds > 5

    async def assert_bought_once(self, mount: Mount, fields: Mapping[str, object]) -> None:
        data: Mapping[str, Any] = {}
        for _ in range(8):  # an order that SCM never got is ordered again after a pause
            data = await issued_unless_pending(mount, fields)
            if data:
                break
            mount.clock.advance(minutes=31)
        public_key: Any = leaf_of(data).public_key()
        assert public_key.key_size == 384
        assert data["private_key"]
        assert answered(await mount.write("issue/shop", fields)) == data
        assert len(list(mount.simulator.orders)) == 1


async def issued_unless_pending(mount: Mount, fields: Mapping[str, object]) -> Mapping[str, Any]:
    """Return what is issued, or nothing where an order is under way."""
    try:
        return answered(await mount.write("issue/shop", fields))
    except BadRequestError as error:
        if not str(error).startswith("pending"):
            raise
    return {}


class TestWithoutACommonName:
    async def test_the_first_alternative_name_takes_its_place(self, mount: Mount) -> None:
        await prepared(mount, require_cn=False)
        alt_names = f"{'a' * 60}.example.test,bücher.example.test,c.example.test"
        data = await issue(mount, common_name=None, ip_sans="192.0.2.7", alt_names=alt_names)
        assert common_name_in(data) == BUCHER  # the one before it is longer than a common name may be
        assert names_in(leaf_of(data)) == {"192.0.2.7", f"{'a' * 60}.example.test", BUCHER, "c.example.test"}

    async def test_an_only_name_is_one_request_in_whichever_field(self, mount: Mount) -> None:
        await prepared(mount, require_cn=False)
        first = await issue(mount, common_name=None, alt_names="a.example.test")
        assert await issue(mount, common_name="a.example.test") == first
        assert await issue(mount, common_name="A.example.test", alt_names="a.example.test") == first
        assert len(list(mount.simulator.orders)) == 1

    async def test_names_in_any_order_are_one_request(self, mount: Mount) -> None:
        await prepared(mount, require_cn=False)
        first = await issue(mount, common_name=None, alt_names="b.example.test,a.example.test")
        assert await issue(mount, common_name="", alt_names="a.example.test,b.example.test") == first
        assert len(list(mount.simulator.orders)) == 1
        named = await issue(mount, alt_names="b.example.test")
        assert named["serial_number"] != first["serial_number"]
        assert common_name_in(named) == "a.example.test"

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({}, "the common_name field is required: SCM orders nothing without a common name"),
            ({"ip_sans": "192.0.2.7"}, "the common_name field is required: .* alt_names has no host name"),
            ({"alt_names": "192.0.2.7"}, "the common_name field is required: .* alt_names has no host name"),
            ({"alt_names": f"{'a' * 60}.example.test"}, "no host name of at most 64 characters to take its place"),
            ({"alt_names": "ann@example.test"}, "ann@example.test not allowed by this role"),
            ({"alt_names": "evil.test,a.example.test"}, "common name evil.test not allowed by this role"),
            ({"alt_names": "a.example.test,evil.test"}, "subject alternate name evil.test not allowed by this role"),
        ],
    )
    async def test_without_a_name_that_can_be_one_nothing_is_ordered(
        self, mount: Mount, fields: dict[str, object], words: str
    ) -> None:
        await prepared(mount, require_cn=False)
        with pytest.raises(BadRequestError, match=words):
            await issue(mount, common_name=None, **fields)
        assert len(mount.simulator.calls) == 0

    async def test_a_role_that_requires_it_says_only_that(self, mount: Mount) -> None:
        await prepared(mount)
        with pytest.raises(BadRequestError, match=r"^the common_name field is required$"):
            await issue(mount, common_name=None, alt_names="a.example.test")

    async def test_a_csr_needs_one_all_the_same(self, mount: Mount) -> None:
        await prepared(mount, require_cn=False)
        with pytest.raises(BadRequestError, match="which SCM requires of every order, whatever require_cn of the role"):
            await sign(mount, request("", x509.DNSName("a.example.test")), common_name="a.example.test")
        assert len(mount.simulator.calls) == 0

    async def test_a_pending_order_is_taken_up_again(self, mount: Mount) -> None:
        await prepared(mount, require_cn=False)
        await leave_pending(mount, common_name=None, alt_names="b.example.test,a.example.test")
        await mount.restart()
        await issue(mount, common_name=None, alt_names="a.example.test,b.example.test")
        assert len(list(mount.simulator.orders)) == 1
