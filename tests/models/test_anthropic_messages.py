"""What is said to servers with the Anthropic Messages format, and how what they count is read."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.errors import Failure, ProviderError, UsageError
from swarm.messages import Message, Reply, Request, Usage
from swarm.models.anthropic_answer import AnthropicAnswer, usage_in
from swarm.models.anthropic_messages import AnthropicMessages, request_body
from swarm.models.failures import Source
from swarm.models.served import CACHED_FROM_CHARACTERS
from swarm.models.stream import ServerEvent
from tests.provider import Provider
from tests.wires import ANTHROPIC

SOURCE = Source(model="big", server="api.example.test")
ASK = Request(messages=(Message("system", "Be brief."), Message("user", "Say hello.")), max_output_tokens=50)


def body(
    request: Request = ASK, model: str = "claude-haiku-5-5", *, takes_schema: bool = False, effort: str = ""
) -> dict[str, Any]:
    return request_body(request, model, takes_schema=takes_schema, effort=effort)


def answer_of(*events: dict[str, Any] | bytes) -> AnthropicAnswer:
    answer = AnthropicAnswer(source=SOURCE, model="asked")
    for event in events:
        answer.take_event(ServerEvent("message", event if isinstance(event, bytes) else json.dumps(event).encode()))
    return answer


def text(piece: object) -> dict[str, Any]:
    return {"type": "content_block_delta", "delta": {"type": "text_delta", "text": piece}}


def end(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


START: dict[str, Any] = {"type": "message_start", "message": {"model": "served", "usage": {"input_tokens": 7}}}
STOP = {"type": "message_stop"}


def test_a_long_system_prompt_is_kept_for_the_requests_that_follow_and_a_short_one_is_not() -> None:
    for length, is_marked in ((CACHED_FROM_CHARACTERS - 1, False), (CACHED_FROM_CHARACTERS, True)):
        halves = ("x" * (length // 2), "y" * (length - length // 2))
        messages = (*(Message("system", half) for half in halves), Message("user", "z" * 9_000))
        sent = body(Request(messages=messages, max_output_tokens=5))
        assert [block["text"] for block in sent["system"]] == list(halves)
        assert [("cache_control" in block) for block in sent["system"]] == [False, is_marked]
        assert json.dumps(sent).count("cache_control") == is_marked  # four are allowed


def test_the_beginning_of_a_conversation_stays_byte_for_byte_as_it_goes_on() -> None:
    longer = (
        Message("system", "x" * 5_000),
        Message("user", "Draft."),
        Message("assistant", "No."),
        Message("user", "Do."),
    )
    first = json.dumps(body(Request(messages=longer[:2], max_output_tokens=5)))
    second = json.dumps(body(Request(messages=longer, max_output_tokens=5)))
    assert second.startswith(first.removesuffix("]}"))


@pytest.mark.parametrize(
    ("model", "is_sent"),
    [
        ("claude-3-5-haiku-latest", True),
        ("claude-sonnet-4-20250514", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-sonnet-4-6", True),
        ("claude-opus-4-7", False),
        ("claude-opus-4-8-20260401", False),
        ("claude-haiku-5-5", False),
        ("claude-fable-5", False),
        ("anthropic.claude-sonnet-5-5", False),
        ("qwen3-8b", True),
    ],
)
def test_a_temperature_is_sent_to_the_models_that_take_one(model: str, is_sent: bool) -> None:
    assert ("temperature" in body(model=model)) is is_sent
    assert "temperature" not in body(model=model, effort="high"), "what thinks has a temperature of its own"


def test_effort_goes_as_it_stands_and_none_turns_thinking_off() -> None:
    assert body(effort="low")["output_config"] == {"effort": "low"}
    off = body(effort="none", model="claude-sonnet-4-6")
    assert off["thinking"] == {"type": "disabled"} and "output_config" not in off and off["temperature"] == 0.0
    assert not body().keys() & {"thinking", "output_config"}


def test_a_schema_is_sent_only_where_the_settings_say_that_it_is_kept() -> None:
    schema = {"type": "object", "additionalProperties": False}
    asked = Request(messages=ASK.messages, max_output_tokens=5, answer_schema=schema)
    assert "output_config" not in body(asked)
    sent = body(asked, takes_schema=True, effort="low")["output_config"]
    assert sent == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}


@pytest.mark.parametrize("below", ["", "/", "/v1", "/v1/", "/v1/messages", "/anthropic", "/anthropic/v1"])
async def test_the_address_is_found_with_and_without_its_version(below: str) -> None:
    async with httpx.AsyncHTTPTransport() as transport, Provider(wire=ANTHROPIC) as provider:
        model = AnthropicMessages("m", base_url=provider.url + below, wire_model="m", transport=transport)
        if "anthropic" in below:
            with pytest.raises(ProviderError, match="404"):
                await model.ask(ASK)
        else:
            assert (await model.ask(ASK)).text == "ok"
        (seen,) = provider.requests
    assert seen.target == ("/anthropic" if "anthropic" in below else "") + "/v1/messages"


@pytest.mark.parametrize(
    ("base_url", "key"), [("https://x", ""), ("https://x", "sk secret"), ("ftp://x", None), ("x", None)]
)
async def test_what_cannot_be_sent_is_refused_without_being_shown(base_url: str, key: str | None) -> None:
    async with httpx.AsyncHTTPTransport() as transport:
        with pytest.raises(UsageError) as caught:
            AnthropicMessages("m", base_url=base_url, key=key, wire_model="m", transport=transport)
    assert "sk secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((START, text("a"), text("b"), end(), STOP), ("ab", "stop", "served")),
        ((text("a"), end(), STOP), ("a", "stop", "asked")),
        ((START, text("a"), text(None), text(""), end(), STOP), ("a", "stop", "served")),
        ((START, text("a"), STOP), ("a", "other", "served")),
        ((START, text("a"), end("pause_turn"), STOP), ("a", "other", "served")),
        ((START, text("a"), end("new_word"), STOP), ("a", "other", "served")),
        ((START, text("a"), end("stop_sequence"), b"not JSON"), ("a", "stop", "served")),
        ((START, text("a"), end(), {"type": "error", "error": {"type": "api_error"}}), ("a", "stop", "served")),
        (
            (START, {"type": "content_block_delta", "delta": {"type": "aside", "text": "hm"}}, text("a"), end()),
            ("a", "stop", "served"),
        ),
        (
            (
                START,
                {"type": "content_block_start", "content_block": {"type": "aside", "text": "hm"}},
                text("a"),
                end(),
            ),
            ("a", "stop", "served"),
        ),
        ((START, {"type": "invented_later", "delta": None}, text("a"), end(), STOP), ("a", "stop", "served")),
    ],
)
def test_the_text_is_put_together_from_whatever_the_events_hold(
    events: tuple[Any, ...], said: tuple[str, str, str]
) -> None:
    answer = answer_of(*events)
    assert answer.whole
    reply = answer.reply()
    assert (reply.text, reply.finish, reply.model) == said


@pytest.mark.parametrize(
    ("events", "failure", "is_charged"),
    [
        (({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}},), Failure.WAIT, False),
        (({"type": "error", "error": {"type": "invalid_request_error"}},), Failure.STOP, False),
        (({"type": "error", "error": {"type": "overloaded_error"}},), Failure.WAIT, True),
        ((START, {"type": "error", "error": {"type": "rate_limit_error"}}), Failure.WAIT, True),
        (({"type": "error", "error": "it broke"},), Failure.WAIT, True),
        (({"type": "error"},), Failure.WAIT, True),
        ((START, text(5)), Failure.WAIT, True),
        ((START, b"{oops"), Failure.WAIT, True),
    ],
)
def test_an_error_inside_an_answer_is_an_error_and_only_a_refusal_before_it_is_free(
    events: tuple[Any, ...], failure: Failure, is_charged: bool
) -> None:
    with pytest.raises(ProviderError) as caught:
        answer_of(*events)
    assert (caught.value.failure, caught.value.sent, caught.value.charged) == (failure, True, is_charged)


@pytest.mark.parametrize("document", [b"{}", b"[]", b'{"type":"message"}', b'{"choices":[]}', b'{"content":[5]}'])
def test_a_document_without_an_answer_is_none(document: bytes) -> None:
    answer = AnthropicAnswer(source=SOURCE, model="asked")
    with pytest.raises(ProviderError) as caught:
        answer.take_document(document)
    assert caught.value.charged and not answer.whole


def usage_of(start: object, last: object) -> Usage | None:
    first = {"type": "message_start", "message": {"usage": start}}
    reply: Reply = answer_of(first, text("a"), {**end(), "usage": last}, STOP).reply()
    return reply.usage


@pytest.mark.parametrize(
    ("start", "last", "expected"),
    [
        ({"input_tokens": 5, "output_tokens": 1}, {"output_tokens": 9}, (5, 0, 0, 9)),
        (
            {"input_tokens": 5, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 100},
            {"output_tokens": 9},
            (125, 20, 100, 9),
        ),
        ({"input_tokens": 0, "cache_read_input_tokens": 20}, {"output_tokens": 0}, (20, 20, 0, 0)),
        ({"input_tokens": 5}, {"input_tokens": 7, "output_tokens": 9}, (7, 0, 0, 9)),
        ({"input_tokens": 5, "cache_read_input_tokens": None}, {"input_tokens": 0, "output_tokens": 9}, (5, 0, 0, 9)),
        (None, {"input_tokens": 5, "output_tokens": 9}, (5, 0, 0, 9)),
        ({"input_tokens": 5, "output_tokens": 1}, None, None),
        ({"input_tokens": 5, "output_tokens": 1}, {}, None),
        ({"input_tokens": -5}, {"output_tokens": 9}, None),
        ({"input_tokens": 5}, {"output_tokens": "9"}, None),
        ({"input_tokens": 5}, {"output_tokens": 9, "cache_read_input_tokens": 1.5}, None),
        ({}, {"output_tokens": 9}, None),
    ],
)
def test_usage_is_what_was_said_at_the_start_and_at_the_end_or_none(
    start: object, last: object, expected: tuple[int, int, int, int] | None
) -> None:
    usage = usage_of(start, last)
    found = usage and (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens, usage.output_tokens)
    assert found == expected


def test_thinking_that_is_more_than_the_output_is_added_to_it_with_a_doubt() -> None:
    usage = usage_in({"input_tokens": 5}, {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 30}})
    assert usage == Usage(input_tokens=5, output_tokens=39, reasoning_tokens=30, doubts=("part-too-large",))


COUNTS = st.dictionaries(
    st.sampled_from(
        [
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens_details",
        ]
    ),
    st.integers(-5, 200)
    | st.none()
    | st.text(max_size=2)
    | st.fixed_dictionaries({"thinking_tokens": st.integers(-5, 200)}),
)


@given(COUNTS | st.none(), COUNTS | st.none())
def test_no_usage_has_a_part_that_is_larger_than_its_whole(start: object, last: object) -> None:
    usage = usage_in(start, last)
    if usage is not None:
        assert 0 <= usage.cached_tokens + usage.cache_write_tokens <= usage.input_tokens
        assert 0 <= usage.reasoning_tokens <= usage.output_tokens
