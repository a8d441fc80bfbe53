from collections.abc import Mapping, Sequence

import pytest

from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path, Router, StrictNames, kinds
from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    Operation,
    PluginEnvironment,
    ReadOnlyError,
    Request,
    Response,
    UnsupportedOperationError,
    UnsupportedPathError,
)
from sectigo_vault_pki.vault_plugin.testing import InmemStorage

NAME = Field(name="name", kind=kinds.name(), description="Which one.")
SIZE = Field(name="size", kind=kinds.whole_number(minimum=1), description="How large.", required=True)
NOTE = Field(name="note", kind=kinds.text(), description="Anything.")
TOKEN = Field(name="token", kind=kinds.text(), description="A secret.", secret=True)
COLOUR = Field(
    name="shop_colour",
    kind=kinds.choice("red", "green"),
    description="Which colour. Default: the stored one, else red.",
    default="red",
    inherits=True,
)
OLD = Field(name="old", kind=kinds.whole_number(), description="Once useful.", default=3, without_effect=True)


class Shop:
    """A router over two paths, and what its handlers were given."""

    def __init__(self) -> None:
        self.seen: list[FieldData] = []
        self.read_only = False
        self.answer: Response | None = None
        self.router = Router(
            [
                Path(
                    template="things/",
                    fields=(),
                    operations={Operation.LIST: Handler(self._call, summary="List.")},
                    synopsis="Things.",
                    description="All of them.",
                ),
                Path(
                    template="things/{name}",
                    fields=(NAME, SIZE, NOTE, TOKEN, OLD),
                    operations={
                        Operation.CREATE: Handler(self._call, summary="Write.", forwarded=True),
                        Operation.UPDATE: Handler(self._call, summary="Write.", forwarded=True),
                        Operation.READ: Handler(self._call, summary="Read."),
                    },
                    synopsis="A thing.",
                    description="One of them.",
                    existence_check=self._exists,
                ),
                Path(
                    template="orders/{name}",
                    fields=(NAME, SIZE, NOTE, COLOUR),
                    operations={Operation.UPDATE: Handler(self._call, summary="Order.", forwarded=True)},
                    synopsis="An order.",
                    description="Of a thing.",
                    review=self._review,
                    strict=StrictNames("shop_", {"shop_owner": "it belongs to the shop"}),
                ),
            ],
            title="The shop",
            description="A shop.",
            is_read_only=self._is_read_only,
            environment=self._environment,
        )

    async def ask(self, operation: Operation, path: str, data: Mapping[str, object] | None = None) -> Response | None:
        return await self.router.route(Request(operation, path, InmemStorage(), data or {}))

    async def _call(self, request: Request, data: FieldData) -> Response | None:
        self.seen.append(data)
        return self.answer

    async def _review(self, request: Request, data: FieldData) -> Sequence[str]:
        if data[NAME] == "unknown":
            raise BadRequestError("nothing has that name")
        return ("note is required with a size",) if not data.lacks(SIZE) and data.lacks(NOTE) else ()

    async def _exists(self, request: Request, data: FieldData) -> bool:
        return data[NAME] == "known"

    async def _is_read_only(self) -> bool:
        return self.read_only

    async def _environment(self) -> PluginEnvironment:
        return PluginEnvironment(vault_version="2.7.2")


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_values_reach_the_handler_typed(shop: Shop) -> None:
    await shop.ask(Operation.CREATE, "things/bolt", {"size": "8", "note": "M8"})
    (data,) = shop.seen
    assert (data[NAME], data[SIZE], data.get(NOTE)) == ("bolt", 8, "M8")


async def test_an_empty_or_null_value_is_absent(shop: Shop) -> None:
    await shop.ask(Operation.UPDATE, "things/bolt", {"size": None, "note": ""})
    (data,) = shop.seen
    assert data.get(SIZE) is None
    assert data.get(NOTE) is None
    assert data.emptied == {"note"}


async def test_a_missing_required_field_is_refused_on_create_only(shop: Shop) -> None:
    with pytest.raises(BadRequestError, match=r"^size is required$"):
        await shop.ask(Operation.CREATE, "things/bolt")
    await shop.ask(Operation.UPDATE, "things/bolt")
    assert len(shop.seen) == 1


async def test_a_required_field_cannot_be_emptied_by_an_update(shop: Shop) -> None:
    with pytest.raises(BadRequestError, match=r"^size is required$"):
        await shop.ask(Operation.UPDATE, "things/bolt", {"size": ""})
    assert shop.seen == []


