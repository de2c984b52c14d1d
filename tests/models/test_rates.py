"""What a provider says is left of its limits is read from its headers, and heard before the answer."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.errors import ProviderError
from swarm.messages import Message, Request
from swarm.models.hearing import Hearing
from swarm.models.limits import Left
from swarm.models.openai_chat import OpenAIChat
from swarm.models.rates import left_in
from swarm.models.transport import open_transport
from tests.provider import Answer, Provider

NOW = 1_795_000_000.0


def read(**headers: str) -> list[Left]:
    return left_in([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()], NOW)


def test_the_headers_of_openai_and_its_kin_are_read() -> None:
    assert read(
        x_ratelimit_limit_requests="60",
        x_ratelimit_remaining_requests="59",
        x_ratelimit_reset_requests="1s",
        X_RateLimit_Remaining_Tokens="149984",
        X_RateLimit_Reset_Tokens="6m0s",
    ) == [Left("requests", 59, 1.0), Left("tokens", 149_984, 360.0)]


def test_the_headers_of_anthropic_are_read() -> None:
    assert read(
        anthropic_ratelimit_requests_limit="50",
        anthropic_ratelimit_requests_remaining="0",
        anthropic_ratelimit_requests_reset="2026-11-18T11:07:10Z",
    ) == [Left("requests", 0, 1_795_000_030 - NOW)]


def test_limits_of_a_minute_and_of_a_day_are_two() -> None:
    assert read(
        x_ratelimit_remaining_requests_day="14000",
        x_ratelimit_reset_requests_day="33011.382867",
        x_ratelimit_remaining_tokens_minute="60000",
        x_ratelimit_reset_tokens_minute="11.38",
    ) == [Left("requests", 14_000, 33_011.382867, "day"), Left("tokens", 60_000, 11.38, "minute")]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("2m59.56s", 179.56), ("120ms", 0.12), ("1h", 3600), ("1795000007", 7), ("1795000007500", 7.5), ("1", 1)],
)
def test_a_reset_is_a_span_or_a_moment(said: str, seconds: float) -> None:
    (left,) = read(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests=said)
    assert left.reset_s == pytest.approx(seconds)


@pytest.mark.parametrize("said", ["", "soon", "-1", "1s ago", "²s", "9" * 40])
def test_what_cannot_be_read_is_passed_over(said: str) -> None:
    assert left_in([(b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", said.encode())], 0) == []
    assert (
        left_in([(b"x-ratelimit-remaining-requests", said.encode()), (b"x-ratelimit-reset-requests", b"1s")], 0) == []
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens", b"date"])
            | st.binary(max_size=40),
            st.binary(max_size=40),
        ),
        max_size=8,
    )
)
def test_no_header_breaks_the_reader(headers: list[tuple[bytes, bytes]]) -> None:
    for left in left_in(headers, NOW):
        assert left.amount >= 0 and left.reset_s >= 0


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
@pytest.mark.parametrize("status", [200, 429])
async def test_what_is_left_is_heard_of_answers_and_of_failures(
    transport: Literal["aiohttp", "httpx"], status: int
) -> None:
    head = {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "20s"}
    said = Answer("hello", headers=head) if status == 200 else Answer(status=status, headers=head, body=b"{}")
    heard: list[Left] = []
    async with Provider(lambda _: said) as server, open_transport(transport, environ={}) as pool:
        model = OpenAIChat("m", base_url=server.url, wire_model="m", transport=Hearing(pool, heard.extend), key=None)
        with nullcontext() if status == 200 else pytest.raises(ProviderError):
            await model.ask(Request(messages=(Message("user", "hi"),), max_output_tokens=10))
    assert heard == [Left("requests", 3, 20.0)]
