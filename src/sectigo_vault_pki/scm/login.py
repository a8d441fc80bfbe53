"""How an account logs in at SCM: a flow of requests around each call, as httpx's `Auth` describes it.

Another login is another class here, which `login_of` returns. Its flow may yield requests of its own, such as one for
a token, and the call's request once more after a 401. If such a request fails, or the flow ends with one, SCM has taken
nothing.
"""

from collections.abc import Generator

import httpx

from sectigo_vault_pki.scm.account import ScmAccount


class PasswordLogin(httpx.Auth):
    """Login, password and customer URI in the headers of each request (scm-api.md 1.1), as UTF-8."""

    def __init__(self, account: ScmAccount) -> None:
        self._account = account

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        login = (
            (b"login", self._account.login.encode()),
            (b"password", self._account.password.get_secret_value().encode()),
            (b"customerUri", self._account.customer_uri.encode()),
        )
        # Headers that have been read as ASCII once would not be read in any other way afterwards: these are new ones.
        request.headers = httpx.Headers((*request.headers.raw, *login))
        yield request


def login_of(account: ScmAccount) -> httpx.Auth:
    """Return the flow by which an account logs in."""
    return PasswordLogin(account)