async def test_all_problems_are_told_in_the_order_of_the_declaration_then_names_then_review(shop: Shop) -> None:
    data = {"shop_owner": "me", "shop_tint": "red", "shop_colr": "red", "shop_colour": "blue", "size": 0, "other": 1}
    with pytest.raises(BadRequestError) as refused:
        await shop.ask(Operation.UPDATE, "orders/bolt", data)
    assert str(refused.value).splitlines() == [
        "size must be at least 1, it is 0",
        "shop_colour must be one of red, green",
        "shop_colr is unknown on this path: did you mean shop_colour?",
        "shop_tint is unknown on this path: the help of this path lists its fields",
        "note is required with a size",
    ]
    assert shop.seen == []


async def test_a_review_that_ends_in_a_refusal_is_one_of_the_problems(shop: Shop) -> None:
    with pytest.raises(BadRequestError, match=r"^size is required\nnothing has that name$"):
        await shop.ask(Operation.UPDATE, "orders/unknown")


async def test_nothing_is_reviewed_under_a_name_that_is_none(shop: Shop) -> None:
    with pytest.raises(BadRequestError, match=r"^name must have at most 128 characters, it has 129\nsize is required$"):
        await shop.ask(Operation.UPDATE, f"orders/{'b' * 129}")


async def test_problems_are_told_before_a_standby_forwards(shop: Shop) -> None:
    shop.read_only = True
    with pytest.raises(BadRequestError, match=r"^size is required$"):
        await shop.ask(Operation.UPDATE, "orders/bolt")


async def test_names_of_other_paths_are_ignored_with_the_reason(shop: Shop) -> None:
    answer = await shop.ask(Operation.UPDATE, "orders/bolt", {"size": 1, "note": "M8", "shop_owner": "me", "zeta": 1})
    assert answer is not None
    assert answer.warnings == (
        "shop_owner had no effect: it belongs to the shop",
        "Endpoint ignored these unrecognized parameters: [zeta]",
    )


@pytest.mark.parametrize(
    ("name", "is_refused"),
    [
        ("shop_colou", True),
        ("shop_colours", True),
        ("shop_cloour", True),
        ("shopcolour", True),
        ("colour", True),
        ("color", True),
        ("colours", True),
        ("SHOP_COLOUR", True),
        ("--shop-colour", True),
        ("notes", True),
        ("nmoe", False),
        ("cool", False),
        ("sizing", False),
        ("x" * 1_000_000, False),
    ],
)
async def test_a_name_is_refused_that_is_one_slip_away_from_a_declared_one(
    shop: Shop, name: str, is_refused: bool
) -> None:
    request = shop.ask(Operation.UPDATE, "orders/bolt", {"size": 1, "note": "M8", name: "x"})
    if not is_refused:
        answer = await request
        assert answer is not None
        assert "unrecognized" in answer.warnings[0]
        return
    with pytest.raises(BadRequestError, match=r"is unknown on this path: did you mean (shop_colour|note)\?"):
        await request


async def test_sample_text_is_refused_in_a_field_with_effect_and_in_the_path(shop: Shop) -> None:
    with pytest.raises(BadRequestError, match=r"^note still holds the sample's text in angle brackets"):
        await shop.ask(Operation.UPDATE, "things/bolt", {"note": "<a note>", "old": "<a number>"})
    await shop.ask(Operation.UPDATE, "things/bolt", {"old": "<a number>"})


async def test_a_default_is_declared_only_where_sending_it_changes_nothing(shop: Shop) -> None:
    answer = await shop.ask(Operation.HELP, "")
    assert answer is not None
    assert answer.data is not None
    document = answer.data["openapi"]
    assert isinstance(document, dict)
    schemas = document["components"]["schemas"]
    colour, old = (
        schemas["WriteOrdersRequest"]["properties"]["shop_colour"],
        schemas["WriteThingsRequest"]["properties"]["old"],
    )
    for declared in (colour, old):
        assert "default" not in declared
        assert "value" not in declared["x-vault-displayAttrs"]


async def test_unknown_fields_become_one_warning(shop: Shop) -> None:
    shop.answer = Response(data={})
    answer = await shop.ask(Operation.READ, "things/bolt", {"zeta": "1", "alpha": "2"})
    assert answer is not None
    assert answer.warnings == ("Endpoint ignored these unrecognized parameters: [alpha zeta]",)


async def test_a_hostile_field_name_is_shown_short_and_printable(shop: Shop) -> None:
    shop.answer = Response(data={})
    answer = await shop.ask(Operation.READ, "things/bolt", {"a\nb\x1b" + "x" * 500: "1"})
    assert answer is not None
    assert answer.warnings[0].isprintable()
    assert len(answer.warnings[0]) < 200


async def test_the_path_wins_over_the_body_and_says_so(shop: Shop) -> None:
    answer = await shop.ask(Operation.UPDATE, "things/bolt", {"name": "nut"})
    assert shop.seen[0][NAME] == "bolt"
    assert answer is not None
    assert answer.warnings[0].endswith("captured from the endpoint's path: [name]")


