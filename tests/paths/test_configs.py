import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    LogicalError,
    NotFoundError,
    Operation,
    ReadOnlyError,
    Request,
    StorageError,
)
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.mount import CONFIG, Mount, answered

REQUIRED = [
    "sectigo_cm_user",
    "sectigo_cm_password",
    "sectigo_cm_uri",
    "sectigo_config_type",
    "sectigo_cm_org_id",
    "sectigo_cm_base_url",
]


async def test_a_written_entry_is_read_back_without_its_password(mount: Mount) -> None:
    assert await mount.write("configs/web", CONFIG) is None
    data = answered(await mount.read("configs/web"))
    assert data == {
        "sectigo_cm_auth": "password",
        "sectigo_cm_client_id": "",
        "sectigo_cm_token_url": "",
        "sectigo_cm_api_version": "",
        "sectigo_cm_client_cert": "",
        "sectigo_dcv_mode": "",
        "sectigo_dcv_email": "",
        "sectigo_cm_user": "demo-user",
        "sectigo_cm_uri": "demo-customer",
        "sectigo_config_type": "ssl_cert",
        "sectigo_cm_org_id": 7001,
        "sectigo_cm_base_url": "https://scm.example.test",
        "sectigo_cm_ca_cert": "",
        "sectigo_cm_request_timeout": 60,
        "sectigo_wait_limit": 50,
        "sectigo_max_timeout": 600,
        "sectigo_loop_period": 30,
        "sectigo_expiry_window": 7,
        "sectigo_auto_renew": True,
        "sectigo_read_renewed_cert": True,
        "sectigo_suspend_renewals": False,
        "sectigo_max_orders_per_day": 0,
    }


async def test_entries_are_listed_by_name(mount: Mount) -> None:
    assert await mount.list("configs/") == []
    await mount.configure("web")
    await mount.configure("mail")
    assert await mount.list("configs") == ["mail", "web"]


async def test_an_unknown_entry_is_not_found(mount: Mount) -> None:
    with pytest.raises(NotFoundError, match='no config entry named "web"'):
        await mount.read("configs/web")


async def test_an_unknown_entry_is_named_by_reads_and_lists_of_what_is_under_it(mount: Mount) -> None:
    for asked in (mount.read("certs/web/1_demo-customer"), mount.list("certs/web")):
        with pytest.raises(NotFoundError, match=r'^no config entry named "web"$'):
            await asked
    with pytest.raises(BadRequestError, match=r'^no config entry named "web"; write configs/web first$'):
        await mount.write("export/web/1_demo-customer", {})
    await mount.configure()
    assert await mount.list("certs/web") == []
    with pytest.raises(NotFoundError, match='no certificate "1_demo-customer" under config entry "web"'):
        await mount.read("certs/web/1_demo-customer")


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, ""])
async def test_a_new_entry_needs_each_required_field(mount: Mount, name: str, value: str | None) -> None:
    with pytest.raises(BadRequestError, match=f"^{name} is required"):
        await mount.write("configs/web", {**CONFIG, name: value})
    assert mount.storage.snapshot() == {}


