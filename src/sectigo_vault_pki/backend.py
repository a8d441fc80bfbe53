"""The composition root: one mount's paths, and what they share."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

from sectigo_vault_pki.clock import Clock, SystemClock
from sectigo_vault_pki.lifecycle import (
    ClientFactory,
    ClockWatch,
    Configs,
    Engine,
    Issuer,
    LoginPauses,
    Resources,
    Roles,
    ScmClients,
    SerialNumbers,
    default_jitter,
    key_threads,
)
from sectigo_vault_pki.paths import (
    path_cert,
    path_certs,
    path_certs_list,
    path_configs,
    path_configs_list,
    path_enroll,
    path_export,
    path_fetch,
    path_issue,
    path_renew,
    path_replace,
    path_revoke,
    path_revoke_by_serial,
    path_role_ca_chain,
    path_roles,
    path_roles_list,
    path_serials_list,
    path_sign,
    path_status,
)
from sectigo_vault_pki.scm import ScmClient
from sectigo_vault_pki.store import SEAL_WRAPPED, NamedLocks, RecordCache, Repository
from sectigo_vault_pki.vault_plugin.framework import Node, Path, Router
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
collects them, keeps them with their keys and their history, and renews them when they are due.

Write a config entry with the login of an SCM account under configs/, order with enroll/ and read with certs/; renew/,
replace/, revoke/ and fetch/ do what their names say.

Roles under roles/ say what may be ordered by issue/ and sign/, which ask and answer as Vault's own pki engine does;
cert/ and revoke find certificates by their serial numbers.
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
        return SpecialPaths(seal_wrap_storage=SEAL_WRAPPED)

    async def initialize(self) -> None:
        """Carry on, beside everything else, what an earlier process left open."""
        self._engine.resume()

    async def handle_request(self, request: Request) -> Response | None:
        if request.operation is Operation.ROLLBACK:  # the host's tick, once a minute (plugin-protocol.md 5.6)
            if self._background:
                self._engine.tick()
            return None
        return await self._router.route(request)

    async def canonical_path(self, path: str) -> str | None:
        return await self._router.canonical_path(path)

    async def check_existence(self, request: Request) -> bool | None:
        return await self._router.exists(request)

    async def invalidate_key(self, key: str) -> None:
        self._resources.repository.invalidate(key)

    async def cleanup(self) -> None:
        await self._resources.aclose()


BACKGROUND_VARIABLE = "SECTIGO_VAULT_PKI_BACKGROUND"


def does_background_work(environ: Mapping[str, str]) -> bool:
    """Tell whether the process's environment leaves background work on, as it is without a word.

    Raises:
        BadRequestError: it says neither `on` nor `off`; a server that was meant to be off must not order.
    """
    word = environ.get(BACKGROUND_VARIABLE, "").strip().lower() or "on"
    if word not in {"on", "off"}:
        raise BadRequestError(f"{BACKGROUND_VARIABLE} must be on or off")
    return word == "on"


class Mounts:
    """Builds the mounts of one process, which share what keeps them from renewing one certificate twice."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._renewals = NamedLocks()

    def build(self, config: BackendConfig) -> SectigoBackend:
        """Build one mount's backend.

        Raises:
            BadRequestError: the environment says something that cannot be meant.
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
    """Build a backend from its parts; the ones not given are the real ones.

    Args:
        config: what the host says of the mount.
        clock: tells the time.
        client_factory: builds SCM clients.
        executor: makes keys.
        jitter: see `Resources`.
        background: whether the host's ticks lead to anything.
        renewals: what this mount shares with others of the process: two that have one certificate renew it once.
    """
    node = Node(config.system)
    repository = Repository(config.storage, RecordCache(node.is_caching_disabled))
    clock = clock or SystemClock()
    resources = Resources(
        repository=repository,
        clock=clock,
        clients=ScmClients(client_factory, LoginPauses(repository, clock), ClockWatch(clock)),
        is_read_only=node.is_read_only,
        executor=executor or key_threads(),
        jitter=jitter,
        renewals=NamedLocks() if renewals is None else renewals,
    )
    engine = Engine(resources)
    paths = declared_paths(resources, engine, background=background)
    router = Router(
        paths, title=TITLE, description=DESCRIPTION, is_read_only=node.is_read_only, environment=node.environment
    )
    return SectigoBackend(router, engine, resources, background=background)


def declared_paths(resources: Resources, engine: Engine, *, background: bool) -> Sequence[Path]:
    """Return what users can ask, in the order in which requests are matched, which is that of the documents, too."""
    configs, roles, serials = Configs(resources), Roles(resources), SerialNumbers(resources, engine)
    issuer = Issuer(resources, engine, roles)
    return (
        path_configs(configs),
        path_configs_list(configs),
        path_enroll(engine),
        path_certs(engine),
        path_certs_list(engine),
        path_renew(engine),
        path_replace(engine),
        path_revoke(engine),
        path_fetch(engine),
        path_export(engine),
        path_roles(roles),
        path_roles_list(roles),
        path_role_ca_chain(roles),
        path_issue(engine, issuer),
        path_sign(issuer),
        path_cert(serials),
        path_serials_list(serials),
        path_revoke_by_serial(serials),
        path_status(engine, background=background),
    )
