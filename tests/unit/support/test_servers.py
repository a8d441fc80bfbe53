"""The table of what servers cannot do: nothing in it for the packages' own, nothing about tests that are gone."""

import re
from pathlib import Path

import pytest

from scripts.server_binary import Product
from tests.support.servers import CAPABILITIES, missing

VAULT_TESTS = Path(__file__).resolve().parents[2] / "vault"


def test_the_packages_own_server_lacks_nothing() -> None:
    assert missing(Product("OpenBao", (2, 7, 2))) == []


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: str(capability.name))
def test_each_thing_that_some_server_lacks_names_tests_that_are_there(capability: object) -> None:
    (known,) = (one for one in CAPABILITIES if one is capability)
    assert known.tests
    for test in known.tests:
        file, _, name = test.partition("::")
        text = (VAULT_TESTS / file).read_text()
        assert not name or re.search(rf"^def {re.escape(name.partition('[')[0])}", text, re.MULTILINE), test
