"""A replacement whose answer was lost: what SCM says and delivers decides, and a doubt stays a doubt."""

from pathlib import Path

import pytest

from sectigo_vault_pki.errors import ScmRefusedError
from sectigo_vault_pki.lifecycle.rules.evidence import evidence_of_replacement
from sectigo_vault_pki.lifecycle.rules.states import Found, NotFound, Undecided
from sectigo_vault_pki.pki import parse_chain
from sectigo_vault_pki.scm import Collected, Standing, StillProcessing
from sectigo_vault_pki.store import CertificateRecord, OrderInFlight, OrderOperation
from tests.support.records import UUID, certificate_record, current_certificate
from tests.support.virtual_time import START

VECTORS = Path(__file__).parents[2] / "vectors"
OLD, NEW = (Collected((VECTORS / name).read_bytes()) for name in ("leaf.pem", "leaf_ec.pem"))
OLD_CHAIN, NEW_CHAIN = (parse_chain(one.content, public_key_digest=None) for one in (OLD, NEW))
HELD = certificate_record(order=None, current=current_certificate().model_copy(update={"bundle": OLD_CHAIN.bundle_pem}))
EARLIER = OrderInFlight(uuid="another", operation=OrderOperation.REPLACE, key_digest="aa" * 32, accepted_at=START)
WITH_EARLIER = HELD.model_copy(update={"order": EARLIER})
SOUGHT = OrderInFlight(
    uuid=UUID, operation=OrderOperation.REPLACE, key_digest=NEW_CHAIN.public_key_digest.hex(), accepted_at=START
)
OLD_SERIAL = OLD_CHAIN.serial_number.upper()
PROCESSING = StillProcessing(code=0, description="being processed")
TROUBLED = StillProcessing(code=None, description="", says_so=False)
REFUSED = ScmRefusedError("collect", code=-110, description="revoked", status=400)


@pytest.mark.parametrize(
    ("standing", "delivered", "record", "evidence"),
    [
        (Standing("Issued", "AA:BB"), NEW, HELD, Found),
        (Standing("Applied"), NEW, HELD, Found),
        (Standing("Issued", OLD_SERIAL), OLD, HELD, NotFound),
        (Standing("issued", OLD_SERIAL.replace(":", "")), OLD, HELD, NotFound),
        (Standing("Issued"), OLD, HELD, NotFound),
        (Standing("Issued", "AA:BB"), OLD, HELD, Undecided),
        (Standing("Applied", OLD_SERIAL), OLD, HELD, Undecided),
        (Standing(), OLD, HELD, Undecided),
        (Standing("Issued", OLD_SERIAL), Collected(b"no certificate"), HELD, Undecided),
        (Standing("Applied"), PROCESSING, HELD, Found),
        (Standing("Applied"), PROCESSING, WITH_EARLIER, Undecided),
        (Standing("Issued"), TROUBLED, HELD, Undecided),
        (Standing("Declined"), REFUSED, HELD, NotFound),
        (Standing("Revoked"), REFUSED, WITH_EARLIER, NotFound),
        (Standing("Requested"), REFUSED, HELD, Undecided),
    ],
)
def test_only_what_scm_says_for_certain_decides(
    standing: Standing,
    delivered: Collected | StillProcessing | ScmRefusedError,
    record: CertificateRecord,
    evidence: type[Found | NotFound | Undecided],
) -> None:
    assert type(evidence_of_replacement(standing, delivered, record, SOUGHT)) is evidence
