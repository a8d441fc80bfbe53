"""SCM's header login (scm-api.md 1.1)."""

from collections.abc import Generator

import httpx

from sectigo_vault_pki.scm.account import ScmAccount


class HeaderLogin(httpx.Auth):
    """Puts login, password and customer URI on each request of its account."""

    def __init__(self, account: ScmAccount) -> None:
        self._account = account

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        headers = request.headers
        headers.encoding = "utf-8"  # else httpx fails on what is outside ASCII
        headers["login"] = self._account.login
        headers["password"] = self._account.password.get_secret_value()
        headers["customerUri"] = self._account.customer_uri
        yield request
