"""What happened lately: events in pages, a page for each write."""

from pydantic import AwareDatetime

from sectigo_vault_pki.store.base import Part, Record


class Event(Part):
    """One thing that happened to an order or a certificate.

    Attributes:
        what: the message of its log line.
        unique_id: of the certificate; empty while it has none.
        order: the order's id; empty where it is about none.
        code: SCM's, where it gave one.
        error: why something failed; empty where it did not.
    """

    at: AwareDatetime
    what: str
    config_name: str
    unique_id: str = ""
    order: str = ""
    domain: str = ""
    requested_by: str = ""
    code: int | None = None
    error: str = ""


class EventPage(Record):
    """Some events, oldest first."""

    events: tuple[Event, ...] = ()
