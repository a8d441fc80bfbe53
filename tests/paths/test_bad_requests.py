"""What is wrong with a request is told at once, and a misspelt name never buys."""

import re

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.mount import CONFIG, ORDER, Mount, answered

IGNORED = "Endpoint ignored these unrecognized parameters"
ACCOUNT = {name: f"value of {name}" for name in CONFIG}


async def assert_nothing_happened(mount: Mount) -> None:
    assert set(mount.storage.snapshot()) == {"config/web"}
    assert len(mount.simulator.calls) == 0


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("sectigo_ssl_cert_subject_alt_name", "did you mean sectigo_ssl_cert_subject_alt_names?"),
        ("ssl_cert_subject_alt_names", "did you mean sectigo_ssl_cert_subject_alt_names?"),
        ("ssl_cert_subject_alt_name", "did you mean sectigo_ssl_cert_subject_alt_names?"),
        ("sectigo-ssl-cert-comments", "did you mean sectigo_ssl_cert_comments?"),
        ("Sectigo_ssl_cert_comments", "did you mean sectigo_ssl_cert_comments?"),
        ("sectgo_auto_renew", "did you mean sectigo_auto_renew?"),
        ("sectigo_csr_domian", "did you mean sectigo_csr_domain?"),
        ("sectigo_subject_alt_names", "did you mean sectigo_ssl_cert_subject_alt_names?"),
        ("sectigo_colour", "the help of this path lists its fields"),
        ("sectigo_cm_ca_cert", "the help of this path lists its fields"),
    ],
)
async def test_a_misspelt_field_is_refused_before_anything_is_stored_or_sent(
    mount: Mount, name: str, advice: str
) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match=re.escape(f"{name} is unknown on this path: {advice}")):
        await mount.write("enroll/web", {**ORDER, name: "www.example.test"})
    await assert_nothing_happened(mount)


@pytest.mark.parametrize("name", ["colour", "comment", "csr_", "lease", "csx", "x" * 40_000])
async def test_a_field_that_is_like_none_of_ours_is_answered_with_a_warning(mount: Mount, name: str) -> None:
    await mount.configure()
    response = await mount.write("enroll/web", {**ORDER, name: "green"})
    assert answered(response)["status"] == "Issued"
    assert response is not None
    assert response.warnings == (f"{IGNORED}: [{name[:64]}]",)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"sectigo_csr_domain": "https://www.example.com/shop"},
            "sectigo_csr_domain must be a name, not a URL: did you mean www.example.com?",
        ),
        (
            {"sectigo_ssl_cert_subject_alt_names": "a.example,https://b.example:8443/x"},
            "sectigo_ssl_cert_subject_alt_names cannot be used: name 2 is a URL, not a name: did you mean b.example?",
        ),
        ({"sectigo_csr_organization": "<organization>"}, "sectigo_csr_organization still holds the sample's text"),
        (
            {"sectigo_ssl_cert_custom_fields": '[{"name": "Ticket", "value": "<value_1>"}]'},
            "sectigo_ssl_cert_custom_fields still holds the sample's text",
        ),
        (
            {"sectigo_ssl_cert_subject_alt_names": ["a.example", "<name>"]},
            "sectigo_ssl_cert_subject_alt_names still holds the sample's text",
        ),
    ],
)
async def test_a_common_slip_is_refused_with_what_to_do(
    mount: Mount, change: dict[str, object], complaint: str
) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match=f"^{re.escape(complaint)}"):
        await mount.write("enroll/web", {**ORDER, **change})
    await assert_nothing_happened(mount)


async def test_an_unknown_field_without_a_value_asks_for_nothing(mount: Mount) -> None:
    await mount.configure()
    response = await mount.write("enroll/web", {**ORDER, "sectigo_colour": "", "sectigo_taste": None})
    assert answered(response)["status"] == "Issued"
    assert response is not None
    assert response.warnings == (f"{IGNORED}: [sectigo_colour sectigo_taste]",)


async def test_the_accounts_fields_in_an_order_are_ignored_with_a_warning_that_shows_no_value(mount: Mount) -> None:
    await mount.configure()
    response = await mount.write("enroll/web", {**ORDER, **ACCOUNT})
    assert answered(response)["status"] == "Issued"
    assert response is not None
    assert response.warnings == (
        f"{', '.join(sorted(CONFIG))} had no effect: the account belongs to the config entry, configs/<config_name>",
    )
    stored = b"".join(mount.storage.snapshot().values()).decode()
    assert not any(value in stored for value in ACCOUNT.values())


async def test_all_problems_of_an_order_are_told_at_once(mount: Mount) -> None:
    await mount.configure()
    changes = {
        "sectigo_csr_domain": "",
        "sectigo_csr_country": "CAN",
        "sectigo_ssl_cert_type": None,
        "sectigo_ssl_cert_validity": "one year",
        "sectigo_ssl_cert_comment": "a slip",
        "sectigo_client_cert_email": "ada@example.test",
        "sectigo_csr_key_size": 1024,
    }
    with pytest.raises(BadRequestError) as refused:
        await mount.write("enroll/web", {**ORDER, **changes})
    assert str(refused.value).splitlines() == [
        "sectigo_csr_country must be two letters, such as CA",
        "sectigo_ssl_cert_validity must be a number of days or a duration such as 36h or 30d",
        "sectigo_ssl_cert_comment is unknown on this path: did you mean sectigo_ssl_cert_comments?",
        "sectigo_client_cert_email does not go with a config entry of type ssl_cert",
        "sectigo_ssl_cert_type is required",
        "sectigo_csr_domain is required if no sectigo_csr is given",
        "sectigo_csr_key_size cannot be used: the key size is not supported for EC: 256, 384 or 521",
    ]


