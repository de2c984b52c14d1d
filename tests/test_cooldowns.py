"""A model whose provider does not answer is left alone for a while, by everybody, and used again once one call had an answer."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import Entry, open_log
from events.testing.builders import new
from events.types.model import ModelCooled, ModelRecovered, cooldown_topic
from events.views.cooldowns import CooldownsView
from swarm.errors import ConfirmationNeeded, Failure, NoModelAvailable, ProviderError
from swarm.messages import Arm
from swarm.models.scripted import ScriptedModel
from tests.calling import Desk, arm, desk
from tests.ledger_agents import entries_of
from tests.running import DEAR

MINUTE = 60.0
BOTH = (arm("free"), arm("paid", DEAR))


def failure(
    kind: Failure = Failure.WAIT, *, status: int | None = 503, retry_after_s: float | None = None, used_up: bool = False
) -> ProviderError:
    return ProviderError(
        "free: it fails",
        failure=kind,
        sent=status is not None,
        charged=False,
        status=status,
        retry_after_s=retry_after_s,
        used_up=used_up,
    )


UNREACHED = failure(Failure.SWITCH, status=None)
NO_CREDIT = failure(Failure.STOP, status=402, used_up=True)


class Server:
    """A model's server that fails until it is mended; where it is held, its answers come when they are let go."""

    def __init__(self, error: ProviderError) -> None:
        self.error: ProviderError | None = error
        self.hold: anyio.Event | None = None
        self.holds = anyio.Event()  # an answer is held
        self.model = ScriptedModel("free", lambda _: self.error or "hello", latency_s=1, sleep=self._think)

    async def _think(self, _: float) -> None:
        if self.hold is not None:
            self.holds.set()
            await self.hold.wait()


def paid() -> ScriptedModel:
    return ScriptedModel("paid", lambda _: "bought")


async def cooled(it: Desk) -> list[ModelCooled]:
    return [entry.event for entry in await it.only(ModelCooled) if isinstance(entry.event, ModelCooled)]


async def test_after_its_tries_a_model_gets_no_call_for_a_minute_and_one_call_then_ends_that() -> None:
    server = Server(failure())
    async with desk([server.model, paid()]) as it:
        assert [(await it.call(*BOTH)).model for _ in range(3)] == ["paid"] * 3
        assert server.model.asked == 3, "the tries of one call, and none of the others"
        (said,) = await cooled(it)
        assert (said.model, said.step, said.failure, said.reason) == ("free", 1, "wait", "it fails")
        assert said.until == it.clock.micros() + 60_000_000
        server.error = None
        it.clock.now += MINUTE
        assert [(await it.call(*BOTH)).model for _ in range(2)] == ["free"] * 2
        assert len(await it.only(ModelRecovered)) == 1
        assert it.calls.cooldowns.bars() == {}


async def test_what_a_failure_and_an_answer_come_to_is_said_in_the_append_that_tells_of_them() -> None:
    server = Server(failure())
    async with desk([server.model, paid()]) as it:
        await it.call(*BOTH)
        it.clock.now, server.error = it.clock.now + MINUTE, None
        await it.call(*BOTH)
        kinds = [entry.kind for entry in await entries_of(it.log)]
        assert kinds[kinds.index("model.cooled") - 1] == "call.failed"
        assert kinds[-4:] == ["model.cooled", "call.reserved", "call.settled", "model.recovered"]


