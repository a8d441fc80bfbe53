"""The counts of a report, and what needs attention."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sectigo_vault_pki.console.report.certificates import IN_USE, Certificate, State, state_of

BY: Mapping[str, Callable[[Certificate], str]] = {
    "status": lambda certificate: certificate.status,
    "config": lambda certificate: certificate.config,
    "key": lambda certificate: certificate.key,
    "issuer": lambda certificate: certificate.issuer,
    "requested_by": lambda certificate: certificate.requested_by,
}


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts.

    Attributes:
        total: of all that is listed.
        in_use: of those that nothing has taken the place of.
        states: how many are in each state.
        by: how many there are by status, config, key, issuer and requested_by; the most frequent first.
    """

    total: int
    in_use: int
    states: Mapping[str, int]
    by: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Report:
    """A report's content.

    Attributes:
        server, mount: where the certificates are.
        generated: unix seconds, by which states are judged.
        certificates: sorted by their end; what is not issued comes last.
        warnings: what is not as it should be, in the engine's words and ours.
        left_out: how many certificates are not listed because their config entry is deleted.
    """

    server: str
    mount: str
    generated: int
    version: str
    certificates: Sequence[Certificate]
    warnings: Sequence[str]
    left_out: int = 0


def sorted_by_end(certificates: Iterable[Certificate]) -> list[Certificate]:
    """Return the certificates, those that end first at the beginning, and what has no end last."""
    return sorted(certificates, key=lambda one: (one.not_after is None, one.not_after or 0, one.common_name))


def summary_of(report: Report) -> Summary:
    """Count a report's certificates."""
    states = Counter(state_of(certificate, report.generated) for certificate in report.certificates)
    counted = {name: Counter(map(key, report.certificates)) for name, key in BY.items()}
    return Summary(
        total=len(report.certificates),
        in_use=sum(states[state] for state in IN_USE),
        states={state.value: states[state] for state in State},
        by={name: dict(counts.most_common()) for name, counts in counted.items()},
    )
