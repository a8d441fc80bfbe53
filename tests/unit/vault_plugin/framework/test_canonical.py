"""Paths that can be written in several ways, and the one that policies are held against."""

from collections.abc import Mapping

import pytest

from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Kind, KindError, Path, kinds
from sectigo_vault_pki.vault_plugin.framework.path_backend import CanonicalPaths
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response, StorageError


def _parse_colour(value: object) -> str:
    if str(value).lower() == "none":
        raise KindError("must be a colour")
    return str(value).lower()


COLOUR = Field(
    name="colour",
    kind=Kind("colour", {"type": "string"}, _parse_colour, pattern="[A-Za-z]+", canonical=_parse_colour),
    description="Which one, in any case.",
)
SHOP = Field(name="shop", kind=kinds.name(), description="Which one.")


async def _call(request: Request, data: FieldData) -> Response | None:
    raise AssertionError("a path is only spelled, not asked")


async def _by_number(captured: Mapping[str, str]) -> Mapping[str, str]:
    if captured["shop"] == "closed":
        raise StorageError("disk on fire")
    return {"shop": "first"} if captured["shop"] == "1" else {}


def path(template: str, *fields: Field[object], by_number: bool = False) -> Path:
    return Path(
        template=template,
        fields=fields,
        operations={Operation.READ: Handler(_call, summary="Read.")},
        synopsis="",
        description="",
        canonical=_by_number if by_number else None,
    )


PATHS = CanonicalPaths(
    [
        path("paint/PRIMER"),
        path("paint/{colour}", COLOUR),
        path("shops/{shop}/", SHOP),
        path("keys/{shop}/{colour}", SHOP, COLOUR, by_number=True),
    ]
)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("paint/RED", "paint/red"),
        ("keys/1/Red", "keys/first/red"),
        ("keys/1/red", "keys/first/red"),
        ("keys/other/rED", "keys/other/red"),
    ],
)
async def test_another_spelling_becomes_the_canonical_one(written: str, canonical: str) -> None:
    assert await PATHS.find(written) == canonical
    assert await PATHS.find(canonical) is None


@pytest.mark.parametrize(
    "written",
    [
        "",
        "paint",
        "paint/red",
        "paint/none",
        "paint/red/",
        "paint/0",
        "keys/other/red",
        "keys/1/None",
        "shops/RED",
        "shops/RED/",
        "elsewhere/RED",
    ],
)
async def test_path_of_one_spelling_or_none_stays_as_it_is(written: str) -> None:
    assert await PATHS.find(written) is None


async def test_path_that_an_earlier_one_answers_is_none_of_the_later_ones_spellings() -> None:
    assert await PATHS.find("paint/PRIMER") is None


async def test_what_cannot_be_told_is_an_error() -> None:
    with pytest.raises(StorageError):
        await PATHS.find("keys/closed/red")


async def test_an_engine_without_such_paths_has_none_to_tell() -> None:
    assert await CanonicalPaths([path("shops/{shop}/", SHOP)]).find("shops/RED") is None