async def test_each_failure_in_a_row_makes_the_pause_longer_up_to_an_hour() -> None:
    async with desk([Server(failure()).model, paid()]) as it:
        pauses: list[int] = []
        for _ in range(5):
            await it.call(*BOTH)
            last = (await cooled(it))[-1]
            pauses.append((last.until - it.clock.micros()) // 60_000_000)
            it.clock.now = last.until / 1_000_000
        assert pauses == [1, 5, 25, 60, 60]


async def test_a_model_that_is_tried_is_asked_once_and_not_as_often_as_another() -> None:
    server = Server(failure())
    async with desk([server.model, paid()]) as it:
        await it.call(*BOTH)
        before, it.clock.now = server.model.asked, it.clock.now + MINUTE
        await it.call(*BOTH)
        assert server.model.asked == before + 1


async def test_a_wish_for_a_longer_silence_wins_over_the_pause() -> None:
    async with desk([Server(failure(status=429, retry_after_s=600)).model, paid()]) as it:
        await it.call(*BOTH)
        (said,) = await cooled(it)
        assert said.until == it.clock.micros() + 600_000_000


@pytest.mark.parametrize("error", [UNREACHED, NO_CREDIT, failure(status=429, retry_after_s=31)])
async def test_what_waiting_does_not_heal_at_once_is_tried_once(error: ProviderError) -> None:
    server = Server(error)
    async with desk([server.model, paid()]) as it:
        assert (await it.call(*BOTH)).model == "paid"
        assert (server.model.asked, len(await cooled(it)), it.clock.slept) == (1, 1, [])


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_a_request_that_is_refused_and_a_key_say_nothing_of_how_the_provider_is(status: int) -> None:
    async with desk([Server(failure(Failure.STOP, status=status)).model, paid()]) as it:
        await it.call(*BOTH)
        assert await cooled(it) == []


async def test_a_request_that_is_refused_shows_that_a_model_answers_again() -> None:
    server = Server(failure())
    async with desk([server.model, paid()]) as it:
        await it.call(*BOTH)
        it.clock.now, server.error = it.clock.now + MINUTE, failure(Failure.STOP, status=400)
        assert (await it.call(*BOTH)).model == "paid"
        assert len(await it.only(ModelRecovered)) == 1


async def test_another_session_and_a_later_one_leave_it_alone_as_well_and_tell_why() -> None:
    server = Server(failure())
    async with desk([server.model, paid()]) as it:
        await it.call(*BOTH)
        asked = server.model.asked
        async with desk([server.model, paid()], beside=it) as other:
            assert (await other.call(*BOTH)).model == "paid"
            assert server.model.asked == asked
            (why,) = other.calls.cooldowns.bars().values()
            assert why.startswith("cools down until ") and why.endswith(": it fails")


async def test_two_that_would_try_it_at_the_same_time_are_one() -> None:
    """Neither has seen what the other does: the log decides."""
    server = Server(failure())
    async with desk([server.model, paid()]) as it:
        await it.call(*BOTH)
        it.clock.now, server.error = it.clock.now + MINUTE, None
        async with desk([server.model, paid()], beside=it) as other:
            asked, server.hold = server.model.asked, anyio.Event()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(it.call, *BOTH)
                await server.holds.wait()
                assert (await other.call(*BOTH)).model == "paid"
                assert server.model.asked == asked + 1
                server.hold.set()
            for entry in await entries_of(it.log):
                other.calls.cooldowns.apply(entry)
            assert (await other.call(*BOTH)).model == "free"


async def test_many_calls_that_fail_together_are_one_failure() -> None:
    server = Server(failure(status=429, retry_after_s=40))
    async with desk([server.model, paid()]) as it:
        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(it.call, *BOTH)
        assert [said.step for said in await cooled(it)] == [1]


async def test_who_waits_in_line_for_a_model_that_cools_down_meanwhile_is_not_sent_to_it() -> None:
    server = Server(failure(status=429, retry_after_s=40))
    async with desk([server.model, paid()], at_once=1) as it:
        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(it.call, *BOTH)
        assert [model for model, _, _ in await it.tries()] == ["free"] + ["paid"] * 6


async def test_where_all_cool_down_the_first_that_is_free_is_waited_for() -> None:
    server = Server(failure())
    async with desk([server.model]) as it:
        it.clock.then = lambda seconds: setattr(server, "error", None) if seconds == MINUTE else None
        assert (await it.call(arm("free"))).model == "free"
        assert it.clock.slept[-1] == MINUTE


async def test_of_many_that_wait_one_tries_and_the_others_go_by_what_it_found() -> None:
    server, over = Server(failure(status=429, retry_after_s=40)), anyio.Event()

    async def until_over(_: float) -> None:
        await over.wait()

    async with desk([server.model], sleep=until_over) as it:
        async with anyio.create_task_group() as tasks:
            for _ in range(9):
                tasks.start_soon(it.call, arm("free"))
            await anyio.wait_all_tasks_blocked()
            asked, server.error, server.hold = server.model.asked, None, anyio.Event()
            it.clock.now += MINUTE
            over.set()
            await server.holds.wait()
            for _ in range(50):
                await anyio.lowlevel.checkpoint()
            assert server.model.asked == asked + 1
            server.hold.set()
        ends = [end for _, _, end in await it.tries()]
        assert (ends.count("settled"), len(await it.only(ModelRecovered))) == (9, 1)


async def test_what_is_not_back_in_time_is_not_waited_for_and_the_error_says_when_it_is() -> None:
    server = Server(failure(status=429, retry_after_s=3_000))
    async with desk([server.model]) as it:
        with pytest.raises(NoModelAvailable, match=r"`swarm resume` at \d\d:\d\d or later") as caught:
            await it.call(arm("free"))
        assert "cools down until" in caught.value.reasons["free"]
        assert it.clock.slept == []
    async with desk([server.model], patience_s=3_600) as it:
        with pytest.raises(NoModelAvailable):
            await it.call(arm("free"))
        assert it.clock.slept == [3_000.0], "patience is for the whole call"


async def test_nobody_waits_beyond_the_time_of_the_task() -> None:
    async with desk([Server(failure()).model]) as it:
        with anyio.fail_after(30), pytest.raises(NoModelAvailable):
            await it.call(arm("free"))
        assert MINUTE not in it.clock.slept


@pytest.mark.parametrize("error", [UNREACHED, NO_CREDIT], ids=["unreached", "no credit"])
async def test_a_run_with_no_other_model_finds_out_at_once_whether_somebody_mended_it(error: ProviderError) -> None:
    server = Server(error)
    async with desk([server.model]) as it:
        for _ in range(2):
            with pytest.raises(NoModelAvailable):
                await it.call(arm("free"))
        assert server.model.asked == 1, "within a run once is enough"
        async with desk([server.model], beside=it) as other:
            server.error = None
            assert (await other.call(arm("free"))).model == "free"
            assert other.clock.slept == []


async def test_a_trial_that_is_cut_off_leaves_the_model_to_the_next_call() -> None:
    server = Server(failure())
    async with desk([server.model, paid()]) as it:
        await it.call(*BOTH)
        it.clock.now, server.error = it.clock.now + MINUTE, None
        server.hold = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(it.call, *BOTH)
            await server.holds.wait()
            tasks.cancel_scope.cancel()
        server.hold = None
        assert (await it.call(*BOTH)).model == "free"


async def test_the_trial_of_a_process_that_died_is_over_after_a_minute() -> None:
    server = Server(failure())
    async with desk([server.model, paid()]) as it:
        await it.call(*BOTH)
        it.clock.now += MINUTE
        trial = it.calls.cooldowns.trial("free")
        assert trial is not None
        await it.owner.append([it.owner.new(trial, topic=cooldown_topic("free", ""))])
        server.error = None
        async with desk([server.model, paid()], beside=it) as other:
            assert (await other.call(*BOTH)).model == "paid"
            other.clock.now += MINUTE
            assert (await other.call(*BOTH)).model == "free"


EVENTS = st.lists(
    st.one_of(
        st.builds(
            ModelCooled,
            model=st.sampled_from("ab"),
            server=st.sampled_from(["", "host:1"]),
            until=st.integers(0, 10**15),
            step=st.integers(1, 4),
            failure=st.sampled_from(["wait", "stop", "switch"]),
            reason=st.just("it fails"),
            tried=st.booleans(),
        ),
        st.builds(ModelRecovered, model=st.sampled_from("ab"), server=st.sampled_from(["", "host:1"])),
    ),
    max_size=12,
)


@given(EVENTS)
async def test_the_last_event_of_each_model_says_as_much_as_all_of_them(
    events: list[ModelCooled | ModelRecovered],
) -> None:
    async with open_log("memory:") as log:
        for event in events:
            await log.append([new(event, topic=cooldown_topic(event.model, event.server))])
        entries: list[Entry] = await log.read()
        every, last = CooldownsView(), CooldownsView()
        for entry in entries:
            every.apply(entry)
        for topic in {entry.topic for entry in reversed(entries)}:
            found = await log.last(topic)
            assert found is not None
            last.apply(found)
        assert every == last
        for entry in reversed(entries):  # and nothing older takes it back
            last.apply(entry)
        assert every == last


async def nobody_allows(it: Arm) -> None:
    if it.tier == "paid":
        raise ConfirmationNeeded("Make paid calls?", remedy="say yes")


async def test_where_nobody_allows_paid_calls_one_waits_for_a_free_model_that_cools_down() -> None:
    server = Server(failure())
    async with desk([server.model, paid()], confirm=nobody_allows) as it:

        def mend(seconds: float) -> None:
            server.error = None if seconds == MINUTE else server.error

        it.clock.then = mend
        assert (await it.call(*BOTH)).model == "free"
        assert MINUTE in it.clock.slept


async def test_where_a_free_model_is_not_back_in_time_it_is_said_that_paid_calls_have_to_be_allowed() -> None:
    async with desk([Server(failure(retry_after_s=7_200.0)).model, paid()], confirm=nobody_allows) as it:
        with pytest.raises(ConfirmationNeeded, match="Make paid calls"):
            await it.call(*BOTH)
        assert it.clock.slept == []
