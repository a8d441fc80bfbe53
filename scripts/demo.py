"""`make demo`: what the engine does, on a real OpenBao server and a simulated Sectigo Certificate Manager.

Every command is shown as a user types it and run as it stands; what it answers is shown and checked. The exit status
says whether all was as it should be.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from scripts.demo_checks import Checks
from scripts.demo_life import CLIENT, PENDING_POLLS, SSL, Life
from scripts.demo_terminal import DemoError, Terminal
from scripts.environment import (
    EXECUTABLE,
    MOUNT,
    PLUGIN,
    Choices,
    Environment,
    PartError,
    running,
    small_environment,
)
from scripts.server_binary import OpenBaoError
from scripts.stopping import StoppedError, StopSignals

TYPE, VALIDITY = 501, 365
ORDER = f"sectigo_ssl_cert_type={TYPE} sectigo_ssl_cert_validity={VALIDITY}"


def main() -> int:
    """Show everything; return the exit status."""
    began = time.monotonic()
    with StopSignals() as stop:
        try:
            with running(Choices()) as environment:
                demo = Demo(environment, stop)
                demo.show()
        except StoppedError as stopped:
            print(f"\nThe demo was {stopped}; everything it started has ended.", file=sys.stderr)
            return 128 + stopped.number
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on; nor at the exit's flush
            return 128 + signal.SIGPIPE
        except (PartError, OpenBaoError, DemoError) as error:
            print(f"\nThe demo cannot go on: {error}", file=sys.stderr)
            return 1
    failures = demo.terminal.failures
    as_it_should = "all of them answered as they should" if not failures else f"{len(failures)} NOT as they should"
    print(f"\nDone: {demo.terminal.commands} commands in {time.monotonic() - began:.0f} s, {as_it_should}.")
    print("OpenBao, the plugin and the simulator have ended, and their files are gone.")
    return 1 if failures else 0


class Demo:
    """The story."""

    def __init__(self, environment: Environment, stop: StopSignals) -> None:
        self._environment = environment
        self._scm = SimulatedScm(environment.simulator.control_url)
        self._folder = environment.folder / "demo"
        self._folder.mkdir(mode=0o700)
        variables = {
            **small_environment(),
            **environment.shell_environment(),
            "HOME": str(self._folder),
            "PLUGIN_DIRECTORY": str(environment.server.plugin_directory),
        }
        variables["PATH"] = f"{EXECUTABLE.parent}:{variables.get('PATH', '/usr/bin:/bin')}"
        self.terminal = Terminal(self._folder, variables, stop, self._scm.news)
        simulator = environment.simulator
        root = x509.load_pem_x509_certificate(simulator.ca_file.read_bytes())
        self._checks = Checks(self.terminal, simulator.customer_uri, root)

    def show(self) -> None:
        """Go through it.

        Raises:
            DemoError: it cannot go on.
            StoppedError: a signal says stop.
        """
        server, simulator = self._environment.server.address, self._environment.simulator.url
        print(f"OpenBao listens at {server}, a simulated Sectigo Certificate Manager (SCM) at {simulator}.")
        self._install()
        self._configure()
        unique_id = self._ssl_certificate()
        self._client_certificate()
        self._own_key()
        self._role()
        self._timeout()
        if shutil.which("curl"):
            self._curl(unique_id)
        else:
            self.terminal.say("(The same with curl is left out: curl is not installed on this machine.)")
        self._errors()
        self._help()
        self._forget_the_entry()

    def _install(self) -> None:
        self.terminal.chapter("Register the plugin, and mount it")
        registered = self.terminal.run(
            f"bao plugin register \\\n"
            f"    -sha256=$(sha256sum $PLUGIN_DIRECTORY/{PLUGIN} | cut -d' ' -f1) \\\n"
            f"    -command={PLUGIN} secret {PLUGIN}"
        )
        self._checks.says(registered, "Success!")
        self._checks.says(self.terminal.run(f"bao secrets enable -path={MOUNT} {PLUGIN}"), "Success!")

    def _configure(self) -> None:
        self.terminal.chapter("Write config entries: an SCM account, an organization and a certificate type each")
        self.terminal.say("The password comes from standard input, so that it is in no process list and no history.")
        for name, certificate_type in (("demo", "ssl_cert"), ("demo-client", "client_cert")):
            self._checks.says(self.terminal.run(self._config_command(name, certificate_type)), "Success!")
        shown = self.terminal.run(f"bao read {MOUNT}/configs/demo")
        self._checks.row(shown, "sectigo_cm_user", self._environment.simulator.user)
        secret = "sectigo_cm_password", self._environment.simulator.password
        self.terminal.check(not any(text in shown.text for text in secret), "the password is shown")
        self._checks.says(self.terminal.run(f"bao list {MOUNT}/configs"), "demo", "demo-client")

    def _config_command(self, name: str, certificate_type: str) -> str:
        simulator = self._environment.simulator
        return (
            f'printf %s "$SCM_PASSWORD" | bao write {MOUNT}/configs/{name} \\\n'
            f"    sectigo_cm_user={simulator.user} sectigo_cm_password=- \\\n"
            f"    sectigo_cm_uri={simulator.customer_uri} sectigo_config_type={certificate_type} \\\n"
            f"    sectigo_cm_org_id={simulator.org_id} sectigo_cm_base_url={simulator.url}"
        )

    def _ssl_certificate(self) -> str:
        life = Life(SSL, self.terminal, self._checks, self._scm.set)
        first = life.enroll()
        life.renew(first)
        newest = life.renew_by_reading()
        life.replace(newest)
        life.revoke(first)
        life.forget_and_fetch(newest)
        return newest

    def _client_certificate(self) -> None:
        life = Life(CLIENT, self.terminal, self._checks, self._scm.set)
        first = life.enroll()
        newest = life.renew(first)
        life.replace(newest)
        life.forget_and_fetch(newest)
        life.revoke(newest)

    def _own_key(self) -> None:
        self.terminal.chapter("Bring your own key and CSR")
        write_key_and_csr(self._folder, "own.example.test")
        self.terminal.say("own.key.pem and own.csr.pem lie in the current folder.")
        answer = self.terminal.run(
            f"bao write {MOUNT}/enroll/demo \\\n"
            f"    sectigo_csr=@own.csr.pem sectigo_private_key=@own.key.pem \\\n"
            f"    {ORDER}"
        )
        self._checks.issued(answer, "own.example.test")
        given = (self._folder / "own.csr.pem").read_text().split()
        self.terminal.check(
            any(block.split() == given for block in answer.pem("CERTIFICATE REQUEST")), "another CSR was used"
        )

    def _role(self) -> None:
        self.terminal.chapter("A role, and a certificate as tools ask for it that know Vault's own PKI")
        written = self.terminal.run(
            f"bao write {MOUNT}/roles/demo config=demo certificate_type=501 validity=365 \\\n"
            "    allowed_domains=example.test allow_subdomains=true key_type=ec min_remaining=60d",
            rows=("allowed_domains", "min_remaining"),
        )
        self._checks.row(written, "min_remaining", str(60 * 86_400))
        command = f"bao write {MOUNT}/issue/demo common_name=role.example.test"
        issued = self.terminal.run(command)
        self._checks.row(issued, "private_key_type", "ec")
        self.terminal.say(
            "While enough of its life is left, an equal request is answered the same one; SCM is not asked."
        )
        again = self.terminal.run(command, rows=("serial_number",))
        self._checks.row(again, "serial_number", issued.row("serial_number"))
        refused = self.terminal.run(f"bao write {MOUNT}/issue/demo common_name=www.example.org", status=2)
        self._checks.says(refused, "common name www.example.org not allowed by this role")

    def _timeout(self) -> None:
        self.terminal.chapter("Do not wait: order now, collect later")
        self._scm.set(pending_polls=PENDING_POLLS)
        answer = self.terminal.run(
            f"bao write {MOUNT}/enroll/demo sectigo_csr_domain=later.example.test \\\n"
            f"    sectigo_max_timeout=0 \\\n"
            f"    {ORDER}"
        )
        self._checks.row(answer, "certificate", "TimeoutStateSaved")
        self._checks.says(answer, "collects it")
        unique_id = self._checks.unique_id(answer)
        self.terminal.say("Reading it asks SCM once more; with sectigo_max_timeout the read waits.")
        collected = self.terminal.run(f"bao read {MOUNT}/certs/demo/{unique_id} sectigo_max_timeout=30")
        self._scm.set(pending_polls=0)
        self._checks.issued(collected, "later.example.test")

    def _curl(self, unique_id: str) -> None:
        self.terminal.chapter("The same over HTTP, with curl")
        order = {
            "sectigo_csr_domain": "api.example.test",
            "sectigo_csr_key_size": 3072,
            "sectigo_ssl_cert_type": TYPE,
            "sectigo_ssl_cert_validity": VALIDITY,
        }
        (self._folder / "ssl_cert.json").write_text(json.dumps(order, indent=2) + "\n")
        self.terminal.run("cat ssl_cert.json")
        answer = self.terminal.run(
            f'curl -sS -H "X-Vault-Token: $BAO_TOKEN" --data @ssl_cert.json \\\n'
            f"    $BAO_ADDR/v1/{MOUNT}/enroll/demo | python3 -m json.tool"
        )
        self._checks.json_is(answer, {"domain": "api.example.test", "status": "Issued", "private_key_type": "rsa"})
        self.terminal.check(answer.certificate().public_key().key_size == 3072, "the key has another size")  # type: ignore[union-attr]  # noqa: PLR2004  an RSA key, as asked for
        answer = self.terminal.run(
            f'curl -sS -H "X-Vault-Token: $BAO_TOKEN" \\\n'
            f"    $BAO_ADDR/v1/{MOUNT}/certs/demo/{unique_id} | python3 -m json.tool",
            lines=16,
        )
        self._checks.json_is(answer, {"cert_unique_id": unique_id, "status": "Issued"})

    def _errors(self) -> None:
        self.terminal.chapter("What a mistake looks like")
        wrong = f"bao write {MOUNT}/enroll/demo sectigo_csr_domain=web.example.test sectigo_ssl_cert_type={TYPE} \\\n"
        answer = self.terminal.run(f"{wrong}    sectigo_ssl_cert_validity=soon", status=2)
        self._checks.says(answer, "Code: 400", "sectigo_ssl_cert_validity must be")
        self.terminal.say("SCM does not sell the certificate type for 12 days: nothing is sent.")
        answer = self.terminal.run(f"{wrong}    sectigo_ssl_cert_validity=12", status=2)
        self._checks.says(answer, "Code: 400", f"certificate profile {TYPE} offers no 12 days")

    def _help(self) -> None:
        self.terminal.chapter("Every path explains itself")
        self._checks.says(self.terminal.run(f"bao path-help {MOUNT}"), "enroll/", "certs/", "configs/")
        answer = self.terminal.run(f"bao path-help {MOUNT}/enroll/demo", lines=24)
        self._checks.says(answer, "sectigo_ssl_cert_type (int)")

    def _forget_the_entry(self) -> None:
        self.terminal.chapter("Forget a config entry; its certificates stay")
        answer = self.terminal.run(f"bao delete {MOUNT}/configs/demo")
        self._checks.says(answer, "stay stored and readable")


class SimulatedScm:
    """The simulator's control listener: settings, and what it says of the newest order."""

    def __init__(self, control_url: str) -> None:
        self._client = httpx.Client(base_url=control_url, trust_env=False)
        self._said: tuple[int, int] | None = None

    def set(self, **settings: int) -> None:
        """Change settings of the simulator's; see `docs/simulator.md`."""
        self._client.post("/settings", json=settings).raise_for_status()

    def news(self) -> str:
        """Return a sentence when SCM was asked for the certificate again and did not have it, else nothing."""
        orders = self._client.get("/orders").json()
        waiting = [order for order in orders if order["status"] == "Applied" and order["collects"]]
        if not waiting:
            return ""
        newest = waiting[-1]
        seen = (newest["id"], newest["collects"])
        if seen == self._said:
            return ""
        self._said = seen
        times = "once" if newest["collects"] == 1 else f"{newest['collects']} times"
        return f"order {newest['id']} is being processed at SCM, which was asked {times}"


def write_key_and_csr(folder: Path, domain: str) -> None:
    """Write `own.key.pem` and `own.csr.pem`, as any tool of the user's would make them."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(domain)])
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)]))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key_file = folder / "own.key.pem"
    key_file.touch(mode=0o600)
    key_file.write_bytes(pem)
    (folder / "own.csr.pem").write_bytes(csr.public_bytes(Encoding.PEM))


if __name__ == "__main__":
    sys.exit(main())
