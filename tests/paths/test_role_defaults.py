"""`config/roles`, and roles written by tools that know only the fields of Vault's own pki engine."""

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.issuing import ROLE, issue, leaf_of, written
from tests.support.mount import Mount, answered

OF_THE_BUILT_IN_ENGINE_ONLY = {"allowed_domains": "example.test", "allow_subdomains": True, "key_type": "ec"}
DEFAULTS = {"config": "web", "certificate_type": 501, "validity": 365}


async def prepared(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0


async def test_a_role_takes_what_it_does_not_say_from_config_roles_and_issues(mount: Mount) -> None:
    await prepared(mount)
    assert answered(await mount.write("config/roles", DEFAULTS)) == DEFAULTS
    shown = answered(await mount.write("roles/shop", OF_THE_BUILT_IN_ENGINE_ONLY))
    assert {name: shown[name] for name in DEFAULTS} == DEFAULTS
    assert shown["min_remaining"] == 365 * 86_400 // 3
    assert leaf_of(await issue(mount)).subject


async def test_a_changed_default_applies_to_roles_that_leave_it_out_and_to_no_other(mount: Mount) -> None:
    await prepared(mount)
    await mount.write("config/roles", DEFAULTS)
    await mount.write("roles/shop", OF_THE_BUILT_IN_ENGINE_ONLY)
    await written(mount, "own")
    await mount.write("config/roles", {"validity": 90})
    shop, own = answered(await mount.read("roles/shop")), answered(await mount.read("roles/own"))
    assert (shop["validity"], shop["min_remaining"], shop["config"]) == (90, 30 * 86_400, "web")
    assert (own["validity"], own["min_remaining"]) == (365, 365 * 86_400 // 3)


async def test_a_default_that_is_removed_leaves_its_roles_as_they_were(mount: Mount) -> None:
    await prepared(mount)
    await mount.write("config/roles", DEFAULTS)
    await mount.write("roles/shop", OF_THE_BUILT_IN_ENGINE_ONLY)
    await mount.write("config/roles", {"validity": ""})
    assert answered(await mount.read("config/roles")) == {**DEFAULTS, "validity": 0}
    assert answered(await mount.read("roles/shop"))["validity"] == 365


async def test_a_role_whose_defaults_were_removed_can_be_patched(mount: Mount) -> None:
    await prepared(mount)
    await mount.write("config/roles", DEFAULTS)
    await mount.write("roles/shop", OF_THE_BUILT_IN_ENGINE_ONLY)
    await written(mount, "own")
    await mount.write("config/roles", dict.fromkeys(DEFAULTS, ""))
    for _ in range(2):
        shown = answered(await mount.patch("roles/shop", {"ttl": "90d"}))
        assert {name: shown[name] for name in DEFAULTS} == DEFAULTS
    with pytest.raises(BadRequestError, match="validity is required"):
        await mount.patch("roles/own", {"validity": ""})
    await mount.write("config/roles", {"validity": 200})
    assert answered(await mount.read("roles/shop"))["validity"] == 200


async def test_without_defaults_the_error_names_config_roles(mount: Mount) -> None:
    assert answered(await mount.read("config/roles")) == {"config": "", "certificate_type": 0, "validity": 0}
    with pytest.raises(BadRequestError) as refused:
        await mount.write("roles/shop", OF_THE_BUILT_IN_ENGINE_ONLY)
    lines = str(refused.value).splitlines()
    assert [line.split()[0] for line in lines] == ["config", "certificate_type", "validity"]
    assert all("config/roles" in line for line in lines)


async def test_defaults_name_an_entry_for_ssl_certificates(mount: Mount) -> None:
    await mount.configure_client("people")
    with pytest.raises(BadRequestError, match="config must name an entry of type ssl_cert"):
        await mount.write("config/roles", {"config": "people"})
    response = await mount.write("config/roles", {"config": "later"})
    assert response is not None
    assert any('no config entry named "later" yet' in warning for warning in response.warnings)


async def test_fields_that_scm_decides_are_returned_as_sent_with_a_warning(mount: Mount) -> None:
    await mount.configure()
    sent = {"key_usage": ["KeyAgreement"], "server_flag": False, "not_before_duration": "45s", "signature_bits": "384"}
    response = await mount.write("roles/shop", {**ROLE, **sent})
    assert response is not None
    told = [warning for warning in response.warnings if "SCM's certificate profile decides" in warning]
    assert len(told) == 1
    assert told[0].endswith("key_usage, not_before_duration, server_flag, signature_bits")
    kept = {"key_usage": ["KeyAgreement"], "server_flag": False, "not_before_duration": 45, "signature_bits": 384}
    shown = answered(await mount.read("roles/shop"))
    assert {name: shown[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allow_any_name", True),
        ("allow_glob_domains", True),
        ("allowed_domains_template", True),
        ("allow_token_displayname", True),
        ("enforce_hostnames", False),
        ("cn_validations", ["disabled"]),
        ("allowed_uri_sans", "https://example.test/*"),
        ("allowed_other_sans", "1.2.3;UTF8:*"),
        ("allowed_serial_numbers", "*"),
        ("use_csr_common_name", False),
        ("use_csr_sans", False),
        ("not_after", "9999-12-31T23:59:59Z"),
        ("generate_lease", True),
        ("no_store", True),
    ],
)
async def test_what_no_role_can_grant_is_refused_and_nothing_stored(mount: Mount, name: str, value: object) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match=f"^{name} cannot be "):
        await mount.write("roles/shop", {**ROLE, name: value})
    assert await mount.list("roles/") == []


async def test_defaults_of_the_built_in_engine_may_be_sent_back(mount: Mount) -> None:
    await mount.configure()
    shown = dict(await written(mount, key_type="ec"))
    assert shown["key_bits"] == 256
    again = answered(await mount.write("roles/shop", shown))
    assert again == shown


async def test_a_patch_changes_what_it_mentions(mount: Mount) -> None:
    await mount.configure()
    before = await written(mount, key_type="ec", organization="Example", key_usage=["KeyAgreement"], max_ttl="400d")
    after = answered(await mount.patch("roles/shop", {"allow_bare_domains": True, "key_bits": 384}))
    assert after == {**before, "allow_bare_domains": True, "key_bits": 384}
    assert answered(await mount.patch("roles/shop", {"max_ttl": None, "organization": "", "key_usage": None})) == {
        **after,
        "max_ttl": 0,
        "organization": [],
        "key_usage": ["DigitalSignature", "KeyAgreement", "KeyEncipherment"],
    }


async def test_a_patch_of_a_role_keeps_what_it_inherits(mount: Mount) -> None:
    await prepared(mount)
    await mount.write("config/roles", DEFAULTS)
    await mount.write("roles/shop", OF_THE_BUILT_IN_ENGINE_ONLY)
    await mount.patch("roles/shop", {"max_orders_per_day": 3})
    await mount.patch("config/roles", {"validity": 90})
    shown = answered(await mount.read("roles/shop"))
    assert (shown["max_orders_per_day"], shown["validity"], shown["min_remaining"]) == (3, 90, 30 * 86_400)


async def test_a_patch_creates_nothing(mount: Mount) -> None:
    with pytest.raises(BadRequestError, match="shop"):
        await mount.patch("roles/shop", {"config": "web"})
    with pytest.raises(BadRequestError, match="web"):
        await mount.patch("configs/web", {"sectigo_wait_limit": 10})


async def test_a_patch_of_a_config_entry_is_an_update(mount: Mount) -> None:
    await mount.configure(sectigo_wait_limit=20)
    before = answered(await mount.read("configs/web"))
    await mount.patch("configs/web", {"sectigo_max_timeout": 60, "sectigo_wait_limit": None})
    after = answered(await mount.read("configs/web"))
    assert (after["sectigo_max_timeout"], after["sectigo_wait_limit"]) == (60, 50)
    assert {name for name in before if before[name] != after[name]} == {"sectigo_max_timeout", "sectigo_wait_limit"}
    with pytest.raises(BadRequestError, match="sectigo_cm_user is required"):
        await mount.patch("configs/web", {"sectigo_cm_user": None})


async def test_ip_addresses_lie_in_the_role_s_networks(mount: Mount) -> None:
    await prepared(mount)
    shown = await written(mount, key_type="ec", allowed_ip_sans_cidr="192.0.2.7/24, 2001:db8::/32")
    assert shown["allowed_ip_sans_cidr"] == ["192.0.2.0/24", "2001:db8::/32"]
    assert (await issue(mount, ip_sans="192.0.2.1"))["serial_number"]
    with pytest.raises(BadRequestError, match="IP Subject Alternative Names are not allowed in this role"):
        await issue(mount, ip_sans="198.51.100.1")
    with pytest.raises(BadRequestError, match="allowed_ip_sans_cidr must contain networks only"):
        await written(mount, allowed_ip_sans_cidr="example.test")


async def test_a_role_s_ttl_stands_in_place_of_its_validity(mount: Mount) -> None:
    await prepared(mount)
    await written(mount, key_type="ec", ttl="390d")
    issued = await issue(mount)
    assert issued["expiration"] - issued["not_before"] > 390 * 86_400
    with pytest.raises(BadRequestError, match="ttl must not be longer than max_ttl"):
        await written(mount, ttl="500d", max_ttl="400d")


async def test_a_max_ttl_below_the_inherited_validity_is_the_validity(mount: Mount) -> None:
    await prepared(mount)
    await mount.write("config/roles", {**DEFAULTS, "certificate_type": 502})
    shown = answered(await mount.write("roles/shop", {**OF_THE_BUILT_IN_ENGINE_ONLY, "max_ttl": "2400h"}))
    assert shown["min_remaining"] == 100 * 86_400 // 3
    issued = await issue(mount)
    assert issued["expiration"] - issued["not_before"] <= 100 * 86_400
    with pytest.raises(BadRequestError, match="validity must not be longer than max_ttl"):
        await mount.write("roles/shop", {**OF_THE_BUILT_IN_ENGINE_ONLY, "max_ttl": "2400h", "validity": 199})


async def test_a_third_of_a_role_s_ttl_has_to_remain(mount: Mount) -> None:
    await prepared(mount)
    assert (await written(mount, ttl="90d"))["min_remaining"] == 30 * 86_400
