"""A model behind an OpenAI-compatible server, over a real connection and on both transports."""

from __future__ import annotations

import gzip
import json
import traceback
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from swarm.errors import Failure, ProviderError, UsageError
from swarm.messages import Message, Request, Usage
from swarm.models.exchange import Deadlines
from swarm.models.openai_chat import Dialect, OpenAIChat, dialect_of, request_body
from swarm.models.served import CACHED_FROM_CHARACTERS
from swarm.models.transport import open_transport
from tests.provider import ABSENT, Answer, Behaviour, Provider

KEY = "sk-verysecret-0123456789"
ASK = Request(messages=(Message("system", "Be brief."), Message("user", "Say hello.")), max_output_tokens=50)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"pass": {"type": "boolean"}}, "required": ["pass"]}


@pytest.fixture(params=["aiohttp", "httpx"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncBaseTransport]:
    async with open_transport(request.param, environ={}) as opened:
        yield opened


def chat(transport: httpx.AsyncBaseTransport, url: str, **options: Any) -> OpenAIChat:
    settings: dict[str, Any] = {"key": KEY, "key_hint": "EXAMPLE_API_KEY", "wire_model": "big-1"} | options
    return OpenAIChat("big", base_url=url, transport=transport, **settings)


async def failure(transport: httpx.AsyncBaseTransport, behaviour: Behaviour, **options: Any) -> ProviderError:
    async with Provider(behaviour) as provider:
        with pytest.raises(ProviderError) as caught:
            await chat(transport, provider.url, **options).ask(ASK)
    return caught.value


def always(answer: Answer) -> Behaviour:
    return lambda _: answer


def verdict(error: ProviderError) -> tuple[Failure, bool, bool]:
    return error.failure, error.sent, error.charged


LOST = (Failure.WAIT, True, True)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_comes_back_with_its_usage_streamed_or_in_one_piece(
    transport: httpx.AsyncBaseTransport, stream: bool
) -> None:
    async with Provider(lambda _: Answer("hello wörld 😀", chunks=20, stream=stream)) as provider:
        reply = await chat(transport, provider.url).ask(ASK)
    assert (reply.text, reply.finish, reply.model) == ("hello wörld 😀", "stop", "served-model")
    assert reply.usage == Usage(input_tokens=4, output_tokens=3)


async def test_the_request_says_what_was_asked_and_carries_the_key(transport: httpx.AsyncBaseTransport) -> None:
    async with Provider() as provider:
        await chat(transport, f"{provider.url}/?version=1", headers={"X-Title": "swarm"}).ask(ASK)
        (seen,) = provider.requests
    assert (seen.method, seen.target) == ("POST", "/v1/chat/completions?version=1")
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["x-title"] == "swarm"
    assert seen.headers["host"] == f"127.0.0.1:{provider.port}"
    assert seen.body == {
        "model": "big-1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}],
        "max_tokens": 50,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_dialect_changes_only_what_a_server_wants_differently() -> None:
    asked = Request(messages=(), max_output_tokens=9, answer_schema=SCHEMA)
    assert "response_format" not in request_body(asked, "m", Dialect())
    openai = request_body(asked, "m", dialect_of("https://api.openai.com/v1"))
    assert openai["max_completion_tokens"] == 9
    assert "max_tokens" not in openai
    assert openai["response_format"]["json_schema"] == {"name": "answer", "strict": True, "schema": SCHEMA}
    bare = Dialect(takes_stream_options=False, takes_temperature=False, extra={"reasoning_effort": "low"})
    assert set(request_body(asked, "m", bare)) == {"model", "messages", "max_tokens", "stream", "reasoning_effort"}


@pytest.mark.parametrize("usage", [ABSENT, None, {"prompt_tokens": -4, "completion_tokens": 1}])
async def test_an_answer_without_usable_usage_is_an_answer(transport: httpx.AsyncBaseTransport, usage: object) -> None:
    async with Provider(lambda _: Answer("hello", usage=usage)) as provider:
        reply = await chat(transport, provider.url).ask(ASK)
    assert (reply.text, reply.usage) == ("hello", None)


async def test_too_many_requests_hand_the_wish_of_the_provider_on(transport: httpx.AsyncBaseTransport) -> None:
    error = await failure(transport, lambda _: Answer(status=429, headers={"retry-after": "7"}, body=b"{}"))
    assert (*verdict(error), error.status, error.retry_after_s) == (Failure.WAIT, True, False, 429, 7.0)
    error = await failure(transport, lambda _: Answer(status=429, body=b'{"error": "slow down"}'))
    assert (*verdict(error), error.retry_after_s) == (Failure.WAIT, True, False, None)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_error_is_waited_for_and_free(transport: httpx.AsyncBaseTransport, status: int) -> None:
    error = await failure(transport, lambda _: Answer(status=status, body=b"<html><title>oops</title></html>"))
    assert verdict(error) == (Failure.WAIT, True, False)


async def test_an_error_without_end_is_read_only_so_far(transport: httpx.AsyncBaseTransport) -> None:
    error = await failure(transport, lambda _: Answer(status=500, pieces=[b"x" * 10_000] * 1_000))
    assert verdict(error) == (Failure.WAIT, True, False)


async def test_a_redirect_is_a_failure_that_names_the_address(transport: httpx.AsyncBaseTransport) -> None:
    headers = {"location": "https://new.example.test/v1/chat/completions"}
    error = await failure(transport, lambda _: Answer(status=308, headers=headers, body=b""))
    assert verdict(error) == (Failure.STOP, True, False)
    assert "https://new.example.test" in str(error)


async def test_a_server_that_is_not_there_is_switched_from_for_free(transport: httpx.AsyncBaseTransport) -> None:
    async with Provider() as provider:
        url = provider.url
    with pytest.raises(ProviderError) as caught:
        await chat(transport, url).ask(ASK)
    assert verdict(caught.value) == (Failure.SWITCH, False, False)
    assert url.split("/")[2] in str(caught.value)


@pytest.mark.parametrize("cut_after", [-1, 0, 1, 3])
async def test_an_answer_that_is_cut_stays_charged(transport: httpx.AsyncBaseTransport, cut_after: int) -> None:
    for answer in (
        Answer("one two three", cut_after=cut_after),
        Answer("one two", cut_after=cut_after, cut_by="reset"),
    ):
        assert verdict(await failure(transport, always(answer))) == LOST


@pytest.mark.parametrize("done", [True, False])
async def test_a_stream_that_ends_politely_in_the_middle_is_cut_too(
    transport: httpx.AsyncBaseTransport, done: bool
) -> None:
    async with Provider(lambda _: Answer("hello", finish=None, done=done)) as provider:
        if done:
            assert (await chat(transport, provider.url).ask(ASK)).finish == "other"
            return
        with pytest.raises(ProviderError, match="ended in the middle") as caught:
            await chat(transport, provider.url).ask(ASK)
    assert verdict(caught.value) == LOST


async def test_an_answer_whose_connection_breaks_after_its_end_is_kept(transport: httpx.AsyncBaseTransport) -> None:
    async with Provider(lambda _: Answer("hello", chunks=1, cut_after=3)) as provider:  # role, text, finish reason
        reply = await chat(transport, provider.url).ask(ASK)
    assert (reply.text, reply.finish, reply.usage) == ("hello", "stop", None)


async def test_a_server_that_never_ends_its_stream_does_not_hold_the_answer_back(
    transport: httpx.AsyncBaseTransport,
) -> None:
    stream = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    pauses = iter([anyio.lowlevel.checkpoint, anyio.Event().wait])

    async def pause() -> None:
        await next(pauses)()

    async with Provider(lambda _: Answer(pieces=[stream, b": never comes\n\n"], before_piece=pause)) as provider:
        with anyio.fail_after(10):
            assert (await chat(transport, provider.url).ask(ASK)).text == "hi"
            await provider.hung_up.wait()


@pytest.mark.parametrize("deadlines", [Deadlines(first_byte_s=0.1), Deadlines(between_s=0.1), Deadlines(total_s=0.1)])
async def test_a_stream_that_falls_silent_is_left_in_time(
    transport: httpx.AsyncBaseTransport, deadlines: Deadlines
) -> None:
    sent: list[int] = []
    never = anyio.Event()

    async def pause() -> None:
        sent.append(1)
        if len(sent) > (0 if deadlines.first_byte_s < 1 else 2):
            await never.wait()

    async with Provider(lambda _: Answer("one two three", before_piece=pause)) as provider:
        with anyio.fail_after(10), pytest.raises(ProviderError, match="in time") as caught:
            await chat(transport, provider.url, deadlines=deadlines).ask(ASK)
        await provider.hung_up.wait()
    assert verdict(caught.value) == LOST


async def test_a_stream_that_trickles_for_ever_is_left_at_the_whole_time(transport: httpx.AsyncBaseTransport) -> None:
    answer = Answer(pieces=[b": still here\n\n"] * 10_000, before_piece=0.02)
    async with Provider(lambda _: answer) as provider:
        with anyio.fail_after(10), pytest.raises(ProviderError, match="in time") as caught:
            await chat(transport, provider.url, deadlines=Deadlines(total_s=0.2)).ask(ASK)
    assert verdict(caught.value) == LOST


async def test_cancelling_a_call_closes_its_connection(transport: httpx.AsyncBaseTransport) -> None:
    never = anyio.Event()
    for answer in (Answer(before_head=never.wait), Answer("one two", before_piece=never.wait)):
        async with Provider(always(answer)) as provider:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(chat(transport, provider.url).ask, ASK)
                await provider.asked.wait()
                tasks.cancel_scope.cancel()
            with anyio.move_on_after(10):
                await provider.hung_up.wait()
            assert provider.hung_up.is_set()


async def test_an_answer_in_one_piece_that_is_far_beyond_its_limit_is_left_and_its_connection_closed(
    transport: httpx.AsyncBaseTransport,
) -> None:
    async with Provider(lambda _: Answer("word " * 200_000, stream=False)) as provider:
        model = chat(transport, provider.url)
        for _ in range(2):
            with pytest.raises(ProviderError, match="went on beyond") as caught:
                await model.ask(ASK)
            assert verdict(caught.value) == (Failure.STOP, True, True)
        assert provider.connections == 2


async def test_a_packed_answer_is_unpacked_though_none_was_asked_for(transport: httpx.AsyncBaseTransport) -> None:
    body = gzip.compress(json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode())
    async with Provider(lambda _: Answer(body=body, headers={"content-encoding": "gzip"})) as provider:
        assert (await chat(transport, provider.url).ask(ASK)).text == "hi"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!doctype html><title>Sign in</title>", "Sign in"),
        (b"", "the answer is empty"),
        (b"{}", "no answer"),
        (b"data: {oops\n\n", "cannot be read"),
        (b"\x1f\x8b\x08", "ended in the middle"),
    ],
)
async def test_a_body_that_is_no_answer_is_a_clear_failure_and_stays_charged(
    transport: httpx.AsyncBaseTransport, body: bytes, said: str
) -> None:
    error = await failure(transport, lambda _: Answer(body=body))
    assert said in str(error)
    assert verdict(error) == LOST


