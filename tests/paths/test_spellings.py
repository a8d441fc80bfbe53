"""What the host is told of paths that can be written in several ways, before it holds a policy against them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.field_tables import declared_paths
from sectigo_vault_pki.vault_plugin.framework import Kind, KindError
from sectigo_vault_pki.vault_plugin.logical import StorageError
from tests.support.mount import Mount

CAPTURED: dict[str, Kind[object]] = {
    f"{path.template} {name}": path.by_name[name].kind
    for path in declared_paths()
    for name in path.captured
    if path.canonical is None
}


@pytest.mark.parametrize("kind", CAPTURED.values(), ids=CAPTURED.keys())
def test_a_value_in_a_path_that_reads_as_another_is_told_to_be_that_one(kind: Kind[object]) -> None:
    @given(written=st.from_regex(f"^(?:{kind.pattern})$", fullmatch=True).map(lambda text: text.removesuffix("\n")))
    def holds(written: str) -> None:
        try:
            read = kind.parse(written)
        except KindError:
            return
        told = written if kind.canonical is None else kind.canonical(written)
        assert told == read
        assert kind.parse(told) == read

    holds()


@pytest.mark.parametrize("written", ["0A-25-71", "0a-25-71", "0A:25:71", "0a-25:71"])
async def test_a_serial_number_is_spelled_in_lower_case_with_colons(mount: Mount, written: str) -> None:
    assert await mount.backend.canonical_path(f"cert/{written}") == "cert/0a:25:71"


@pytest.mark.parametrize("written", ["283839_demo-customer", "0283839", "0283839_demo-customer"])
async def test_a_certificate_to_fetch_is_spelled_by_the_id_that_scm_gave_it(mount: Mount, written: str) -> None:
    await mount.configure()
    assert await mount.backend.canonical_path(f"fetch/web/{written}") == "fetch/web/283839"


@pytest.mark.parametrize(
    "path",
    [
        "cert/0a:25:71",
        "cert/0a25",
        "cert/" + ":".join(["0A"] * 60),
        "fetch/web/283839",
        "fetch/web/283839_other-customer",
        "fetch/web/abc",
        "fetch/none/283839_demo-customer",
        "certs/web/283839_demo-customer",
        "certs/web",
        "certs/web/",
        "enroll/WEB",
        "",
        "no/such/path",
    ],
)
async def test_every_other_path_stays_as_it_is(mount: Mount, path: str) -> None:
    await mount.configure()
    assert await mount.backend.canonical_path(path) is None


async def test_only_a_unique_id_of_fetch_costs_a_look_into_storage(mount: Mount) -> None:
    await mount.configure()
    await mount.restart()
    mount.storage.failures["get"] = StorageError("disk on fire")
    for path in ("cert/0A-25", "fetch/web/283839", "certs/web/283839_demo-customer"):
        await mount.backend.canonical_path(path)
    with pytest.raises(StorageError, match="disk on fire"):
        await mount.backend.canonical_path("fetch/web/283839_demo-customer")
