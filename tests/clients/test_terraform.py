"""Terraform's own judgement of the form of the configuration in docs/recipes-operators.md."""

from pathlib import Path

from tests.support import client_programs, recipes


def test_the_configuration_of_the_recipes_is_well_formed(tmp_path: Path) -> None:
    for number, block in enumerate(recipes.blocks("hcl")):
        (tmp_path / f"{number}.tf").write_text(block)
    shown = client_programs.run(["terraform", "fmt", "-check", "-diff", tmp_path], timeout=client_programs.RUN_SECONDS)
    assert shown == ""
