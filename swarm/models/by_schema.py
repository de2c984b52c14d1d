"""Tools for models that have no field for calls, or do not fill it: they choose through the schema of their answer.

Of two small models of .5 and 1.5 billion parameters neither ever filled that field; told to choose by a schema they chose
right in 4 and in 6 of 6 cases.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

import msgspec

from swarm.messages import Message, Reply, Request, ToolCall, ToolSpec
from swarm.models.base import Model
from swarm.models.toolcalls import object_in
from swarm.models.toolschema import GRAMMAR_TAKES, object_schema, reduced

_HOW = (
    'To use a tool, answer with JSON alone: {"tool": NAME, "arguments": {...}}. Its result comes next. '
    'When nothing more is to be done, answer with {"answer": ...}, which is all that anybody sees. Tools:'
)
_OBJECT = re.compile(r'\{\s*"(?:tool|name|function|type|answer)"\s*:')
_FENCE = re.compile(r"```\w*|</?\w+>")
_ANSWER_BEGUN = re.compile(r'\s*\{\s*"answer"\s*:\s*(?=")')
_LONGEST_ESCAPE = 12  # of a character beyond the basic plane: two of \uXXXX

_decoder = json.JSONDecoder(strict=False)  # line feeds stand as they are in what small models write


class BySchema:
    """A model that is offered tools through the schema of its answer; see `Model` for the contract."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    async def __aenter__(self) -> Self:
        await self._model.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._model.__aexit__(kind, error, trace)

    async def ask(self, request: Request) -> Reply:
        return from_schema(await self._model.ask(as_schema(request)), request)


def as_schema(request: Request) -> Request:
    """Return the request without tools: they are told behind the system prompt, and the answer's schema allows to choose one.

    What was called and said before stands in it as text. A request that has nothing to do with tools stays as it is.
    """
    messages = as_texts(request.messages)
    if not request.tools:
        return msgspec.structs.replace(request, messages=tuple(messages))
    told = "\n".join((_HOW, *map(_line, request.tools)))
    first = next((place for place, message in enumerate(messages) if message.speaker != "system"), len(messages))
    system = [message.text for message in messages[:first]]
    return msgspec.structs.replace(
        request,
        messages=(Message("system", "\n\n".join((*system, told))), *messages[first:]),
        answer_schema=_choice(request),
        tools=(),
    )


def as_texts(messages: Sequence[Message]) -> Sequence[Message]:
    """Return the messages with every call and every result as a text."""
    if not any(message.calls or message.speaker == "tool" for message in messages):
        return messages
    names: dict[str, str] = {}
    told: list[Message] = []
    after_result = False
    for message in messages:
        names |= {call.id: call.name for call in message.calls}
        if message.speaker == "tool":
            name = names.get(message.answers, "")
            said = Message("user", f"Result{f' of {name}' if name else ''}:\n{message.text}")
        else:
            said = Message(
                message.speaker, "\n".join(filter(str.strip, (message.text, *map(_call_text, message.calls))))
            )
        if after_result and said.speaker == "user":  # templates of chats want the sides to take turns
            told[-1] = Message("user", f"{told[-1].text}\n\n{said.text}")
        else:
            told.append(said)
        after_result = message.speaker == "tool" or (after_result and said.speaker == "user")
    return told


def _call_text(call: ToolCall) -> str:
    name = msgspec.json.encode(call.name).decode()
    return f'{{"tool":{name},"arguments":{bytes(object_in(call.arguments)).decode()}}}'


def _line(tool: ToolSpec) -> str:
    """A tool on one line: what it is called, what it takes (what may be left out with a question mark), what it does."""
    parameters = _parameters(tool)
    needed = parameters.get("required", ())
    takes = ", ".join(
        f"{name}{'' if name in needed else '?'}: {_kind(schema)}" for name, schema in parameters["properties"].items()
    )
    return f"- {tool.name}({takes}): {' '.join(tool.description.split())}"


