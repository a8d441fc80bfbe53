"""Roles: policy apart from credentials. What each allows is decided in `role_policy`."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sectigo_vault_pki.errors import ConflictError, InvalidInputError, UnknownRoleError
from sectigo_vault_pki.lifecycle import role_policy
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.store import CertificateRecord, CertificateType, RoleRecord, RoleUse


@dataclass(frozen=True, slots=True)
class RoleWritten:
    """A stored role, and what the writer should know."""

    role: RoleRecord
    warnings: tuple[str, ...] = ()


class Roles:
    """Keeps the roles of one mount, and how they were used."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def get(self, role_name: str) -> RoleRecord:
        """Return a role.

        Raises:
            UnknownRoleError: there is none of that name.
        """
        role = await self._resources.repository.role(role_name)
        if role is None:
            raise UnknownRoleError(role_name)
        return role

    async def exists(self, role_name: str) -> bool:
        return await self._resources.repository.role(role_name) is not None

    async def names(self) -> Sequence[str]:
        return await self._resources.repository.role_names()

    async def put(self, role_name: str, role: RoleRecord) -> RoleWritten:
        """Store a role in place of what it was.

        Raises:
            InvalidInputError: its config entry is for other certificates.
        """
        repository = self._resources.repository
        await repository.must_be_ours()
        config = await repository.config(role.config_name)
        if config is not None and config.certificate_type is not CertificateType.SSL:
            raise InvalidInputError(
                f'config must name an entry of type {CertificateType.SSL}: "{role.config_name}" is for '
                f"{config.certificate_type} certificates"
            )
        await self._resources.tasks.finish(repository.put_role(role_name, role))
        warnings = role_policy.guard_warnings(role)
        if config is None:
            missing = f'no config entry named "{role.config_name}" yet: write it before the role is used'
            warnings = (missing, *warnings)
        return RoleWritten(role, warnings)

    async def delete(self, role_name: str) -> None:
        """Remove a role; what was ordered under it stays, and what it ordered today counts if it is written again."""
        await self._resources.tasks.finish(self._resources.repository.delete_role(role_name))
        await self._change_use(role_name, lambda use: use.model_copy(update={"newest_config_name": "", "newest": None}))

    async def newest_chain(self, role_name: str) -> CertificateChain | None:
        """Return the certificate that the role answered last, with its issuers; None before there is one.

        Raises:
            UnknownRoleError: there is no such role.
        """
        await self.get(role_name)
        use = await self._resources.repository.role_use(role_name)
        if use.newest is None:
            return None
        record = await self._resources.repository.certificate(use.newest_config_name, use.newest)
        if record is None or record.current is None:
            return None
        return CertificateChain.from_pem(record.current.bundle)

    async def note_answered(self, role_name: str, config_name: str, record: CertificateRecord) -> None:
        """Note which certificate the role answered last."""
        newest = {"newest_config_name": config_name, "newest": record.unique_id}
        await self._change_use(role_name, lambda use: use.model_copy(update=newest))

    @asynccontextmanager
    async def admission(self, role_name: str, role: RoleRecord) -> AsyncIterator[None]:
        """Count an order, which is placed in the block, to the day; one that is not placed does not count.

        Raises:
            ConflictError: the role has had its orders of the day.
        """
        most, today = role.max_orders_per_day, self._resources.clock.now().date()

        def counted(use: RoleUse) -> RoleUse:
            orders = use.orders if use.day == today else 0
            if most is not None and orders >= most:
                raise ConflictError(
                    f"role {role_name} has ordered {orders} certificates today (UTC), and its max_orders_per_day is "
                    f"{most}: nothing was ordered"
                )
            return use.model_copy(update={"day": today, "orders": orders + 1})

        def uncounted(use: RoleUse) -> RoleUse:
            return use.model_copy(update={"orders": use.orders - 1}) if use.day == today and use.orders else use

        await self._change_use(role_name, counted)
        try:
            yield
        except Exception:
            await self._change_use(role_name, uncounted)
            raise

    async def _change_use(self, role_name: str, change: Callable[[RoleUse], RoleUse]) -> None:
        await self._resources.tasks.finish(self._changed_use(role_name, change))

    async def _changed_use(self, role_name: str, change: Callable[[RoleUse], RoleUse]) -> None:
        repository = self._resources.repository
        async with self._resources.locks.hold("role use", role_name):
            use = await repository.role_use(role_name)
            changed = change(use)
            if changed == RoleUse():
                await repository.delete_role_use(role_name)
            elif changed != use:
                await repository.put_role_use(role_name, changed)
