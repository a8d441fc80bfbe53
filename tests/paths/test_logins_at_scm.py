"""The same life of certificates on every login and both versions of SCM's API, and what ends a login."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, UnavailableError
from tests.support.mount import CLIENT_ORDER, CONFIG, ORDER, Mount, answered

SECRETS = ("demo-password", "demo-client-secret", "PRIVATE KEY")
TOKEN_URL = "https://scm.example.test/auth/realms/apiclients/protocol/openid-connect/token"
WITHOUT_LOGIN = {name: CONFIG[name] for name in ("sectigo_cm_uri", "sectigo_cm_org_id", "sectigo_cm_base_url")}
OAUTH2 = {
    **WITHOUT_LOGIN,
    "sectigo_cm_auth": "oauth2",
    "sectigo_cm_client_id": "demo-client-id",
    "sectigo_cm_client_secret": "demo-client-secret",
}


def certificate_login(mount: Mount, *, trusted: bool = True) -> dict[str, object]:
    shown = mount.simulator.issue_login_certificate("demo-user")
    if trusted:
        mount.simulator.accounts.trust("demo-user", shown.certificate)
    return {
        **WITHOUT_LOGIN,
        "sectigo_cm_auth": "certificate",
        "sectigo_cm_user": "demo-user",
        "sectigo_cm_client_cert": shown.certificate_pem(),
        "sectigo_cm_client_key": shown.private_key_pem(),
    }


LOGINS = ("password", "certificate", "oauth2", "oauth2 of a named token URL", "oauth2 on v1", "oauth2 on v2")


def login(mount: Mount, name: str) -> Mapping[str, object]:
    match name:
        case "password":
            return dict(CONFIG)
        case "certificate":
            return certificate_login(mount)
        case "oauth2 of a named token URL":
            return {**OAUTH2, "sectigo_cm_token_url": TOKEN_URL}
        case "oauth2 on v1" | "oauth2 on v2":
            return {**OAUTH2, "sectigo_cm_api_version": name[-2:]}
    return OAUTH2


@dataclass
class Account:
    """A mount with an entry of one login, for SSL and for client certificates."""

    mount: Mount
    name: str

    @property
    def is_oauth2(self) -> bool:
        return self.name.startswith("oauth2")


@pytest.fixture(params=LOGINS)
async def account(mount: Mount, request: pytest.FixtureRequest) -> AsyncIterator[Account]:
    mount.simulator.settings.pending_polls = 0
    values = login(mount, request.param)
    await mount.write("configs/web", {**values, "sectigo_config_type": "ssl_cert"})
    await mount.write("configs/people", {**values, "sectigo_config_type": "client_cert"})
    yield Account(mount, request.param)
    for config_name in ("web", "people"):
        shown = str(answered(await mount.read(f"configs/{config_name}")))
        assert not any(secret in shown for secret in SECRETS)


async def test_an_ssl_certificate_lives(account: Account) -> None:
    mount = account.mount
    enrolled = answered(await mount.write("enroll/web", ORDER))
    assert enrolled["status"] == "Issued"
    unique_id = enrolled["cert_unique_id"]
    renewed = answered(await mount.write(f"renew/web/{unique_id}", {}))
    assert renewed["status"] == "Issued"
    replaced = answered(await mount.write(f"replace/web/{renewed['cert_unique_id']}", {"sectigo_reason": "new key"}))
    assert replaced["serial_number"] != renewed["serial_number"]
    revoked = answered(await mount.write(f"revoke/web/{unique_id}", {"sectigo_reason": "superseded"}))
    assert revoked["status"] == "Revoked"
    fetched = answered(await mount.write(f"fetch/web/{renewed['ssl_id']}", {}))
    assert fetched["serial_number"] == replaced["serial_number"]


async def test_a_client_certificate_lives(account: Account) -> None:
    mount = account.mount
    unique_id = answered(await mount.write("enroll/people", CLIENT_ORDER))["cert_unique_id"]
    renewed = answered(await mount.write(f"renew/people/{unique_id}", {}))
    assert renewed["status"] == "Issued"
    replacing = {"sectigo_reason": "new key", "sectigo_client_cert_revoked_on_replace": False}
    if account.is_oauth2:
        calls = mount.simulator.calls.count("replace")
        with pytest.raises(BadRequestError, match="SCM's API behind OAuth2 replaces no client certificates"):
            await mount.write(f"replace/people/{unique_id}", replacing)
        assert mount.simulator.calls.count("replace") == calls
    else:
        assert answered(await mount.write(f"replace/people/{unique_id}", replacing))["status"] == "Issued"
    assert answered(await mount.write(f"revoke/people/{unique_id}", {"sectigo_reason": "1"}))["status"] == "Revoked"


async def test_the_login_can_be_tried(account: Account) -> None:
    response = await account.mount.read("configs/web/test")
    data = answered(response)
    assert response is not None
    assert response.warnings == ()
    assert data["organization"]
    assert data["api_enabled"] == "yes"
    assert data["profiles"] > 3
    assert data["password_state"] == ("NEVER_EXPIRE" if account.name == "password" else "")
    assert data["api_version"] == ("v2" if account.is_oauth2 and not account.name.endswith("v1") else "v1")
    assert account.mount.simulator.calls.count("enroll") == 0
    assert answered(await account.mount.read("configs/people/test"))["profiles"] > 0


async def test_a_token_that_ends_is_fetched_anew_without_a_word(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.write("configs/web", {**OAUTH2, "sectigo_config_type": "ssl_cert"})
    await mount.enroll()
    mount.clock.advance(hours=2)
    mount.simulator.accounts.end_tokens()
    assert (await mount.enroll())["status"] == "Issued"
    assert mount.simulator.calls.count("enroll") == 2


async def assert_login_is_mended_by_a_write(mount: Mount, refusal: str, mend: Mapping[str, object]) -> None:
    """Hold that an order fails with one clear error, costs few calls, and works after a write of the entry."""
    with pytest.raises(BadRequestError, match=refusal) as caught:
        await mount.enroll()
    assert not any(secret in str(caught.value) for secret in SECRETS)
    refused = mount.simulator.calls.count("unauthorized")
    for _ in range(10):
        await mount.tick()
    assert mount.simulator.calls.count("unauthorized") - refused <= 1
    assert mount.simulator.calls.count("enroll") == 0
    await mount.write("configs/web", mend)
    assert (await mount.enroll())["status"] == "Issued"


async def test_a_revoked_client_is_one_clear_error(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.write("configs/web", {**OAUTH2, "sectigo_cm_token_url": TOKEN_URL, "sectigo_config_type": "ssl_cert"})
    mount.simulator.accounts.revoke_client("demo-client-id")
    mount.simulator.accounts.add_client("second", "its-secret-0", login="demo-user")
    mend = {"sectigo_cm_client_id": "second", "sectigo_cm_client_secret": "its-secret-0"}
    await assert_login_is_mended_by_a_write(mount, "sectigo_cm_client_id or sectigo_cm_client_secret is wrong", mend)


async def test_a_changed_password_is_one_clear_error(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    administrator = mount.simulator.accounts.administrator("demo-user")
    assert administrator is not None
    mount.simulator.accounts.change_password(administrator, "another-password-1")
    await assert_login_is_mended_by_a_write(mount, "Unknown user", {"sectigo_cm_password": "another-password-1"})


async def test_an_untrusted_client_certificate_is_one_clear_error(mount: Mount) -> None:
    mount.simulator.settings.pending_polls = 0
    await mount.write("configs/web", {**certificate_login(mount, trusted=False), "sectigo_config_type": "ssl_cert"})
    await assert_login_is_mended_by_a_write(mount, "Unknown user", certificate_login(mount))


async def test_a_hostile_401_does_not_get_the_client_secret(mount: Mount) -> None:
    mount.simulator.settings.token_url = "https://evil.example/token"
    await mount.write("configs/web", {**OAUTH2, "sectigo_config_type": "ssl_cert"})
    with pytest.raises(BadRequestError, match="needs sectigo_cm_token_url"):
        await mount.enroll()


async def test_a_password_that_ends_soon_is_told_by_the_test(mount: Mount) -> None:
    await mount.configure()
    administrator = mount.simulator.accounts.administrator("demo-user")
    assert administrator is not None
    administrator.password_ends = mount.clock.now() + timedelta(days=10)
    response = await mount.read("configs/web/test")
    assert response is not None
    assert any("rotate-root changes it" in warning for warning in response.warnings)
    assert answered(response)["password_state"] == "ALIVE"


async def test_a_clock_off_by_hours_is_told_by_the_test(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.settings.date_offset_seconds = 7200
    response = await mount.read("configs/web/test")
    assert response is not None
    assert any("clock" in warning for warning in response.warnings)
    assert answered(response)["clock_difference"] == -7200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sectigo_cm_org_id": 9999}, "lists no organization or department with the id 9999"),
        ({"sectigo_cm_password": "wrong-password"}, "SCM refused organization: Unknown user"),
    ],
)
async def test_what_would_stop_orders_is_an_error_of_the_test(
    mount: Mount, changes: dict[str, Any], message: str
) -> None:
    await mount.configure(**changes)
    with pytest.raises(BadRequestError, match=message):
        await mount.read("configs/web/test")


@pytest.mark.parametrize("path", ["configs/web/test", "profile/web/501"])
async def test_a_client_secret_that_is_wrong_is_the_users_to_correct(mount: Mount, path: str) -> None:
    wrong = {**OAUTH2, "sectigo_cm_client_secret": "wrong-secret-0", "sectigo_cm_token_url": TOKEN_URL}
    await mount.write("configs/web", {**wrong, "sectigo_config_type": "ssl_cert"})
    with pytest.raises(BadRequestError, match="the token server refused the client: invalid_client") as caught:
        await mount.read(path)
    assert "sectigo_cm_client_id or sectigo_cm_client_secret is wrong" in str(caught.value)
    assert "wrong-secret-0" not in str(caught.value)


async def test_a_page_in_place_of_the_token_server_is_no_refused_login(mount: Mount) -> None:
    await mount.write("configs/web", {**OAUTH2, "sectigo_cm_token_url": TOKEN_URL, "sectigo_config_type": "ssl_cert"})
    mount.simulator.faults.add("token", "page", status=401, times=None)
    with pytest.raises(UnavailableError, match="the token server answered HTTP 401"):
        await mount.read("configs/web/test")


async def test_refused_logins_leave_the_answer_a_refusal_however_many_come(mount: Mount) -> None:
    wrong = {**OAUTH2, "sectigo_cm_client_secret": "wrong-secret-0", "sectigo_cm_token_url": TOKEN_URL}
    await mount.write("configs/web", {**wrong, "sectigo_config_type": "ssl_cert"})
    for _ in range(15):
        with pytest.raises(BadRequestError, match="invalid_client"):
            await mount.read("configs/web/test")


async def test_orders_are_not_sent_as_long_as_the_token_server_hangs(mount: Mount) -> None:
    """Some of them reach the limit of a whole call while they wait for the token: SCM cannot have taken those."""
    login = {**OAUTH2, "sectigo_cm_token_url": TOKEN_URL, "sectigo_cm_api_version": "v1"}
    waiting = {"sectigo_wait_limit": "2h", "sectigo_max_timeout": "2h"}
    await mount.write("configs/web", {**login, **waiting, "sectigo_config_type": "ssl_cert"})
    mount.simulator.faults.add("token", "slow", seconds=100_000.0, times=None)
    failures = await asyncio.gather(*(mount.enroll() for _ in range(12)), return_exceptions=True)
    assert all(isinstance(failure, UnavailableError) for failure in failures), failures
    assert any("the whole answer did not come within the time limit" in str(failure) for failure in failures)
    assert mount.simulator.calls.count("enroll") == 0
    assert await mount.list("certs/web") == []


async def test_a_login_that_is_refused_halfway_fails_the_test(mount: Mount) -> None:
    """The list of organizations is answered, and what comes in place of the details says that the login is wrong."""
    await mount.configure()
    mount.simulator.faults.add("organizations", "slow", seconds=0.0)
    mount.simulator.faults.add("organizations", "page", status=401)
    with pytest.raises(UnavailableError, match="SCM is not available for organization: HTTP 401"):
        await mount.read("configs/web/test")