async def test_a_missing_customer_uri_says_where_to_find_it(mount: Mount) -> None:
    with pytest.raises(BadRequestError) as refused:
        await mount.write("configs/web", {**CONFIG, "sectigo_cm_uri": None})
    expected = "sectigo_cm_uri is required: the last part of your portal address …/customer/<uri>"
    assert str(refused.value) == expected


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("sectigo_cm_org_id", "many", "sectigo_cm_org_id must be a whole number of at least 1"),
        ("sectigo_cm_org_id", 0, "sectigo_cm_org_id must be at least 1, it is 0"),
        ("sectigo_config_type", "tls", "sectigo_config_type must be one of ssl_cert, client_cert"),
        ("sectigo_cm_uri", "a/b", "sectigo_cm_uri must begin with a letter or digit"),
        ("sectigo_cm_base_url", "http://scm.example.test", "sectigo_cm_base_url cannot be used"),
        ("sectigo_cm_base_url", "ftp://scm.example.test", "sectigo_cm_base_url cannot be used"),
        ("sectigo_cm_base_url", "cert-manager.com", "sectigo_cm_base_url must begin with https://"),
        (
            "sectigo_cm_uri",
            "https://cert-manager.com/customer/acme",
            "sectigo_cm_uri must not be the whole address of the portal: give only its last part: acme",
        ),
        ("sectigo_cm_uri", "cert-manager.com/customer/acme/#/login", "give only its last part: acme"),
        ("sectigo_cm_uri", "<customer>", "sectigo_cm_uri still holds the sample's text in angle brackets"),
        ("sectigo_cm_ca_cert", "no PEM", "sectigo_cm_ca_cert cannot be used"),
        ("sectigo_cm_user", ["a", "b"], "sectigo_cm_user was given more than once"),
        ("sectigo_loop_period", 0, "sectigo_loop_period must be at least 1 second, it is 0"),
        ("sectigo_auto_renew", "perhaps", "sectigo_auto_renew must be true or false"),
        ("sectigo_cm_password", "line\nbreak", "sectigo_cm_password contains control characters"),
        ("sectigo_cm_password", " secret", "sectigo_cm_password begins or ends with a blank"),
        ("sectigo_cm_user", "line\nbreak", "sectigo_cm_user contains control characters"),
        ("sectigo_cm_org_id", "9" * 23, "sectigo_cm_org_id must be a whole number from 1 to 9007199254740991"),
    ],
)
async def test_a_bad_value_is_refused_by_name(mount: Mount, name: str, value: object, complaint: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        await mount.write("configs/web", {**CONFIG, name: value})
    assert complaint in str(refused.value)
    assert mount.storage.snapshot() == {}


async def test_all_problems_of_a_write_are_told_at_once(mount: Mount) -> None:
    changes = {"sectigo_cm_user": None, "sectigo_cm_org_id": 0, "sectigo_cm_uri": "", "sectigo_auto_renew": "perhaps"}
    with pytest.raises(BadRequestError) as refused:
        await mount.write("configs/web", {**CONFIG, **changes})
    assert str(refused.value).splitlines() == [
        "sectigo_cm_uri is required: the last part of your portal address …/customer/<uri>",
        "sectigo_cm_org_id must be at least 1, it is 0",
        "sectigo_auto_renew must be true or false",
        "sectigo_cm_user is required",
    ]
    assert mount.storage.snapshot() == {}


async def test_an_entry_deleted_behind_an_update_is_not_written_in_parts(mount: Mount) -> None:
    update = Request(Operation.UPDATE, "configs/web", mount.storage, {"sectigo_cm_org_id": 7002})
    with pytest.raises(BadRequestError) as refused:
        await mount.backend.handle_request(update)
    missing = [name for name in REQUIRED if name != "sectigo_cm_org_id"]
    assert {line.split()[0] for line in str(refused.value).splitlines()} == {*missing}
    assert mount.storage.snapshot() == {}


async def test_a_trusted_bundle_is_taken_with_its_line_ends_written_out(mount: Mount) -> None:
    pem = mount.simulator.ca.root.public_bytes(Encoding.PEM).decode()
    await mount.configure(sectigo_cm_ca_cert=pem.replace("\n", "\\n"))
    assert answered(await mount.read("configs/web"))["sectigo_cm_ca_cert"].split() == pem.split()


async def test_an_update_keeps_what_it_does_not_mention(mount: Mount) -> None:
    await mount.configure(sectigo_wait_limit=40, sectigo_expiry_window="36h", sectigo_auto_renew="false")
    await mount.write("configs/web", {"sectigo_max_timeout": "5m", "sectigo_cm_org_id": "7002"})
    data = answered(await mount.read("configs/web"))
    assert data["sectigo_cm_org_id"] == 7002
    assert data["sectigo_max_timeout"] == 300
    assert data["sectigo_wait_limit"] == 40
    assert data["sectigo_expiry_window"] == 1.5
    assert data["sectigo_auto_renew"] is False
    assert data["sectigo_cm_user"] == "demo-user"


@pytest.mark.parametrize("window", ["36h", "100000s", 7])
async def test_what_a_read_shows_can_be_written_back(mount: Mount, window: object) -> None:
    await mount.configure(sectigo_expiry_window=window)
    stored = mount.storage.snapshot()["config/web"]
    shown = {name: value for name, value in answered(await mount.read("configs/web")).items() if value}
    await mount.write("configs/web", {"sectigo_expiry_window": shown["sectigo_expiry_window"]})
    assert mount.storage.snapshot()["config/web"] == stored
    await mount.write("configs/web", {"sectigo_expiry_window": str(shown["sectigo_expiry_window"])})
    assert mount.storage.snapshot()["config/web"] == stored


async def test_empty_text_in_an_update_removes_an_optional_field(mount: Mount) -> None:
    await mount.configure(sectigo_wait_limit=40, sectigo_auto_renew=False)
    await mount.write("configs/web", {"sectigo_wait_limit": "", "sectigo_auto_renew": ""})
    data = answered(await mount.read("configs/web"))
    assert (data["sectigo_wait_limit"], data["sectigo_auto_renew"]) == (50, True)


async def test_empty_text_in_an_update_does_not_remove_a_required_field(mount: Mount) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match=r"^sectigo_cm_user is required"):
        await mount.write("configs/web", {"sectigo_cm_user": ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sectigo_cm_base_url", "https://elsewhere.example.test"),
        ("sectigo_cm_user", "somebody-else"),
        ("sectigo_cm_uri", "other-customer"),
    ],
)
async def test_a_stored_password_is_not_sent_elsewhere_without_being_given_again(
    mount: Mount, name: str, value: str
) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match=f"sectigo_cm_password is required in the same write to change {name}"):
        await mount.write("configs/web", {name: value})
    await mount.write("configs/web", {name: value, "sectigo_cm_password": "demo-password"})
    assert answered(await mount.read("configs/web"))[name] == value


