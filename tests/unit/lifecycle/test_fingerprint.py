"""Fingerprints of requests are stored: a field that comes later must not make an old request look like another one."""

from collections.abc import Mapping
from typing import Any

from sectigo_vault_pki.lifecycle import IssueRequest
from sectigo_vault_pki.lifecycle.orders.enrolment import asked_for, digest_of
from sectigo_vault_pki.lifecycle.roles.issuing import _identity
from sectigo_vault_pki.pki import KeyParameters
from sectigo_vault_pki.store import ClientFields, RequestedFields, SslFields, SubjectFields, WaitingAndRenewal

SSL = SslFields(certificate_profile=507, validity_days=90, subject_alt_names=("a.example.test",), comments="mine")
CLIENT = ClientFields(
    certificate_profile=1, validity_days=365, email="a@example.test", first_name="A", last_name="B", middle_name=None
)
REQUESTED = [
    RequestedFields(),
    RequestedFields(ssl=SSL, subject=SubjectFields(common_name="a.example.test", country="DE"), format="x509"),
    RequestedFields(client=CLIENT, waiting=WaitingAndRenewal(max_timeout=0, auto_renew=False)),
]


LATER: Mapping[str, Any] = {"role": True, "releases_key": True, "ssl": {"dcv_mode", "dcv_email"}}
"""Fields that the first fingerprints did not know."""


class SslFieldsOfNextYear(SslFields):
    """SSL fields with one more."""

    next_year: str | None = None


def test_what_was_stored_before_holds() -> None:
    for requested in REQUESTED:
        before = requested.model_dump(mode="json", exclude=dict(LATER))
        assert digest_of(asked_for(requested)) == digest_of(before)


def test_a_later_field_counts_only_where_it_is_set() -> None:
    def with_ssl(**fields: Any) -> str:
        ssl = SslFieldsOfNextYear(**SSL.model_dump(), **fields)
        return digest_of(asked_for(RequestedFields.model_construct(ssl=ssl, subject=None)))

    assert with_ssl() == with_ssl(next_year=None) == digest_of(asked_for(RequestedFields(ssl=SSL)))
    assert with_ssl(next_year="CNAME") != with_ssl()
    assert with_ssl(next_year="CNAME") != with_ssl(next_year="EMAIL")


def test_requests_that_differ_in_one_field_have_other_fingerprints() -> None:
    base = RequestedFields(ssl=SSL, subject=SubjectFields(common_name="a.example.test"))
    others = [
        base.model_copy(update={"ssl": SSL.model_copy(update={"validity_days": 91})}),
        base.model_copy(update={"subject": SubjectFields(common_name="b.example.test")}),
        base.model_copy(update={"waiting": WaitingAndRenewal(auto_renew=False)}),
        base.model_copy(update={"format": "bin"}),
    ]
    assert len({digest_of(asked_for(requested)) for requested in (base, *others)}) == len(others) + 1


def test_what_was_stored_for_requests_under_roles_holds() -> None:
    """The digests are those of the first version that had roles."""
    names = ("c.example.test", "a.example.test", "192.0.2.7")
    key = str(KeyParameters.parse("ec", 256))
    made = IssueRequest(common_name="a.example.test", names=names)
    assert _identity("shop", made, key) == "59a7ced980f9dedd576e937ba5f8d7fb8ec9568513e1d647d48126471495ffd0"
    signed = IssueRequest(common_name="a.example.test", names=names[:2])
    assert _identity("shop", signed, "PEM") == "540d2f702618243d23a77b08c6c64c7dbeaea79d920de48da191f9579281e02c"
