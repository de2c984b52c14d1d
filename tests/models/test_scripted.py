"""The model that answers from a script."""

from __future__ import annotations

import pytest

from swarm.errors import Failure, ProviderError
from swarm.messages import Message, Reply, Request, ToolCall, Usage
from swarm.models.scripted import ScriptedModel

ASK = Request(messages=(Message("user", "two words"),), max_output_tokens=10)


async def test_a_script_is_answered_in_order_and_its_end_is_said() -> None:
    whole = Reply(text="whole", finish="other", usage=None, model="elsewhere")
    lost = ProviderError("lost", failure=Failure.WAIT, sent=True, charged=True)
    model = ScriptedModel("m", ["first", whole, lost])
    assert (await model.ask(ASK)).text == "first"
    assert await model.ask(ASK) is whole
    with pytest.raises(ProviderError) as caught:
        await model.ask(ASK)
    assert caught.value is lost
    with pytest.raises(ProviderError, match="has 3 answers and was asked once more") as ended:
        await model.ask(ASK)
    assert (ended.value.failure, ended.value.sent) == (Failure.STOP, False)


async def test_the_last_requests_are_kept_and_all_are_counted() -> None:
    model = ScriptedModel("m", lambda _: "yes", keep=2)
    for number in range(5):
        await model.ask(Request(messages=(), max_output_tokens=number + 1))
    assert [request.max_output_tokens for request in model.requests] == [4, 5]
    assert model.asked == 5


async def test_latency_passes_on_the_clock_it_was_given() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await ScriptedModel("m", ["yes"], latency_s=2.5, sleep=sleep).ask(ASK)
    assert slept == [2.5]


async def test_calls_are_said_and_counted_like_words_and_gone_where_they_are_cut() -> None:
    calls = (ToolCall("c1", "read", '{"path": "x"}'), ToolCall("c2", "now", "{}"))
    model = ScriptedModel("m", [calls, calls])
    reply = await model.ask(ASK)
    assert (reply.text, reply.calls, reply.finish) == ("", calls, "tools")
    assert reply.usage == Usage(input_tokens=2, output_tokens=5)
    used = (*ASK.messages, Message("assistant", "so", calls=calls), Message("tool", "it says", answers="c1"))
    cut = await model.ask(Request(messages=used, max_output_tokens=4))
    assert (cut.calls, cut.finish) == ((), "length")
    assert cut.usage == Usage(input_tokens=10, output_tokens=4)
