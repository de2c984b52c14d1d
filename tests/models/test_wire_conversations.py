"""Recorded conversations of each wire format (tests/data/wires): what is sent, and what each answer is read as."""

from __future__ import annotations

import json
import tomllib
import traceback
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.errors import Failure, ProviderError
from swarm.messages import Message, Reply, Request, ToolCall, ToolSpec
from swarm.models.anthropic_answer import AnthropicAnswer
from swarm.models.failures import Source
from swarm.models.gemini_answer import GeminiAnswer
from swarm.models.openai_answer import OpenAIAnswer
from swarm.models.openai_chat import Dialect
from swarm.models.served import Answer as Reading
from swarm.models.stream import EventParser
from swarm.models.transport import TransportKind, open_transport
from tests.provider import Answer, Provider
from tests.wires import CLASSES, WIRES

FOLDER = Path(__file__).parent.parent / "data" / "wires"
RECORDS: dict[str, dict[str, Any]] = {wire: tomllib.loads((FOLDER / f"{wire}.toml").read_text()) for wire in WIRES}
KEY = "sk-verysecret-0123456789"
SCHEMA = {
    "type": "object",
    "properties": {"pass": {"type": "boolean"}},
    "required": ["pass"],
    "additionalProperties": False,
}
MESSAGES = (Message("system", "Be brief."), Message("user", "Say hello."))
TOOLS = (
    ToolSpec(
        "get_time",
        "Tell the time.",
        {"type": "object", "properties": {"zone": {"type": "string", "pattern": "^[A-Z]+$"}}, "required": ["zone"]},
    ),
    ToolSpec("stop", "Stop all clocks.", {}),
)
USED = (
    *MESSAGES,
    Message("assistant", "I look.", calls=(ToolCall("x1", "get_time", '{"zone": "UTC"}'), ToolCall("x2", "stop", "?"))),
    Message("tool", "12:00", answers="x1"),
    Message("tool", "", answers="x2"),
    Message("user", "And now?"),
)
ASKS = {
    "plain": Request(messages=MESSAGES, max_output_tokens=50),
    "kept": Request(
        messages=(Message("system", ("Be brief and say what you know. " * 41).strip()), MESSAGES[1]),
        max_output_tokens=50,
    ),
    "strict": Request(messages=MESSAGES, max_output_tokens=50, answer_schema=SCHEMA),
    "tools": Request(messages=USED, max_output_tokens=50, tools=TOOLS),
}
ANSWERS: dict[str, Any] = {"openai": OpenAIAnswer, "anthropic": AnthropicAnswer, "gemini": GeminiAnswer}


def conversations(*, streamed: bool = False) -> list[Any]:
    return [
        pytest.param(wire, each, id=f"{wire}: {each['name']}")
        for wire, record in RECORDS.items()
        for each in record["conversation"]
        if not streamed or ("reply" in each and not each["answer"].startswith(("{", "[")))
    ]


def reply_in(conversation: dict[str, Any]) -> Reply:
    return msgspec.convert(conversation["reply"], Reply)


async def ask(wire: str, conversation: dict[str, Any], kind: TransportKind, provider: Provider) -> Reply:
    asks = conversation.get("asks", "plain")
    options: Any = {"dialect": Dialect(takes_schema=True)} if wire == "openai" else {"takes_schema": True}
    async with open_transport(kind, environ={}) as transport:
        model = CLASSES[wire](
            "big",
            base_url=provider.url,
            wire_model=RECORDS[wire]["model"],
            transport=transport,
            key=KEY,
            key_hint="EXAMPLE_API_KEY",
            **options,
        )
        return await model.ask(ASKS[asks])


