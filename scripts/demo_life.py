"""A certificate's whole life in the demo, the same for both certificate types: each step a command and its checks."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.demo_checks import Checks
from scripts.demo_terminal import Answer, Terminal
from scripts.environment import MOUNT

LINKS = ("cert_unique_id", "domain", "not_after", "renewed_from", "renewed_to", "serial_number", "state", "status")
"""Rows in which a certificate's life shows."""
DATES = ("cert_unique_id", "domain", "not_before", "not_after", "status")
AGE_OF_A_DUE_ONE = 360 * 86_400
"""Seconds of the 365 days for which SCM issues here."""
PENDING_POLLS = 2
"""How often SCM answers that an order is being processed, where the demo is about that; otherwise it issues at once."""
KEYS = ("cert_unique_id", "private_key", "serial_number", "state", "status")


@dataclass(frozen=True, slots=True)
class Kind:
    """One certificate type.

    Attributes:
        config: the config entry's name.
        order: the fields of an enrolment, as they are typed, over several lines.
        names: alternative names that the certificate has then.
        replacement: the fields of a replacement, beside the reason.
        replaced_names: alternative names that the certificate has after it.
        id_field: where SCM's own id stands.
    """

    title: str
    config: str
    order: str
    names: tuple[str, ...]
    replacement: str
    replaced_names: tuple[str, ...]
    id_field: str


SSL = Kind(
    title="SSL",
    config="demo",
    order=(
        "    sectigo_csr_domain=web.example.test \\\n"
        "    sectigo_ssl_cert_subject_alt_names=www.web.example.test,192.0.2.7 \\\n"
        "    sectigo_ssl_cert_type=501 sectigo_ssl_cert_validity=365"
    ),
    names=("web.example.test", "www.web.example.test"),
    replacement="    sectigo_ssl_cert_subject_alt_names=www.web.example.test,shop.web.example.test",
    replaced_names=("web.example.test", "shop.web.example.test"),
    id_field="ssl_id",
)
CLIENT = Kind(
    title="client",
    config="demo-client",
    order=(
        '    sectigo_csr_domain="Ann Example" sectigo_csr_key_algo=EC \\\n'
        "    sectigo_client_cert_first_name=Ann sectigo_client_cert_last_name=Example \\\n"
        "    sectigo_client_cert_email=ann@example.test \\\n"
        "    sectigo_client_cert_type=601 sectigo_client_cert_validity=365"
    ),
    names=("ann@example.test",),
    replacement="    sectigo_client_cert_revoked_on_replace=true",
    replaced_names=("ann@example.test",),
    id_field="order_number",
)


