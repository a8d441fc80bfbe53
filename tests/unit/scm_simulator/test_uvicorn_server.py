"""The simulator on real sockets: cut connections are cut, and https is trusted through its own CA."""

import asyncio
import contextlib
import socket
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.serve.server_certificate import write_private, write_server_certificate
from sectigo_vault_pki.scm_simulator.serve.uvicorn_server import ServerCertificate, bind, serving
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings
from tests.unit.scm_simulator.tenant import LOGIN, SSL, collected, enrolled, enrolment, make_csr


@contextlib.asynccontextmanager
async def served(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    listener = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with serving(simulator.app, listener), httpx.AsyncClient(base_url=url, headers=LOGIN) as client:
        yield client


@pytest.fixture
async def remote(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with served(simulator) as client:
        yield client


async def test_an_order_goes_through_over_tcp(remote: httpx.AsyncClient) -> None:
    assert len(await collected(remote, await enrolled(remote))) == 3


async def test_head_has_a_count_and_no_body(remote: httpx.AsyncClient) -> None:
    answer = await remote.head(SSL)
    assert (answer.headers["x-total-count"], answer.content) == ("0", b"")


@pytest.mark.parametrize(("kind", "booked"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_drop_cuts_the_connection_without_an_answer(
    remote: httpx.AsyncClient, simulator: Simulator, kind: str, booked: int
) -> None:
    simulator.faults.add("enroll", "drop_before" if kind == "drop_before" else "drop_after")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await remote.post(f"{SSL}/enroll", json=enrolment())
    assert len(simulator.orders) == booked
    assert await enrolled(remote) > 0


async def test_not_one_byte_of_http_leaves_before_the_cut(simulator: Simulator) -> None:
    simulator.faults.add("types", "drop_after")
    listener = bind("127.0.0.1", 0)
    async with serving(simulator.app, listener):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        login = "".join(f"{name}: {value}\r\n" for name, value in LOGIN.items())
        writer.write(f"GET {SSL}/types HTTP/1.1\r\nHost: scm\r\n{login}\r\n".encode())
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()


async def test_the_server_is_quiet_about_a_cut(
    remote: httpx.AsyncClient, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.faults.add("types", "drop_before")
    with pytest.raises(httpx.TransportError):
        await remote.get(f"{SSL}/types")
    assert (await remote.get(f"{SSL}/types")).status_code == 200
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn.error")] == []


async def test_a_client_that_hangs_up_has_ordered_all_the_same() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def sleep(_seconds: float) -> None:
        entered.set()
        await leave.wait()

    simulator = Simulator(sleep=sleep, settings=Settings(latency=1))
    async with served(simulator) as client:
        task = asyncio.create_task(client.post(f"{SSL}/enroll", json=enrolment()))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(simulator.orders) == 0
        leave.set()
    assert len(simulator.orders) == 1  # the server ended after what it was doing


async def test_https_is_trusted_through_the_ca_file_alone(simulator: Simulator, tmp_path: Path) -> None:
    certificate, ca_file = write_server_certificate(tmp_path, "scm.example.test")
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with serving(simulator.app, listener, certificate):
        trust = ssl.create_default_context(cafile=str(ca_file))
        async with httpx.AsyncClient(verify=trust, headers=LOGIN) as client:
            for host in ("127.0.0.1", "localhost"):
                assert (await client.get(f"https://{host}:{port}{SSL}/types")).status_code == 200
            simulator.faults.add("types", "drop_before")
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await client.get(f"https://127.0.0.1:{port}{SSL}/types")
        async with httpx.AsyncClient(headers=LOGIN) as stranger:
            with pytest.raises(httpx.ConnectError):
                await stranger.get(f"https://127.0.0.1:{port}{SSL}/types")


def test_the_files_of_https_are_for_us_alone(tmp_path: Path) -> None:
    certificate, ca_file = write_server_certificate(tmp_path, "127.0.0.1")
    files = [certificate.certificate, certificate.private_key, ca_file]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * 3


async def test_after_serving_the_port_is_free(simulator: Simulator) -> None:
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with serving(simulator.app, listener):
        pass
    with bind("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port


async def test_a_server_that_cannot_start_says_so(simulator: Simulator, tmp_path: Path) -> None:
    nothing = ServerCertificate(certificate=tmp_path / "none", private_key=tmp_path / "none")
    with bind("127.0.0.1", 0) as listener, pytest.raises(FileNotFoundError):
        async with serving(simulator.app, listener, nothing):
            pytest.fail("nothing is served")


def test_a_port_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", taken.getsockname()[1])


def test_a_private_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        write_private(tmp_path / "missing" / "file", b"x")


async def test_sixteen_clients_at_once_each_get_their_own(remote: httpx.AsyncClient) -> None:
    names = [f"host-{number}.example.test" for number in range(16)]
    ids = await asyncio.gather(*(enrolled(remote, csr=make_csr(name)) for name in names))
    leaves = [chain[0] for chain in await asyncio.gather(*(collected(remote, ssl_id) for ssl_id in ids))]
    assert len(set(ids)) == 16
    assert [leaf.subject.rfc4514_string().split(",")[0] for leaf in leaves] == [f"CN={name}" for name in names]
