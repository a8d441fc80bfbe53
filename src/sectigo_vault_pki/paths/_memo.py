"""Answers that are read again and again: made and encoded once, and kept as long as the record they show."""

import weakref

from sectigo_vault_pki.lifecycle import Answer
from sectigo_vault_pki.paths._answers import certificate_response
from sectigo_vault_pki.pki import CertificateFormat
from sectigo_vault_pki.store import CertificateRecord
from sectigo_vault_pki.vault_plugin.logical import EncodedData, Response

_ByFormat = dict[CertificateFormat | None, EncodedData]


class AnsweredCertificates:
    """The answers of certificates in hand, by the very record, which never changes."""

    def __init__(self) -> None:
        self._answered: dict[int, _ByFormat] = {}

    def response(self, answer: Answer, wanted: CertificateFormat | None) -> Response:
        """Answer as `certificate_response` does, with its private key."""
        if answer.record is None or answer.record.current is None or answer.of_replacement:
            return certificate_response(answer, wanted)
        by_format = self._of(answer.record)
        if wanted not in by_format:
            by_format[wanted] = EncodedData(certificate_response(answer, wanted).data or {})
        return Response(data=by_format[wanted], warnings=answer.warnings)

    def __len__(self) -> int:
        """Count the records of which an answer is kept."""
        return len(self._answered)

    def _of(self, record: CertificateRecord) -> _ByFormat:
        # Records compare by value; this wants the object, and goes with it.
        key = id(record)
        if key not in self._answered:
            self._answered[key] = {}
            weakref.finalize(record, self._answered.pop, key, None).atexit = False
        return self._answered[key]
