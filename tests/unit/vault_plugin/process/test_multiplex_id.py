"""Which mount a call is for."""

from collections.abc import Sequence

import pytest

from sectigo_vault_pki.vault_plugin.process.backend_service import InvalidMultiplexIdError, multiplex_id_of


def test_id_is_found_among_other_metadata() -> None:
    assert multiplex_id_of([("user-agent", "x"), ("multiplex_id", "gK7Ltyi4Si")]) == "gK7Ltyi4Si"


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        (None, "missing plugin multiplexing metadata"),
        ([], "missing plugin multiplexing metadata"),
        ([("user-agent", "x")], "no multiplexing ID found"),
        ([("multiplexing_id", "a")], "no multiplexing ID found"),
        ([("multiplex_id", "")], "empty multiplex ID in metadata"),
        ([("multiplex_id", "a"), ("multiplex_id", "b")], "unexpected number of IDs in metadata: (2)"),
    ],
)
def test_missing_or_doubtful_id_is_refused_in_the_words_hosts_know(
    metadata: Sequence[tuple[str, str]] | None, text: str
) -> None:
    with pytest.raises(InvalidMultiplexIdError) as caught:
        multiplex_id_of(metadata)
    assert str(caught.value) == text
