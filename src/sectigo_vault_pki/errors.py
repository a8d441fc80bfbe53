"""Everything that can go wrong in the engine's own domain.

    SectigoVaultPkiError
    ├── InvalidInputError            a value from the user that cannot be used
    │   ├── InvalidPrivateKeyError
    │   ├── InvalidCsrError
    │   └── KeyMismatchError         the private key and the CSR do not belong together
    ├── ChainError                   the collected answer is not a certificate of this key
    │   └── OtherKeyError            it has certificates, but of other keys
    ├── NotFoundError                nothing is stored under that name
    │   ├── UnknownConfigError
    │   ├── UnknownCertificateError
    │   ├── UnknownDomainError       SCM does not know that domain
    │   ├── UnknownProfileError
    │   ├── UnknownRoleError
    │   └── UnknownSerialError
    ├── ConflictError                the stored state does not allow it
    │   ├── OrderLimitError          the orders of the last 24 hours are used up
    │   ├── StorageMovedError        the host has moved the mount's storage
    │   └── RenewalHeldError         nothing is renewed automatically now
    ├── PendingError                 the certificate is ordered, but not issued yet
    ├── RecordError                  a stored record cannot be read
    ├── StandbyError                 only the active node may do it
    └── ScmError                     SCM
        ├── ScmRefusedError          refused the call, with its own error
        ├── ScmUnavailableError      gave no usable answer, and accepted no order
        │   └── ScmAnswerTooLongError  answered more at once than is read
        └── ScmAnswerLostError       may have accepted an order, but its answer was lost

Every text is one sentence for the user and carries no secret. `paths.error_kinds` maps each to an error of the host.
"""


class SectigoVaultPkiError(Exception):
    """The base of the tree."""

    safe_text = True  # for the log (`vault_plugin.process.logs`)


class InvalidInputError(SectigoVaultPkiError):
    """A value from the user that cannot be used; the text names the field and what is allowed."""


class InvalidPrivateKeyError(InvalidInputError):
    """The given text is not a private key that the engine accepts."""


class InvalidCsrError(InvalidInputError):
    """The given text is not a CSR, or its signature is invalid."""


class KeyMismatchError(InvalidInputError):
    """The private key and the CSR do not belong together."""


class ChainError(SectigoVaultPkiError):
    """The collected answer is not a certificate chain for the key of the order."""


class OtherKeyError(ChainError):
    """None of the collected certificates has the key of the order."""


class NotFoundError(SectigoVaultPkiError):
    """Nothing is stored under that name."""


class UnknownConfigError(NotFoundError):
    """No config entry has that name."""

    def __init__(self, config_name: str) -> None:
        super().__init__(f'no config entry named "{config_name}"')
        self.config_name = config_name


class UnknownCertificateError(NotFoundError):
    """No certificate has that unique id under that config entry."""

    def __init__(self, config_name: str, unique_id: str | None) -> None:
        """Take an id, or None for text that does not have the form of one and is not shown."""
        named = "with that id" if unique_id is None else f'"{unique_id}"'
        super().__init__(f'no certificate {named} under config entry "{config_name}"')
        self.config_name = config_name
        self.unique_id = unique_id


class UnknownDomainError(NotFoundError):
    """SCM does not know that domain."""

    def __init__(self, domain: str) -> None:
        super().__init__(f'SCM does not know the domain "{domain}"')


class UnknownProfileError(NotFoundError):
    """SCM offers no such certificate profile."""

    def __init__(self, profile_id: int, offered: str) -> None:
        super().__init__(f"SCM offers this organization no certificate profile {profile_id}: it offers {offered}")


class UnknownRoleError(NotFoundError):
    """No role has that name."""

    def __init__(self, role_name: str) -> None:
        super().__init__(f"unknown role: {role_name}")


class UnknownSerialError(NotFoundError):
    """No certificate has that serial number."""

    def __init__(self, serial_number: str) -> None:
        super().__init__(f"certificate with serial {serial_number} not found")


class PendingError(SectigoVaultPkiError):
    """The order is placed and stored, but its certificate is not issued yet."""

    def __init__(self, unique_id: str, config_name: str, reason: str, *, next_order_from: str | None = None) -> None:
        """Take the reason, and the time from which an equal request orders another one; None: it never does."""
        reading = f"read certs/{config_name}/{unique_id} for its status"
        if next_order_from is None:
            text = f"pending: {reason}; an equal request continues this order and orders nothing else; {reading}"
        else:
            text = f"pending: {reason}; an equal request orders another one from {next_order_from} on; {reading}"
        super().__init__(text)


class ConflictError(SectigoVaultPkiError):
    """The stored state does not allow the request."""


class OrderLimitError(ConflictError):
    """The limit of orders is reached; nothing was ordered."""


class StorageMovedError(ConflictError):
    """The host has moved the mount's storage, and a new certificate would be lost; nothing was ordered."""

    def __init__(self) -> None:
        super().__init__(
            "this mount's storage has moved, and what is written now would be lost: nothing was ordered or stored; "
            "reload the plugin (plugin reload -mounts=<path>) and try again"
        )


class RenewalHeldError(ConflictError):
    """A certificate is not renewed automatically now; a `renew` write still renews it."""


class RecordError(SectigoVaultPkiError):
    """A stored record is damaged, or was written by a newer version of the engine."""


class StandbyError(SectigoVaultPkiError):
    """This node must neither write nor call SCM, and did neither."""

    def __init__(self) -> None:
        super().__init__("this node may not write")


class ScmError(SectigoVaultPkiError):
    """The base of failed calls to SCM.

    Attributes:
        operation: SCM's word for the call, such as `enroll`.
        login_refused: whether SCM refused the login (HTTP 401, or SCM's code for it).
    """

    def __init__(self, operation: str, text: str, *, login_refused: bool = False) -> None:
        super().__init__(text)
        self.operation = operation
        self.login_refused = login_refused


class ScmRefusedError(ScmError):
    """SCM refused the call with an error of its own, or its token server the login; it accepted no order.

    Attributes:
        code: SCM's code, or None if the answer had none.
        description: SCM's text.
        status: the HTTP status of the answer.
        hint: what to do about it, or None; ends the error's text.
    """

    def __init__(
        self,
        operation: str,
        *,
        code: int | None,
        description: str,
        status: int,
        hint: str | None = None,
        login_refused: bool = False,
    ) -> None:
        shown = f"code {code}" if code is not None else f"HTTP {status}"
        advice = f"; {hint}" if hint is not None else ""
        super().__init__(
            operation, f"SCM refused {operation}: {description} ({shown}){advice}", login_refused=login_refused
        )
        self.hint = hint
        self.code = code
        self.description = description
        self.status = status


class ScmUnavailableError(ScmError):
    """SCM accepted no order: not reached, too busy, or no clear answer to a call that orders nothing.

    Attributes:
        answered: whether an unusable answer came, such as a proxy's page; False if none did.
    """

    def __init__(self, operation: str, text: str, *, login_refused: bool = False, answered: bool = False) -> None:
        super().__init__(operation, text, login_refused=login_refused)
        self.answered = answered


class ScmAnswerTooLongError(ScmUnavailableError):
    """SCM answered, and more at once than is read: a part of it can be asked for."""


class ScmAnswerLostError(ScmError):
    """The call was sent, but no clear answer came: SCM may have accepted the order."""
