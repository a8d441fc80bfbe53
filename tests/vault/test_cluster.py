"""Three servers: who answers, who is asked to forward, what each remembers, and what a failover leaves."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import httpx
import pytest

from tests.support.books import disagreements, lost_keys
from tests.support.cluster import Cluster, cluster
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import ORDER, VaultMount

pytestmark = pytest.mark.vault

SEEN_SECONDS = 3.0
"""What one node writes, another sees within so many seconds: raft's own delay, on a busy machine."""


@pytest.fixture(scope="module")
def nodes(scm_process: ScmProcess, secrets: Secrets) -> Iterator[Cluster]:
    with cluster(scm_process, secrets) as running:
        yield running


@pytest.fixture
def leader(nodes: Cluster, scm: ScmProcess) -> VaultMount:
    assert scm.orders() == []
    return nodes.leader


@pytest.fixture
def standby(nodes: Cluster, leader: VaultMount) -> VaultMount:
    del leader
    return nodes.standbys[0]


def enrolled(leader: VaultMount, name: str, *seers: VaultMount, **changes: object) -> str:
    """Order a certificate that has lived for a while, and return its id when the others see it too."""
    return seen(name, str(leader.aged(name, **changes)["cert_unique_id"]), *seers)


def seen(name: str, unique_id: str, *seers: VaultMount) -> str:
    """Return the id of a certificate when the others see it too."""
    until(lambda: all(unique_id in mount.ids(name) for mount in seers), what="the certificate on a standby")
    return unique_id


def log_of(mount: VaultMount, text: str) -> list[str]:
    return [line for line in mount.server.log().splitlines() if text in line]


def _all_see(mounts: Sequence[VaultMount], serial: str, limit: int) -> bool:
    """Whether each node answers the certificate and the entry as they are now."""
    return all(
        mount.read(mount.ids("changing")[0], "changing").data["serial_number"] == serial
        and mount.api("GET", "configs/changing").expect(200).data["sectigo_wait_limit"] == limit
        for mount in mounts
    )


def test_a_standby_answers_a_plain_read_itself(nodes: Cluster, leader: VaultMount, standby: VaultMount) -> None:
    unique_id = enrolled(leader, "plain", standby)
    answer = standby.read(unique_id, "plain").expect(200)
    assert answer.data["private_key"]
    until(lambda: nodes.answered_by(answer.body["request_id"]), what="the answer in an audit log")
    assert nodes.answered_by(answer.body["request_id"]) == [standby]


def test_a_standby_shows_the_ca_without_a_token_and_leaves_looking_for_it_to_the_active_node(
    leader: VaultMount, standby: VaultMount
) -> None:
    leader.configure("shown")
    leader.api("POST", "config/roles", {"config": "shown"}).expect(200)

    def says(reason: str) -> bool:
        answer = standby.api("GET", "cert/ca", token="")
        return answer.status == 404 and reason in answer.errors[0]

    until(lambda: says('under config entry "shown" yet'), what="the reason why there is no CA yet")
    enrolled(leader, "shown", standby)
    until(lambda: standby.api("GET", "cert/ca", token="").status == 200, what="the CA on a standby")
    assert standby.api("GET", "cert/ca", token="").data == leader.api("GET", "cert/ca", token="").data


@pytest.mark.parametrize("operation", ["enroll", "renew", "replace", "revoke", "fetch", "forget", "read of a due one"])
def test_what_writes_or_asks_scm_is_forwarded_before_anything_happens(
    operation: str, leader: VaultMount, standby: VaultMount
) -> None:
    name = operation.replace(" ", "-")
    unique_id = enrolled(leader, name, standby)
    ssl_id = unique_id.partition("_")[0]
    requests = {
        "enroll": ("POST", f"enroll/{name}", ORDER),
        "renew": ("POST", f"renew/{name}/{unique_id}", {}),
        "replace": ("POST", f"replace/{name}/{unique_id}", {"sectigo_reason": "rekey"}),
        "revoke": ("POST", f"revoke/{name}/{unique_id}", {"sectigo_reason": "superseded"}),
        "fetch": ("POST", f"fetch/{name}/{ssl_id}", {}),
        "forget": ("DELETE", f"certs/{name}/{unique_id}", None),
        "read of a due one": ("GET", f"certs/{name}/{unique_id}?sectigo_expiry_window=400", None),
    }
    before = len(standby.server.log())
    standby.api(*requests[operation]).expect(200, 204)
    told = standby.server.log()[before:]
    assert not [line for line in told.splitlines() if "SCM call" in line or "event_log" in line]


