"""consul-template with the templates of docs/recipes.md, which are written for the agent."""

from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from scripts.environment import MOUNT, Environment
from tests.support import client_programs, recipes

VERSION = "0.41.1"


@pytest.fixture(scope="module")
def program() -> Path:
    return client_programs.consul_template(VERSION)


@pytest.fixture(autouse=True)
def role(environment: Environment) -> None:
    body = {"config": "web", "certificate_type": 501, "validity": 365, "allowed_domains": ["example.com"]}
    body |= {"allow_subdomains": True, "key_type": "ec"}
    environment.server.api("POST", f"{MOUNT}/roles/web", body).expect(200)


@pytest.mark.parametrize(("file", "written"), [("agent_pki.hcl", "site.pem"), ("agent_secret.hcl", "shop.pem")])
def test_a_template_of_the_recipes_is_rendered_and_a_second_run_orders_nothing(
    environment: Environment, program: Path, tmp_path: Path, file: str, written: str
) -> None:
    (tmp_path / "template.hcl").write_text(configuration(file))
    for _run in range(2):
        variables = {"VAULT_ADDR": environment.server.address, "VAULT_TOKEN": environment.server.token}
        once: client_programs.Command = (program, "-once", "-config", tmp_path / "template.hcl")
        client_programs.run(once, cwd=tmp_path, env=variables, timeout=client_programs.RUN_SECONDS)
        text = (tmp_path / written).read_bytes()
        leaf, *issuers = x509.load_pem_x509_certificates(text)
        for certificate, issuer in pairwise((leaf, *issuers)):
            certificate.verify_directly_issued_by(issuer)
        key = load_pem_private_key(text[text.index(b"-----BEGIN EC PRIVATE KEY") :], None)
        assert key.public_key() == leaf.public_key()
        assert orders_for(environment, leaf) == 1


def configuration(file: str) -> str:
    """Return the first template of one of the page's files, with consul-template's own words before it."""
    template = recipes.written_file(file)
    return "vault { renew_token = false }\n" + template[template.index("template {") :].partition("\n}\n")[0] + "\n}\n"


def orders_for(environment: Environment, leaf: x509.Certificate) -> int:
    """Return how often SCM was asked for a certificate's name."""
    (name,) = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    orders = httpx.get(f"{environment.simulator.control_url}/orders", trust_env=False).json()
    return sum(1 for order in orders if str(name.value) in str(order))
