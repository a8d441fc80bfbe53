"""What a program with a client generated from the mount's OpenAPI document does there: prints what it read as JSON.

As with Vault's own engines, the document describes what is under `data`, and the generated functions parse the whole
answer. So the models are applied to `data` here, and must know each of its keys.
"""

import importlib
import json
import os
from pathlib import Path
from typing import Any

PREFIX = os.environ["PREFIX"]
models = importlib.import_module("generated.models")
client = importlib.import_module("generated").AuthenticatedClient(
    base_url=f"{os.environ['BAO_ADDR']}/v1",
    token=os.environ["BAO_TOKEN"],
    prefix="",
    auth_header_name="X-Vault-Token",
    timeout=60,
)


class RefusedError(Exception):
    """An answer that is an error: its status, and its text."""


def call(operation: str, *arguments: str, body: dict[str, object] | None = None, **query: object) -> Any:
    """Call an operation, and return the data of its answer as its model has it, or its text if that is not JSON."""
    module = importlib.import_module(f"generated.api.secrets.{PREFIX}_{operation}")
    options = {"body": model(operation, "request").from_dict(body)} if body is not None else query
    answered = module.sync_detailed(*arguments, client=client, **options)
    text = answered.content.decode()
    if answered.status_code >= 400:
        raise RefusedError(int(answered.status_code), text)
    if not text.startswith("{"):
        return text
    parsed = model(operation, "response").from_dict(json.loads(text)["data"])
    if parsed.additional_properties:
        raise KeyError(*parsed.additional_properties)
    return parsed.to_dict()


def names(operation: str, **query: Any) -> Any:
    return call(operation, list_=model(operation, "list").TRUE, **query)["keys"]


def model(operation: str, kind: str) -> Any:
    """Return an operation's model of its request, its response or its parameter `list`."""
    return getattr(models, "".join(part.title() for part in f"{PREFIX}_{operation}_{kind}".split("_")))


def refusal(operation: str, *arguments: str, body: dict[str, object] | None = None) -> tuple[int, str]:
    """Return the status and the text of an error.

    Raises:
        AssertionError: the call succeeds.
    """
    try:
        call(operation, *arguments, body=body)
    except RefusedError as error:
        status, text = error.args
        return status, text
    raise AssertionError(operation)


def main() -> None:
    call("write_config_roles", body={"config": "web", "certificate_type": 501, "validity": 365})
    role = {"allowed_domains": ["example.com"], "allow_subdomains": True, "key_type": "ec"}
    call("write_role", "tool", body=role)
    outcome = {"role": call("read_role", "tool")}
    outcome["patched"] = call("patch_role", "tool", body={"max_orders_per_day": 20})
    outcome["roles"] = names("list_roles")
    outcome["issued"] = issued = call("issue_with_role", "tool", body={"common_name": "tool.example.com"})
    csr = Path(os.environ["CSR_FILE"]).read_text(encoding="ascii")
    outcome["signed"] = signed = call("sign_with_role", "tool", body={"csr": csr})
    outcome["serials"] = serials = names("list_certs")
    outcome["page"] = names("list_certs", limit=1, after=serials[0])
    outcome["read"] = call("read_cert", signed["serial_number"])
    outcome["ca"], outcome["chain"] = call("read_ca_pem"), call("read_ca_chain_pem")
    outcome["revoked"] = call("revoke", body={"serial_number": issued["serial_number"]})
    outcome["refused"] = refusal("issue_with_role", "tool", body={"common_name": "evil.test"})[1]
    call("delete_role", "tool")
    outcome["gone"] = refusal("read_role", "tool")[0]
    print(json.dumps(outcome))  # noqa: T201  its answer


main()
