"""What every model keeps to: the one that ships for tests and those behind a server, in each format, on both transports."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import pytest

from swarm.errors import Failure, ProviderError
from swarm.messages import Message, Reply, Request, ToolCall, ToolSpec
from swarm.models.base import Model
from swarm.models.scripted import ScriptedModel, spoken
from swarm.models.transport import TransportKind, open_transport
from tests.provider import Answer, Provider
from tests.wires import CLASSES, WIRES, limit_in

NEVER = "wait for ever"
BUSY = "be busy"
TOOL = ToolSpec("read", "Read a file.", {"type": "object", "properties": {"path": {"type": "string"}}})
CALLS = (ToolCall("a1", "read", '{"path": "größe"}'), ToolCall("a2", "list", "{}"))
OpenModel = Callable[[], AbstractAsyncContextManager[Model]]


def asked(text: str, *, limit: int = 20) -> Request:
    return Request(messages=(Message("system", "Repeat."), Message("user", text)), max_output_tokens=limit)


def tool_user(results: list[tuple[str, str]], texts: list[str]) -> Answer:
    """Wants two things done, then tells what came of them."""
    if results:
        return Answer(" ".join(f"{name}={said}" for name, said in results), model="m")
    return Answer(texts[-1], calls=CALLS, model="m")


def served(wire: str, kind: TransportKind) -> OpenModel:
    def answer(body: dict[str, Any]) -> Answer:
        if WIRES[wire].offered(body):
            return tool_user(WIRES[wire].results(body), WIRES[wire].read(body))
        system, text = WIRES[wire].read(body)
        limit = limit_in(body)
        if system != "Repeat.":
            return Answer(status=400, body=b"{}")
        if text == BUSY:
            return Answer(status=503, body=b'{"error": "busy"}')
        words = text.split()
        is_cut = len(words) > limit
        pause = anyio.Event().wait if text == NEVER else 0.0
        said = " ".join(words[:limit]) if is_cut else text
        return Answer(said, finish="length" if is_cut else "stop", before_head=pause, model="m")

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Model, None]:
        async with (
            Provider(answer, wire=WIRES[wire]) as provider,
            open_transport(kind, environ={}) as transport,
            CLASSES[wire]("m", base_url=provider.url, wire_model="m", transport=transport) as model,
        ):
            yield model

    return opened


@asynccontextmanager
async def scripted() -> AsyncGenerator[Model, None]:
    def say(request: Request) -> str | Reply | ProviderError:
        text = request.messages[-1].text
        if request.tools:
            names = {call.id: call.name for message in request.messages for call in message.calls}
            said = [(names[each.answers], each.text) for each in request.messages if each.speaker == "tool"]
            answer = tool_user(said, [text])
            return spoken(answer.text, request, "m", tuple(answer.calls))
        if text == BUSY:
            return ProviderError("m: busy", failure=Failure.WAIT, sent=True, charged=False, status=503)
        return text

    async def sleep(_: float) -> None:
        if said.requests[-1].messages[-1].text == NEVER:
            await anyio.sleep_forever()

    said = ScriptedModel("m", say, latency_s=1.0, sleep=sleep)
    async with said as model:
        yield model


@pytest.fixture(params=["scripted", *(f"{wire} {kind}" for wire in WIRES for kind in ("aiohttp", "httpx"))])
def open_model(request: pytest.FixtureRequest) -> OpenModel:
    if request.param == "scripted":
        return scripted
    wire, kind = request.param.split()
    return served(wire, kind)


async def test_a_model_answers_what_it_was_asked_and_counts_what_it_used(open_model: OpenModel) -> None:
    async with open_model() as model:
        reply = await model.ask(asked("größe zählt, 😀 too"))
    assert model.name == "m"
    assert (reply.text, reply.finish, reply.model) == ("größe zählt, 😀 too", "stop", "m")
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (5, 4)


async def test_an_answer_that_reached_its_limit_says_so(open_model: OpenModel) -> None:
    async with open_model() as model:
        reply = await model.ask(asked("one two three four", limit=3))
    assert (reply.text, reply.finish) == ("one two three", "length")
    assert reply.usage is not None
    assert reply.usage.output_tokens == 3


async def test_tools_are_called_and_what_they_say_is_heard(open_model: OpenModel) -> None:
    question = (Message("system", "Work."), Message("user", "I look."))
    async with open_model() as model:
        first = await model.ask(Request(messages=question, max_output_tokens=20, tools=(TOOL,)))
        results = [Message("tool", f"said {call.name}", answers=call.id) for call in first.calls]
        messages = (*question, Message("assistant", first.text, calls=first.calls), *results)
        last = await model.ask(Request(messages=messages, max_output_tokens=20, tools=(TOOL,)))
    assert (first.text, first.finish) == ("I look.", "tools")
    assert [(each.name, json.loads(each.arguments)) for each in first.calls] == [
        ("read", {"path": "größe"}),
        ("list", {}),
    ]
    assert len({each.id for each in first.calls}) == 2
    assert (last.text, last.finish, last.calls) == ("read=said read list=said list", "stop", ())
    assert first.usage is not None and first.usage.output_tokens == 7


async def test_a_failure_is_a_provider_error_and_the_model_can_be_asked_again(open_model: OpenModel) -> None:
    async with open_model() as model:
        with pytest.raises(ProviderError) as caught:
            await model.ask(asked(BUSY))
        error = caught.value
        assert (error.failure, error.sent, error.charged, error.status) == (Failure.WAIT, True, False, 503)
        assert (await model.ask(asked("fine"))).text == "fine"


async def test_many_calls_at_once_get_their_own_answers(open_model: OpenModel) -> None:
    replies: dict[int, Reply] = {}

    async def ask(model: Model, number: int) -> None:
        replies[number] = await model.ask(asked(f"number {number}"))

    async with open_model() as model, anyio.create_task_group() as tasks:
        for number in range(30):
            tasks.start_soon(ask, model, number)
    assert {number: reply.text for number, reply in replies.items()} == {n: f"number {n}" for n in range(30)}


async def test_a_call_can_be_cancelled_and_the_model_asked_again(open_model: OpenModel) -> None:
    async with open_model() as model:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(model.ask, asked(NEVER))
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert (await model.ask(asked("fine"))).text == "fine"
