"""Config entries that log in by OAuth2 or by a client certificate."""

import pytest
import trustme

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.mount import CONFIG, Mount, answered

OF_THE_PASSWORD = ("sectigo_cm_user", "sectigo_cm_password")
WITHOUT_LOGIN = {name: value for name, value in CONFIG.items() if name not in OF_THE_PASSWORD}
SECRET = "canary-client-secret"
OAUTH2 = {
    **WITHOUT_LOGIN,
    "sectigo_cm_auth": "oauth2",
    "sectigo_cm_client_id": "client-1",
    "sectigo_cm_client_secret": SECRET,
    "sectigo_cm_token_url": "https://auth.sso.sectigo.com/auth/realms/apiclients/protocol/openid-connect/token",
}


def certificate_login() -> dict[str, object]:
    certificate = trustme.CA().issue_cert("api-user@example.test")
    return {
        **WITHOUT_LOGIN,
        "sectigo_cm_auth": "certificate",
        "sectigo_cm_user": "demo-user",
        "sectigo_cm_client_cert": certificate.cert_chain_pems[0].bytes().decode(),
        "sectigo_cm_client_key": certificate.private_key_pem.bytes().decode(),
    }


async def test_an_oauth2_entry_is_read_without_its_secret(mount: Mount) -> None:
    await mount.write("configs/web", OAUTH2)
    data = answered(await mount.read("configs/web"))
    assert data["sectigo_cm_auth"] == "oauth2"
    assert data["sectigo_cm_client_id"] == "client-1"
    assert data["sectigo_cm_token_url"] == OAUTH2["sectigo_cm_token_url"]
    assert SECRET not in str(data)
    assert data["sectigo_cm_user"] == ""


async def test_a_certificate_entry_is_read_without_its_key(mount: Mount) -> None:
    login = certificate_login()
    await mount.write("configs/web", login)
    data = answered(await mount.read("configs/web"))
    assert str(login["sectigo_cm_client_cert"]).strip() in data["sectigo_cm_client_cert"]
    assert "PRIVATE KEY" not in str(data)


async def test_the_fields_of_another_login_are_refused_all_at_once(mount: Mount) -> None:
    with pytest.raises(BadRequestError) as refused:
        await mount.write("configs/web", {**CONFIG, **OAUTH2})
    assert {line.split()[0] for line in str(refused.value).splitlines()} == {*OF_THE_PASSWORD}
    with pytest.raises(BadRequestError, match="sectigo_cm_token_url belongs to sectigo_cm_auth=oauth2"):
        await mount.write("configs/web", {**CONFIG, "sectigo_cm_token_url": OAUTH2["sectigo_cm_token_url"]})
    assert await mount.list("configs/") == []


async def test_a_field_of_two_other_logins_is_one_error(mount: Mount) -> None:
    await mount.write("configs/web", OAUTH2)
    with pytest.raises(BadRequestError) as refused:
        await mount.write("configs/web", {"sectigo_cm_user": "api-user"})
    said = "sectigo_cm_user belongs to sectigo_cm_auth=password or certificate, and this entry logs in by oauth2"
    assert str(refused.value) == said


async def test_a_client_certificate_needs_tls(mount: Mount) -> None:
    plain = {**certificate_login(), "sectigo_cm_base_url": "http://127.0.0.1:8080"}
    with pytest.raises(BadRequestError, match="sectigo_cm_auth=certificate needs an https:// address"):
        await mount.write("configs/web", plain)
    assert await mount.list("configs/") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sectigo_cm_client_id": ""}, "sectigo_cm_client_id is required"),
        ({"sectigo_cm_client_secret": None}, "sectigo_cm_client_secret is required"),
        ({"sectigo_cm_token_url": "http://auth.example/token"}, "sectigo_cm_token_url cannot be used"),
        ({"sectigo_cm_token_url": "https://u:p@auth.example/token"}, "sectigo_cm_token_url cannot be used"),
        ({"sectigo_cm_api_version": "v3"}, "sectigo_cm_api_version must be one of v1, v2"),
        ({"sectigo_cm_auth": "kerberos"}, "sectigo_cm_auth must be one of password, oauth2, certificate"),
    ],
)
async def test_what_is_no_oauth2_login_is_refused(mount: Mount, changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadRequestError, match=f"^{message}"):
        await mount.write("configs/web", {**OAUTH2, **changes})


async def test_what_is_no_client_certificate_is_named(mount: Mount) -> None:
    login = {**certificate_login(), "sectigo_cm_client_cert": "nothing"}
    with pytest.raises(BadRequestError, match=r"^sectigo_cm_client_cert must be certificates in PEM"):
        await mount.write("configs/web", login)


async def test_a_key_of_another_certificate_is_refused(mount: Mount) -> None:
    login = {**certificate_login(), "sectigo_cm_client_key": certificate_login()["sectigo_cm_client_key"]}
    with pytest.raises(BadRequestError, match="cannot be used together"):
        await mount.write("configs/web", login)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sectigo_cm_token_url", "https://evil.example/token"),
        ("sectigo_cm_client_id", "client-2"),
        ("sectigo_cm_base_url", "https://evil.example"),
    ],
)
async def test_nobody_sends_a_stored_client_secret_elsewhere(mount: Mount, field: str, value: str) -> None:
    await mount.write("configs/web", OAUTH2)
    with pytest.raises(BadRequestError, match="sectigo_cm_client_secret is required in the same write"):
        await mount.write("configs/web", {field: value})
    await mount.write("configs/web", {field: value, "sectigo_cm_client_secret": SECRET})


async def test_a_change_of_the_kind_of_login_drops_the_old_one(mount: Mount) -> None:
    await mount.write("configs/web", OAUTH2)
    with pytest.raises(BadRequestError, match="sectigo_cm_user is required"):
        await mount.write("configs/web", {"sectigo_cm_auth": "password"})
    await mount.write(
        "configs/web",
        {"sectigo_cm_auth": "password", "sectigo_cm_user": "demo-user", "sectigo_cm_password": "canary-password"},
    )
    data = answered(await mount.read("configs/web"))
    assert (data["sectigo_cm_client_id"], data["sectigo_cm_token_url"]) == ("", "")
    assert SECRET.encode() not in b"".join(mount.storage.snapshot().values())


async def test_an_update_keeps_the_login(mount: Mount) -> None:
    await mount.write("configs/web", OAUTH2)
    await mount.write("configs/web", {"sectigo_cm_org_id": 7002, "sectigo_cm_api_version": "v2"})
    data = answered(await mount.read("configs/web"))
    assert (data["sectigo_cm_client_id"], data["sectigo_cm_api_version"]) == ("client-1", "v2")
