"""Fields: a name, a kind and the help text from which path-help, OpenAPI and the documents are made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sectigo_vault_pki.vault_plugin.framework.kinds import Kind, KindError, refuse_sample_text
from sectigo_vault_pki.vault_plugin.logical import BadRequestError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAX_PROBLEMS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Generic[T_co]):
    """One parameter of a path.

    Attributes:
        name: what users call it.
        label: what a form calls it, such as that of the host's web UI; empty: its name in words.
        kind: how its value is read.
        description: help text, one or a few sentences.
        required: a request that creates or acts is refused without it.
        missing: the error of a request without it, if it is required; empty: `<name> is required`.
        default: what an absent field means; a handler sees it as absent. OpenAPI names it, and forms send it: so it is
            None if sending it is refused beside another field, whatever the help says.
        inherits: an absent field means the stored or configured value, so no form may send the default unasked.
        secret: never shown, and never taken from a URL.
        log_key: what its value is called in the log lines of a request whose path carries it; empty: not logged.
        without_effect: declared so that every path takes its sample file, and named so in the help text.
    """

    name: str
    label: str = ""
    kind: Kind[T_co]
    description: str
    required: bool = False
    missing: str = ""
    default: T_co | None = None
    inherits: bool = False
    secret: bool = False
    log_key: str = ""
    without_effect: bool = False

    def parse(self, value: object) -> T_co:
        """Read one value.

        Raises:
            BadRequestError: it is not of the field's kind; the text names the field.
        """
        try:
            refuse_sample_text(value)
            parsed = self.kind.parse(value)
            refuse_sample_text(parsed)
        except KindError as error:
            raise BadRequestError(f"{self.name} {error}") from None
        return parsed

    @property
    def missing_text(self) -> str:
        """The error of a request without the field."""
        return self.missing or f"{self.name} is required"


class FieldData:
    """The typed values of one request. A field that was not sent, or sent empty, is absent.

    Args:
        values: by the fields' names.
        emptied: names of the fields that were sent as empty text.
        refused: names of the fields whose value cannot be used; a handler never sees such a request.
    """

    def __init__(
        self,
        values: Mapping[str, object],
        emptied: frozenset[str] = frozenset(),
        refused: frozenset[str] = frozenset(),
    ) -> None:
        self._values = values
        self._refused = refused
        self.emptied = emptied
        """Names of the fields that were sent as empty text."""

    def lacks(self, field: Field[object]) -> bool:
        """Whether a field was not sent, or sent empty; a field with an unusable value was sent."""
        return field.name not in self._values and field.name not in self._refused

    def is_usable(self, field: Field[object]) -> bool:
        """Whether a field has no unusable value; an absent one has none."""
        return field.name not in self._refused

    def get(self, field: Field[T]) -> T | None:
        """Return the field's value, or None where it is absent."""
        return self._values.get(field.name)  # type: ignore[return-value]  # parsed by this very field's kind

    def __getitem__(self, field: Field[T]) -> T:
        """Return the value of a field that is always there: required, or part of the path."""
        return self._values[field.name]  # type: ignore[return-value]  # parsed by this very field's kind

    def __contains__(self, field: Field[T]) -> bool:
        return field.name in self._values

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the fields that are there."""
        return iter(self._values)


def problem_text(problems: Sequence[str]) -> str:
    """Return a request's problems one a line, without repeats; from the eleventh on, only how many more there are."""
    lines = list(dict.fromkeys(problems))
    more = len(lines) - MAX_PROBLEMS
    return "\n".join([*lines[:MAX_PROBLEMS], *([f"… and {more} more"] if more > 0 else [])])