CHUNKS = [
    '{"choices":[{"delta":{"role":"assistant","content":""}}]}',
    '{"choices":[{"delta":{"content":"größe "}}],"usage":null}',
    '{"choices":[{"delta":{"content":"😀"},"finish_reason":"stop"}]}',
    '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
    "[DONE]",
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("field", ["data: ", "data:", ": note\ndata: ", "event: x\ndata: "])
@pytest.mark.parametrize("one_by_one", [True, False])
async def test_every_way_to_write_the_stream_gives_the_same_answer(
    transport: httpx.AsyncBaseTransport, end: str, field: str, one_by_one: bool
) -> None:
    stream = "".join(field.replace("\n", end) + chunk + end * 2 for chunk in CHUNKS).encode()
    pieces = [stream[place : place + 1] for place in range(len(stream))] if one_by_one else [stream]
    async with Provider(lambda _: Answer(pieces=pieces)) as provider:
        reply = await chat(transport, provider.url).ask(ASK)
    assert (reply.text, reply.finish, reply.usage) == ("größe 😀", "stop", Usage(input_tokens=3, output_tokens=2))


async def test_the_models_of_a_server_are_listed_in_its_order(transport: httpx.AsyncBaseTransport) -> None:
    async with Provider(models=["b", "a", "c"]) as provider:
        assert await chat(transport, provider.url).list_models() == ["b", "a", "c"]
        assert (provider.requests[0].method, provider.requests[0].target) == ("GET", "/v1/models")


async def test_a_server_that_lists_no_models_is_a_clear_failure(transport: httpx.AsyncBaseTransport) -> None:
    for listing in (b"{}", b'{"data": [{"name": "a"}]}', b"data: {}\n\n", b"<html>"):
        async with Provider(listing=Answer(body=listing)) as provider:
            with pytest.raises(ProviderError, match="check the base URL"):
                await chat(transport, provider.url).list_models()
            with pytest.raises(ProviderError, match="404"):
                await chat(transport, f"{provider.url}/elsewhere").list_models()


async def test_the_key_stands_in_no_error_and_no_repr(transport: httpx.AsyncBaseTransport) -> None:
    echo = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).encode()
    answers: list[Answer] = [
        Answer(status=401, body=echo),
        Answer(status=302, headers={"location": f"https://x.test/{KEY}"}, body=b""),
        Answer(body=b'{"error": {"message": "key %b"}}' % KEY.encode()),
        Answer(body=f"<title>{KEY}</title>".encode()),
        Answer(cut_after=-1),
        Answer(cut_after=-1, cut_by="reset"),
        Answer(cut_after=1),
        Answer(before_head=anyio.Event().wait),
    ]
    for answer in answers:
        error = await failure(transport, always(answer), deadlines=Deadlines(first_byte_s=0.1))
        chain: list[BaseException] = [error]
        while cause := chain[-1].__cause__ or chain[-1].__context__:
            chain.append(cause)
        shown = "".join(traceback.format_exception(error)) + repr([(each, each.args) for each in chain])
        assert KEY not in shown
    async with Provider() as provider:
        assert KEY not in repr(chat(transport, provider.url))


