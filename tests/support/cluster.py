"""Three OpenBao servers on raft, with the engine mounted; each tells in its log which requests it answered itself."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from secrets import token_hex

import httpx

from scripts.environment import EXECUTABLE
from scripts.openbao import OpenBaoServer
from scripts.server_binary import product
from tests.support.books import RAW_STORAGE
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import PLUGIN, TALKATIVE, VaultMount, install, plugin_pids, watched

NODES = 3
FAILOVER_SECONDS = 60.0
AUDIT = """
audit "file" "log" {
  options {
    file_path = "stdout"
  }
}
"""


@dataclass(frozen=True)
class Cluster:
    """The servers that are up, and a mount as each of them serves it."""

    mounts: Sequence[VaultMount]

    @property
    def leader(self) -> VaultMount:
        """The mount on the active node."""
        leading = until(lambda: [mount for mount in self.mounts if _leads(mount.server)], what="a leader")
        return leading[0]

    @property
    def standbys(self) -> Sequence[VaultMount]:
        """The mount on the others."""
        leader = self.leader
        return [mount for mount in self.mounts if mount is not leader]

    def answered_by(self, request_id: str) -> list[VaultMount]:
        """Return the mounts of the servers that answered a request themselves; a forwarded one has a new id."""
        return [mount for mount in self.mounts if f'"id":"{request_id}"' in mount.server.log()]

    def without_leader(self) -> "Cluster":
        """Kill the leader's server, but not its plugin, and return the others, one of which leads.

        Raises:
            AssertionError: the plugin goes on without its server, or nobody takes over.
        """
        leader = self.leader.server
        os.kill(leader.pid, signal.SIGKILL)
        until(lambda: not plugin_pids(leader), what="the end of the killed server's plugin", seconds=10)
        rest = Cluster(self.standbys_of(leader))
        until(lambda: any(_leads(mount.server) for mount in rest.mounts), what="a new leader", seconds=FAILOVER_SECONDS)
        until(lambda: _serves(rest.leader), what="its plugin", seconds=30)
        return rest

    def standbys_of(self, leader: OpenBaoServer) -> Sequence[VaultMount]:
        return [mount for mount in self.mounts if mount.server is not leader]


def _leads(server: OpenBaoServer) -> bool:
    return server.is_leader() and server.api("GET", "sys/health").status == httpx.codes.OK


def _serves(mount: VaultMount) -> bool:
    return mount.api("GET", "status").status == httpx.codes.OK


def _voters(server: OpenBaoServer) -> int:
    servers = server.api("GET", "sys/storage/raft/configuration").expect(200).data["config"]["servers"]
    return sum(one["voter"] for one in servers)


@contextmanager
def cluster(scm: ScmProcess, secrets: Secrets) -> Iterator[Cluster]:
    """Start the servers and mount the engine; every one of them serves it in the end."""
    with ExitStack() as stack:
        starts = product().is_openbao  # Vault's standbys start none
        nodes = (_node(f"node{number}") for number in range(1, NODES + 1))
        servers = [stack.enter_context(watched(node, secrets, starts_plugin=starts)) for node in nodes]
        first = servers[0]
        first.initialize()
        first.api("POST", "sys/storage/raft/autopilot/configuration", {"server_stabilization_time": "1s"}).expect(204)
        for joining in servers[1:]:
            joining.install(EXECUTABLE, command=PLUGIN)
            joining.join(first)
        install(first)
        path = f"sectigo-{token_hex(4)}"
        first.enable(PLUGIN, path=path)
        mount = VaultMount(first, path, scm, secrets)
        mounts = [replace(mount, server=server) for server in servers]
        until(lambda: all(_serves(one) for one in mounts), what="the mount on every node")
        until(lambda: _voters(first) == NODES, what="servers that may vote")
        yield Cluster(mounts)


def _node(name: str) -> OpenBaoServer:
    settings = RAW_STORAGE + (AUDIT if product().is_openbao else "")
    return OpenBaoServer.raft(node=name, log_level="trace", env=TALKATIVE, settings=settings)