class Life:
    """Goes through it.

    Args:
        kind: which one.
        terminal: where the commands run.
        checks: what they must answer.
        set_scm: changes settings of the simulated SCM.
    """

    def __init__(self, kind: Kind, terminal: Terminal, checks: Checks, set_scm: Callable[..., None]) -> None:
        self._kind = kind
        self._terminal = terminal
        self._checks = checks
        self._set_scm = set_scm

    def enroll(self) -> str:
        """Order a certificate, list and read it; return its unique id."""
        kind = self._kind
        self._terminal.chapter(f"Order {_article(kind.title)} {kind.title} certificate")
        self._terminal.say("A new key is made in the plugin. SCM takes its time, and the command waits;")
        self._terminal.say("later orders are issued at once.")
        self._set_scm(pending_polls=PENDING_POLLS)
        answer = self._terminal.run(f"bao write {MOUNT}/enroll/{kind.config} \\\n{kind.order}")
        self._set_scm(pending_polls=0)
        self._checks.issued(answer, *kind.names)
        self._checks.leads_to_the_root(answer)
        unique_id = self._checks.unique_id(answer)
        self._terminal.chapter("List and read what is stored; SCM is not asked")
        self._lists(unique_id)
        again = self._read(unique_id)
        self._checks.row(again, "serial_number", answer.row("serial_number"))
        self._checks.issued(again, *kind.names)
        return unique_id

    def renew(self, unique_id: str) -> str:
        """Renew it, follow it from the old id, and renew it once more by a read; return the newest's unique id."""
        config = self._kind.config
        self._terminal.chapter(f"Renew the {self._kind.title} certificate")
        answer = self._terminal.run(f"bao write -force {MOUNT}/renew/{config}/{unique_id}", rows=LINKS)
        self._checks.issued(answer, *self._kind.names)
        self._checks.row(answer, "renewed_from", unique_id)
        renewed = self._checks.unique_id(answer)
        self._terminal.say("It has an id of its own. Whoever reads the old id is answered the new certificate,")
        followed = self._read(unique_id)
        self._checks.row(followed, "cert_unique_id", renewed)
        self._terminal.say("unless the old one itself is asked for.")
        old = self._read(unique_id, "sectigo_read_renewed_cert=false")
        self._checks.row(old, "status", "Renewed")
        self._checks.row(old, "renewed_to", renewed)
        return renewed

    def renew_by_reading(self) -> str:
        """Read a certificate that is due; return the unique id of the one that is answered."""
        kind = self._kind
        self._terminal.chapter("A certificate that is due is renewed automatically, by a read or in the background")
        self._terminal.say("It is due seven days before its end. The simulated SCM issues one that has five days left.")
        self._set_scm(backdated_seconds=AGE_OF_A_DUE_ONE)
        due = self._terminal.run(f"bao write {MOUNT}/enroll/{kind.config} \\\n{kind.order}", rows=DATES)
        self._set_scm(backdated_seconds=0)
        unique_id = self._checks.unique_id(due)
        answer = self._read(unique_id)
        self._checks.issued(answer, *kind.names)
        self._checks.row(answer, "renewed_from", unique_id)
        return self._checks.unique_id(answer)

    def replace(self, unique_id: str) -> None:
        """Replace it under its id, and export the one that was replaced."""
        config = self._kind.config
        self._terminal.chapter(f"Replace the {self._kind.title} certificate: the same id, a new key")
        before = self._read(unique_id, rows=KEYS)
        answer = self._terminal.run(
            f'bao write {MOUNT}/replace/{config}/{unique_id} sectigo_reason="change of keys" \\\n'
            f"{self._kind.replacement}",
            rows=KEYS,
        )
        self._checks.issued(answer, *self._kind.replaced_names)
        self._checks.row(answer, "cert_unique_id", unique_id)
        self._checks.says(answer, "status:Replaced")
        new_key = answer.pem("PRIVATE KEY") != before.pem("PRIVATE KEY")
        self._checks.that(new_key, "the key is the old one")
        self._checks.that(answer.row("serial_number") != before.row("serial_number"), "the certificate is the old one")
        self._terminal.say(
            "The one before is kept with its key, and can be exported; PKCS#12, PKCS#8 and DER are, too."
        )
        earlier = self._terminal.run(f"bao write {MOUNT}/export/{config}/{unique_id} version=1", rows=KEYS)
        self._checks.row(earlier, "serial_number", before.row("serial_number"))
        old_key = earlier.pem("PRIVATE KEY") == before.pem("PRIVATE KEY")
        self._checks.that(old_key, "the key is not the one of the replaced certificate")

    def forget_and_fetch(self, unique_id: str) -> None:
        """Delete it in Vault, and fetch it from SCM again."""
        config, scm_id = self._kind.config, unique_id.split("_", maxsplit=1)[0]
        self._terminal.chapter(f"Forget the {self._kind.title} certificate, and fetch it from SCM")
        before = self._read(unique_id, rows=("serial_number", "status"))
        self._checks.says(self._terminal.run(f"bao delete {MOUNT}/certs/{config}/{unique_id}"), "Success!")
        gone = self._terminal.run(f"bao read {MOUNT}/certs/{config}/{unique_id}", status=2)
        self._checks.says(gone, "No value found")
        self._terminal.say("SCM still has it. Its key was in Vault alone, and does not come back.")
        fetched = self._terminal.run(
            f"bao write -force {MOUNT}/fetch/{config}/{scm_id}", rows=(self._kind.id_field, *KEYS)
        )
        self._checks.row(fetched, "cert_unique_id", unique_id)
        self._checks.row(fetched, "serial_number", before.row("serial_number"))
        self._checks.row(fetched, "private_key", "n/a")
        self._lists(unique_id)

    def revoke(self, unique_id: str) -> None:
        """Revoke it."""
        config = self._kind.config
        self._terminal.chapter(f"Revoke the {self._kind.title} certificate")
        answer = self._terminal.run(
            f"bao write {MOUNT}/revoke/{config}/{unique_id} sectigo_reason=superseded", rows=KEYS
        )
        self._checks.row(answer, "status", "Revoked")
        self._checks.row(answer, "private_key", "n/a")

    def _lists(self, unique_id: str) -> None:
        self._checks.says(self._terminal.run(f"bao list {MOUNT}/certs/{self._kind.config}"), unique_id)

    def _read(self, unique_id: str, parameters: str = "", rows: tuple[str, ...] = LINKS) -> Answer:
        command = f"bao read {MOUNT}/certs/{self._kind.config}/{unique_id} {parameters}"
        return self._terminal.run(command.strip(), rows=rows)


def _article(word: str) -> str:
    return "an" if word.isupper() else "a"
