"""What the server under test can do: the one table of what tests are left out on others than the package's OpenBao.

`make test-server SERVER=/path/to/vault` runs `tests/vault` on that binary. Everything here is told at the end of such a
run, by name and with its reason. On the OpenBao that comes with the packages nothing is ever left out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scripts.server_binary import Product


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


def _is_openbao_or_from(*version: int) -> Callable[[Product], bool]:
    return lambda product: not product.is_vault_before(*version)


_SHARED_PROCESS = tuple(
    f"test_processes.py::{test}"
    for test in (
        "test_two_mounts_share_a_process_and_nothing_else",
        "test_mounts_of_different_options_share_a_process_and_keep_apart",
        "test_a_reload_starts_a_new_process_that_knows_what_was_stored",
        "test_the_first_request_after_the_plugin_was_killed_is_answered_within_a_second",
        "test_a_reload_has_what_waits_on_another_mount_of_its_process_answered_at_once",
        "test_a_reload_waits_for_what_waits_on_its_own_mount",
        "test_no_process_outlives_the_last_mount_nor_the_server",
        "test_a_killed_server_takes_the_plugin_with_it",
    )
)

CAPABILITIES: Sequence[Capability] = (
    Capability(
        "ask for a path's canonical spelling",
        "Vault holds policies against the path as it was sent",
        _is_openbao,
        ("test_policies.py::test_a_policy_on_a_certificate_to_fetch_meets_each_of_its_ids",),
    ),
    Capability(
        "filter lists by policy",
        "Vault has no list_scan_response_keys_filter_path",
        _is_openbao,
        ("test_teams.py::test_a_filtered_list",),
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
    Capability(
        "render the recipes' templates by its agent",
        "Vault's agent has templates since 1.3, and pkiCert as the recipes use it since 1.11.3",
        _is_openbao_or_from(1, 11, 3),
        ("test_agent.py",),
    ),
    Capability(
        "be a proxy beside the agent",
        "vault proxy came with 1.14",
        _is_openbao_or_from(1, 14),
        ("test_proxy.py",),
    ),
    Capability(
        "let mounts share a process",
        "protocol 5 came with Vault 1.12; before, each mount has a process of its own, started when it is first needed",
        _is_openbao_or_from(1, 12),
        _SHARED_PROCESS,
    ),
    Capability(
        "keep versions of plugins",
        "Vault's catalogue, its list of mounts and plugin register have versions since 1.12",
        _is_openbao_or_from(1, 12),
        (
            "test_upgrade.py",
            "test_processes.py::test_the_catalogue_knows_the_version_that_the_plugin_says",
            "test_processes.py::test_the_list_of_mounts_shows_the_running_version",
            "test_processes.py::test_the_engine_is_registered_under_the_version_that_it_has",
            "test_processes.py::test_the_engine_is_not_registered_under_a_version_that_it_does_not_have",
        ),
    ),
    Capability(
        "change the level of its log while it runs",
        "sys/loggers came with Vault 1.11",
        _is_openbao_or_from(1, 11),
        (
            "test_logs.py::test_the_log_level_is_the_servers_and_follows_it",
            "test_logs.py::test_a_level_that_is_changed_holds_for_the_plugin_from_its_next_start",
        ),
    ),
    Capability(
        "keep the references of a plugin's OpenAPI document",
        "Vault before 1.12 reads the document into a structure without $ref, and drops them",
        _is_openbao_or_from(1, 12),
        (
            "test_help.py::test_the_servers_openapi_document_holds_our_paths_among_the_others",
            "test_help.py::test_every_reference_of_our_openapi_paths_leads_somewhere",
        ),
    ),
    Capability(
        "be the yardstick for the shape of today's pki",
        "pki of Vault 1.2 answers no ca_chain under a root, and takes requests that later ones refuse",
        _is_openbao_or_from(1, 3),
        (
            "test_pki_shape.py::test_issue_and_sign_answer_the_same_keys_and_types",
            "test_pki_shape.py::test_reads_lists_and_revocations_answer_the_same_keys_and_types",
            "test_pki_shape.py::test_roles_are_written_read_listed_and_deleted_with_the_same_keys_and_types",
            "test_pki_shape.py::test_what_is_refused_has_the_same_status_and_names_the_same[issue/shop-body3",
            "test_pki_shape.py::test_what_is_refused_has_the_same_status_and_names_the_same[issue/shop-body5",
            "test_pki_shape.py::test_what_is_refused_has_the_same_status_and_names_the_same[issue/shop-body7",
        ),
    ),
    Capability(
        "be the yardstick for what differs from pki on purpose",
        "the recipes compare with OpenBao's pki; the roles of Vault's have other keys and defaults with each version",
        _is_openbao,
        (
            "test_pki_shape.py::test_a_role_that_says_nothing_and_one_that_says_every_default",
            "test_pki_shape.py::test_a_patched_role_reads_the_same",
            "test_pki_shape.py::test_what_only_one_engine_answers",
        ),
    ),
    Capability(
        "be the yardstick for how pki shows its CA",
        "pki of Vault before 1.11 has no issuers, and later ones answer fields of their own; old servers know no + in "
        "the list of paths without a token",
        _is_openbao,
        ("test_ca_shape.py", "test_capabilities.py::test_nothing_but_certificates_and_their_issuers"),
    ),
    Capability(
        "form the tests' cluster",
        "raft's autopilot, whose time to settle the tests shorten, came with Vault 1.7",
        _is_openbao_or_from(1, 7),
        ("test_cluster.py",),
    ),
)


def missing(product: Product, capabilities: Iterable[Capability] = CAPABILITIES) -> list[Capability]:
    """Return what this server cannot do."""
    return [capability for capability in capabilities if not capability.has_it(product)]
