import json

import pytest

from sectigo_vault_pki.paths.fields.builtin_role_fields import BUILTIN
from sectigo_vault_pki.vault_plugin.logical import BadRequestError, NotFoundError
from tests.support.issuing import ROLE, written
from tests.support.mount import Mount, answered

OF_THE_BUILT_IN_ENGINE = {builtin.field.name for builtin in BUILTIN}


async def test_a_role_is_written_read_listed_and_deleted(mount: Mount) -> None:
    await mount.configure()
    shown = await written(mount, max_ttl="400d", min_remaining="30d", max_orders_per_day=5)
    assert {name: value for name, value in shown.items() if name not in OF_THE_BUILT_IN_ENGINE} == {
        "config": "web",
        "certificate_type": 501,
        "validity": 365,
        "allowed_domains": ["example.test", "xn--bcher-kva.test"],
        "allow_subdomains": True,
        "allow_bare_domains": False,
        "allow_wildcard_certificates": True,
        "allow_ip_sans": True,
        "allowed_ip_sans_cidr": [],
        "require_cn": True,
        "key_type": "rsa",
        "key_bits": 2048,
        "ttl": 0,
        "max_ttl": 34_560_000,
        "no_store_key": False,
        "min_remaining": 2_592_000,
        "max_orders_per_day": 5,
        "sectigo_dcv_mode": "",
        "sectigo_dcv_email": "",
        "ou": [],
        "organization": [],
        "country": [],
        "locality": [],
        "province": [],
        "street_address": [],
        "postal_code": [],
    }
    assert answered(await mount.read("roles/shop")) == shown
    assert await mount.list("roles/") == ["shop"]
    await mount.delete("roles/shop")
    assert await mount.list("roles/") == []
    with pytest.raises(NotFoundError):
        await mount.read("roles/shop")


async def test_a_write_puts_the_role_in_place_of_what_it_was(mount: Mount) -> None:
    await mount.configure()
    await written(mount, max_ttl="400d", key_type="ec", max_orders_per_day=500, organization="Example")
    shown = await written(mount)
    assert (shown["max_ttl"], shown["key_type"], shown["max_orders_per_day"]) == (0, "rsa", 10)
    assert shown["organization"] == []


async def test_a_new_role_has_its_guards_unless_it_says_otherwise(mount: Mount) -> None:
    await mount.configure()
    response = await mount.write("roles/shop", {**ROLE, "validity": 90})
    shown = answered(response)
    assert response is not None
    assert response.warnings == ()
    assert (shown["min_remaining"], shown["max_orders_per_day"]) == (30 * 86_400, 10)
    response = await mount.write("roles/shop", {**ROLE, "min_remaining": 0, "max_orders_per_day": 0})
    assert response is not None
    assert (answered(response)["min_remaining"], answered(response)["max_orders_per_day"]) == (0, 0)
    assert response.warnings == (
        "min_remaining is 0: every request under this role orders another certificate",
        "max_orders_per_day is 0: any number of certificates may be ordered under this role",
    )
    read = await mount.read("roles/shop")
    assert read is not None
    assert read.warnings == response.warnings


async def test_a_role_that_was_stored_without_guards_keeps_what_it_has_and_warns(mount: Mount) -> None:
    await mount.configure()
    stored: dict[str, object] = {
        "v": 1,
        "config_name": "web",
        "certificate_profile": 501,
        "validity_days": 365,
        "allowed_domains": ["example.test"],
        "allow_subdomains": True,
        "key_type": "ec",
    }
    await mount.overwrite("role/free", json.dumps(stored).encode())
    await mount.overwrite("role/shut", json.dumps({**stored, "max_orders_per_day": 0}).encode())
    free, shut = await mount.read("roles/free"), await mount.read("roles/shut")
    assert free is not None
    assert shut is not None
    assert (answered(free)["min_remaining"], answered(free)["max_orders_per_day"]) == (0, 0)
    assert [warning.partition(":")[0] for warning in free.warnings] == ["min_remaining is 0", "max_orders_per_day is 0"]
    assert shut.warnings[-1] == "max_orders_per_day was set to none by an earlier version: nothing may be ordered"
    told = answered(await mount.read("status"))["warnings"]
    assert "role free: max_orders_per_day is 0: any number of certificates may be ordered under this role" in told
    with pytest.raises(BadRequestError, match="max_orders_per_day is 0"):
        await mount.write("issue/shut", {"common_name": "a.example.test"})