@pytest.mark.parametrize("kind", ["aiohttp", "httpx"])
@pytest.mark.parametrize(("wire", "conversation"), conversations())
async def test_what_is_sent_and_what_comes_back_is_as_recorded(
    wire: str, conversation: dict[str, Any], kind: TransportKind
) -> None:
    body = conversation["answer"].encode()
    streamed = {"content-type": "text/event-stream"} if body.lstrip().startswith((b"data", b"event")) else {}
    answer = Answer(
        status=conversation.get("status", 200), headers={**streamed, **conversation.get("head", {})}, body=body
    )
    async with Provider(lambda _: answer, wire=WIRES[wire]) as provider:
        if "reply" in conversation:
            assert await ask(wire, conversation, kind, provider) == reply_in(conversation)
        else:
            with pytest.raises(ProviderError) as caught:
                await ask(wire, conversation, kind, provider)
            failed_as(caught.value, **conversation["failure"])
        (seen,) = provider.requests
    record = RECORDS[wire]
    assert (seen.method, seen.target) == ("POST", record["target"])
    assert seen.body == json.loads(record["requests"][conversation.get("asks", "plain")])
    assert record["headers"].items() <= seen.headers.items()


def failed_as(
    error: ProviderError,
    *,
    failure: str,
    charged: bool,
    says: str,
    status: int | None = None,
    retry_after_s: float | None = None,
) -> None:
    assert (error.failure, error.sent, error.charged) == (Failure(failure), True, charged)
    assert (error.status, error.retry_after_s) == (status, retry_after_s)
    assert says in str(error)
    assert KEY not in str(error)


@pytest.mark.parametrize(("wire", "conversation"), conversations(streamed=True))
@given(data=st.data())
def test_a_stream_is_read_the_same_however_its_bytes_are_split(
    wire: str, conversation: dict[str, Any], data: st.DataObject
) -> None:
    stream = conversation["answer"].encode()
    cuts = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=6))})
    collector, parser = reading(wire), EventParser()
    for start, end in pairwise(cuts):
        for event in parser.feed(stream[start:end]):
            collector.take_event(event)
    for event in parser.end():
        collector.take_event(event)
    assert collector.whole
    assert collector.reply() == reply_in(conversation)


@pytest.mark.parametrize("wire", WIRES)
@given(data=st.data())
def test_a_stream_with_an_event_that_is_nonsense_is_an_answer_or_a_failure(wire: str, data: st.DataObject) -> None:
    streams = [each["answer"] for each in RECORDS[wire]["conversation"] if "data: " in each["answer"]]
    lines = data.draw(st.sampled_from(streams)).splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = "data: " + data.draw(
        st.sampled_from(
            ["[]", "5", "null", "{}", '{"type":5}', '{"candidates":[{}]}', '{"usage":{"input_tokens":1e999}}']
        )
        | st.text(max_size=20).filter(lambda text: text.isprintable())
    )
    collector, parser = reading(wire), EventParser()
    try:
        for event in parser.feed("\n".join([*lines, "", ""]).encode(errors="replace")):
            collector.take_event(event)
    except ProviderError as error:
        assert error.sent
        return
    if collector.whole:
        collector.reply()


def reading(wire: str) -> Reading:
    model = RECORDS[wire]["model"]
    answer: Reading = ANSWERS[wire](source=Source(model="big", server="api.example.test"), model=model)
    return answer


def _same(answer: Answer, _: dict[str, Any]) -> Answer:
    return answer


@pytest.mark.parametrize("kind", ["aiohttp", "httpx"])
@pytest.mark.parametrize("wire", WIRES)
async def test_the_key_stands_in_no_error_and_no_repr(wire: str, kind: TransportKind) -> None:
    echo = json.dumps({"error": {"type": "authentication_error", "message": f"no such key: {KEY}"}}).encode()
    answers = [
        Answer(status=401, body=echo),
        Answer(body=echo),
        Answer(status=302, headers={"location": f"https://x.test/{KEY}"}, body=b""),
        Answer(cut_after=-1),
        Answer(cut_after=1),
    ]
    for answer in answers:
        async with Provider(partial(_same, answer), wire=WIRES[wire]) as provider:
            with pytest.raises(ProviderError) as caught:
                await ask(wire, {}, kind, provider)
            assert KEY not in provider.requests[0].target
        chain: list[BaseException] = [caught.value]
        while cause := chain[-1].__cause__ or chain[-1].__context__:
            chain.append(cause)
        shown = "".join(traceback.format_exception(caught.value)) + repr([(each, each.args) for each in chain])
        assert KEY not in shown
