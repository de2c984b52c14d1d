"""Sending to an endpoint: what it refuses for now is sent again, what it refuses for good is told."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncGenerator

import pytest

from swarm.errors import UsageError
from swarm.export.send import LONGEST_S, TRIES, NotTaken, Sender, open_sender, require_endpoint
from swarm.export.stream import Request
from tests.export.collector import Collector, collecting

BODY = (
    b'{"resourceSpans":[{"resource":{"attributes":[]},"scopeSpans":[{"scope":{"name":"swarm"},"spans":[{"traceId":'
    b'"0123456789abcdef0123456789abcdef","spanId":"0123456789abcdef","name":"a","kind":1,"startTimeUnixNano":'
    b'"1790000000000000000","endTimeUnixNano":"1790000000000000000","attributes":[],"status":{}}]}]}]}'
)
ONE = Request("traces", BODY, 1)


class Waits(list[float]):
    """Where no time passes: the seconds that were to be waited, and what was told of each."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
async def endpoint() -> AsyncGenerator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def waits() -> Waits:
    return Waits()


async def send(url: str, waits: Waits, times: int = 1) -> Sender:
    async with open_sender(url, {"x-key": "k"}, tell=waits.told.append, sleep=waits) as sender:
        for _ in range(times):
            await sender.send(ONE)
    return sender


async def test_what_is_taken_is_counted_and_carries_the_headers(endpoint: Collector, waits: Waits) -> None:
    sender = await send(endpoint.url, waits, 2)
    assert (sender.taken.spans, sender.taken.rejected, waits) == (2, 0, [])
    assert [(path, headers["x-key"]) for path, headers, _ in endpoint.requests] == [("/v1/traces", "k")] * 2


async def test_an_endpoint_that_is_busy_is_asked_again_when_it_says(endpoint: Collector, waits: Waits) -> None:
    endpoint.answers = [
        (429, {"Retry-After": "7"}, {}),
        (503, {"Retry-After": "9999"}, {}),
        (502, {}, {}),
        (504, {}, {}),
    ]
    sender = await send(endpoint.url, waits)
    assert sender.taken.spans == 1 and len(endpoint.requests) == 1
    assert waits.told[0] == f"{endpoint.url}/v1/traces answered with 429; it is tried again in 7 s"
    assert waits[:2] == [7.0, LONGEST_S] and 2 <= waits[2] <= 4 and 4 <= waits[3] <= 8


async def test_a_refusal_for_good_is_told_at_once_with_the_endpoints_own_words(
    endpoint: Collector, waits: Waits
) -> None:
    endpoint.answers = [(401, {}, {"message": "who are\x1b[31m you?"})]
    with pytest.raises(NotTaken, match=r"answered with 401 \('who are.x1b"):
        await send(endpoint.url, waits)
    assert not waits


async def test_one_that_stays_busy_is_left_after_a_while(endpoint: Collector, waits: Waits) -> None:
    endpoint.answers = [(503, {}, {})] * TRIES
    with pytest.raises(NotTaken, match=f"answered with 503 {TRIES} times"):
        await send(endpoint.url, waits)
    assert len(waits) == len(waits.told) == TRIES - 1


async def test_one_that_is_not_there_is_told_as_that(waits: Waits) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NotTaken, match="could not be reached"):
            await send(f"http://127.0.0.1:{taken.getsockname()[1]}", waits)


async def test_what_is_taken_in_part_is_told_and_not_sent_again(endpoint: Collector, waits: Waits) -> None:
    partial = {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}
    endpoint.answers = [(200, {}, partial)] * 2
    sender = await send(endpoint.url, waits, 2)
    assert (sender.taken.spans, sender.taken.rejected, sender.taken.said) == (0, 2, ["'too old'"])
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    "url", ["", "collector:4318", "ftp://host", "http://", "http://h:99999", "http://h?x=1", "http://[::1"]
)
def test_what_is_no_endpoint_is_refused_with_one_that_is(url: str) -> None:
    with pytest.raises(UsageError, match=re.escape("http://127.0.0.1:4318")):
        require_endpoint(url)


def test_a_path_of_the_endpoint_stays_and_that_of_the_signal_goes() -> None:
    assert require_endpoint("https://h/otlp/v1/traces") == require_endpoint("https://h/otlp/") == "https://h/otlp"
