import re

import pytest

from scripts import field_tables
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.support.mount import Mount
from tests.support.virtual_time import LoopClock


def documents() -> list[str]:
    return [document.read_text() for document in field_tables.DOCUMENTS]


def test_documents_say_what_the_paths_declare() -> None:
    assert field_tables.with_tables(*documents()) == documents(), "make tables writes them anew"


async def test_every_path_of_the_engine_has_its_place() -> None:
    clock = LoopClock()
    mount = Mount(Simulator(now=clock.now), clock)
    served = re.findall(r"^    (\^.+\$)$", await mount.help(""), re.MULTILINE)
    await mount.backend.cleanup()
    assert sorted(path.pattern.pattern for path in field_tables.declared_paths()) == served


def test_changed_table_is_written_anew_and_the_text_around_it_stays() -> None:
    first, *others = documents()
    stale = first.replace("| `sectigo_cm_user` |", "| `sectigo_cm_visitor` |")
    assert stale != first
    assert field_tables.with_tables(stale, *others) == [first, *others]


def test_documents_without_a_place_for_a_table_are_refused() -> None:
    first, *others = documents()
    with pytest.raises(KeyError, match="enroll"):
        field_tables.with_tables(first.replace("<!-- table: enroll -->", ""), *others)


def test_cell_keeps_angle_brackets_visible_outside_of_code() -> None:
    table = field_tables.with_tables(*documents())[0]
    assert "order-&lt;uuid>" in table
    assert "order-<uuid>" not in re.sub(r"`[^`\n]*`", "", table)
