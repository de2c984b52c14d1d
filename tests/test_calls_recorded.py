"""Calls as the session sees them: clamped, confirmed, cancelled, given back from the record."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import msgspec
import pytest

from events.types.call import CallReserved, CallSettled, CallUnknown
from swarm.errors import BudgetExceeded, ConfirmationNeeded, Failure, NoModelAvailable, ProviderError, SwarmError
from swarm.journal import Journal
from swarm.messages import Message, Price, Reply, ToolCall, Usage
from swarm.models.scripted import ScriptedModel
from swarm.money.caps import Cap
from swarm.orders import Pick
from swarm.tries import Stopped
from tests.calling import ASK, INPUT, MOST, Desk, arm, desk
from tests.ledger_agents import Agent, a_need, entries_of
from tests.running import DEAR


async def test_each_paid_try_is_confirmed_first_and_free_ones_are_not() -> None:
    async with desk([ScriptedModel("free", ["one"]), ScriptedModel("paid", ["two"])]) as it:
        await it.call(arm("free"))
        assert it.asked_about == []
        await it.call(arm("paid", DEAR))
        assert it.asked_about == ["paid"]


async def test_an_answer_is_asked_for_no_longer_than_what_is_left_pays_for() -> None:
    model = ScriptedModel("free", lambda _: "one")
    async with desk([model]) as it:
        it.caps = (Cap(scope="day"), Cap(scope="s1", tokens=INPUT + 60))
        await it.call(arm("free"))
        assert model.requests[0].max_output_tokens == 60
        it.caps = (Cap(scope="day"), Cap(scope="s1", tokens=INPUT + 50))
        with pytest.raises(BudgetExceeded):
            await it.call(arm("free"))
        assert model.asked == 1


async def test_secrets_are_out_of_answers_and_errors_before_they_are_recorded() -> None:
    def hide(text: str) -> str:
        return text.replace("hunter2", "[secret:PW]")

    async with desk([ScriptedModel("free", ["it is hunter2"])], redact=hide) as it:
        assert (await it.call(arm("free"))).text == "it is [secret:PW]"
        (entry,) = await it.only(CallSettled)
        assert isinstance(entry.event, CallSettled)
        assert await it.log.text(entry.event.answer, at=entry.position) == "it is [secret:PW]"


async def test_what_a_provider_wants_back_beside_a_call_is_recorded_unchanged_or_with_a_secret_in_it_not_at_all() -> (
    None
):
    def hide(text: str) -> str:
        return text.replace("hunter2", "[secret:PW]")

    said = (
        ToolCall("c1", "read", '{"key": "hunter2"}', '{"by":"m","signature":"EpYC"}'),
        ToolCall("c2", "read", "{}", '{"by":"m","thoughts":"hunter2"}'),
    )
    reply = Reply(text="", finish="tools", usage=None, model="free", calls=said)
    async with desk([ScriptedModel("free", [reply])], redact=hide) as it:
        answer = await it.call(arm("free"))
        (entry,) = await it.only(CallSettled)
        assert isinstance(entry.event, CallSettled) and entry.event.calls is not None
        recorded = await it.log.text(entry.event.calls, at=entry.position)
    assert answer.calls == msgspec.json.decode(recorded, type=tuple[ToolCall, ...])
    assert [(call.arguments, call.kept) for call in answer.calls] == [
        ('{"key": "[secret:PW]"}', said[0].kept),
        ("{}", ""),
    ]


async def test_a_call_that_waits_for_money_gives_its_slot_to_one_that_need_not() -> None:
    async with desk([ScriptedModel("free", lambda _: "hello")], at_once=1) as it:
        holder = Agent(it.ledger, it.owner, a_need(900, Cap(scope="s1", tokens=1_000)))
        held = await holder.reserve()
        outcome: list[str] = []
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:

                async def waiting() -> None:
                    it.caps = (Cap(scope="day"), Cap(scope="s1", tokens=1_000))
                    await it.call(arm("free"))
                    outcome.append("waited")

                tasks.start_soon(waiting)
                await anyio.wait_all_tasks_blocked()
                it.caps = (Cap(scope="day"),)
                await it.call(arm("free"))
                outcome.append("passed")
                it.caps = (Cap(scope="day"), Cap(scope="s1", tokens=1_000))
                await holder.settle(held)
        assert outcome == ["passed", "waited"]


async def test_a_call_that_is_cancelled_before_it_was_sent_gives_its_reservation_back() -> None:
    model = ScriptedModel("free", ["one"])
    async with desk([model]) as it:
        with anyio.CancelScope() as scope:

            def pick(*_: object) -> Pick:
                scope.cancel()
                return Pick(arm("free"))

            await it.call(pick=pick)
        assert await it.tries() == [("free", 1, "released")]
        money = await it.money()
        assert (money.scope("s1").spent.tokens, money.scope("s1").reserved.tokens, model.asked) == (0, 0, 0)


async def test_a_call_that_is_cancelled_in_flight_stays_charged() -> None:
    asked = anyio.Event()

    async def hang(_: float) -> None:
        asked.set()
        await anyio.sleep_forever()

    async with desk([ScriptedModel("free", ["one"], latency_s=1, sleep=hang)]) as it:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(it.call, arm("free"))
                await asked.wait()
                tasks.cancel_scope.cancel()
        assert await it.tries() == [("free", 1, "unknown")]
        assert (await it.money()).scope("s1").spent.tokens == MOST


async def test_no_call_is_started_once_the_session_comes_to_its_end() -> None:
    model = ScriptedModel("free", ["one"])
    async with desk([model]) as it:
        it.calls.stopping = True
        with pytest.raises(Stopped):
            await it.call(arm("free"))
        assert (model.asked, await it.only(CallReserved)) == (0, [])


async def test_an_attempt_makes_no_more_calls_than_its_turns() -> None:
    async with desk([ScriptedModel("free", ["one"])]) as it:
        with pytest.raises(SwarmError, match="has used its 0 turns"):
            await it.call(arm("free"), turns=0)


async def read_back(it: Desk) -> None:
    """What a resume does: charge what nobody answered for, and fold the journal."""
    journal = Journal()
    for entry in await entries_of(it.log):
        journal.apply(entry)
    open_ = [CallUnknown(reservation=position, reason="the process ended") for position in journal.open]
    await it.owner.append([it.owner.new(event, task="t", step=1, attempt=1) for event in open_])
    journal = Journal()
    for entry in await entries_of(it.log):
        journal.apply(entry)
    assert not journal.open
    it.recorded = journal.of("t", 1, 1, "worker")


async def test_a_recorded_answer_is_given_back_and_nobody_is_asked() -> None:
    model = ScriptedModel("free", ["one"])
    async with desk([model]) as it:
        said = await it.call(arm("free"))
        before = await it.log.head()
        await read_back(it)
        assert await it.call(arm("free")) == said
        assert (model.asked, await it.log.head()) == (1, before)


def interrupted_once(name: str, scope: anyio.CancelScope) -> ScriptedModel:
    """A model that is cut off while it thinks about its first answer."""
    asked: list[float] = []

    async def think(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == 1:
            scope.cancel()
            await anyio.lowlevel.checkpoint()

    return ScriptedModel(name, lambda request: "read: " + request.messages[-1].text, latency_s=1, sleep=think)


async def test_a_call_that_was_in_flight_is_asked_again_as_it_was_recorded_under_a_second_reservation() -> None:
    scope = anyio.CancelScope()
    async with desk([ScriptedModel("free", ["one"]), interrupted_once("paid", scope)]) as it:
        with scope:
            await it.call(arm("paid", DEAR))
        await read_back(it)
        changed = msgspec.structs.replace(ASK, messages=(Message("user", "something else"),))
        answer = await it.call(arm("free"), ask=changed)
        assert (answer.model, answer.text) == ("paid", "read: Say hello.")
        assert await it.tries() == [("paid", 1, "unknown"), ("paid", 2, "settled")]
        money = await it.money()
        maybe = INPUT * 1_000 + 100 * 4_000
        assert money.scope("s1").maybe_paid.nanos == maybe
        assert money.scope("s1").spent.nanos > maybe


@asynccontextmanager
async def in_doubt(rule: str) -> AsyncGenerator[Desk]:
    """A call of the model `free` may have been paid, and the session goes on under a rule."""
    scope = anyio.CancelScope()
    async with desk([interrupted_once("free", scope), ScriptedModel("paid", ["two"])], on_unknown=rule) as it:
        with scope:
            await it.call(arm("free"))
        await read_back(it)
        yield it


@pytest.mark.parametrize("model", ["free", "paid"], ids=["the same model", "another model"])
async def test_a_call_in_doubt_is_not_repeated_by_any_model_where_the_settings_forbid_it(model: str) -> None:
    async with in_doubt("fail") as it:
        with pytest.raises(SwarmError, match="a call of free for s1/t/1/1/worker may have been paid") as caught:
            await it.call(arm(model))
        assert not isinstance(caught.value, ConfirmationNeeded), "nobody is asked"
        assert it.questions == []
        assert len(await it.only(CallReserved)) == 1


@pytest.mark.parametrize("answer", [False, None], ids=["no", "nobody there"])
@pytest.mark.parametrize("model", ["free", "paid"], ids=["the same model", "another model"])
async def test_a_call_in_doubt_is_not_repeated_by_any_model_before_a_person_says_yes(
    model: str, answer: bool | None
) -> None:
    async with in_doubt("ask") as it:
        it.yes = answer
        with pytest.raises(ConfirmationNeeded, match=r"may have been paid and has no answer.*resume with `--yes`"):
            await it.call(arm(model))
        assert len(await it.only(CallReserved)) == 1


async def test_a_call_in_doubt_is_repeated_once_a_person_says_yes() -> None:
    async with in_doubt("ask") as it:
        it.yes = True
        assert (await it.call(arm("free"))).text == "read: Say hello."
        assert await it.tries() == [("free", 1, "unknown"), ("free", 2, "settled")]
    assert len(it.questions) == 1


async def test_a_call_whose_model_was_refused_is_taken_by_another_after_a_resume() -> None:
    no = ProviderError("no key", failure=Failure.STOP, sent=True, charged=False, status=401)
    first = ScriptedModel("free", [no])
    async with desk([first, ScriptedModel("paid", ["two"])]) as it:
        with pytest.raises(NoModelAvailable):
            await it.call(arm("free"))
        await read_back(it)
        assert (await it.call(arm("paid", DEAR))).model == "paid"
        assert await it.tries() == [("free", 1, "failed"), ("paid", 2, "settled")]


async def test_a_sum_that_the_provider_counts_by_class_is_charged_by_class() -> None:
    usage = Usage(input_tokens=100, cached_tokens=40, cache_write_tokens=10, output_tokens=20, reasoning_tokens=5)
    reply = Reply(text="ok", finish="stop", usage=usage, model="paid-2026")
    price = Price(row="p", input_nanos=10**9, output_nanos=4 * 10**9, cached_nanos=10**8, cache_write_nanos=2 * 10**9)
    async with desk([ScriptedModel("free", []), ScriptedModel("paid", [reply])]) as it:
        await it.call(arm("paid", price))
        (entry,) = await it.only(CallSettled)
        assert isinstance(entry.event, CallSettled)
        assert entry.event.cost_nanos == 50 * 1_000 + 40 * 100 + 10 * 2_000 + 20 * 4_000
        assert (entry.event.tokens, entry.event.price, entry.event.answered_by) == (80, "p", "paid-2026")
