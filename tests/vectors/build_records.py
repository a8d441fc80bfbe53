"""Write down what a version of the engine stores: one file beside this script's folder `records` for each layout.

Run it with the sources and the test support of the commit in front, whose name it gives to the file:

    git archive 3ae3646 | tar x -C OLD
    PYTHONPATH=OLD/src:OLD python tests/vectors/build_records.py 1-3ae3646

The keys are throwaway keys; SCM is the simulator. What each layout brought:

    1-3ae3646   the first: config entries, orders, certificates, indexes of orders, requests and deleted entries
    2-a4ad6a2   orders that were superseded stay with their keys
    3-b045ddf   orders whose answer was lost lead to their certificate: aliases
    4-aff0803   trouble with an order is a fact
    5-50246f7   the agenda: entries of what is pending, and of when certificates expire
    6-8c80839   roles, what was issued under them, and how they were used; the agenda's second form
    7-35871f8   the newest chain of an entry; index entries of revoked certificates, and the agenda's third form
    8-302b49b   logins by OAuth2 and by a client certificate, an open change of a password, defaults of roles, how
                domains are validated
"""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.vault_plugin.logical import LogicalError
from tests.support.mount import Mount
from tests.support.virtual_time import LoopClock, VirtualTimeLoop

REASON = {"sectigo_reason": "superseded"}


FIRST_WITH_ROLES = 6
FIRST_WITH_LOGINS = 8


async def stored(layout: int) -> dict[str, Any]:
    """Bring certificates into every state that a layout knows, and return what is stored."""
    clock = LoopClock()
    mount = Mount(Simulator(now=clock.now), clock)
    settings, faults = mount.simulator.settings, mount.simulator.faults
    await mount.configure(sectigo_expiry_window=20)
    await mount.configure_client()
    settings.pending_polls = 0
    names = ("renewed", "replaced", "revoked", "refused", "replacing", "resent", "aliased", "renewing", "submitting")
    ids = {name: await _enrolled(mount, name) for name in names}
    await mount.enroll(
        sectigo_csr_domain="wishes.example.test",
        sectigo_ssl_cert_subject_alt_names="a.example.test,b.example.test",
        sectigo_ssl_cert_comments="for the shop",
        sectigo_expiry_window=30,
        sectigo_auto_renew=False,
        sectigo_request_id="once",
    )
    await mount.enroll_client()
    await mount.write(f"renew/web/{ids['renewed']}", {})
    await mount.write(f"replace/web/{ids['replaced']}", REASON)
    await mount.write(f"revoke/web/{ids['revoked']}", REASON)
    await mount.configure("brought-in")
    await mount.write(f"fetch/brought-in/{ids['replaced'].partition('_')[0]}", {})
    await mount.delete("configs/brought-in")
    faults.add("renew", "status", status=400, code=-180, description="not now")
    with suppress(LogicalError):  # the refusal is what is wanted
        await mount.write(f"renew/web/{ids['refused']}", {})
    if layout >= FIRST_WITH_ROLES:
        await _issued(mount)
    if layout >= FIRST_WITH_LOGINS:
        await _logged_in_otherwise(mount)
    settings.never_issue = True
    faults.add("replace", "drop_after")
    for name in ("aliased", "replacing", "resent"):
        await mount.write(f"replace/web/{ids[name]}", {**REASON, "sectigo_max_timeout": 0})
    await mount.read(f"certs/web/{ids['aliased']}")
    clock.advance(minutes=11)
    (resent,) = (order for order in mount.simulator.orders if order.ssl_id == int(ids["resent"].partition("_")[0]))
    mount.simulator.orders.issue(resent)
    await mount.write(f"replace/web/{ids['resent']}", {**REASON, "sectigo_max_timeout": 0})
    await mount.write(f"renew/web/{ids['renewing']}", {"sectigo_max_timeout": 0})
    await mount.enroll(sectigo_csr_domain="pending.example.test", sectigo_max_timeout=0)
    faults.add("collect", "status", status=400, code=-1112, description="declined")
    await mount.enroll(sectigo_csr_domain="trouble.example.test", sectigo_max_timeout=1)
    faults.add("enroll", "drop_after")
    await mount.enroll(sectigo_csr_domain="lost.example.test")
    faults.add("renew", "drop_after")
    await mount.write(f"renew/web/{ids['submitting']}", {})
    snapshot = mount.storage.snapshot()
    await mount.backend.cleanup()
    return {key: json.loads(value) for key, value in sorted(snapshot.items())}


async def _issued(mount: Mount) -> None:
    """Write roles, one of them without any guard, and issue under them; then let the background do its first run."""
    role = {
        "config": "web",
        "certificate_type": 501,
        "validity": 365,
        "allowed_domains": "example.test",
        "allow_subdomains": True,
        "key_type": "ec",
    }
    await mount.write("roles/free", role)
    await mount.write("roles/guarded", {**role, "min_remaining": "30d", "max_orders_per_day": 5, "no_store_key": True})
    for name in ("free", "guarded"):
        await mount.write(f"issue/{name}", {"common_name": f"{name}.example.test"})
    await mount.tick()


async def _logged_in_otherwise(mount: Mount) -> None:
    """Write entries of each login, one in the middle of a rotation, and what roles have that do not say it."""
    without = {"sectigo_cm_uri": "demo-customer", "sectigo_cm_org_id": 7001, "sectigo_config_type": "ssl_cert"}
    entry = {**without, "sectigo_cm_base_url": "https://scm.example.test", "sectigo_dcv_mode": "CNAME"}
    key = {"sectigo_cm_client_id": "demo-client-id", "sectigo_cm_client_secret": "demo-client-secret"}
    await mount.write("configs/api", {**entry, "sectigo_cm_auth": "oauth2", **key, "sectigo_cm_api_version": "v2"})
    shown = mount.simulator.issue_login_certificate("demo-user")
    badge = {"sectigo_cm_client_cert": shown.certificate_pem(), "sectigo_cm_client_key": shown.private_key_pem()}
    await mount.write(
        "configs/badge", {**entry, "sectigo_cm_auth": "certificate", "sectigo_cm_user": "demo-user", **badge}
    )
    await mount.write("config/roles", {"config": "web", "certificate_type": 501, "validity": 365})
    role = {"allowed_domains": "example.test", "allow_subdomains": True, "key_type": "any", "key_usage": "KeyAgreement"}
    await mount.write("roles/inherits", {**role, "ttl": "300d", "allowed_ip_sans_cidr": "192.0.2.0/24"})
    await mount.enroll(
        sectigo_csr_domain="validated.example.test", sectigo_dcv_mode="EMAIL", sectigo_dcv_email="a@example.test"
    )
    mount.simulator.accounts.add_administrator("other-user", "other-password")
    await mount.configure("rotating", sectigo_cm_user="other-user", sectigo_cm_password="other-password")
    mount.simulator.faults.add("change_password", "drop_after")
    with suppress(LogicalError):  # the lost answer is what is wanted
        await mount.write("configs/rotating/rotate-root", {})


async def _enrolled(mount: Mount, name: str) -> str:
    return str((await mount.enroll(sectigo_csr_domain=f"{name}.example.test"))["cert_unique_id"])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        layout = int(sys.argv[1].partition("-")[0])
        content = json.dumps(runner.run(stored(layout)), indent=1, sort_keys=True)
    (Path(__file__).parent / "records" / f"{sys.argv[1]}.json").write_text(f"{content}\n")
