import re

import pytest

from scripts import field_tables
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.support.mount import Mount
from tests.support.virtual_time import LoopClock


def test_document_says_what_the_paths_declare() -> None:
    document = field_tables.DOCUMENT.read_text()
    assert field_tables.with_tables(document) == document, "make tables writes it anew"


async def test_every_path_of_the_engine_has_its_place() -> None:
    clock = LoopClock()
    mount = Mount(Simulator(now=clock.now), clock)
    served = re.findall(r"^    (\^.+\$)$", await mount.help(""), re.MULTILINE)
    await mount.backend.cleanup()
    assert sorted(path.pattern.pattern for path in field_tables.declared_paths()) == served


def test_changed_table_is_written_anew_and_the_text_around_it_stays() -> None:
    document = field_tables.DOCUMENT.read_text()
    stale = document.replace("| `sectigo_cm_user` |", "| `sectigo_cm_visitor` |")
    assert stale != document
    assert field_tables.with_tables(stale) == document


def test_document_without_a_place_for_a_table_is_refused() -> None:
    document = field_tables.DOCUMENT.read_text().replace("<!-- table: enroll -->", "")
    with pytest.raises(KeyError, match="enroll"):
        field_tables.with_tables(document)


def test_cell_keeps_angle_brackets_visible_outside_of_code() -> None:
    table = field_tables.with_tables(field_tables.DOCUMENT.read_text())
    assert "order-&lt;uuid>" in table
    assert "order-<uuid>" not in re.sub(r"`[^`\n]*`", "", table)
