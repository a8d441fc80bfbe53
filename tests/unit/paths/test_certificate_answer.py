"""Answers are kept as long as the records they show, and no longer."""

import gc
from pathlib import Path

from sectigo_vault_pki.lifecycle import Answer
from sectigo_vault_pki.paths.answers.certificate_answer import AnsweredCertificates
from sectigo_vault_pki.pki import CertificateFormat, parse_chain
from sectigo_vault_pki.store import CertificateRecord
from sectigo_vault_pki.vault_plugin.logical import EncodedData
from tests.support.records import certificate_record, current_certificate

LEAF = (Path(__file__).parents[2] / "vectors" / "leaf.pem").read_bytes()


def issued() -> CertificateRecord:
    chain = parse_chain(LEAF, public_key_digest=None)
    current = current_certificate().model_copy(update={"bundle": chain.bundle_pem})
    return certificate_record(order=None, current=current)


def test_an_answer_is_encoded_once_for_each_record_and_format() -> None:
    answered, record = AnsweredCertificates(), issued()
    first = answered.response(Answer(record, ("careful",)), None)
    again = answered.response(Answer(record), None)
    other = answered.response(Answer(record), CertificateFormat.BASE64)
    assert isinstance(first.data, EncodedData)
    assert again.data is first.data
    assert first.data.json is first.data.json
    assert (first.warnings, again.warnings) == (("careful",), ())
    assert other.data is not first.data


def test_an_equal_record_has_an_answer_of_its_own() -> None:
    answered = AnsweredCertificates()
    records = issued(), issued()
    one, other = (answered.response(Answer(record), None) for record in records)
    assert one.data is not other.data


def test_an_answer_goes_with_its_record() -> None:
    answered, record = AnsweredCertificates(), issued()
    answered.response(Answer(record), None)
    assert len(answered) == 1
    del record
    gc.collect()
    assert len(answered) == 0


def test_what_is_not_issued_is_not_kept() -> None:
    answered, record = AnsweredCertificates(), certificate_record()
    answered.response(Answer(record), None)
    assert len(answered) == 0