@pytest.mark.parametrize(
    "url", ["", "api.example.test/v1", "ftp://x/v1", "http://", "http://x:0/v1", "http://x:99999/v1", "http://[x/v1"]
)
async def test_an_address_that_cannot_be_asked_is_refused_at_once(url: str) -> None:
    async with open_transport("aiohttp", environ={}) as transport:
        with pytest.raises(UsageError, match="write it like http://127"):
            chat(transport, url)


@pytest.mark.parametrize(
    "options",
    [
        {"key": f"{KEY}\n"},
        {"key": f" {KEY}"},
        {"key": ""},
        {"key": f"{KEY}ü"},
        {"headers": {"X-Key": f"{KEY}\r\nX: y"}},
    ],
)
async def test_a_key_or_header_that_cannot_be_sent_is_refused_without_being_shown(options: dict[str, Any]) -> None:
    async with open_transport("aiohttp", environ={}) as transport:
        with pytest.raises(UsageError) as caught:
            chat(transport, "http://127.0.0.1:1/v1", **options)
        with pytest.raises(UsageError) as with_password:
            chat(transport, f"http://me:{KEY}@127.0.0.1:1/v1")
    assert KEY not in f"{caught.value}{with_password.value}"


@pytest.mark.parametrize(
    ("base_url", "wire_model", "length", "is_marked"),
    [
        ("https://openrouter.ai/api/v1", "anthropic/claude-sonnet-5", CACHED_FROM_CHARACTERS, True),
        ("https://openrouter.ai/api/v1", "anthropic/claude-sonnet-5", CACHED_FROM_CHARACTERS - 1, False),
        ("https://openrouter.ai/api/v1", "deepseek/deepseek-chat", 9_000, False),
        ("https://api.example.com/v1", "claude-sonnet-5", 9_000, False),
    ],
)
def test_a_long_system_prompt_is_marked_for_the_cache_where_a_server_hands_that_on(
    base_url: str, wire_model: str, length: int, is_marked: bool
) -> None:
    words = "x" * length
    asked = Request(messages=(Message("system", words), Message("user", "y" * 9_000)), max_output_tokens=5)
    system, user = request_body(asked, wire_model, dialect_of(base_url))["messages"]
    marked = [{"type": "text", "text": words, "cache_control": {"type": "ephemeral"}}]
    assert system == {"role": "system", "content": marked if is_marked else words}
    assert user == {"role": "user", "content": "y" * 9_000}
