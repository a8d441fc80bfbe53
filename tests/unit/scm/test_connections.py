"""Connections to SCM that are kept after use, and the way there."""

import asyncio
import ssl

import pytest
import trustme

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmUnavailableError
from sectigo_vault_pki.pki.csr import MAX_CSR_LENGTH
from sectigo_vault_pki.scm import SSL, Collected, Order, exchange
from tests.unit.scm.loopback import ACCEPTED, answer_every_request, answer_with, client_of, read_request, server
from tests.unit.scm.script import account_at, ssl_order


class Talks:
    """Answers every request as it is told, and counts connections and their ends."""

    def __init__(self, after_answer: bytes = b"", head: bytes = b"", before_answer: bytes = b"") -> None:
        self.after_answer = after_answer
        self.head = head
        self.before_answer = before_answer
        self.connections = 0
        self.spoke = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while await read_request(reader):
            writer.write(self.before_answer + answer_with(ACCEPTED, self.head))
            await writer.drain()
            if self.after_answer:
                await asyncio.sleep(0)  # a packet of its own
                writer.write(self.after_answer)
                await writer.drain()
                self.spoke.set()
        self.ended.set()


async def test_what_a_server_says_unasked_is_no_answer_to_the_next_request() -> None:
    talks = Talks(after_answer=answer_with(b"not what was asked for"))
    async with server(talks) as url, client_of(account_at(url)) as client:
        assert await SSL.collect(client, 55) == Collected(ACCEPTED)
        await talks.spoke.wait()
        assert await SSL.collect(client, 56) == Collected(ACCEPTED)
        await talks.ended.wait()
    assert talks.connections == 2


async def test_an_answer_with_something_behind_it_ends_its_connection() -> None:
    both = answer_with(ACCEPTED) + answer_with(b"not what was asked for")

    async def answer_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(both)
        assert await reader.read() == b""

    async with server(answer_twice) as url, client_of(account_at(url)) as client:
        assert await SSL.collect(client, 55) == Collected(ACCEPTED)
        assert await SSL.collect(client, 56) == Collected(ACCEPTED)


async def test_a_connection_that_the_server_ended_while_it_was_idle_loses_no_order(order: Order) -> None:
    ended = asyncio.Event()
    connections = 0

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(answer_with(ACCEPTED))
        writer.write_eof()
        ended.set()
        assert await reader.read() == b""

    async with server(answer_once) as url, client_of(account_at(url)) as client:
        await SSL.enroll(client, order)
        await ended.wait()
        assert (await SSL.enroll(client, order)).scm_id == 55
    assert connections == 2


async def test_an_order_on_a_used_connection_that_is_cut_is_lost_and_not_sent_again(order: Order) -> None:
    requests = 0

    async def cut_the_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while await read_request(reader):
            requests += 1
            if requests == 2:
                return
            writer.write(answer_with(ACCEPTED))

    async with server(cut_the_second) as url, client_of(account_at(url)) as client:
        await SSL.collect(client, 55)
        with pytest.raises(ScmAnswerLostError):
            await SSL.enroll(client, order)
    assert requests == 2


@pytest.mark.parametrize("head", [b"Connection: close\r\n"])
async def test_a_server_that_wants_no_further_request_gets_none(head: bytes) -> None:
    talks = Talks(head=head)
    async with server(talks) as url, client_of(account_at(url)) as client:
        await SSL.collect(client, 55)
        await SSL.collect(client, 56)
    assert talks.connections == 2


async def test_an_interim_answer_is_passed_over() -> None:
    talks = Talks(before_answer=b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
    async with server(talks) as url, client_of(account_at(url)) as client:
        assert await SSL.collect(client, 55) == Collected(ACCEPTED)
        assert await SSL.collect(client, 56) == Collected(ACCEPTED)
    assert talks.connections == 1


async def test_a_connection_that_was_idle_for_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "KEEP_IDLE", 0.01)
    talks = Talks()
    async with server(talks) as url, client_of(account_at(url)) as client:
        await SSL.collect(client, 55)
        await talks.ended.wait()
        await SSL.collect(client, 55)
    assert talks.connections == 2


async def test_connections_that_end_while_calls_begin_lose_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "KEEP_IDLE", 0.001)
    talks = Talks()
    async with server(talks) as url, client_of(account_at(url)) as client:
        for number in range(300):
            assert await SSL.collect(client, 55) == Collected(ACCEPTED)
            await asyncio.sleep(0.0005 * (number % 4))
    assert talks.connections > 1


async def test_closing_ends_idle_connections() -> None:
    talks = Talks()
    async with server(talks) as url:
        async with client_of(account_at(url)) as client:
            await SSL.collect(client, 55)
        await talks.ended.wait()


async def test_an_early_answer_to_a_request_that_is_not_read_is_taken() -> None:
    async def refuse_unread(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.Event().wait()

    largest = ssl_order(csr="x" * MAX_CSR_LENGTH)
    async with server(refuse_unread) as url, client_of(account_at(url, request_timeout=5)) as client:
        with pytest.raises(Exception, match="413"):
            await SSL.enroll(client, largest)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
async def test_a_proxy_may_be_named_without_its_scheme(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async with server(refuse) as proxy:
        monkeypatch.setenv(variable, proxy.removeprefix("http://"))
        async with client_of(account_at("https://scm.example.test")) as client:
            with pytest.raises(ScmUnavailableError, match="the proxy refused the connection"):
                await SSL.collect(client, 55)


@pytest.mark.parametrize("excepted", ["scm.example.test", ".example.test", "*"])
async def test_a_host_that_is_excepted_from_the_proxy_is_reached_straight(
    excepted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server(answer_every_request) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", excepted)
        async with client_of(account_at("https://scm.example.test")) as client:
            with pytest.raises(ScmUnavailableError, match="the host's name cannot be resolved"):
                await SSL.collect(client, 55)


@pytest.mark.parametrize("behind_answer", [b"", answer_with(b"not what was asked for")])
async def test_calls_reach_scm_through_a_tunnel_of_the_proxy(
    behind_answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("scm.example.test").configure_cert(context)
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader):
            writer.write(answer_with(ACCEPTED) + behind_answer)

    async with server(answer, tls=context) as scm:

        async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await read_request(reader))
            scm_reader, scm_writer = await asyncio.open_connection("localhost", int(scm.rpartition(":")[2]))
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            try:
                await asyncio.gather(pass_on(reader, scm_writer), pass_on(scm_reader, writer))
            finally:
                scm_writer.close()

        async with server(tunnel) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            account = account_at("https://scm.example.test", ca_bundle_pem=authority.cert_pem.bytes().decode())
            async with client_of(account) as client:
                for _ in range(3):
                    assert await SSL.collect(client, 55) == Collected(ACCEPTED)
    assert len(asked) == (3 if behind_answer else 1)
    for head in asked:
        assert head.startswith(b"CONNECT scm.example.test:443 ")
        assert b"login" not in head


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
