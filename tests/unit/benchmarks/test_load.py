import pytest

from benchmarks.load import Outcome, Plan, is_complete, request_bytes
from benchmarks.running_load import busy_note

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PLAN = Plan(host="127.0.0.1", port=8200, token="t", method="POST", path="a/b", body='{"name": "host-{number}"}')


@pytest.mark.parametrize(
    ("whole", "lacking"),
    [
        (HEAD + b"Content-Length: 5\r\n\r\nabcde", 1),
        (HEAD.lower() + b"content-length: 0\r\n\r\n", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
        (CHUNKED + b"3\r\n{}\n\r\n0\r\n\r\n", 1),
        (CHUNKED + b'5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n', 5),
    ],
)
def test_answer_is_complete_with_its_last_byte_and_not_before(whole: bytes, lacking: int) -> None:
    assert is_complete(whole)
    assert not any(is_complete(whole[:length]) for length in range(len(whole) - lacking + 1))


def test_each_request_has_its_number_and_the_length_that_comes_of_it() -> None:
    request = request_bytes(PLAN, 1000).split(b"\r\n")
    assert request[0] == b"POST /v1/a/b HTTP/1.1"
    assert b"X-Vault-Token: t" in request
    assert b"Content-Length: %d" % len('{"name": "host-1000"}') in request
    assert request[-1] == b'{"name": "host-1000"}'


def outcome(cpu_seconds: float) -> Outcome:
    return Outcome(answered=100, seconds=2.0, latencies=[0.02] * 100, cpu_seconds=cpu_seconds)


def test_rate_is_answers_a_second() -> None:
    assert outcome(0.1).rate == 50


def test_busy_generator_is_told_of() -> None:
    assert busy_note(outcome(1.8), "reads") == (
        "the load generator used 90% of a core for reads: that rate may be too low",
    )


def test_generator_with_time_to_spare_is_not_told_of() -> None:
    assert busy_note(outcome(0.8), "reads") == ()
