import pytest

from sectigo_vault_pki.scm import hint_for, is_about_offers, is_final, is_revoked

OPERATIONS = ["enroll", "collect", "list", "details", "renew", "replace", "revoke"]


@pytest.mark.parametrize("code", [-110, -192])
def test_only_a_refused_collect_tells_of_a_revoked_certificate(code: int) -> None:
    assert [operation for operation in OPERATIONS if is_revoked(operation, code)] == ["collect"]


@pytest.mark.parametrize("code", [None, 0, -159, -102, -1112, -124])
def test_other_codes_tell_of_no_revoked_certificate(code: int | None) -> None:
    assert not is_revoked("collect", code)


@pytest.mark.parametrize("code", [-1112, -110, -192])
def test_only_a_refused_collect_tells_that_an_order_can_never_be_collected(code: int) -> None:
    assert [operation for operation in OPERATIONS if is_final(operation, code)] == ["collect"]


@pytest.mark.parametrize("code", [None, 0, -1400, -183, -109, -1, -159, -124, -5101, -16])
def test_other_codes_leave_an_order_open(code: int | None) -> None:
    assert not is_final("collect", code)


@pytest.mark.parametrize(
    ("operation", "codes"),
    [
        ("enroll", [-36, -39, -111, -172, -35, -62, -135, -139, -188, -639, -1023]),
        ("collect", [-110, -192, -1112]),
        ("renew", [-105, -123, -180, -39, -111, -172]),
        ("replace", [-130, -1148, -39, -111, -172]),
        ("revoke", [-102, -129, -195]),
    ],
)
def test_what_the_document_tells_of_an_operation_is_explained(operation: str, codes: list[int]) -> None:
    assert all(hint_for(operation, code) for code in codes)
    assert not any(hint_for("list", code) for code in codes)


@pytest.mark.parametrize("operation", ["enroll", "renew", "replace"])
def test_what_the_document_tells_of_keys_domains_and_cas_is_explained_for_every_order(operation: str) -> None:
    codes = [-9, -10, -138, -11, -13, -194, -141, -170, -78, -843, -727, -1010, -724, -737, -1137, -107, -164]
    assert all(hint_for(operation, code) for code in [*codes, -129, -140, -195])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_wrong_login_or_a_missing_privilege_is_explained_everywhere(operation: str) -> None:
    assert all(hint_for(operation, code) for code in [-16, -970, -3, -25, -37, -124, -5101, -1104])


@pytest.mark.parametrize("code", [-36, -39, -111, -172, -13, -194, -62, -135])
def test_a_refused_order_tells_that_scm_does_not_offer_it_and_no_other_call_does(code: int) -> None:
    assert all(is_about_offers(operation, code) for operation in ("enroll", "renew", "replace"))
    assert not any(is_about_offers(operation, code) for operation in ("collect", "revoke", "types"))


@pytest.mark.parametrize("code", [None, 0, -16, -843, -105, -129])
def test_other_refusals_say_nothing_of_what_scm_offers(code: int | None) -> None:
    assert not is_about_offers("enroll", code)
