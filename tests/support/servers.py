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


def _is_openbao_or_before(*version: int) -> Callable[[Product], bool]:
    return lambda product: product.is_openbao or product.version < version


CAPABILITIES: Sequence[Capability] = (
    Capability(
        "ask for a path's canonical spelling",
        "Vault holds policies against the path as it was sent",
        _is_openbao,
        (
            "test_policies.py::test_a_policy_on_a_serial_number_meets_each_way_to_write_it",
            "test_policies.py::test_a_policy_on_a_certificate_to_fetch_meets_each_of_its_ids",
        ),
    ),
    Capability(
        "answer a read on a standby",
        "Vault's Community Edition starts no plugin on standbys, and forwards every request",
        _is_openbao,
        ("test_cluster.py::test_a_standby_answers_a_plain_read_itself",),
    ),
    Capability(
        "have namespaces",
        "Vault's Community Edition has none",
        _is_openbao,
        ("test_moved_mount.py::test_a_mount_that_is_moved_into_a_namespace",),
    ),
    Capability(
        "answer exactly what the documents print",
        "the documents print OpenBao's answers; Vault's have mount_type beside data, and other words of its own",
        _is_openbao,
        ("test_guide_examples.py",),
    ),
    Capability(
        "say in pki that a role's key type wins over the request's",
        "Vault's pki calls key_type an unrecognized parameter of issue/",
        _is_openbao,
        ("test_pki_shape.py::test_what_has_no_effect_is_said_in_the_same_words",),
    ),
    Capability(
        "reload mounts by its command line",
        "vault plugin reload -mounts= of 1.21 calls an API that is not there; the same by the API is tested",
        _is_openbao_or_before(1, 21),
        ("test_processes.py::test_a_reload_starts_a_new_process_that_knows_what_was_stored[mounts]",),
    ),
)


def missing(product: Product, capabilities: Iterable[Capability] = CAPABILITIES) -> list[Capability]:
    """Return what this server cannot do."""
    return [capability for capability in capabilities if not capability.has_it(product)]
