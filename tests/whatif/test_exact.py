"""What is exact: other prices, a lower cap, a tier that was never needed. Compared with real runs under just that."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import EventLog, open_log
from events.testing.builders import MORNING, SetClock
from events.types.task import TaskHalted
from swarm.messages import FREE, Price, Usage
from swarm.settings.load import ChoiceSettings
from swarm.whatif.answer import Answer, Question, answer
from swarm.whatif.policies import Policy, parse_policy
from swarm.whatif.prices import at_price
from swarm.whatif.read import NothingFinished, read_rows, read_sessions
from swarm.whatif.record import CallRecord
from tests.running import DEAR, PASS, Cast, model, money_of, resume, run, serving, verdict

THREE = """
tasks:
  plant: {prompt: Plant the garden., limits: {attempts: 2}}
  water: {prompt: Water the garden., needs: plant, limits: {attempts: 2}}
  rest: {prompt: Sit in the garden., needs: water, limits: {attempts: 2}}
"""
DEARER = Price(row="dearer", input_nanos=2 * DEAR.input_nanos, output_nanos=2 * DEAR.output_nanos)


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:", clock=SetClock(MORNING)) as opened:
        yield opened


async def ask(log: EventLog, question: Question, session: int | None = None) -> Answer:
    sessions = (await read_sessions(log, session)).finished
    return answer(sessions, question, await read_rows(log, sessions))


async def a_run(log: EventLog, folder: Path, text: str = THREE, *, session_nanos: int | None = None) -> None:
    """Three tasks on a paid model; the second needs two drafts."""
    cast = Cast(worker=["seeds", "dust", "water", "a chair"], validator=[PASS, verdict(False), PASS])
    async with serving(cast, model("m2", "paid", price=DEAR), session_nanos=session_nanos) as (_, plan):
        await run(log, text, plan, folder)


def of(found: Answer, name: str) -> float | None:
    return next(outcome.value for outcome in found.outcomes if outcome.name == name)


async def test_the_recorded_prices_give_the_recorded_amounts_to_the_last_nano_dollar(
    log: EventLog, tmp_path: Path
) -> None:
    await a_run(log, tmp_path)
    spent = (await money_of(log)).scope("s1").spent.nanos
    found = await ask(log, Question(prices={"m2": DEAR}))
    assert (found.kind, found.total_nanos, found.recorded_nanos) == ("exact", spent, spent)
    assert [outcome.value for outcome in found.outcomes] == [outcome.recorded for outcome in found.outcomes]
    assert (of(found, "accepted tasks"), of(found, "free tasks")) == (1.0, 0.0)
    assert of(found, "cost a task") == of(found, "cost an accepted task") == -(-spent // 3)


async def test_other_prices_are_exact_and_models_without_a_row_keep_their_amounts(
    log: EventLog, tmp_path: Path
) -> None:
    await a_run(log, tmp_path)
    spent = (await money_of(log)).scope("s1").spent.nanos
    assert (await ask(log, Question(prices={"m2": DEARER}))).total_nanos == 2 * spent
    free = await ask(log, Question(prices={"m2": FREE}))
    assert (free.total_nanos, of(free, "free tasks")) == (0, 1.0)
    other = await ask(log, Question(prices={"another": DEARER}))
    assert (other.total_nanos, other.kept_prices) == (spent, ("m2",))


def a_usage(plain: int, cached: int, written: int, output: int) -> Usage:
    return Usage(
        input_tokens=plain + cached + written, cached_tokens=cached, cache_write_tokens=written, output_tokens=output
    )


tokens, nanos = st.integers(0, 10**6), st.integers(0, 10**11)
usages = st.builds(a_usage, tokens, tokens, tokens, tokens)
prices = st.builds(
    Price, row=st.text(max_size=4), input_nanos=nanos, output_nanos=nanos, cached_nanos=nanos, cache_write_nanos=nanos
)


@given(st.one_of(st.none(), usages), prices, prices, st.sampled_from(["settled", "unknown", "failed", "open"]))
def test_repricing_rests_on_usage_alone_so_twice_is_once(
    usage: Usage | None, first: Price, then: Price, state: str
) -> None:
    call = CallRecord(
        position=1,
        task="t",
        role="worker",
        arm="maker@m",
        model="m",
        tier="paid",
        price="old",
        tokens=4_000_000,
        max_output_tokens=1_000_000,
        held_nanos=7,
        state=state,  # type: ignore[arg-type]
        usage=usage if state == "settled" else None,
        charged_nanos=5,
    )
    once = at_price(call, then)
    assert at_price(once, then) == at_price(at_price(call, first), then) == once
    assert 0 <= once.charged_nanos <= once.held_nanos


@pytest.mark.parametrize("share", [0, 5, 20, 40, 50, 60, 80, 95, 99, 100, 120])
async def test_a_lower_cap_halts_where_a_real_run_under_it_halts_and_has_spent_the_same(
    log: EventLog, tmp_path: Path, share: int
) -> None:
    await a_run(log, tmp_path)
    held = 0
    sessions = await read_sessions(log, 1)
    for call in sessions.finished[0].calls.values():
        held = max(held, call.held_nanos)
    whole = sum(call.charged_nanos for call in sessions.finished[0].calls.values()) + held
    cap = whole * share // 100
    supposed = await ask(log, Question(cap_nanos=cap), 1)
    async with open_log("memory:", clock=SetClock(MORNING)) as real:
        await a_run(real, tmp_path, session_nanos=cap)
        spent = (await money_of(real)).scope("s1").spent.nanos
        halted = [
            (entry.task, entry.event.needed)
            for entry in await real.read(limit=1_000)
            if isinstance(entry.event, TaskHalted)
        ]
    assert [(halt.task, halt.needed_nanos) for halt in supposed.halts if not halt.cut] == halted
    assert supposed.kind == "exact"
    if not any(halt.cut for halt in supposed.halts):
        assert supposed.total_nanos == spent
        assert [halt.spent_nanos for halt in supposed.halts] == [spent] * len(halted)
    assert (supposed.total_nanos is not None and supposed.total_nanos <= cap) or not supposed.halts


async def test_a_tier_that_was_never_needed_is_left_out_exactly_and_one_that_was_never_asked_is_named(
    log: EventLog, tmp_path: Path
) -> None:
    async with serving(Cast(), model("m1"), model("m2", "paid", price=DEAR)) as (_, plan):
        await run(log, THREE, plan, tmp_path)
    free = await ask(log, Question(tiers=frozenset({"free"})))
    assert (free.kind, of(free, "free tasks"), free.needed) == ("exact", 1.0, ())
    paid = await ask(log, Question(tiers=frozenset({"paid"})))
    assert (paid.kind, paid.total_nanos, of(paid, "cost a task")) == ("unidentifiable", None, None)
    assert any(arm.endswith("@m2") for arm in paid.needed)
    dear = await ask(log, Question(policy=parse_policy("prefer=m2")))
    assert dear.kind == "unidentifiable" and dear.needed[0].endswith("@m2")


async def test_tiers_that_the_tasks_ruled_out_count_only_where_they_had_gone_first(
    log: EventLog, tmp_path: Path
) -> None:
    text = "tasks: {a: {prompt: Plant it., tiers: [paid]}}\n"
    async with serving(Cast(), model("m1"), model("m2", "paid", price=DEAR)) as (_, plan):
        await run(log, text, plan, tmp_path)
        await run(log, text.replace("paid", "free"), plan, tmp_path)
    both = Question(tiers=frozenset({"free", "paid"}))
    first = await ask(log, both, 1)
    assert first.kind == "unidentifiable" and any(arm.endswith("@m1") for arm in first.needed)
    second = await ask(log, both, 2)
    assert (second.kind, second.needed) == ("exact", ())


@pytest.mark.parametrize(
    ("policy", "named"),
    [("trails", ("trails", "trails=3")), ("roulette", ("roulette", "free-first", "roulette=0.25", "free-first=0.2"))],
)
async def test_the_recorded_policy_by_its_own_name_is_exact_and_a_small_record_says_nothing_of_another(
    log: EventLog, tmp_path: Path, policy: str, named: Sequence[str]
) -> None:
    async with serving(Cast(), model("m1"), model("m2")) as (_, plan):
        wheel = msgspec.structs.replace(plan, choice=ChoiceSettings(policy="roulette"))
        await run(log, THREE, plan if policy == "trails" else wheel, tmp_path)
    for name in ("recorded", *named):
        assert (await ask(log, Question(policy=parse_policy(name)))).kind == "exact", name
    other = await ask(log, Question(policy=Policy("prefer", "m1")))
    assert other.kind == "unidentifiable" and other.sample < 30


async def test_sessions_that_have_not_finished_and_forks_are_left_out(log: EventLog, tmp_path: Path) -> None:
    with pytest.raises(NothingFinished, match="no session of this log has finished"):
        await read_sessions(log, None)
    await a_run(log, tmp_path, session_nanos=1)  # halts at once
    with pytest.raises(NothingFinished, match="s1 has not finished; end it with `swarm resume s1`"):
        await read_sessions(log, 1)
    await a_run(log, tmp_path)
    found = await read_sessions(log, None)
    assert [session.number for session in found.finished] == [2]
    assert found.left_out == ("s1 has not finished",)
    async with serving(Cast(), model("m2", "paid", price=DEAR)) as (_, plan):
        await resume(log, plan)
    assert len((await read_sessions(log, None)).finished) == 2
