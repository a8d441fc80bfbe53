"""Roles: policy apart from credentials. What each allows is decided in `role_rules`."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

from sectigo_vault_pki.errors import ConflictError, InvalidInputError, UnknownRoleError
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules import role_rules
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.store import CertificateRecord, CertificateType, RoleDefaults, RoleRecord, RoleUse

_DAYS_KEPT = 10
"""Beside the one that is counted: a clock that is wrong for a while must not make the right day's orders forgotten."""


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
        return role_rules.with_defaults(role, await self._resources.repository.role_defaults())

    async def defaults(self) -> RoleDefaults:
        """Return what roles have that do not say it themselves."""
        return await self._resources.repository.role_defaults()

    async def exists(self, role_name: str) -> bool:
        return await self._resources.repository.role(role_name) is not None

    async def names(self) -> Sequence[str]:
        return await self._resources.repository.role_names()

    async def put(self, role_name: str, make: Callable[[RoleRecord | None, RoleDefaults], RoleRecord]) -> RoleWritten:
        """Store a role in place of what it was.

        Args:
            role_name: its name.
            make: returns the new role, given the stored one and the mount's defaults.

        Raises:
            InvalidInputError: its config entry is for other certificates.
        """
        repository = self._resources.repository
        await repository.must_be_ours()
        async with self._resources.locks.hold("role", role_name):
            role = make(await repository.role(role_name), await repository.role_defaults())
            missing = await self._missing_entry(role.config_name)
            await self._resources.tasks.finish(repository.put_role(role_name, role))
        return RoleWritten(role, (*missing, *role_rules.guard_warnings(role)))

    async def put_defaults(self, change: Callable[[RoleDefaults], RoleDefaults]) -> Sequence[str]:
        """Store what roles have that do not say it themselves, and return warnings.

        Raises:
            InvalidInputError: its config entry is for other certificates.
        """
        repository = self._resources.repository
        await repository.must_be_ours()
        async with self._resources.locks.hold("role defaults"):
            defaults = change(await repository.role_defaults())
            missing = await self._missing_entry(defaults.config_name) if defaults.config_name else ()
            await self._resources.tasks.finish(repository.put_role_defaults(defaults))
        return missing

    async def _missing_entry(self, config_name: str) -> tuple[str, ...]:
        """Return the warning about a config entry that is not there yet.

        Raises:
            InvalidInputError: it is for other certificates.
        """
        config = await self._resources.repository.config(config_name)
        if config is None:
            return (f'no config entry named "{config_name}" yet: write it before the role is used',)
        if config.certificate_type is not CertificateType.SSL:
            raise InvalidInputError(
                f'config must name an entry of type {CertificateType.SSL}: "{config_name}" is for '
                f"{config.certificate_type} certificates"
            )
        return ()

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
            of_today = _on(today, use)
            if most is not None and of_today.orders >= most:
                raise ConflictError(_limit_text(role_name, of_today.orders, most))
            return of_today.model_copy(update={"orders": of_today.orders + 1})

        def uncounted(use: RoleUse) -> RoleUse:
            of_today = _on(today, use)
            return of_today.model_copy(update={"orders": of_today.orders - 1}) if of_today.orders else use

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


def _on(day: date, use: RoleUse) -> RoleUse:
    """Return a use with the count of a day at hand, and those of the other days beside it."""
    if use.day == day:
        return use
    counts = dict(use.other_days)
    orders = counts.pop(day, 0)
    if use.day is not None and use.orders:
        counts = {kept: number for kept, number in counts.items() if kept != use.day} | {use.day: use.orders}
    return use.model_copy(update={"day": day, "orders": orders, "other_days": tuple(counts.items())[-_DAYS_KEPT:]})


def _limit_text(role_name: str, orders: int, most: int) -> str:
    certificates = "1 certificate" if orders == 1 else f"{orders} certificates"
    text = (
        f"role {role_name} has ordered {certificates} today (UTC), and its max_orders_per_day is {most}: nothing was "
        "ordered"
    )
    return f"{text}, and the next order is possible from 00:00 UTC on" if most else text
