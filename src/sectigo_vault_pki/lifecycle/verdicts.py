"""Whether SCM took a replacement whose answer was lost: a pure function of what SCM says and delivers afterwards."""

from enum import Enum, auto

from sectigo_vault_pki.errors import ChainError, ScmRefusedError
from sectigo_vault_pki.lifecycle.judging import event_of
from sectigo_vault_pki.lifecycle.states import Collected, IssuersMissing
from sectigo_vault_pki.pki import parse_chain
from sectigo_vault_pki.scm import Collected as ScmCollected
from sectigo_vault_pki.scm import Standing, StillProcessing
from sectigo_vault_pki.store import CertificateRecord, OrderInFlight

AT_REST = frozenset(
    {"issued", "downloaded", "expired", "revoked", "pre_revoked", "replaced", "declined", "rejected", "invalid"}
)
"""SCM's words for entries that wait for nothing (scm-api.md 3.8, 4.2), in lower case."""


class Verdict(Enum):
    """What became of a replacement."""

    TAKEN = auto()
    NOT_TAKEN = auto()
    UNKNOWN = auto()


def verdict_on_replacement(
    standing: Standing,
    delivered: ScmCollected | StillProcessing | ScmRefusedError,
    record: CertificateRecord,
    replacement: OrderInFlight,
) -> Verdict:
    """Judge by what SCM said of the entry, and by what it delivered after that.

    For a while after it has taken a replacement SCM may deliver the old certificate (scm-api.md 8.5). So that one is a
    proof only where SCM works on nothing and names the same serial number.
    """
    is_at_rest = standing.status.lower() in AT_REST
    if isinstance(delivered, StillProcessing):
        # What SCM is processing may be an earlier replacement in flight.
        return Verdict.TAKEN if delivered.says_so and record.order is None else Verdict.UNKNOWN
    if isinstance(delivered, ScmRefusedError):
        return Verdict.NOT_TAKEN if is_at_rest else Verdict.UNKNOWN
    if isinstance(event_of(delivered.content, record, replacement), Collected | IssuersMissing):
        return Verdict.TAKEN
    return Verdict.NOT_TAKEN if is_at_rest and _is_newest(delivered.content, standing) else Verdict.UNKNOWN


def _is_newest(content: bytes, standing: Standing) -> bool:
    try:
        chain = parse_chain(content, public_key_digest=None)
    except ChainError:
        return False
    return not standing.serial_number or _digits(chain.serial_number) == _digits(standing.serial_number)


def _digits(serial_number: str) -> str:
    return serial_number.replace(":", "").lower().lstrip("0")
