"""Calls: each fault of a provider ends in the right retry, another model or a clear failure, and the money is right."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import anyio
import anyio.lowlevel
import msgspec
import pytest

from events.types.call import CallFailed, CallOverran, CallReserved, CallSettled
from events.views.base import fold
from events.views.inputs import Inputs, InputsView
from swarm.errors import BudgetExceeded, Failure, NoModelAvailable, ProviderError
from swarm.messages import Request
from swarm.models.exchange import Deadlines
from swarm.models.openai_chat import OpenAIChat
from swarm.models.scripted import ScriptedModel
from swarm.models.transport import open_transport
from swarm.money.caps import Cap
from swarm.orders import Answer as Said
from swarm.text.tokens import likely_tokens
from tests.calling import ASK, INPUT, MOST, Desk, arm, desk
from tests.provider import ABSENT, Answer, Provider
from tests.running import DEAR

Transport = Literal["aiohttp", "httpx"]


class Two(msgspec.Struct):
    """A desk with a free and a paid model on servers of their own."""

    desk: Desk
    free: Provider
    paid: Provider

    async def call(self) -> Said:
        return await self.desk.call(arm("free"), arm("paid", DEAR))


@pytest.fixture(params=["aiohttp", "httpx"])
def transport(request: pytest.FixtureRequest) -> Transport:
    name: Transport = request.param
    return name


@asynccontextmanager
async def two_tiers(
    transport: Transport,
    free: Sequence[Answer],
    paid: Answer | None = None,
    *,
    first_byte_s: float = 20.0,
    patience_s: float = 60.0,
) -> AsyncGenerator[Two]:
    """A free server that gives these answers, the last one again and again, and a paid one."""
    lines = list(free)
    async with (
        Provider(lambda _: lines.pop(0) if len(lines) > 1 else lines[0]) as one,
        Provider(lambda _: paid or Answer("bought")) as other,
        open_transport(transport, environ={}) as pool,
    ):
        deadlines = Deadlines(first_byte_s=first_byte_s)
        models = [
            OpenAIChat(name, base_url=server.url, wire_model=name, transport=pool, key=None, deadlines=deadlines)
            for name, server in (("free", one), ("paid", other))
        ]
        async with desk(models, patience_s=patience_s) as found:
            yield Two(found, one, other)


OK = Answer("hello there")
BUSY = Answer(status=429, body=b'{"error": {"message": "slow down"}}')


async def test_an_answer_is_settled_at_what_the_provider_counted(transport: Transport) -> None:
    async with two_tiers(transport, [OK]) as two:
        answer = await two.call()
        assert (answer.text, answer.arm, answer.why) == ("hello there", "maker@free", "the first")
        (entry,) = await two.desk.only(CallSettled)
        assert isinstance(entry.event, CallSettled)
        assert (entry.event.input_tokens, entry.event.output_tokens, entry.event.tokens) == (4, 2, 6)
        assert (entry.event.basis, entry.event.answered_by, entry.event.cost_nanos) == ("provider", "served-model", 0)
        money = await two.desk.money()
        assert (money.scope("s1").spent.tokens, money.scope("s1").reserved.tokens) == (6, 0)


async def test_a_minute_of_the_provider_counts_what_it_counted_and_not_what_was_reserved() -> None:
    async with Provider(lambda _: OK) as server, open_transport("aiohttp", environ={}) as pool:
        model = OpenAIChat("free", base_url=server.url, wire_model="free", transport=pool, key=None)
        async with desk([model], tokens_a_minute=MOST + 6) as found:
            await found.call(arm("free"))
            await found.call(arm("free"))
            assert found.clock.slept == []
            await found.call(arm("free"))  # 12 tokens are used, and no more than 6 may be beside what it reserves
            assert found.clock.slept == [60.0]


async def test_after_429_with_retry_after_the_same_model_is_asked_when_the_provider_said(transport: Transport) -> None:
    busy = Answer(status=429, headers={"retry-after": "7"}, body=BUSY.body)
    async with two_tiers(transport, [busy, OK]) as two:
        assert (await two.call()).arm == "maker@free"
        assert await two.desk.tries() == [("free", 1, "failed"), ("free", 2, "settled")]
        assert sum(two.desk.clock.slept) == pytest.approx(7)
        (entry,) = await two.desk.only(CallFailed)
        assert isinstance(entry.event, CallFailed)
        assert (entry.event.status, entry.event.failure) == (429, "wait")
        assert (await two.desk.money()).scope("s1").spent.tokens == 6, "the try that failed costs nothing"


async def test_after_429_without_retry_after_the_pauses_double_and_then_another_model_is_asked(
    transport: Transport,
) -> None:
    async with two_tiers(transport, [BUSY]) as two:
        assert (await two.call()).arm == "maker@paid"
        assert await two.desk.tries() == [*[("free", nth, "failed") for nth in (1, 2, 3)], ("paid", 4, "settled")]
        first, second = two.desk.clock.slept
        assert 0.25 <= first <= 0.5
        assert 0.5 <= second <= 1.0


async def test_a_provider_that_wants_to_be_left_alone_for_long_is_not_waited_for_where_another_model_is_there(
    transport: Transport,
) -> None:
    busy = Answer(status=429, headers={"retry-after": "600"}, body=BUSY.body)
    async with two_tiers(transport, [busy, OK]) as two:
        assert (await two.call()).arm == "maker@paid"
        assert await two.desk.tries() == [("free", 1, "failed"), ("paid", 2, "settled")]
        assert two.desk.clock.slept == []
    async with two_tiers(transport, [busy, OK], patience_s=600) as two:
        assert (await two.desk.call(arm("free"))).arm == "maker@free"
        assert sum(two.desk.clock.slept) == pytest.approx(600)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_that_fails_is_asked_again_and_nothing_is_charged(transport: Transport, status: int) -> None:
    async with two_tiers(transport, [Answer(status=status, body=b""), OK]) as two:
        assert (await two.call()).arm == "maker@free"
        assert await two.desk.tries() == [("free", 1, "failed"), ("free", 2, "settled")]
        money = await two.desk.money()
        assert (money.scope("s1").spent.tokens, money.scope("s1").maybe_paid.tokens) == (6, 0)


@pytest.mark.parametrize(
    "broken",
    [
        Answer(before_head=anyio.sleep_forever),
        Answer(cut_after=-1, cut_by="reset"),
        Answer(cut_after=-1),
        Answer("a long answer that breaks off", chunks=8, cut_after=3),
        Answer("a long answer that breaks off", chunks=8, cut_after=3, cut_by="reset"),
    ],
    ids=["time-out", "reset after sending", "closed after sending", "cut in the middle", "reset in the middle"],
)
async def test_a_try_that_broke_off_after_it_was_sent_stays_charged_and_the_next_one_reserves_anew(
    transport: Transport, broken: Answer
) -> None:
    first_byte_s = 0.5 if broken.before_head else 20.0
    async with two_tiers(transport, [broken, OK], first_byte_s=first_byte_s) as two:
        assert (await two.call()).arm == "maker@free"
        assert await two.desk.tries() == [("free", 1, "unknown"), ("free", 2, "settled")]
        money = await two.desk.money()
        assert not money.open
        assert money.scope("s1").maybe_paid.tokens == MOST
        assert money.scope("s1").spent.tokens == MOST + 6


async def test_a_connection_that_is_refused_costs_nothing_and_the_model_is_not_asked_again(
    transport: Transport,
) -> None:
    async with two_tiers(transport, [OK]) as two:
        await two.free.__aexit__(None, None, None)
        for _ in range(2):
            assert (await two.call()).arm == "maker@paid"
        assert await two.desk.tries() == [("free", 1, "failed"), ("paid", 2, "settled"), ("paid", 1, "settled")]
        money = await two.desk.money()
        assert (money.scope("s1").maybe_paid.tokens, two.desk.clock.slept) == (0, [])


async def test_a_reservation_holds_our_own_count_of_its_input_beside_which_the_provider_s_is_learned(
    transport: Transport,
) -> None:
    usage = {"prompt_tokens": 30, "completion_tokens": 1, "total_tokens": 31}
    async with two_tiers(transport, [Answer(status=500, body=b"")], Answer("bought", usage=usage)) as two:
        await two.call()
        for each in await two.desk.only(CallReserved):
            assert isinstance(each.event, CallReserved)
            assert each.event.quick_tokens == likely_tokens(ASK.messages) < INPUT
        learned = await fold(two.desk.log, InputsView())
        assert learned.models == {"paid": Inputs(counted=30, quick=likely_tokens(ASK.messages), calls=1)}


@pytest.mark.parametrize("usage", [None, ABSENT], ids=["null", "absent"])
async def test_an_answer_without_usage_is_charged_at_its_reservation(transport: Transport, usage: object) -> None:
    async with two_tiers(transport, [Answer(status=500, body=b"")], Answer("bought", usage=usage)) as two:
        await two.call()
        reserved, settled = [(await two.desk.only(kind))[-1].event for kind in (CallReserved, CallSettled)]
        assert isinstance(reserved, CallReserved)
        assert isinstance(settled, CallSettled)
        assert settled.basis == "reservation"
        assert (settled.tokens, settled.cost_nanos) == (reserved.tokens, reserved.cost_nanos)
        assert reserved.cost_nanos == INPUT * 1_000 + 100 * 4_000
        assert not await two.desk.only(CallOverran)


async def test_more_usage_than_was_reserved_is_recorded_in_full_and_ends_what_it_took_over_its_cap(
    transport: Transport,
) -> None:
    greedy = Answer(usage={"prompt_tokens": 5_000, "completion_tokens": 100, "total_tokens": 5_100})
    async with two_tiers(transport, [greedy]) as two:
        two.desk.caps = (Cap(scope="day", nanos=10**9), Cap(scope="s1", tokens=1_000))
        await two.call()
        (entry,) = await two.desk.only(CallOverran)
        assert isinstance(entry.event, CallOverran)
        assert (entry.topic, entry.event.tokens, entry.event.cost_nanos) == ("ledger", 5_100 - MOST, 0)
        money = await two.desk.money()
        assert (money.scope("s1").spent.tokens, money.scope("s1").overran.tokens) == (5_100, 5_100 - MOST)
        with pytest.raises(BudgetExceeded, match=r"the budget of s1 was broken: .* see `swarm why \d+`"):
            await two.call()
        assert len(two.free.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, b"{}"), (402, b"{}"), (404, b"{}"), (429, b'{"error": {"code": "insufficient_quota"}}')],
)
async def test_a_model_that_will_not_answer_at_all_is_left_alone_for_the_rest_of_the_session(
    transport: Transport, status: int, body: bytes
) -> None:
    async with two_tiers(transport, [Answer(status=status, body=body)]) as two:
        for _ in range(2):
            assert (await two.call()).arm == "maker@paid"
        assert len(two.free.requests) == 1
        assert two.desk.clock.slept == []
        assert (await two.desk.money()).scope("s1").maybe_paid.tokens == 0


async def test_a_request_that_a_model_does_not_accept_goes_to_another_and_the_next_one_to_the_first_again(
    transport: Transport,
) -> None:
    async with two_tiers(transport, [Answer(status=400, body=b'{"error": "no"}'), OK]) as two:
        assert (await two.call()).arm == "maker@paid"
        assert (await two.call()).arm == "maker@free"


async def test_a_refusal_is_an_answer_that_is_paid_and_says_what_it_is(transport: Transport) -> None:
    async with two_tiers(transport, [Answer("I cannot.", finish="content_filter")]) as two:
        answer = await two.call()
        assert (answer.finish, answer.text) == ("refusal", "I cannot.")
        assert await two.desk.tries() == [("free", 1, "settled")]


async def test_where_nobody_answers_the_error_says_of_each_model_why(transport: Transport) -> None:
    async with two_tiers(transport, [Answer(status=401, body=b"{}")], Answer(status=500, body=b"")) as two:
        with pytest.raises(NoModelAvailable) as caught:
            await two.call()
        assert set(caught.value.reasons) == {"free", "paid"}
        assert "free: 127.0.0.1:" in str(caught.value), "each is named once"
        assert "refused the key (401)" in str(caught.value)
        assert "failed (500)" in str(caught.value)
        assert len(two.desk.clock.slept) == 3, "nobody waits after the last try, but for the model to have cooled down"
        money = await two.desk.money()
        assert (money.scope("day").spent.nanos, money.scope("day").reserved.nanos) == (0, 0)


def test_where_tiers_leave_everybody_out_the_error_names_the_key_of_the_task_file() -> None:
    reasons = {"here": "its tier local is not among free", "there": "its tier paid is not among free"}
    alone = str(NoModelAvailable(role="worker", reasons=reasons))
    assert "let one of these tiers in with `tiers`" in alone
    assert "--local" not in alone, "the embedded model is of a tier that is left out"
    assert "--local" in str(NoModelAvailable(role="worker", reasons={**reasons, "third": "it is too small to judge"}))


async def test_a_call_goes_on_where_it_was_once_there_is_more_room(transport: Transport) -> None:
    """What was tried before a cap was raised is not tried again, and no number of a try comes twice."""
    async with two_tiers(transport, [Answer(status=401, body=b"{}")]) as two:
        two.desk.caps = (Cap(scope="day", nanos=1),)
        refused: list[BudgetExceeded] = []

        async def more(refusal: BudgetExceeded) -> bool:
            refused.append(refusal)
            two.desk.caps = (Cap(scope="day", nanos=10**9),)
            return len(refused) == 1

        answer = await two.desk.call(arm("free"), arm("paid", DEAR), more=more)
        assert (answer.model, [each.cap for each in refused]) == ("paid", [1])
        assert await two.desk.tries() == [("free", 1, "failed"), ("paid", 2, "settled")]


class Narrow:
    """A model's server that takes two calls at a time and refuses the others."""

    def __init__(self) -> None:
        self.inside = self.refused = 0
        self.model = ScriptedModel("free", self._say, latency_s=1, sleep=self._think)

    def _say(self, _: Request) -> str | ProviderError:
        self.inside += 1
        if self.inside <= 2:
            return "hello"
        self.refused += 1
        return ProviderError("free: busy", failure=Failure.WAIT, sent=True, charged=False, status=429)

    async def _think(self, _: float) -> None:
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        self.inside -= 1


async def test_where_a_provider_refuses_fewer_calls_are_made_at_a_time_until_it_takes_them() -> None:
    narrow = Narrow()
    async with desk([narrow.model], at_once=8, tries=20) as it:
        async with anyio.create_task_group() as tasks:
            for _ in range(60):
                tasks.start_soon(it.call, arm("free"))
        assert len(await it.only(CallSettled)) == 60
        assert len(await it.only(CallFailed)) == narrow.refused
        assert narrow.refused <= 30, "8 at a time all the way would be refused three times for each that is taken"
