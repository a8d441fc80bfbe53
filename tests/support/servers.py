"""What the server under test can do: the one table of what tests are left out on others than the package's OpenBao.

`make test-server SERVER=/path/to/vault` runs `tests/vault` on that binary. Everything here is told at the end of such a
run, by name and with its reason. On the OpenBao that comes with the packages nothing is ever left out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scripts.openbao import Product


@dataclass(frozen=True)
class Capability:
    """Something that not every server has.

    Attributes:
        name: what it is called in the report.
        reason: what the servers that lack it do instead.
        has_it: tells by the product.
        tests: beginnings of the ids of the tests that need it, below `tests/vault/`.
    """

    name: str
    reason: str
    has_it: Callable[[Product], bool]
    tests: Sequence[str]


def _is_openbao(product: Product) -> bool:
    return product.is_openbao


def _since(*version: int) -> Callable[[Product], bool]:
    return lambda product: product.is_openbao or product.version >= version


CAPABILITIES: Sequence[Capability] = ()


def missing(product: Product, capabilities: Iterable[Capability] = CAPABILITIES) -> list[Capability]:
    """Return what this server cannot do."""
    return [capability for capability in capabilities if not capability.has_it(product)]