async def test_more_than_ten_problems_are_counted(mount: Mount) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError) as refused:
        await mount.write("enroll/web", {**ORDER, **{f"sectigo_nonsense_{number:02}": 1 for number in range(13)}})
    lines = str(refused.value).splitlines()
    assert lines[0].startswith("sectigo_nonsense_00 is unknown on this path")
    assert lines[10:] == ["… and 3 more"]


async def test_a_flood_of_unknown_fields_is_refused_in_one_line(mount: Mount) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match=r"^the request has 5000 unknown fields$"):
        await mount.write("enroll/web", {**ORDER, **{f"sectigo_nonsense_{number}": 1 for number in range(5000)}})


async def test_an_unknown_entry_is_told_together_with_what_is_wrong_with_the_fields(mount: Mount) -> None:
    with pytest.raises(BadRequestError) as refused:
        await mount.enroll(sectigo_ssl_cert_type=0)
    assert str(refused.value).splitlines() == [
        "sectigo_ssl_cert_type must be at least 1, it is 0",
        'no config entry named "web"; write configs/web first',
    ]


@pytest.mark.parametrize("operation", ["renew", "replace"])
async def test_every_path_that_orders_refuses_a_misspelt_field(mount: Mount, operation: str) -> None:
    await mount.configure()
    path = f"{operation}/web/{(await mount.enroll())['cert_unique_id']}"
    stored, calls = mount.storage.snapshot(), len(mount.simulator.calls)
    slip = {"sectigo_reason": "lost", "sectigo_max_timeouts": 0} if operation == "replace" else {"max_timeout": 0}
    with pytest.raises(BadRequestError, match=r"is unknown on this path: did you mean sectigo_max_timeout\?"):
        await mount.write(path, slip)
    assert mount.storage.snapshot() == stored
    assert len(mount.simulator.calls) == calls
    response = await mount.write(path, {**({"sectigo_reason": "lost"} if operation == "replace" else {}), **ACCOUNT})
    assert answered(response)["status"] == "Issued"
    assert response is not None
    assert "had no effect: the account belongs to the config entry" in response.warnings[0]


async def test_other_paths_take_an_unknown_field_with_a_warning(mount: Mount) -> None:
    unknown = {"sectigo_max_timeouts": "0"}
    response = await mount.write("configs/web", {**CONFIG, **unknown})
    assert response is not None
    assert response.warnings == (f"{IGNORED}: [sectigo_max_timeouts]",)
    unique_id = (await mount.enroll())["cert_unique_id"]
    for answer in (
        await mount.read(f"certs/web/{unique_id}", unknown),
        await mount.write(f"fetch/web/{unique_id}", unknown),
        await mount.write(f"revoke/web/{unique_id}", {"sectigo_reason": "lost", **unknown}),
    ):
        assert answer is not None
        assert answer.warnings == (f"{IGNORED}: [sectigo_max_timeouts]",)


@pytest.mark.parametrize("path", ["certs/web/<cert_unique_id>", "certs/web/1_demo-customer@ssl_cert.json"])
async def test_a_sample_in_a_path_is_refused_by_the_name_of_its_field(mount: Mount, path: str) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match=r'^sectigo_cert_unique_id (still holds|contains "@")'):
        await mount.read(path)


async def test_a_file_name_glued_to_scms_id_is_told(mount: Mount) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match=r'^cert_id contains "@": put a space before @file$'):
        await mount.write("fetch/web/123@ssl_cert_fetch.json", {})
    await assert_nothing_happened(mount)


async def test_sample_text_is_refused_on_every_path_that_takes_text(mount: Mount) -> None:
    await mount.configure()
    unique_id = (await mount.enroll())["cert_unique_id"]
    sample = {"sectigo_reason": "<why>"}
    for path in (f"revoke/web/{unique_id}", f"replace/web/{unique_id}"):
        with pytest.raises(BadRequestError, match="sectigo_reason still holds the sample's text in angle brackets"):
            await mount.write(path, sample)
    with pytest.raises(BadRequestError, match="password still holds the sample's text in angle brackets"):
        await mount.write(f"export/web/{unique_id}", {"format": "pkcs12", "password": "<password of the file>"})
    with pytest.raises(BadRequestError, match="allowed_domains still holds the sample's text"):
        await mount.write("roles/web", {"config": "web", "allowed_domains": "<your domain>"})


async def test_a_role_that_lacks_fields_is_told_all_of_them(mount: Mount) -> None:
    with pytest.raises(BadRequestError) as refused:
        await mount.write("roles/web", {"validity": "one year"})
    assert {line.split()[0] for line in str(refused.value).splitlines()} == {"config", "certificate_type", "validity"}