def test_metrics_of_a_standby_are_those_of_the_active_node(leader: VaultMount, standby: VaultMount) -> None:
    enrolled(leader, "measured", standby)
    succeeded = re.compile(r'_scm_last_success_timestamp_seconds\{config="measured"\} \d+')
    measured = [succeeded.findall(metrics_of(mount)) for mount in (leader, standby)]
    assert measured[0]
    assert measured[0] == measured[1]


def metrics_of(mount: VaultMount) -> str:
    headers = {"X-Vault-Token": mount.server.token}
    address = f"{mount.server.address}/v1/{mount.path}/metrics"
    return httpx.get(address, headers=headers, timeout=30, trust_env=False).raise_for_status().text


def test_an_order_written_to_a_standby_is_sent_by_the_leader(leader: VaultMount, standby: VaultMount) -> None:
    leader.configure("sent")
    until(lambda: standby.api("GET", "configs/sent").status == httpx.codes.OK, what="the entry on the standby")
    data = standby.enroll("sent").expect(200).data
    assert data["status"] == "Issued"
    until(lambda: log_of(leader, f"unique_id={data['cert_unique_id']}"), what="the leader's log line")
    assert not log_of(standby, f"unique_id={data['cert_unique_id']}")
    assert len(leader.scm.orders()) == 1


def test_a_pending_order_is_collected_through_a_standby(leader: VaultMount, standby: VaultMount) -> None:
    leader.configure("pending")
    leader.scm.set(never_issue=True)
    pending = leader.enroll("pending", sectigo_max_timeout=0).expect(200).data
    unique_id = seen("pending", pending["cert_unique_id"], standby)
    leader.scm.issue(leader.scm.order()["id"])
    assert standby.read(unique_id, "pending").expect(200).data["status"] == "Issued"


def test_a_standby_forgets_what_the_leader_changes(nodes: Cluster, leader: VaultMount) -> None:
    unique_id = enrolled(leader, "changing", *nodes.standbys)
    standbys = nodes.standbys
    for limit in (40, 41, 42):
        assert all(standby.read(unique_id, "changing").expect(200) for standby in standbys)
        serial = leader.replace_in("changing", unique_id).expect(200).data["serial_number"]
        leader.api("POST", "configs/changing", {"sectigo_wait_limit": limit}).expect(200, 204)
        until(partial(_all_see, standbys, serial, limit), what="what is new", seconds=SEEN_SECONDS)
        assert _all_see([*standbys] * 5, serial, limit)


def test_a_leader_killed_during_orders_and_renewals_loses_none_and_buys_none_twice(
    scm: ScmProcess, secrets: Secrets
) -> None:
    with cluster(scm, secrets) as nodes:
        leader = nodes.leader
        leader.configure()
        old = [str(leader.enroll(sectigo_csr_domain=f"old{n}.example.test").data["cert_unique_id"]) for n in range(20)]
        scm.fault("enroll", "slow", seconds=1, times=30)
        scm.fault("renew", "slow", seconds=1, times=10)

        def order(number: int) -> None:
            with suppress(httpx.HTTPError):
                leader.api("POST", "enroll/web", {**ORDER, "sectigo_csr_domain": f"new{number}.example.test"})

        def renew(unique_id: str) -> None:
            with suppress(httpx.HTTPError):
                leader.renew(unique_id)

        with ThreadPoolExecutor(100) as callers:
            for number in range(80):
                callers.submit(order, number)
            for unique_id in old:
                callers.submit(renew, unique_id)
            until(lambda: len(scm.orders()) >= 50, what="orders under way")
            rest = nodes.without_leader()
        scm.clear_faults()
        new_leader = rest.leader

        def problems() -> list[str]:
            query = "?sectigo_read_renewed_cert=false&sectigo_auto_renew=false"
            return list(disagreements(scm, {i: new_leader.read(i, query=query).data for i in new_leader.ids()}))

        until(lambda: not problems(), what="\n".join(problems()) or "nothing open", seconds=30)
        assert list(lost_keys(new_leader)) == []
        assert len(scm.orders()) >= 50
