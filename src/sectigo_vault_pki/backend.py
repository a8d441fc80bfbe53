"""The composition root: builds one mount's backend from its parts."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor

from sectigo_vault_pki.clock import Clock, SystemClock
from sectigo_vault_pki.lifecycle import (
    ClientFactory,
    Configs,
    Engine,
    LoginPauses,
    NamedLocks,
    PasswordRotation,
    Profiles,
    Resources,
    ScmClients,
    default_jitter,
    key_threads,
    summary_of,
)
from sectigo_vault_pki.paths import Parts, all_paths
from sectigo_vault_pki.paths.error_kinds import logical_errors
from sectigo_vault_pki.scm import ScmClient
from sectigo_vault_pki.store import SEAL_WRAPPED, RecordCache, Repository
from sectigo_vault_pki.vault_plugin.framework import Node, Router
from sectigo_vault_pki.vault_plugin.logical import (
    BackendConfig,
    BackendType,
    BadRequestError,
    Operation,
    Request,
    Response,
    SpecialPaths,
)

_log = logging.getLogger(__name__)

TITLE = "Sectigo Certificate Manager secrets engine"
DESCRIPTION = """
The Sectigo secrets engine orders SSL/TLS and client (S/MIME) certificates at Sectigo Certificate Manager (SCM),
collects them, stores them with their keys and their history, and renews them automatically.

Write a config entry with the login of an SCM account under configs/, order with enroll/ and read with certs/; renew/,
replace/, revoke/ and fetch/ do what their names say.

Roles under roles/ define what issue/ and sign/ may order. These two have the fields and answers of Vault's own pki
engine; cert/ and revoke find certificates by serial number, and ca, ca_chain and issuer/ show the issuing CA.
"""


class SectigoBackend:
    """One mount's engine."""

    def __init__(self, router: Router, engine: Engine, resources: Resources, *, background: bool) -> None:
        self._router = router
        self._background = background
        self._engine = engine
        self._resources = resources

    @property
    def backend_type(self) -> BackendType:
        return BackendType.LOGICAL

    @property
    def special_paths(self) -> SpecialPaths:
        return SpecialPaths(unauthenticated=self._router.unauthenticated, seal_wrap_storage=SEAL_WRAPPED)

    async def initialize(self) -> None:
        """Continue in the background what an earlier process left open."""
        self._engine.resume()

    async def handle_request(self, request: Request) -> Response | None:
        if request.operation is Operation.ROLLBACK:  # the host's tick, once a minute (plugin-protocol.md 5.6)
            if self._background:
                self._engine.tick()
            return None
        with logical_errors(request.operation):
            return await self._router.route(request)

    async def canonical_path(self, path: str) -> str | None:
        return await self._router.canonical_path(path)

    async def check_existence(self, request: Request) -> bool | None:
        with logical_errors(request.operation):
            return await self._router.exists(request)

    async def invalidate_key(self, key: str) -> None:
        self._resources.repository.invalidate(key)

    async def cleanup(self) -> None:
        await self._resources.aclose()


BACKGROUND_VARIABLE = "SECTIGO_VAULT_PKI_BACKGROUND"


def does_background_work(environ: Mapping[str, str]) -> bool:
    """Return whether the process's environment leaves background work on, as it is by default.

    Raises:
        BadRequestError: the variable is neither `on` nor `off`; a server that was meant to be off must not order.
    """
    word = environ.get(BACKGROUND_VARIABLE, "").strip().lower() or "on"
    if word not in {"on", "off"}:
        raise BadRequestError(f"{BACKGROUND_VARIABLE} must be on or off")
    return word == "on"


class Mounts:
    """Builds the mounts of one process, which share the locks against renewing one certificate twice."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._renewals = NamedLocks()

    def build(self, config: BackendConfig) -> SectigoBackend:
        """Build one mount's backend.

        Raises:
            BadRequestError: a variable of the environment has an invalid value.
        """
        return build(config, background=does_background_work(self._environ), renewals=self._renewals)


def build(
    config: BackendConfig,
    *,
    clock: Clock | None = None,
    client_factory: ClientFactory = ScmClient,
    executor: Executor | None = None,
    jitter: Callable[[], float] = default_jitter,
    background: bool = True,
    renewals: NamedLocks | None = None,
) -> SectigoBackend:
    """Build a backend from its parts; parts that are not given are the real ones.

    Args:
        config: the mount's, from the host.
        clock: the source of time.
        client_factory: builds SCM clients.
        executor: runs the making of keys.
        jitter: see `Resources`.
        background: whether the host's ticks start background work.
        renewals: locks shared by the mounts of a process, so that two with one certificate renew it once.
    """
    node = Node(config.system)
    repository = Repository(config.storage, RecordCache(node.is_caching_disabled), summarise=summary_of)
    clock = clock or SystemClock()
    resources = Resources(
        repository=repository,
        clock=clock,
        clients=ScmClients(client_factory, LoginPauses(repository, clock), clock),
        is_read_only=node.is_read_only,
        executor=executor or key_threads(),
        jitter=jitter,
        renewals=NamedLocks() if renewals is None else renewals,
    )
    parts = parts_of(resources, background=background)
    router = Router(
        all_paths(parts),
        title=TITLE,
        description=DESCRIPTION,
        is_read_only=node.is_read_only,
        environment=node.environment,
    )
    return SectigoBackend(router, parts.engine, resources, background=background)


def parts_of(resources: Resources, *, background: bool) -> Parts:
    """Build what a mount's paths call."""
    engine, rotation = Engine(resources), PasswordRotation(resources)
    resources.clients.settle_first(rotation.settled)
    return Parts(
        engine=engine,
        configs=Configs(resources),
        roles=engine.roles,
        issuer=engine.issuer,
        rotation=rotation,
        profiles=Profiles(resources),
        background=background,
    )