async def test_a_secret_in_a_url_is_ignored_with_the_reason(shop: Shop) -> None:
    shop.answer = Response(data={})
    answer = await shop.ask(Operation.READ, "things/bolt", {"token": "hunter2"})
    assert shop.seen[0].get(TOKEN) is None
    assert answer is not None
    assert "token was ignored" in answer.warnings[0]
    assert "hunter2" not in answer.warnings[0]


async def test_a_field_without_effect_is_taken_whatever_it_holds(shop: Shop) -> None:
    answer = await shop.ask(Operation.UPDATE, "things/bolt", {"old": "no number"})
    assert answer is None
    assert OLD not in shop.seen[0]


async def test_a_read_without_an_answer_stays_one_even_with_warnings(shop: Shop) -> None:
    assert await shop.ask(Operation.READ, "things/bolt", {"unknown": "1"}) is None


async def test_a_standby_refuses_before_the_handler_is_called(shop: Shop) -> None:
    shop.read_only = True
    with pytest.raises(ReadOnlyError, match="cannot write to readonly storage"):
        await shop.ask(Operation.UPDATE, "things/bolt")
    await shop.ask(Operation.READ, "things/bolt")
    assert len(shop.seen) == 1


async def test_a_list_is_found_with_and_without_its_slash(shop: Shop) -> None:
    await shop.ask(Operation.LIST, "things/")
    await shop.ask(Operation.LIST, "things")
    assert len(shop.seen) == 2


@pytest.mark.parametrize("path", ["", "nothing", "things/a/b", "things/-a", "things/bolt\n", "xthings/bolt"])
async def test_an_unknown_path_is_unsupported(shop: Shop, path: str) -> None:
    with pytest.raises(UnsupportedPathError):
        await shop.ask(Operation.READ, path)


@pytest.mark.parametrize("operation", [Operation.DELETE, Operation.PATCH, Operation.HEADER, Operation.SCAN])
async def test_an_operation_the_path_does_not_take_is_unsupported(shop: Shop, operation: Operation) -> None:
    with pytest.raises(UnsupportedOperationError):
        await shop.ask(operation, "things/bolt")


@pytest.mark.parametrize(("path", "exists"), [("things/known", True), ("things/other", False), ("things/", None)])
async def test_existence_is_asked_only_where_the_path_tells(shop: Shop, path: str, exists: bool | None) -> None:
    assert await shop.router.exists(Request(Operation.UPDATE, path, InmemStorage())) is exists


async def test_help_of_the_root_lists_every_path(shop: Shop) -> None:
    answer = await shop.ask(Operation.HELP, "")
    assert answer is not None
    assert answer.data is not None
    text = str(answer.data["help"])
    assert text.startswith("## DESCRIPTION\n\nA shop.\n\n## PATHS\n")
    assert "    ^things/?$\n        Things." in text
    assert "    ^things/(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]*)$\n        A thing." in text
    assert answer.data["see_also"] is None


async def test_help_of_a_path_shows_its_parameters(shop: Shop) -> None:
    answer = await shop.ask(Operation.HELP, "things/bolt")
    assert answer is not None
    assert answer.data is not None
    text = str(answer.data["help"])
    assert text.startswith("Request:        things/bolt\nMatching Route: ^things/(?P<name>")
    assert "## PARAMETERS\n\n    name (name string)\n\n        Which one." in text
    assert "    size (int)\n\n        How large. Required to create." in text
    assert "    Accepted without effect on this path: old\n\n## DESCRIPTION" in text
    assert "Once useful" not in text
    assert text.endswith("## DESCRIPTION\n\nOne of them.")


async def test_the_openapi_document_describes_every_path(shop: Shop) -> None:
    answer = await shop.ask(Operation.HELP, "", {"requestResponsePrefix": "shop"})
    assert answer is not None
    assert answer.data is not None
    document = answer.data["openapi"]
    assert isinstance(document, dict)
    assert (document["info"]["title"], document["info"]["version"]) == ("The shop", "2.7.2")
    assert set(document["paths"]) == {"/things", "/things/{name}", "/orders/{name}"}
    thing = document["paths"]["/things/{name}"]
    assert thing["parameters"][0]["name"] == "name"
    assert thing["x-vault-createSupported"] is True
    assert thing["post"]["operationId"] == "shop-write-things"
    body = document["components"]["schemas"]["ShopWriteThingsRequest"]
    assert "required" not in body  # an update of a thing may leave it out
    assert thing["post"]["requestBody"]["required"] is False
    order = document["components"]["schemas"]["ShopWriteOrdersRequest"]
    assert order["required"] == ["size"]
    assert document["paths"]["/orders/{name}"]["post"]["requestBody"]["required"] is True
    assert body["properties"]["token"]["x-vault-displayAttrs"] == {"name": "Token", "sensitive": True}
    assert "parameters" not in thing["get"]
    assert document["paths"]["/things"]["get"]["parameters"][0]["schema"]["enum"] == ["true"]
