"""The tenant's domains and until when each is validated (scm-api.md 13.3)."""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sectigo_vault_pki.scm_simulator.simulator_settings import Settings


class DcvStatus(StrEnum):
    """SCM's words."""

    NOT_VALIDATED = "Not validated"
    VALIDATED = "Validated"
    EXPIRED = "Expired"


@dataclass(eq=False)
class Domain:
    """A domain that was delegated to the tenant, or that an order named.

    Attributes:
        name: In lower case, without a wildcard.
        validated_at: When its last validation succeeded.
        ends_at: When that ends, if not by the knob `dcv_days`.
        method: How it was validated; a `dcvMode`.
        order_mode: How it is being validated, or None.
        last_check: When SCM last looked.
    """

    name: str
    validated_at: datetime | None = None
    ends_at: datetime | None = None
    method: str | None = None
    order_mode: str | None = None
    last_check: datetime | None = None


class Domains:
    """Every domain by its name; a validated domain covers the names below it.

    Args:
        settings: Read each time, so that a shorter reuse ends validations that have been.
        now: The time of day, in UTC.
    """

    def __init__(self, *, settings: Settings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self.now = now
        self._domains: dict[str, Domain] = {}

    def __iter__(self) -> Iterator[Domain]:
        return iter(tuple(self._domains.values()))

    def get(self, name: str) -> Domain | None:
        return self._domains.get(_plain(name))

    def add(self, name: str) -> Domain:
        """Return the domain of that name, which is new unless it is known."""
        return self._domains.setdefault(_plain(name), Domain(_plain(name)))

    def validate(
        self, name: str, *, at: datetime | None = None, ends_at: datetime | None = None, method: str = "CNAME"
    ) -> Domain:
        """Let a validation succeed now, or have succeeded at some other time."""
        domain = self.add(name)
        domain.validated_at, domain.ends_at = at or self.now(), ends_at
        domain.method, domain.order_mode = domain.order_mode or method, None
        domain.last_check = domain.validated_at
        return domain

    def begin(self, names: Iterable[str], mode: str | None) -> None:
        """Begin the validation of what no validated domain covers."""
        for name in self.missing(names):
            self.add(name).order_mode = mode or "CNAME"

    def remove(self, name: str) -> bool:
        return self._domains.pop(_plain(name), None) is not None

    def clear(self) -> None:
        self._domains.clear()

    def end(self, domain: Domain) -> datetime | None:
        """Tell when the validation ends or ended."""
        if domain.validated_at is None:
            return None
        return domain.ends_at or domain.validated_at + timedelta(days=self._settings.dcv_days)

    def status(self, domain: Domain) -> DcvStatus:
        end = self.end(domain)
        if end is None:
            return DcvStatus.NOT_VALIDATED
        return DcvStatus.VALIDATED if end > self.now() else DcvStatus.EXPIRED

    def covering(self, name: str) -> Domain | None:
        """Find the validated domain that a name is or is below, the nearest one."""
        labels = _plain(name).split(".")
        candidates = (self._domains.get(".".join(labels[start:])) for start in range(len(labels)))
        return next((each for each in candidates if each and self.status(each) is DcvStatus.VALIDATED), None)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return the names, without wildcards, that no validated domain covers; addresses need none."""
        plain = dict.fromkeys(_plain(name) for name in names if not _is_address(name))
        return [name for name in plain if self.covering(name) is None]

    def validated_since(self, names: Iterable[str]) -> datetime | None:
        """Tell since when every name is covered; None while one is not."""
        covering = [self.covering(name) for name in names if not _is_address(name)]
        times = [None if domain is None else domain.validated_at for domain in covering]
        known = [time for time in times if time is not None]
        if len(known) < len(times):
            return None
        return max(known, default=datetime.min.replace(tzinfo=self.now().tzinfo))


def _plain(name: str) -> str:
    return name.lower().removeprefix("*.").rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
