"""An estimate follows the run's own rules: its prompts, its choice, its retries, its prices."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.log import open_log
from events.views.base import fold
from events.views.history import Doer, HistoryView
from events.views.inputs import Inputs, InputsView
from swarm.engine.prepare import prepare
from swarm.errors import UsageError
from swarm.estimate.estimate import answers_of, shown_requests
from swarm.estimate.requests import TOOLS_TOKENS
from swarm.money.allowances import allowance
from swarm.plan import EXPECTED_ITEMS
from swarm.settings.stages import StageSettings, preset_rules
from swarm.taskfile.read import parse_task_file
from swarm.text.families import OTHER
from tests.estimate.works import basis, estimated, knowing
from tests.running import DEAR, Cast, model, run, serving

ANSWERS = {("worker", "dear", "writing"): [15] * 20, ("validator", "dear", "writing"): [7] * 20}
paid = model("dear", "paid", price=DEAR)

shared = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_task_that_is_surely_accepted_costs_its_two_calls_to_the_nano(tmp_path: Path) -> None:
    history = knowing(ANSWERS, dear=(10**6, 0))
    made = estimated("prompt: Sing.", basis(tmp_path, paid, history=history))
    (task,) = made.tasks
    worker, validator = (task.roles[role].first for role in ("worker", "validator"))
    assert worker is not None
    assert validator is not None
    inputs = worker.likely_input_tokens + validator.likely_input_tokens + 15  # the judge reads the draft
    tokens = inputs + 15 + 7
    assert made.tokens == task.tokens
    assert (made.tokens.p50, made.tokens.p90) == (tokens, tokens)
    assert made.nanos.p50 == inputs * 1_000 + (15 + 7) * 4_000  # a dollar a million in, four out
    assert task.drafts.p90 == 1
    assert not made.guess


def test_what_a_model_counted_before_says_how_much_input_it_will_count(tmp_path: Path) -> None:
    def likely(inputs: InputsView) -> int:
        (task,) = estimated("prompt: Sing.", basis(tmp_path, paid, inputs=inputs)).tasks
        first = task.roles["worker"].first
        assert first is not None
        return first.likely_input_tokens

    twice = InputsView(models={"dear": Inputs(counted=2e6, quick=1e6, calls=9)})
    other = InputsView(models={"small": Inputs(counted=2e6, quick=1e6, calls=9)})
    assert likely(other) == likely(InputsView())
    assert likely(twice) == pytest.approx(2 / OTHER * likely(other), rel=0.01)


def test_a_worker_with_tools_is_expected_to_be_asked_several_times_with_ever_more_to_read(tmp_path: Path) -> None:
    def likely(text: str) -> int:
        (task,) = estimated(text, basis(tmp_path, paid, history=knowing(ANSWERS, dear=(10**6, 0)))).tasks
        first = task.roles["worker"].first
        assert first is not None
        return first.likely_input_tokens

    once, alone = likely("prompt: Sing."), likely("prompt: Sing.\ntools: [look]\nlimits: {turns: 1}")
    two, many = (likely(f"prompt: Sing.\ntools: [look]\nlimits: {{turns: {turns}}}") for turns in (2, 10))
    assert alone < 2 * once + 200  # what tools are is told
    assert two > 2 * (alone + TOOLS_TOKENS)
    assert many > 2 * two


@shared
@given(
    st.integers(1, 5),
    st.integers(0, 3),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
    st.booleans(),
    st.booleans(),
)
def test_quantiles_are_in_order_and_more_attempts_never_cost_less(
    tmp_path: Path, attempts: int, more: int, judged: tuple[int, int], explore: bool, both: bool
) -> None:
    models = [paid, model("free")] if both else [paid]
    known = basis(tmp_path, *models, history=knowing(ANSWERS, dear=judged, free=judged))
    file = "prompt: Sing.\nexplore: {}\nlimits: {{attempts: {}}}"
    few = estimated(file.format(str(explore).lower(), attempts), known)
    many = estimated(file.format(str(explore).lower(), attempts + more), known)
    for one in (few, many):
        for band in (one.nanos, one.tokens, one.tasks[0].drafts, one.tasks[0].each_nanos):
            assert 0 <= band.p50 <= band.p90
    assert few.nanos.p50 <= many.nanos.p50
    assert few.nanos.p90 <= many.nanos.p90
    assert few.tokens.p90 <= many.tokens.p90
    assert estimated(file.format(str(explore).lower(), attempts), known) == few, "the same estimate every time"


def test_the_sum_of_a_run_is_at_least_its_dearest_task_and_at_most_all_of_their_p90(tmp_path: Path) -> None:
    known = basis(tmp_path, paid, history=knowing(ANSWERS, dear=(10, 10)))
    made = estimated("tasks:\n" + "".join(f"  t{n}: Sing {n}.\n" for n in range(30)), known)
    p50s, p90s = [task.nanos.p50 for task in made.tasks], [task.nanos.p90 for task in made.tasks]
    assert max(p90s) < sum(p50s) * 0.8 < made.nanos.p50 < made.nanos.p90 < sum(p90s)


def test_a_free_model_goes_first_and_money_is_foreseen_for_what_it_may_fail_at(tmp_path: Path) -> None:
    both = [paid, model("free")]
    free_answers = {("worker", "free", "writing"): [15] * 20, ("validator", "free", "writing"): [7] * 20}
    good = basis(tmp_path, *both, history=knowing(ANSWERS | free_answers, free=(10**6, 0), dear=(5, 5)))
    bad = basis(tmp_path, *both, history=knowing(ANSWERS | free_answers, free=(0, 40), dear=(10**6, 0)))
    made = estimated("prompt: Sing.", good)
    assert [rung.arm.model for rung in made.tasks[0].roles["worker"].rungs] == ["free", "dear"]
    assert made.nanos.p90 == 0
    assert estimated("prompt: Sing.", bad).nanos.p50 > 0, "after two rejections another model is drawn"


def test_models_that_may_not_take_part_are_named_with_the_reason(tmp_path: Path) -> None:
    known = basis(tmp_path, paid, model("free"), model("secret", "paid", price=None))
    worker = estimated("prompt: Sing.\ntiers: [paid]", known).tasks[0].roles["worker"]
    assert [rung.arm.model for rung in worker.rungs] == ["dear"]
    assert worker.excluded["free"] == "its tier free is not among paid"
    assert 'add `price = "IN/OUT"`' in worker.excluded["secret"]


def test_where_no_model_may_work_a_task_takes_nothing(tmp_path: Path) -> None:
    made = estimated("prompt: Sing.\ntiers: [local]", basis(tmp_path, paid))
    assert (made.tokens.p90, made.nanos.p90) == (0, 0)
    assert made.tasks[0].roles["worker"].first is None


ITEMS = "tasks:\n  a: {prompt: List them., output: {path: a.json, format: json}}\n  b:\n    prompt: Sing {{item}}.\n    needs: a\n"


@pytest.mark.parametrize(
    ("each", "times", "said"),
    [
        ("[x, y, z]", 3, "each item is taken for one like the first of 3"),
        ("'a.output[]'", EXPECTED_ITEMS, f"its items come from a and are not known: {EXPECTED_ITEMS} are taken"),
        ("{files: '*.txt'}", 2, "each item is taken for one like the first of 2"),
    ],
)
def test_a_task_counts_once_for_each_item_and_items_that_are_not_known_are_said_to_be_taken_for_ten(
    each: str, times: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("1")
    (tmp_path / "two.txt").write_text("2")
    known = basis(tmp_path, paid, history=knowing(ANSWERS, dear=(10**6, 0)))
    task = estimated(f"{ITEMS}    each: {each}\n", known).tasks[1]
    assert task.times == times
    assert said in task.notes
    assert task.nanos.p50 == times * task.each_nanos.p50


def test_a_result_that_is_not_there_yet_is_taken_for_an_answer_of_its_level_and_said(tmp_path: Path) -> None:
    known = basis(tmp_path, paid)
    file = "tasks:\n  a: {prompt: Sing.}\n  b: {prompt: Sing., needs: a}\n"
    alone, behind = estimated(file, known).tasks
    tokens = allowance("writing", "simple").output_tokens
    assert behind.notes == (f"the result of a is taken for {tokens} tokens",)
    first, second = alone.roles["worker"].first, behind.roles["worker"].first
    assert first is not None
    assert second is not None
    assert second.likely_input_tokens - first.likely_input_tokens >= tokens


async def test_the_prompts_that_are_shown_are_those_that_are_sent(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a note\n")
    text = "prompt: Design the song.\ninput: notes.txt\noutput: out.md\naccept: It rhymes.\nexplore: true\n"
    cast = Cast()
    async with open_log("memory:") as log, serving(cast, model("m1")) as (_, plan):
        known = basis(tmp_path, model("m1"))
        prepared, _ = prepare(parse_task_file(text, tmp_path / "t.yaml"), tmp_path, known.redact, known.plan)
        shown = shown_requests(prepared[0], answers_of(prepared), known)
        await run(log, text, plan, tmp_path)
    sent = {role: body["messages"] for role, body in reversed(cast.seen)}
    assert [each["content"] for each in sent["explorer"]] == [each.text for each in shown["explorer"].ask.messages]
    worker = "\n".join(each.text for each in shown["worker"].ask.messages)
    stand_in = "[the explorer's approach: not known before the run, about 100 tokens]"
    assert worker.replace(stand_in, "do it well") == "\n".join(each["content"] for each in sent["worker"])
    judged = "\n".join(each.text for each in shown["validator"].ask.messages)
    draft = "[the draft: not known before the run]"
    assert judged.replace(draft, "A fine result.") == "\n".join(each["content"] for each in sent["validator"])


async def test_what_a_run_recorded_is_what_the_next_estimate_is_made_from(tmp_path: Path) -> None:
    rejected = '{"verdict": "fail", "score": 0, "reason": "no"}'
    cast = Cast(validator=[rejected, '{"verdict": "pass", "score": 1, "reason": "yes"}'])
    async with open_log("memory:") as log, serving(cast, model("m1")) as (_, plan):
        await run(log, "tasks:\n" + "".join(f"  t{n}: Sing {n}.\n" for n in range(12)), plan, tmp_path)
        history = await fold(log, HistoryView())
    done = history.done[Doer("worker", "m1", "writing")]
    assert (done.accepted, done.rejected) == (12, 1)
    assert sum(done.answers.values()) == 13
    made = estimated("prompt: Sing.", basis(tmp_path, model("m1"), history=history))
    assert not made.guess
    assert made.tasks[0].roles["worker"].answers is not None


def test_inputs_that_are_not_there_are_an_error_before_anything_is_estimated(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.txt"):
        estimated("prompt: Sing.\ninput: missing.txt", basis(tmp_path, paid))


async def test_what_stages_take_from_an_input_is_not_expected_to_be_sent(tmp_path: Path) -> None:
    lines = "\n".join(f"INFO request {n} was served in {n % 7} ms" for n in range(2000))
    (tmp_path / "server.log").write_text(lines)
    text = "tasks:\n- {id: why, prompt: Why was it slow?, input: server.log, check: [{contains: ms}]}\n"
    whole, shorter = Cast(), Cast()
    for cast, stages in ((whole, StageSettings()), (shorter, StageSettings(rules=preset_rules("standard")))):
        async with open_log("memory:") as log, serving(cast, stages=stages) as (_, plan):
            await run(log, text, plan, tmp_path)
        known = basis(tmp_path, stages=stages)
        prepared, _ = prepare(parse_task_file(text, tmp_path / "t.yaml"), tmp_path, known.redact, known.plan)
        ahead = shown_requests(prepared[0], answers_of(prepared), known)["worker"]
        assert [each.text for each in ahead.ask.messages] == [each["content"] for each in cast.seen[0][1]["messages"]]
    assert len(shorter.prompts("worker")[0]) < len(whole.prompts("worker")[0]) / 5
