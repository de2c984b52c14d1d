"""How a model counts its input takes part in who is asked: it is foreseen by name, then by what the provider said."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec
import pytest

from events.log import system_clock
from events.memory import MemoryLog
from events.trails import Trails
from events.types.call import CallReserved, CallSettled
from events.types.choice import ChoiceMade
from events.views.inputs import Inputs, InputsView
from events.views.sizes import SizesView
from events.views.tasks import StepState
from events.views.trails import TrailsView
from swarm.choice.choose import choose
from swarm.choice.question import cost_of
from swarm.connect import Roster
from swarm.cycle import DECISIONS, Open, Work
from swarm.engine.foresight import Foresight
from swarm.engine.picks import Picks, verdict_cost
from swarm.messages import MILLION, Price
from swarm.money.shares import Share
from swarm.orders import Pick
from swarm.plan import Plan
from swarm.settings.load import ModelConfig
from swarm.task import Task
from swarm.text.count import count
from tests.choice.test_choose import made, priced, question
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import PASS, a_state, model, role_of, run, serving

THEIRS = 1.4
"""What the provider here counts for a token of o200k_base: as none of the families that are known by name."""


def counting(body: dict[str, Any]) -> Answer:
    """Answers any role, and says how many tokens it counted in its own way."""
    texts = [str(message["content"]) for message in body["messages"]]
    texts += [json.dumps(body["response_format"])] if "response_format" in body else []
    given = round(THEIRS * sum(count(text) + 4 for text in texts))
    text = PASS if role_of(body) == "validator" else "Rivers carry sand to the sea."
    return Answer(text, usage={"prompt_tokens": given, "completion_tokens": 9, "total_tokens": given + 9})


PROSE = (
    "The valley was dry for most of the year, and the people who lived there had learned to keep what little rain fell in "
    "stone basins below the road. In spring they opened the gates one after another, so that each field had water for a day. "
)


def chain(tasks: int, judged: str = "accept: It says what it is about.") -> str:
    """Tasks that follow each other, each with a prompt of its own of some 200 to 350 tokens."""
    lines = ["tasks:"]
    for number in range(1, tasks + 1):
        needs = f", needs: [t{number - 1}]" if number > 1 else ""
        prompt = json.dumps(f"Sum up, number {number}: " + PROSE * (4 + number * 2 % 3))
        lines.append(f"  - {{id: t{number}, prompt: {prompt}, {judged}{needs}}}")
    return "\n".join(lines) + "\n"


async def test_after_three_replies_a_request_is_foreseen_within_four_percent_of_what_its_provider_counts(
    tmp_path: Path,
) -> None:
    log = MemoryLog(clock=system_clock)
    async with serving(counting, model("solo", judge=False), model("other")) as (_, plan):
        assert (await run(log, chain(8), plan, tmp_path)).exit_code == 0
    view, foreseen, errors = InputsView(), dict[int, float](), dict[str, list[float]]()
    foresight = Foresight(SizesView(), view)
    for entry in await entries_of(log):
        match entry.event:
            case CallReserved(model=name, quick_tokens=quick):
                foreseen[entry.position] = quick * foresight.counts(name)
            case CallSettled(reservation=call, input_tokens=counted):
                reserved = next(each for each in await entries_of(log) if each.position == call).event
                assert isinstance(reserved, CallReserved)
                errors.setdefault(reserved.model, []).append(abs(foreseen[call] / counted - 1))
            case _:
                pass
        foresight.apply(entry)
    assert sum(map(len, errors.values())) == 16, "a draft and a verdict for each task"
    for name, each in errors.items():
        assert each[0] > 0.15, "the name says nothing of it"
        assert mean(each[3:]) <= 0.04 and max(each[3:]) <= 0.1, (name, each)


async def test_a_choice_expects_the_cost_at_what_its_model_counts(tmp_path: Path) -> None:
    log, price = MemoryLog(clock=system_clock), Price(row="p", input_nanos=10**9, output_nanos=0)
    async with serving(counting, model("a", "paid", price=price)) as (_, plan):
        assert (await run(log, chain(6, "check: {contains: sand}"), plan, tmp_path)).exit_code == 0
    chosen = [each.event for each in await entries_of(log) if isinstance(each.event, ChoiceMade)]
    settled = [each.event for each in await entries_of(log) if isinstance(each.event, CallSettled)]
    paid = [each.cost_nanos for each in settled]
    expected = [each.candidates[0].cost_nanos for each in chosen]
    assert len(paid) == len(expected) == 6
    errors = [abs(foreseen / cost - 1) for foreseen, cost in zip(expected, paid, strict=True)]
    assert mean(errors[3:]) <= 0.04 < errors[0], errors


def picks(*models: ModelConfig, **more: Any) -> Picks:
    state = a_state(decisions=DECISIONS, steps=[StepState(number=1, title="t", model="gpt-6-luna")])
    given: dict[str, Any] = {
        "plan": Plan(roster=Roster(models=models, providers=()), day_nanos=10**9),
        "task": Task(id="t", prompt="Write."),
        "state": state,
        "session": "s1",
        "trails": TrailsView(),
        "pressure": 1.0,
        "clock": lambda: 0,
        "money": lambda: None,
    }
    return Picks(**(given | more))


DRAFT, JUDGE = (Open(work=work, task="t", step=1, attempt=1) for work in (Work.DRAFT, Work.JUDGE))
NEAR = Share(scope="day:2026-11-21@UTC", unit="nanos", used=95, cap=100)
"""So near to a cap the cheapest of the paid ones is taken, no draw."""


def paid(name: str, dollars: int, **more: Any) -> ModelConfig:
    return model(name, "paid", price=Price(row=name, input_nanos=dollars * 10**9, output_nanos=0), judge=False, **more)


def alike(_: str) -> float:
    return 1.0


def chosen(pick: Callable[[Mapping[str, str], int, int], Pick | None], tokens: int) -> str:
    found = pick({}, 1, tokens)
    return found.arm.model if found is not None else ""


def test_a_model_that_counts_more_for_the_same_words_loses_to_one_with_a_higher_price() -> None:
    models = paid("claude-opus-4-8", 4), paid("gpt-6-luna", 5)
    near = partial(picks, *models, money=lambda: NEAR)
    assert chosen(near(counts=alike).of(DRAFT, "worker"), 2_000) == "claude-opus-4-8"
    assert chosen(near().of(DRAFT, "worker"), 2_000) == "gpt-6-luna", "1.55 times 4 is more than 5"


def test_what_a_provider_said_of_its_counts_turns_the_choice() -> None:
    models = paid("one", 4), paid("two", 5)
    told = InputsView(models={"one": Inputs(counted=6_000, quick=4_000, calls=3)})
    foresight = Foresight(SizesView(), told)
    assert chosen(picks(*models, money=lambda: NEAR).of(DRAFT, "worker"), 2_000) == "one"
    assert chosen(picks(*models, money=lambda: NEAR, counts=foresight.counts).of(DRAFT, "worker"), 2_000) == "two"


def test_a_prompt_that_is_too_long_for_a_models_window_as_it_counts_is_not_sent_to_it() -> None:
    models = paid("claude-opus-4-8", 1, context_tokens=1_000), paid("gpt-6-luna", 9, context_tokens=1_000)
    pick = picks(*models, money=lambda: NEAR).of(DRAFT, "worker")
    assert chosen(pick, 600) == "claude-opus-4-8", "930 of its tokens fit"
    found = pick({}, 1, 1_000)
    assert found is not None and found.choice is not None and found.arm.model == "gpt-6-luna"
    said = "its window of 1,000 tokens does not hold the prompt of about 1,550"
    assert [each.rule for each in found.choice.excluded] == [said]
    assert chosen(picks(model("gpt-a", context_tokens=900), model("gpt-b")).of(JUDGE, "validator"), 1_200) == "gpt-b"


@pytest.mark.parametrize("factor", [1.0, 1.55])
def test_a_judges_price_is_for_its_own_count(factor: float) -> None:
    judge = priced("j", 1)
    assert judge.price is not None
    rates = judge.price.rates_at(10_000)
    expected = (
        judge.price.request_nanos + (round(1_500 * factor) * rates.input_nanos + 100 * rates.output_nanos) // MILLION
    )
    assert verdict_cost(judge, 1_000, factor) == expected


def test_the_cost_of_a_candidate_is_that_of_its_own_count() -> None:
    arm = priced("x", 3)
    one, half_more = (question() for _ in range(2))
    half_more = msgspec.structs.replace(half_more, counts={"x": 1.5})
    assert arm.price is not None
    more = round(one.input_tokens * 1.5) - one.input_tokens
    assert cost_of(arm, half_more) - cost_of(arm, one) == more * arm.price.input_nanos // MILLION
    assert made(choose(half_more, [arm], Trails(), {})).candidates[0].cost_nanos == cost_of(arm, half_more)


async def test_where_a_prompt_is_too_long_for_every_window_the_task_says_so(tmp_path: Path) -> None:
    async with serving(counting, model("solo", context_tokens=100)) as (provider, plan):
        result = await run(MemoryLog(clock=system_clock), chain(1), plan, tmp_path)
    (task,) = result.tasks
    assert (task.status, provider.requests) == ("failed", [])
    assert task.reason is not None and "solo: its window of 100 tokens does not hold the prompt of about" in task.reason