def _kind(schema: Mapping[str, Any]) -> str:
    if choices := schema.get("enum"):
        return "|".join(msgspec.json.encode(choice).decode() for choice in choices)
    kind = schema.get("type", "any")
    return "|".join(map(str, cast("list[object]", kind))) if isinstance(kind, list) else str(kind)


def _choice(request: Request) -> dict[str, Any]:
    """The schema of a call of one of the tools, or of the answer: of that which was asked for, else of a text."""
    answer = {"type": "string"} if request.answer_schema is None else reduced(request.answer_schema, GRAMMAR_TAKES)
    return {"anyOf": [*map(_call_schema, request.tools), _exactly({"answer": answer})]}


def _call_schema(tool: ToolSpec) -> dict[str, Any]:
    arguments = {"additionalProperties": False, **_parameters(tool)}  # what is open, small models fill
    return _exactly({"tool": {"const": tool.name}, "arguments": arguments})


def _parameters(tool: ToolSpec) -> dict[str, Any]:
    return reduced(object_schema(tool.parameters), GRAMMAR_TAKES)


def _exactly(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def from_schema(reply: Reply, request: Request) -> Reply:
    """Return what a reply to `as_schema(request)` means: its calls, or its text.

    Read patiently, since not every server holds an answer to a schema: a call may stand in a block, between tags or behind
    words, in the forms that such models have learnt. What is none of all that is the text that it is.
    """
    if not request.tools or reply.calls or reply.finish == "refusal":
        return reply
    if reply.finish == "length":
        return msgspec.structs.replace(reply, text=_begun(reply.text))
    found = list(_objects(reply.text))
    offered = {tool.name for tool in request.tools}
    called = [(start, call) for start, _, said in found if (call := _call_in(said, offered)) is not None]
    if called:
        calls = tuple(ToolCall(f"c{number}", *call) for number, (_, call) in enumerate(called, 1))
        before = _FENCE.sub("", reply.text[: called[0][0]]).strip()
        return msgspec.structs.replace(reply, text=before, calls=calls, finish="tools")
    if len(found) == 1:
        start, end, said = found[0]
        around = _FENCE.sub("", reply.text[:start] + reply.text[end:])
        if list(said) == ["answer"] and not around.strip():
            return msgspec.structs.replace(reply, text=_text_of(said["answer"]))
    return reply


def _objects(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield the objects that may be calls or the answer, with where they begin and end."""
    place = 0
    while (match := _OBJECT.search(text, place)) is not None:
        place = match.start() + 1
        try:
            said, place = _decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        yield match.start(), place, said


def _call_in(said: Mapping[str, Any], offered: set[str]) -> tuple[str, str] | None:
    """The name and the arguments of a call, None where it is none: a text may hold objects of its own."""
    function = said.get("function")
    inner = cast("Mapping[str, Any]", function) if isinstance(function, Mapping) else said
    name = next((each for key in ("tool", "name", "function") if isinstance(each := inner.get(key), str)), None)
    arguments = next((inner[key] for key in ("arguments", "parameters") if key in inner), None)
    if name is None or (name not in offered and set(said) != {"tool", "arguments"}):
        return None
    if arguments is None and len(inner) > 1:
        return None
    return _text_of(name), _text_of({} if arguments is None else arguments)


def _text_of(value: object) -> str:
    """A value as a text; half a character, which JSON can say and no text can be, is a question mark."""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said.encode("utf-8", "replace").decode()


def _begun(text: str) -> str:
    """What there is of an answer that was cut; of a call that was cut, nothing, and of anything else all."""
    match = _ANSWER_BEGUN.match(text)
    if match is None:
        return "" if text.lstrip().startswith('{"tool"') else text
    written = text[match.end() :]
    for cut in range(_LONGEST_ESCAPE + 1):
        try:
            said, _ = _decoder.raw_decode(written if not cut else f'{written[: len(written) - cut + 1]}"')
        except ValueError:
            continue
        if isinstance(said, str):
            return _text_of(said[:-1] if "\ud800" <= said[-1:] <= "\udbff" else said)
    return text
