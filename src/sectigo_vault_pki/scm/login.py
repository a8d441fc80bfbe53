"""SCM's header login (scm-api.md 1.1)."""

from collections.abc import Sequence

from sectigo_vault_pki.scm.account import ScmAccount


def login_headers(account: ScmAccount) -> Sequence[tuple[bytes, bytes]]:
    """Return login, password and customer URI as each request of an account carries them: UTF-8, as SCM takes it."""
    return (
        (b"login", account.login.encode()),
        (b"password", account.password.get_secret_value().encode()),
        (b"customerUri", account.customer_uri.encode()),
    )