async def test_a_missing_password_is_told_with_the_other_problems_and_names_only_what_changes(mount: Mount) -> None:
    await mount.configure()
    change = {"sectigo_cm_user": "somebody-else", "sectigo_cm_uri": "demo-customer", "sectigo_cm_org_id": 0}
    with pytest.raises(BadRequestError) as refused:
        await mount.write("configs/web", change)
    first, second = str(refused.value).splitlines()
    assert first == "sectigo_cm_org_id must be at least 1, it is 0"
    assert second.startswith("sectigo_cm_password is required in the same write to change sectigo_cm_user, so that")


async def test_writing_the_same_address_again_needs_no_password(mount: Mount) -> None:
    await mount.configure()
    await mount.write("configs/web", {"sectigo_cm_base_url": "https://scm.example.test/api/ssl/v1/"})
    assert answered(await mount.read("configs/web"))["sectigo_cm_base_url"] == "https://scm.example.test"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sectigo_config_type", "client_cert"),
        ("sectigo_cm_uri", "other-customer"),
        ("sectigo_cm_base_url", "https://elsewhere.example.test"),
    ],
)
async def test_identity_is_fixed_while_certificates_are_stored(mount: Mount, name: str, value: str) -> None:
    await mount.configure()
    await mount.enroll()
    change = {**CONFIG, name: value}
    with pytest.raises(BadRequestError, match=f"{name} cannot change while certificates are stored"):
        await mount.write("configs/web", change)
    await mount.delete("configs/web")
    with pytest.raises(BadRequestError, match=f"{name} cannot change while certificates are stored"):
        await mount.write("configs/web", change)
    for unique_id in await mount.list("certs/web"):
        await mount.delete(f"certs/web/{unique_id}")
    await mount.write("configs/web", change)
    assert answered(await mount.read("configs/web"))[name] == value


async def test_deleting_an_entry_leaves_its_certificates_readable_and_says_so(mount: Mount) -> None:
    await mount.configure()
    enrolled = await mount.enroll()
    response = await mount.delete("configs/web")
    assert response is not None
    assert response.warnings[0].startswith("the certificates of this entry stay stored")
    unique_id = enrolled["cert_unique_id"]
    assert await mount.list("certs/web") == [unique_id]
    assert answered(await mount.read(f"certs/web/{unique_id}"))["serial_number"] == enrolled["serial_number"]


async def test_an_entry_without_certificates_is_deleted_without_a_word_and_without_a_trace(mount: Mount) -> None:
    await mount.configure()
    assert await mount.delete("configs/web") is None
    assert await mount.delete("configs/web") is None
    assert mount.storage.snapshot() == {}


async def test_a_new_password_is_used_from_the_next_call_on(mount: Mount) -> None:
    await mount.configure(sectigo_cm_password="wrong")
    with pytest.raises(BadRequestError, match="SCM refused enroll: Unknown user"):
        await mount.enroll()
    await mount.write("configs/web", {"sectigo_cm_password": "demo-password"})
    assert (await mount.enroll())["status"] == "Issued"


async def test_a_record_of_a_newer_version_is_refused_by_name(mount: Mount) -> None:
    await mount.configure()
    stored = json.loads(mount.storage.snapshot()["config/web"])
    await mount.overwrite("config/web", json.dumps({**stored, "v": 2}).encode())
    with pytest.raises(Exception, match='the stored entry "config/web" was written by a newer version'):
        await mount.read("configs/web")


async def test_a_write_over_a_damaged_record_names_it(mount: Mount) -> None:
    await mount.overwrite("config/web", b'{"v": 1, "password": "not a record"}')
    with pytest.raises(LogicalError, match='the stored entry "config/web" is damaged'):
        await mount.write("configs/web", CONFIG)


async def test_a_damaged_record_is_reported_by_name_and_shows_nothing_of_itself(mount: Mount) -> None:
    await mount.overwrite("config/web", b'{"v": 1, "password": "hunter2"')
    with pytest.raises(Exception, match='the stored entry "config/web" is damaged') as raised:
        await mount.read("configs/web")
    assert "hunter2" not in str(raised.value)


async def test_storage_errors_keep_the_hosts_text(mount: Mount) -> None:
    mount.storage.failures["put"] = StorageError("barrier: the disk is full")
    with pytest.raises(StorageError, match=r"^barrier: the disk is full$"):
        await mount.configure()


async def test_a_standby_reads_and_forwards_writes(mount: Mount) -> None:
    await mount.configure()
    mount.system.state = STANDBY
    await mount.restart()
    assert answered(await mount.read("configs/web"))["sectigo_cm_org_id"] == 7001
    with pytest.raises(ReadOnlyError):
        await mount.configure()
    with pytest.raises(ReadOnlyError):
        await mount.delete("configs/web")


async def test_secrets_are_stored_only_where_seal_wrapping_is_asked_for(mount: Mount) -> None:
    await mount.configure()
    entry = await mount.storage.get("config/web")
    assert entry is not None
    assert entry.seal_wrap
    assert "config/" in mount.backend.special_paths.seal_wrap_storage
