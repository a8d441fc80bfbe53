"""What a server's binary says of itself."""

import pytest

from scripts.server_binary import OpenBaoError, Product, product_from


@pytest.mark.parametrize(
    ("said", "product"),
    [
        ("OpenBao v2.7.2 (c0ffee), built 2026-10-01T00:00:00Z\n", Product("OpenBao", (2, 7, 2))),
        ("Vault v1.21.4, built 2025-11-28T09:29:50Z (cgo)\n", Product("Vault", (1, 21, 4))),
        ("Vault v1.2.3\n", Product("Vault", (1, 2, 3))),
        ("Vault v1.14.0-rc1+ent\n", Product("Vault", (1, 14, 0))),
    ],
)
def test_product_and_version_are_read_from_what_it_says(said: str, product: Product) -> None:
    assert product_from(said) == product
    assert product.is_openbao is said.startswith("OpenBao")


@pytest.mark.parametrize("said", ["", "Consul v1.2.3", "something of Vault v1.2.3", "Vault one"])
def test_what_is_neither_of_them_is_refused(said: str) -> None:
    with pytest.raises(OpenBaoError, match="neither OpenBao nor Vault"):
        product_from(said)
