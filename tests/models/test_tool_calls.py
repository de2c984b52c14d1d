"""Calls of tools over the wires: what one side means arrives at the other, however servers chop and mislabel it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.errors import ProviderError
from swarm.messages import Message, Reply, Request, ToolCall, ToolSpec
from swarm.models import anthropic_messages, gemini_generate, openai_chat
from swarm.models.anthropic_answer import AnthropicAnswer
from swarm.models.failures import Source
from swarm.models.gemini_answer import GeminiAnswer
from swarm.models.openai_answer import OpenAIAnswer
from swarm.models.openai_chat import Dialect, dialect_of
from swarm.models.served import Answer as Reading
from swarm.models.stream import EventParser, ServerEvent
from swarm.models.toolcalls import kept_of
from swarm.models.transport import open_transport
from tests.provider import Answer, Provider
from tests.wires import CLASSES, WIRES

SOURCE = Source(model="m", server="api.example.test")
READ = ToolSpec("read", "Read a file.", {"type": "object", "properties": {"path": {"type": "string"}}})
ASK = (Message("system", "Work."), Message("user", "Go on."))
ANSWERS: dict[str, Any] = {"openai": OpenAIAnswer, "anthropic": AnthropicAnswer, "gemini": GeminiAnswer}


def body_of(wire: str, messages: tuple[Message, ...], *, model: str = "m", **more: Any) -> dict[str, Any]:
    """The body of a request with a tool, as the server reads it."""
    request = Request(messages=messages, max_output_tokens=50, tools=more.pop("tools", (READ,)))
    match wire:
        case "openai":
            body = openai_chat.request_body(request, model, more.pop("dialect", Dialect()))
        case "anthropic":
            body = anthropic_messages.request_body(request, model, takes_schema=False)
        case _:
            body = gemini_generate.request_body(request, model, takes_schema=False)
    decoded: dict[str, Any] = json.loads(msgspec.json.encode(body))
    return decoded


def read_by(wire: str, *bodies: bytes, model: str = "m") -> Reply:
    answer: Reading = ANSWERS[wire](source=SOURCE, model=model)
    parser = EventParser()
    for body in bodies:
        for event in parser.feed(body):
            answer.take_event(event)
    assert answer.whole
    return answer.reply()


def meant(calls: Any) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in calls]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(st.text(max_size=8), values, max_size=3).map(json.dumps)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,12}", fullmatch=True)
rounds = st.lists(st.lists(st.tuples(names, arguments, st.text(max_size=12)), min_size=1, max_size=3), max_size=3)


def told(said: list[list[tuple[str, str, str]]]) -> tuple[Message, ...]:
    """A conversation in which each round of calls has its results; ids are as each wire gives them, the same in each round."""
    messages = list(ASK)
    for calls in said:
        made = tuple(ToolCall(f"c{n}", name, written) for n, (name, written, _) in enumerate(calls))
        messages.append(Message("assistant", "", calls=made))
        messages += [Message("tool", text, answers=f"c{n}") for n, (_, _, text) in enumerate(calls)]
    return tuple(messages)


@pytest.mark.parametrize("wire", WIRES)
@settings(max_examples=50)
@given(said=rounds, chunks=st.integers(1, 9))
def test_calls_and_results_arrive_as_they_were_meant(
    wire: str, said: list[list[tuple[str, str, str]]], chunks: int
) -> None:
    body = body_of(wire, told(said))
    each = [call for calls in said for call in calls]
    heard = WIRES[wire].called(body)
    assert meant(heard) == [(name, json.loads(written)) for name, written, _ in each]
    assert [(name, text.strip()) for name, text in WIRES[wire].results(body)] == [
        (name, text.strip()) for name, _, text in each
    ]
    assert len({call.id for call in heard}) == len(heard)
    reply = read_by(wire, *WIRES[wire].events(Answer("so:", calls=heard, chunks=chunks), {}))
    assert (reply.text, meant(reply.calls), reply.finish) == ("so:", meant(heard), "tools" if heard else "stop")
    assert len({call.id for call in reply.calls}) == len(heard)


@pytest.mark.parametrize("wire", WIRES)
@settings(max_examples=50)
@given(said=rounds)
def test_a_conversation_with_calls_that_goes_on_is_sent_as_before(
    wire: str, said: list[list[tuple[str, str, str]]]
) -> None:
    """What a provider keeps of a prompt is its beginning."""
    messages = told(said)
    further = (
        *messages,
        Message("assistant", "", calls=(ToolCall("c0", "read", "{}"),)),
        Message("tool", "x", answers="c0"),
    )
    turns = "contents" if wire == "gemini" else "messages"
    before, after = body_of(wire, messages)[turns], body_of(wire, further)[turns]
    assert without_marks(after)[: len(before)] == without_marks(before)


def without_marks(turns: list[dict[str, Any]]) -> Any:
    return json.loads(json.dumps(turns).replace(', "cache_control": {"type": "ephemeral"}', ""))


def piece(place: int | None = None, id: str = "", name: str = "", arguments: Any = None) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value not in ("", None)}
    placed = {} if place is None else {"index": place}
    return {**placed, **({"id": id} if id else {}), "function": function}


X, Y = '{"path": "x"}', '{"path": "y"}'
TWO = [("read", X), ("read", Y)]


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([piece(0, "a", "read"), piece(0, arguments=X[:5]), piece(0, arguments=X[5:])], TWO[:1]),
        ([piece(0, "a", "read", X), piece(0, "b", "read", Y)], TWO),  # one index for all, as Ollama had it
        ([piece(0, "a", "read", X), piece(2, "b", "read", Y)], TWO),  # a gap
        ([piece(0, "a", "read", X), piece(1, "a", "read", Y)], TWO),  # one id for all
        ([piece(0, "a", "read", X), piece(0, "a", "read", Y)], TWO),  # one id and one index for all
        ([piece(0, "", "read", X), piece(0, "", "read", Y)], TWO),  # no id, one index for all
        ([piece(None, "a", "read", X), piece(None, "b", "read", Y)], TWO),  # no index
        ([piece(None, "", "read", X), piece(None, "", "read", Y)], TWO),  # neither
        ([piece(None, "a", "read"), piece(arguments=X[:4]), piece(arguments=X[4:])], TWO[:1]),
        ([piece(None, "a", "read"), piece(None, "a", arguments=X[:4]), piece(None, "a", arguments=X[4:])], TWO[:1]),
        (
            [piece(None, "a", "read"), piece(0, arguments=X[:4]), piece(0, arguments=X[4:])],
            TWO[:1],
        ),  # an index too late
        ([piece(0, "a", "read", X[:4]), piece(0, "a", "read", X[4:])], TWO[:1]),  # all of it in each piece
        ([piece(0, "", "read", X[:4]), piece(0, "", "read", X[4:])], TWO[:1]),
        ([piece(0, "a", "read", X), piece(0, "a", "read", X)], TWO[:1]),  # said once more at the end
        ([piece(0, "a", "read", X), piece(0, "a", "read", "")], TWO[:1]),
        ([piece(1, "b", "read", X), piece(0, "a", "read", Y)], TWO),  # in the order in which they come
        ([piece(0, "a", "read", {"path": "x"})], [("read", '{"path": "x"}')]),  # an object, and no text
        ([piece(0, "a", "now"), piece(0, arguments="")], [("now", "{}")]),
        ([piece(0, "a", "now"), piece(0, "b", "now")], [("now", "{}")] * 2),
        ([piece(0, "a", "now", "null")], [("now", "{}")]),
        (
            [piece(0, "a", "read", '{"path": ')],
            [("read", '{"path": ')],
        ),  # whoever offered the tool says so to the model
        ([piece(0, "a", "read", "path=x")], [("read", "path=x")]),
        ([piece(0, "a", "", X)], [("", X)]),
    ],
)
def test_calls_are_put_together_however_a_server_labels_their_pieces(
    pieces: list[dict[str, Any]], calls: list[tuple[str, str]]
) -> None:
    answer = OpenAIAnswer(source=SOURCE, model="m")
    for each in pieces:
        take(answer, {"choices": [{"delta": {"tool_calls": [each]}, "finish_reason": None}]})
    take(answer, {"choices": [{"delta": {}, "finish_reason": "stop"}]})  # not the reason that it should be
    reply = answer.reply()
    assert [(call.name, call.arguments) for call in reply.calls] == calls
    assert reply.finish == "tools"
    ids = [call.id for call in reply.calls]
    assert all(ids) and len(set(ids)) == len(ids)


def take(answer: OpenAIAnswer, chunk: Mapping[str, Any]) -> None:
    answer.take_event(ServerEvent("message", json.dumps(chunk).encode()))


def test_an_id_that_is_missing_or_taken_becomes_one_that_is_not() -> None:
    calls = [piece(id=id, name="read", arguments=X) for id in ("c2", "", "c2", "a")]
    document = {"choices": [{"message": {"tool_calls": calls}, "finish_reason": "tool_calls"}]}
    answer = OpenAIAnswer(source=SOURCE, model="m")
    answer.take_document(json.dumps(document).encode())
    assert [call.id for call in answer.reply().calls] == ["c2", "c3", "c4", "a"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("split", ["bytes", "crlf", "no end mark"])
async def test_calls_survive_a_stream_that_comes_byte_by_byte(wire: str, split: str) -> None:
    call = ToolCall("a1", "read", json.dumps({"path": "größe/😀.txt", "line": 7}, ensure_ascii=False))
    answer = Answer("Ich schaue: 😀", calls=(call, ToolCall("a2", "read", "{}")), chunks=3, done=split != "no end mark")
    stream = unescaped(b"".join(WIRES[wire].events(answer, {})).replace(b"\r\n", b"\n"))
    if split == "crlf":
        stream = stream.replace(b"\n", b"\r\n")
    pieces = [stream[place : place + 1] for place in range(len(stream))] if split == "bytes" else [stream]
    async with (
        Provider(lambda _: Answer(pieces=pieces), wire=WIRES[wire]) as server,
        open_transport("aiohttp", environ={}) as pool,
    ):
        model = CLASSES[wire]("m", base_url=server.url, wire_model="m", transport=pool)
        reply = await model.ask(Request(messages=ASK, max_output_tokens=200, tools=(READ,)))
    assert (reply.text, reply.finish, meant(reply.calls)) == (answer.text, "tools", meant(answer.calls))


def unescaped(stream: bytes) -> bytes:
    """The same events with their characters as they are instead of escaped, so that a piece can end within one."""
    lines = stream.decode().split("\n")
    return "\n".join(
        f"data: {json.dumps(json.loads(line[6:]), ensure_ascii=False)}" if line.startswith("data: {") else line
        for line in lines
    ).encode()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_stream_that_is_cut_in_the_middle_of_a_call_is_no_answer(wire: str) -> None:
    calls = (ToolCall("a", "delete", json.dumps({"path": "/tmp/x"})),)
    events = WIRES[wire].events(Answer("", calls=calls, chunks=6, finish=None, done=False), {})
    async with (
        Provider(lambda _: Answer(pieces=events), wire=WIRES[wire]) as server,
        open_transport("aiohttp", environ={}) as pool,
    ):
        model = CLASSES[wire]("m", base_url=server.url, wire_model="m", transport=pool)
        with pytest.raises(ProviderError, match="ended in the middle") as caught:
            await model.ask(Request(messages=ASK, max_output_tokens=200, tools=(READ,)))
    assert caught.value.charged


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_arguments_that_do_not_end_are_cut_and_nothing_of_them_is_done(wire: str) -> None:
    words = json.dumps({"path": " ".join(f"word{number}" for number in range(20_000))})
    endless = Answer("", calls=(ToolCall("a", "read", words),), chunks=20_000, before_piece=anyio.lowlevel.checkpoint)
    async with Provider(lambda _: endless, wire=WIRES[wire]) as server, open_transport("aiohttp", environ={}) as pool:
        model = CLASSES[wire]("m", base_url=server.url, wire_model="m", transport=pool)
        with anyio.fail_after(20):
            reply = await model.ask(Request(messages=ASK, max_output_tokens=50, tools=(READ,)))
            await server.hung_up.wait()
    assert (reply.finish, reply.calls, reply.usage) == ("length", (), None)


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_said_in_calls_counts_as_output_while_it_comes(wire: str) -> None:
    words = json.dumps({"path": " ".join(["word"] * 200)})
    answer: Reading = ANSWERS[wire](source=SOURCE, model="m")
    for event in EventParser().feed(
        b"".join(WIRES[wire].events(Answer("", calls=(ToolCall("a", "read", words),)), {}))
    ):
        answer.take_event(event)
    assert 200 <= answer.least_tokens <= 210


def history(*calls: ToolCall) -> tuple[Message, ...]:
    return (*ASK, Message("assistant", "", calls=calls), *(Message("tool", "ok", answers=call.id) for call in calls))


@pytest.mark.parametrize(
    ("base_url", "kept_id"),
    [
        ("http://127.0.0.1:8000/v1", "chatcmpl-tool-0123456789abcdef0123456789abcdef"),
        ("https://api.openai.com/v1", "call_0123456789"),
        ("https://api.mistral.ai/v1", "Ab3456789"),
    ],
)
def test_ids_of_another_provider_are_written_as_the_server_takes_them(base_url: str, kept_id: str) -> None:
    foreign = ToolCall("x" * 80, "read", X)
    body = body_of("openai", history(ToolCall(kept_id, "read", X), foreign), dialect=dialect_of(base_url))
    first, second = (call.id for call in WIRES["openai"].called(body))
    assert first == kept_id and second.isalnum() and len(second) == 9
    assert [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"] == [first, second]


@pytest.mark.parametrize("wire", WIRES)
def test_what_no_tool_is_called_goes_back_under_a_name_that_servers_take(wire: str) -> None:
    body = body_of(wire, history(ToolCall("a", "read the file!", X), ToolCall("b", "", X)))
    assert [call.name for call in WIRES[wire].called(body)] == ["read_the_file_", "_"]


@pytest.mark.parametrize("wire", WIRES)
def test_a_result_without_its_call_is_said_by_the_user(wire: str) -> None:
    body = body_of(wire, (*ASK, Message("tool", "left over", answers="gone")))
    assert (WIRES[wire].results(body), WIRES[wire].read(body)) == ([], ["Work.", "Go on.", "left over"])


def test_thoughts_go_back_to_the_model_that_had_them_and_to_no_other() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
    blocks: list[dict[str, Any]] = [
        thought,
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t1", "name": "read", "input": {}},
    ]
    document = {"type": "message", "content": blocks, "stop_reason": "tool_use"}
    answer = AnthropicAnswer(source=SOURCE, model="claude-x")
    answer.take_document(json.dumps(document).encode())
    reply = answer.reply()
    again = (*ASK, Message("assistant", reply.text, calls=reply.calls), Message("tool", "ok", answers="t1"))
    assert body_of("anthropic", again, model="claude-x")["messages"][1]["content"] == blocks
    assert body_of("anthropic", again, model="claude-y")["messages"][1]["content"] == blocks[1:]
    assert "EqQB" not in json.dumps([body_of("openai", again), body_of("gemini", again)])


def test_what_a_compatible_server_thought_before_a_call_goes_back_with_it() -> None:
    extra = {"google": {"thought_signature": "sig"}}
    chunks: list[dict[str, Any]] = [
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"tool_calls": [{**piece(0, "a", "read", X), "extra_content": extra}]},
    ]
    answer = OpenAIAnswer(source=SOURCE, model="deep")
    for chunk in chunks:
        take(answer, {"choices": [{"delta": chunk, "finish_reason": None}]})
    take(answer, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    calls = answer.reply().calls
    (sent,) = (each for each in body_of("openai", history(*calls), model="deep")["messages"] if "tool_calls" in each)
    assert sent["reasoning_content"] == "hm"
    assert sent["tool_calls"][0]["extra_content"] == extra
    other = json.dumps(body_of("openai", history(*calls), model="other"))
    assert "reasoning_content" not in other and "extra_content" not in other


def test_deepseek_gets_thoughts_with_each_call_be_they_empty() -> None:
    body = body_of("openai", history(ToolCall("a", "read", X)), dialect=dialect_of("https://api.deepseek.com"))
    assert [message.get("reasoning_content") for message in body["messages"]] == [None, None, "", None]


def test_gemini_gets_its_signature_back_and_a_stand_in_for_calls_of_others() -> None:
    parts: list[dict[str, Any]] = [
        {"functionCall": {"name": "read", "args": {}, "id": "q1"}, "thoughtSignature": "sig"},
        {"functionCall": {"name": "read", "args": {"path": "y"}}},
    ]
    chunk = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    calls = read_by("gemini", b"data: %b\n\n" % json.dumps(chunk).encode(), model="gemini-3.5-x").calls
    assert [call.id for call in calls] == ["q1", "c2"]
    sent = body_of("gemini", history(*calls), model="gemini-3.5-x")["contents"]
    assert sent[1]["parts"] == parts
    assert [part["functionResponse"].get("id") for part in sent[2]["parts"]] == ["q1", None]
    stranger = body_of("gemini", history(*calls), model="gemini-3.9-y")["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in stranger] == ["skip_thought_signature_validator", None]
    before = body_of("gemini", history(*calls), model="gemini-2.5-flash")["contents"][1]["parts"]
    assert not any("thoughtSignature" in part for part in before)


def test_before_gemini_3_a_schema_is_left_to_the_prompt_where_tools_are_offered() -> None:
    request = Request(messages=ASK, max_output_tokens=50, tools=(READ,), answer_schema={"type": "object"})
    for model, is_sent in (("gemini-2.5-flash", False), ("gemini-3.5-flash-lite", True)):
        config = gemini_generate.request_body(request, model, takes_schema=True)["generationConfig"]
        assert ("responseJsonSchema" in config) == is_sent


def test_where_claude_is_offered_no_tool_any_more_the_calls_so_far_are_told_in_words() -> None:
    body = body_of("anthropic", (*history(ToolCall("a", "read", X)), Message("user", "Sum up.")), tools=())
    assert [turn["content"] for turn in body["messages"]] == [
        [{"type": "text", "text": "Go on."}],
        [{"type": "text", "text": '{"tool":"read","arguments":{"path": "x"}}'}],
        [{"type": "text", "text": "Result of read:\nok\n\nSum up."}],
    ]
    assert "tools" not in body


@pytest.mark.parametrize("kept", ["", "nonsense", "[]", '{"by": "openai:other", "id": "q"}', '{"id": "q"}'])
def test_what_is_kept_is_read_by_whom_it_is_for(kept: str) -> None:
    assert kept_of(ToolCall("a", "read", X, kept), "openai:m") == {}
