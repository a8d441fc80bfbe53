"""Whether SCM can take an order: only what it says for certain stands against one."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sectigo_vault_pki.lifecycle.rules.profile_rules import (
    Offers,
    OrderedKey,
    notice_of_renewed_term,
    problems_of_enrolment,
    problems_of_key,
)
from sectigo_vault_pki.scm import CustomField, Page, Profile
from sectigo_vault_pki.store import ClientFields, RequestedFields, SslFields

MADE = "sectigo_csr_key_algo and sectigo_csr_key_size"
RSA_2048 = OrderedKey(MADE, "rsa", 2048, is_made=True)
KEYS = {"RSA": ["2048", "4096", "8192"], "EC": ["P-256", "P-384"]}


def field(name: str, *mandatories: str, state: str = "ACTIVE") -> CustomField:
    return CustomField.model_validate({"name": name, "state": state, "mandatories": list(mandatories)})


def offers(
    *rows: Mapping[str, Any], fields: Sequence[CustomField] | None = (), unreadable: int = 0, total: int | None = None
) -> Offers:
    return Offers.of(Page(tuple(Profile.model_validate(row) for row in rows), unreadable, total), fields)


def ssl(profile_id: int = 508, days: int = 200, *names: str) -> RequestedFields:
    fields = tuple((name, "x") for name in names)
    return RequestedFields(ssl=SslFields(certificate_profile=profile_id, validity_days=days, custom_fields=fields))


def row(**changes: object) -> Mapping[str, object]:
    return {"id": 508, "name": "Public", "terms": [47, 200, 397], "keyTypes": KEYS, **changes}


def test_an_order_of_what_is_offered_has_no_problem() -> None:
    assert problems_of_enrolment(offers(row()), ssl(), RSA_2048) == []


def test_every_problem_is_named_with_what_is_allowed() -> None:
    key = OrderedKey(MADE, "rsa", 3072, is_made=True)
    told = offers(row(), fields=[field("Cost centre", "REST_API"), field("Ticket", "ADMIN_UI", "REST_API")])
    assert problems_of_enrolment(told, ssl(508, 365, "Ticket"), key) == [
        "sectigo_ssl_cert_validity must be one of 47, 200, 397: certificate profile 508 offers no 365 days",
        f"{MADE} must be one of RSA 2048, RSA 4096, EC 256, EC 384: certificate profile 508 offers no RSA 3072",
        'sectigo_ssl_cert_custom_fields must have "Cost centre": SCM requires that of every order over its API',
    ]


def test_the_fields_of_a_client_order_are_those_of_clients() -> None:
    fields = ClientFields(certificate_profile=7, validity_days=1, email="a@b.test", first_name="A", last_name="B")
    told = offers(row(), fields=[field("Cost centre", "REST_API")])
    assert problems_of_enrolment(told, RequestedFields(client=fields), RSA_2048) == [
        "SCM offers this organization no certificate profile 7: sectigo_client_cert_type must be one of 508",
        'sectigo_client_cert_custom_fields must have "Cost centre": SCM requires that of every order over its API',
    ]


@pytest.mark.parametrize(
    "told",
    [
        offers(),
        offers(row(id=501), unreadable=1),
        offers(row(id=501), total=300),
        offers({"id": 508, "name": "Old service"}),
        offers(row(terms=[47]), row(terms=[100], keyTypes={"EC": ["P-256"]})),
        offers(row(terms="a year", keyTypes=["RSA"])),
        offers(row(terms=[], keyTypes={"RSA": "2048", "EC": ["P-256"]})),
        offers(row(terms=[], keyTypes={"RSA": ["4096", None]})),
        offers(row(terms=[], keyTypes={"RSA": ["large"]})),
        offers(row(terms=[], keyTypes={"ML-DSA": ["65"]})),
        offers(row(terms=[200]), fields=None),
        offers(row(), fields=[field("A", "ADMIN_UI"), field("B", "REST_API", state="SUSPENDED_ACTIVE"), field("C")]),
    ],
)
def test_what_scm_does_not_say_for_certain_stops_no_order(told: Offers) -> None:
    assert problems_of_enrolment(told, ssl(), RSA_2048) == []


@pytest.mark.parametrize(
    ("key_types", "key", "expected"),
    [
        ({"EC": ["P-384"]}, ("rsa", 2048), "EC 384: certificate profile 508 offers no RSA keys"),
        ({"EC": ["P-384"]}, ("ec", 256), "EC 384: certificate profile 508 offers no EC 256"),
        ({"RSA": [2048]}, ("ec", 256), "RSA 2048: certificate profile 508 offers no EC keys"),
        ({"rsa": ["2048"], "ECC": ["p256"]}, ("ec", 521), "RSA 2048, EC 256: certificate profile 508 offers no EC 521"),
    ],
)
def test_a_key_that_the_profile_does_not_take_is_named(key_types: object, key: tuple[str, int], expected: str) -> None:
    problems = problems_of_key(offers(row(keyTypes=key_types)), 508, OrderedKey("sectigo_private_key", *key))
    assert problems == (f"sectigo_private_key must be one of {expected}",)


@pytest.mark.parametrize(("key_type", "size"), [("rsa", 8192), ("ec", 384), ("", 256)])
def test_a_given_key_may_be_what_the_engine_does_not_make(key_type: str, size: int) -> None:
    assert problems_of_key(offers(row()), 508, OrderedKey("the key of sectigo_csr", key_type, size)) == ()


def test_a_profile_that_takes_only_keys_that_are_not_made_names_them_anyway() -> None:
    (problem,) = problems_of_key(offers(row(keyTypes={"RSA": ["8192"]})), 508, RSA_2048)
    assert "must be one of RSA 8192" in problem


def test_a_renewal_says_what_becomes_of_a_term_that_is_gone() -> None:
    told = offers(row())
    assert notice_of_renewed_term(told, ssl(508, 200)) is None
    assert notice_of_renewed_term(told, ssl(7, 200)) is None
    assert notice_of_renewed_term(told, RequestedFields()) is None
    assert notice_of_renewed_term(told, ssl(508, 365)) == (
        "certificate profile 508 no longer offers 365 days: SCM renews for the longest of its terms, 397 days"
    )


def test_a_profile_that_is_listed_twice_is_shown_with_all_that_its_rows_say() -> None:
    shown = offers(row(terms=[47], keyTypes={"RSA": ["2048"]}), row(terms=[200], keyTypes={"EC": ["P-256"]})).profile(
        508
    )
    assert shown is not None
    assert (shown.terms, shown.key_types) == ((47, 200), {"RSA": ["2048"], "EC": ["P-256"]})
