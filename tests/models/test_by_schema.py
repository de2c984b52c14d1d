"""Tools for models without a field for calls: offered and chosen through the schema of the answer."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.messages import Message, Reply, Request, ToolCall, ToolSpec
from swarm.models.by_schema import BySchema, as_schema, as_texts, from_schema
from swarm.models.openai_chat import Dialect
from swarm.models.scripted import ScriptedModel
from swarm.models.transport import open_transport
from swarm.text.tokens import most_tokens
from tests.provider import Answer, Provider
from tests.wires import CLASSES, WIRES

READ = ToolSpec(
    "read",
    "Read a file\n of the project.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "lines": {"type": ["integer", "null"]}, "as": {"enum": ["a", "b"]}},
        "required": ["path"],
    },
)
NOW = ToolSpec("now", "Tell the time.", {"type": "object"})
ASK = Request(
    messages=(Message("system", "Work."), Message("user", "What is in x?")), max_output_tokens=50, tools=(READ, NOW)
)
CALL = '{"tool": "read", "arguments": {"path": "x"}}'


def reply(text: str, **more: Any) -> Reply:
    plain = Reply(text=text, finish="stop", usage=None, model="m")
    return msgspec.structs.replace(plain, **more)


def test_tools_are_told_behind_the_system_prompt_and_chosen_by_the_schema() -> None:
    asked = as_schema(ASK)
    system, question = asked.messages
    assert system.text.startswith("Work.\n\n") and question == ASK.messages[1]
    assert '- read(path: string, lines?: integer|null, as?: "a"|"b"): Read a file of the project.' in system.text
    assert asked.tools == () and asked.answer_schema is not None
    read, now, answer = asked.answer_schema["anyOf"]
    assert read["properties"]["tool"] == {"const": "read"}
    assert read["properties"]["arguments"]["required"] == ["path"]
    assert now["properties"]["arguments"] == {"type": "object", "properties": {}, "additionalProperties": False}
    assert answer["properties"] == {"answer": {"type": "string"}}
    assert all(
        each["additionalProperties"] is False and len(each["required"]) == len(each["properties"])
        for each in (read, now, answer)
    )


def test_what_a_tool_takes_in_one_of_several_forms_can_all_be_given() -> None:
    forms = [{"properties": {"path": {"$ref": "#/$defs/p"}}}, {"properties": {"url": {"type": "string"}}}]
    tool = ToolSpec("load", "Load it.", {"type": "object", "oneOf": forms, "$defs": {"p": {"type": "string"}}})
    asked = as_schema(Request(messages=ASK.messages, max_output_tokens=50, tools=(tool,)))
    assert "- load(path?: string, url?: string): Load it." in asked.messages[0].text
    assert asked.answer_schema is not None
    properties = asked.answer_schema["anyOf"][0]["properties"]["arguments"]["properties"]
    assert properties == {"path": {"type": "string"}, "url": {"type": "string"}}


def test_a_request_without_tools_and_calls_stays_as_it_is() -> None:
    plain = Request(messages=ASK.messages, max_output_tokens=50, answer_schema={"type": "object"})
    assert as_schema(plain) == plain
    assert from_schema(reply(CALL), plain) == reply(CALL)


def test_without_a_system_prompt_the_tools_are_one() -> None:
    asked = as_schema(Request(messages=(Message("user", "Go."),), max_output_tokens=50, tools=(NOW,)))
    assert [message.speaker for message in asked.messages] == ["system", "user"]


def test_the_form_that_was_asked_for_is_that_of_the_answer() -> None:
    form = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    request = Request(messages=ASK.messages, max_output_tokens=50, tools=(NOW,), answer_schema=form)
    schema = as_schema(request).answer_schema
    assert schema is not None and schema["anyOf"][-1]["properties"]["answer"] == form
    assert from_schema(reply('{"answer": {"n": 5}}'), request).text == '{"n": 5}'


def test_what_was_called_before_is_told_in_words_and_sides_take_turns() -> None:
    calls = (ToolCall("a", "read", '{"path": "x"}'), ToolCall("b", "now", "?"))
    history = (
        *ASK.messages,
        Message("assistant", "I look.", calls=calls),
        Message("tool", "one", answers="a"),
        Message("tool", "two", answers="b"),
        Message("user", "Be quick."),
        Message("assistant", "", calls=calls[:1]),
        Message("tool", "three", answers="a"),
    )
    assert [(each.speaker, each.text) for each in as_texts(history)[2:]] == [
        (
            "assistant",
            'I look.\n{"tool":"read","arguments":{"path": "x"}}\n{"tool":"now","arguments":{"unreadable":"?"}}',
        ),
        ("user", "Result of read:\none\n\nResult of now:\ntwo\n\nBe quick."),
        ("assistant", '{"tool":"read","arguments":{"path": "x"}}'),
        ("user", "Result of read:\nthree"),
    ]


@pytest.mark.parametrize(
    ("text", "said", "calls"),
    [
        (CALL, "", [("read", '{"path": "x"}')]),
        ('{"tool": "gone", "arguments": {}}', "", [("gone", "{}")]),  # whoever uses tools says that there is none
        (f"I look.\n```json\n{CALL}\n```\n", "I look.", [("read", '{"path": "x"}')]),
        (f"{CALL}\n{CALL}", "", [("read", '{"path": "x"}')] * 2),
        ('<tool_call>\n{"name": "read", "arguments": {"path": "x"}}\n</tool_call>', "", [("read", '{"path": "x"}')]),
        ('{"name": "now"}', "", [("now", "{}")]),
        ('{"name": "read", "parameters": {"path": "x"}}', "", [("read", '{"path": "x"}')]),
        ('{"type": "function", "function": {"name": "now", "arguments": "{}"}}', "", [("now", "{}")]),
        ('{"tool": "read", "arguments": {"path": "a\nb"}}', "", [("read", '{"path": "a\\nb"}')]),
        ('{"tool": "read", "arguments": "x"}', "", [("read", "x")]),
        ('{"answer": "It is empty."}', "It is empty.", []),
        ('```json\n{"answer": "It is\n empty."}\n```', "It is\n empty.", []),
        ('{"answer": 5}', "5", []),
        ('{"answer": "\\ud83d"}', "?", []),
        ("It is empty.", "It is empty.", []),
        ('{"name": "Ada", "age": 36}', '{"name": "Ada", "age": 36}', []),  # an answer that is an object of its own
        ('[{"name": "read", "does": "reads"}]', '[{"name": "read", "does": "reads"}]', []),
        ('{"answer": "no", "why": "x"}', '{"answer": "no", "why": "x"}', []),
        ('So: {"answer": "no"}', 'So: {"answer": "no"}', []),
        ('{"tool": "read", "arg', '{"tool": "read", "arg', []),
        ("", "", []),
    ],
)
def test_a_reply_is_read_as_calls_or_as_a_text(text: str, said: str, calls: list[tuple[str, str]]) -> None:
    meant = from_schema(reply(text), ASK)
    assert (meant.text, [(call.name, call.arguments) for call in meant.calls]) == (said, calls)
    assert meant.finish == ("tools" if calls else "stop")
    assert len({call.id for call in meant.calls}) == len(calls)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"answer": "It is', "It is"),
        ('{"answer": "a\\n\\u00', "a\n"),
        ('{"answer": "a\\ud83d\\ude', "a"),
        ('{"answer": "done"', "done"),
        ('{"answer": "', ""),
        ('{"tool": "read", "argu', ""),
        ("plain wor", "plain wor"),
        ('{"answer": 1', '{"answer": 1'),
    ],
)
def test_of_an_answer_that_was_cut_there_is_what_had_come(text: str, said: str) -> None:
    assert from_schema(reply(text, finish="length"), ASK) == reply(said, finish="length")


def test_a_refusal_and_calls_of_its_own_stay_as_they_are() -> None:
    refused = reply(CALL, finish="refusal")
    called = reply("", finish="tools", calls=(ToolCall("a", "now", "{}"),))
    assert (from_schema(refused, ASK), from_schema(called, ASK)) == (refused, called)


texts = st.text(max_size=30)


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*'{}":,[] ', "tool", "answer", "read", "\\", "`", "x"])).map("".join)
)
def test_any_text_is_read_without_fail_and_none_is_lost_unread(text: str) -> None:
    meant = from_schema(reply(text), ASK)
    assert meant.calls or meant.text == text or '"answer"' in text
    from_schema(reply(text, finish="length"), ASK)


@given(texts)
def test_an_answer_says_what_was_meant_whatever_stands_in_it(text: str) -> None:
    assert from_schema(reply(json.dumps({"answer": text})), ASK).text == text


names = st.from_regex(r"[a-z_]{1,20}", fullmatch=True)


def spec(name: str, says: str, takes: list[str]) -> ToolSpec:
    return ToolSpec(name, says, {"type": "object", "properties": {each: {} for each in takes}, "required": takes[:1]})


specs = st.builds(spec, names, texts, st.lists(names, max_size=3, unique=True))
rounds = st.lists(st.lists(st.tuples(names, texts, texts), min_size=1, max_size=2), max_size=3)


@settings(max_examples=40)
@given(st.lists(specs, min_size=1, max_size=4), rounds, texts)
def test_what_is_sent_fits_what_was_reserved_for_it(
    tools: list[ToolSpec], said: list[list[tuple[str, str, str]]], text: str
) -> None:
    """The reservation is of the request as it was before; the schema is held to by the server, not read by the model."""
    messages = [Message("system", text), Message("user", text)]
    for calls in said:
        made = tuple(
            ToolCall(f"c{n}", name, json.dumps({"x": x}, ensure_ascii=False)) for n, (name, x, _) in enumerate(calls)
        )
        messages.append(Message("assistant", text, calls=made))
        messages += [Message("tool", result, answers=f"c{n}") for n, (_, _, result) in enumerate(calls)]
    request = Request(messages=tuple(messages), max_output_tokens=50, tools=tuple(tools))
    assert most_tokens(as_schema(request).messages) <= most_tokens(messages, None, tools)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_model_behind_any_wire_uses_a_tool_through_the_schema(wire: str) -> None:
    def answer(body: dict[str, Any]) -> Answer:
        assert WIRES[wire].offered(body) == [] and "anyOf" in json.dumps(body)
        *_, last = WIRES[wire].read(body)
        return Answer(json.dumps({"answer": last.split("\n")[1]}) if last.startswith("Result of read") else CALL)

    options: dict[str, Any] = {"dialect": Dialect(takes_schema=True)} if wire == "openai" else {"takes_schema": True}
    async with (
        Provider(answer, wire=WIRES[wire]) as server,
        open_transport("aiohttp", environ={}) as pool,
        BySchema(CLASSES[wire]("m", base_url=server.url, wire_model="m", transport=pool, **options)) as model,
    ):
        first = await model.ask(ASK)
        assert (model.name, first.finish, [call.name for call in first.calls]) == ("m", "tools", ["read"])
        used = (*ASK.messages, Message("assistant", "", calls=first.calls), Message("tool", "a bird", answers="c1"))
        last = await model.ask(Request(messages=used, max_output_tokens=50, tools=ASK.tools))
    assert (last.text, last.finish, last.calls) == ("a bird", "stop", ())
    assert last.usage is not None


async def test_the_scripted_model_uses_a_tool_through_the_schema() -> None:
    scripted = ScriptedModel("m", [CALL, '{"answer": "a bird"}'])
    async with BySchema(scripted) as model:
        assert [call.name for call in (await model.ask(ASK)).calls] == ["read"]
        assert (await model.ask(ASK)).text == "a bird"
    assert scripted.requests[0] == as_schema(ASK)
