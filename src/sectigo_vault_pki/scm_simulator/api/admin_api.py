"""What an administrator can learn and do about itself: its password and its privileges (scm-api.md 13.1)."""

import hmac

from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.bodies import PasswordBody
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints
from sectigo_vault_pki.scm_simulator.api.inbound import Inbound, compact_json_response, no_content
from sectigo_vault_pki.scm_simulator.api.login import CHANGE_PASSWORD_PATH, PASSWORD_PATH
from sectigo_vault_pki.scm_simulator.model.accounts import Accounts, Administrator

PRIVILEGES_PATH = "/api/admin/v1/privileges"


class AdminApi:
    """The handlers, one method an operation."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def routes(self, endpoints: Endpoints) -> list[Route]:
        make = endpoints.endpoint
        return [
            Route(PASSWORD_PATH, make("password", self.password), methods=["GET"]),
            Route(CHANGE_PASSWORD_PATH, make("change_password", self.change_password), methods=["POST"]),
            Route(PRIVILEGES_PATH, make("privileges", self.privileges), methods=["GET"]),
        ]

    def password(self, inbound: Inbound) -> Response:
        """Tell until when the password is good; one that never ends has no date."""
        administrator = _administrator(inbound)
        ends = administrator.password_ends
        date = {} if ends is None else {"expirationDate": ends.date().isoformat()}
        return compact_json_response({**date, "state": administrator.password_state(self._accounts.now())})

    def change_password(self, inbound: Inbound) -> Response:
        body = PasswordBody.parse(inbound.body)
        administrator = _administrator(inbound)
        if not hmac.compare_digest(inbound.password.encode(), administrator.password.encode()):
            raise scm_problems.wrong_old_password()
        if not self._accounts.change_password(administrator, body.newPassword):
            raise scm_problems.invalid_value("newPassword")
        return no_content()

    def privileges(self, inbound: Inbound) -> Response:
        """List the caller's privileges; `role` is taken and without effect."""
        return compact_json_response([{"name": name} for name in sorted(_administrator(inbound).privileges)])


def _administrator(inbound: Inbound) -> Administrator:
    if inbound.caller.administrator is None:
        raise scm_problems.unknown_user()
    return inbound.caller.administrator