async def test_a_min_remaining_of_most_of_the_validity_is_said_to_be_cut(mount: Mount) -> None:
    await mount.configure()
    response = await mount.write("roles/shop", {**ROLE, "min_remaining": "300d"})
    assert response is not None
    assert response.warnings[0].startswith("min_remaining is longer than two thirds of validity")


async def test_a_role_that_keeps_no_key_says_that_min_remaining_has_no_effect(mount: Mount) -> None:
    await mount.configure()
    for key_type in ("rsa", "any"):
        response = await mount.write("roles/shop", {**ROLE, "no_store_key": True, "key_type": key_type})
    read = await mount.read("roles/shop")
    assert response is not None
    assert read is not None
    assert response.warnings == read.warnings
    assert response.warnings[0].startswith("no_store_key is true, so that min_remaining has no effect on issue/")
    quiet = {"min_remaining": 0, "max_orders_per_day": 1}
    response = await mount.write("roles/shop", {**ROLE, "no_store_key": True, **quiet})
    assert response is not None
    assert not any("no effect" in warning for warning in response.warnings)


async def test_a_role_survives_a_restart(mount: Mount) -> None:
    await mount.configure()
    shown = await written(mount)
    await mount.restart()
    assert answered(await mount.read("roles/shop")) == shown


async def test_a_role_without_its_config_entry_is_stored_with_a_warning(mount: Mount) -> None:
    response = await mount.write("roles/shop", {**ROLE, "config": "later"})
    assert response is not None
    assert response.warnings == ('no config entry named "later" yet: write it before the role is used',)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"config": None}, "config is required"),
        ({"validity": ""}, "validity is required"),
        ({"config": "people"}, "config must name an entry of type ssl_cert"),
        ({"key_type": "dsa"}, "key_type must be one of rsa, ec, any$"),
        ({"key_type": "ECDSA"}, 'key_type must be one of rsa, ec, any; did you mean "ec"'),
        ({"key_bits": 1024}, "key_bits cannot be used"),
        ({"key_type": "ec", "key_bits": 2048}, "key_bits cannot be used"),
        ({"key_type": "any", "key_bits": 2048}, "key_bits must be 0"),
        ({"allowed_domains": "*.example.test"}, "allowed_domains must contain domains only"),
        ({"allowed_domains": "192.0.2.1"}, "allowed_domains must contain domains only"),
        ({"allowed_domains": "ann@example.test"}, "allowed_domains must contain domains only"),
        ({"allowed_domains": "☃.test"}, "allowed_domains cannot be used: name 1 is not a valid international"),
        ({"max_ttl": "1h"}, "max_ttl must be at least a day"),
        ({"max_ttl": "90d"}, "validity must not be longer than max_ttl"),
        ({"min_remaining": "365d"}, "min_remaining must be shorter than validity"),
        ({"max_orders_per_day": -1}, "max_orders_per_day must be"),
        ({"certificate_type": "web"}, "certificate_type must be"),
    ],
)
async def test_a_role_that_cannot_be_meant_is_refused(mount: Mount, changes: dict[str, object], words: str) -> None:
    await mount.configure()
    await mount.configure_client()
    with pytest.raises(BadRequestError, match=words):
        await written(mount, **changes)
    assert await mount.list("roles/") == []


async def test_the_issuers_of_a_role_are_known_once_it_has_answered_a_certificate(mount: Mount) -> None:
    await mount.configure()
    await written(mount, key_type="ec")
    assert await mount.read("roles/shop/ca_chain") is None
    mount.simulator.settings.pending_polls = 0
    issued = answered(await mount.write("issue/shop", {"common_name": "a.example.test"}))
    chain = answered(await mount.read("roles/shop/ca_chain"))
    assert chain == {"ca_chain": issued["ca_chain"], "certificate": "\n".join(issued["ca_chain"])}
    with pytest.raises(NotFoundError, match="unknown role: nobody"):
        await mount.read("roles/nobody/ca_chain")
