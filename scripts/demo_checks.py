"""Whether an answer in the demo is what it should be; what is not, the terminal counts."""

import json
from collections.abc import Mapping

from cryptography import x509

from scripts.demo_terminal import Answer, DemoError, Terminal


class Checks:
    """Looks at answers.

    Args:
        terminal: where failures are noted.
        customer_uri: the second half of every unique id.
        root: the simulated CA's root certificate.
    """

    def __init__(self, terminal: Terminal, customer_uri: str, root: x509.Certificate) -> None:
        self._terminal = terminal
        self._customer_uri = customer_uri
        self._root = root

    def that(self, is_so: bool, failure: str) -> None:  # noqa: FBT001  reads like assert
        """Note a failure unless something is as it should be."""
        self._terminal.check(is_so, failure)

    def says(self, answer: Answer, *texts: str) -> None:
        words = " ".join(answer.text.split())
        for text in texts:
            self.that(text in words, f'the answer does not say "{text}"')

    def row(self, answer: Answer, name: str, value: str) -> None:
        """The table's row has that value; an empty one is shown as n/a."""
        self.that(answer.row(name) == value, f"{name} is not {value}")

    def unique_id(self, answer: Answer) -> str:
        """Return the certificate's id.

        Raises:
            DemoError: there is none.
        """
        unique_id = answer.row("cert_unique_id")
        if not unique_id.endswith(f"_{self._customer_uri}"):
            raise DemoError("the answer has no cert_unique_id")
        return unique_id

    def issued(self, answer: Answer, *names: str) -> None:
        """The answer has a certificate for these names, and its key."""
        self.row(answer, "status", "Issued")
        held = answer.certificate().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        known = {*held.get_values_for_type(x509.DNSName), *held.get_values_for_type(x509.RFC822Name)}
        for name in names:
            self.that(name in known, f"the certificate is not for {name}")

    def leads_to_the_root(self, answer: Answer) -> None:
        """The answer's issuers lead from the certificate to the simulated CA."""
        by_name = {
            found.subject: found
            for found in map(x509.load_pem_x509_certificate, map(str.encode, answer.pem("CERTIFICATE")))
        }
        certificate = answer.certificate()
        while certificate != self._root and certificate.issuer in by_name:
            issuer = by_name.pop(certificate.issuer)
            certificate.verify_directly_issued_by(issuer)
            certificate = issuer
        self.that(certificate == self._root, "the chain does not lead to the simulator's root")

    def json_is(self, answer: Answer, values: Mapping[str, str]) -> None:
        """The answer is JSON whose data have these values."""
        try:
            data = json.loads(answer.text)["data"]
        except (ValueError, KeyError, TypeError):
            self.that(is_so=False, failure="the answer is no JSON with data")
            return
        for name, value in values.items():
            self.that(data.get(name) == value, f"{name} is not {value}")
