"""The benches of limits: what is foreseen saves more than it costs, by the program's own rule; compliance is read from the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import compliance, limits
from events.log import open_log
from events.views.sizes import Kind, SizesView
from swarm.money.foresight import fitting, foresee
from tests.provider import Answer
from tests.running import Cast, model, run, serving

FEW = 1_200


@pytest.mark.parametrize("name", limits.DRAWN)
def test_what_is_held_falls_by_more_than_what_is_paid_rises(name: str) -> None:
    calls = limits.drawn(name)
    whole, limited = limits.carried_out(calls, None), limits.carried_out(calls, limits.Rule())
    assert 1 - limited.held / whole.held > 4 * (limited.paid / whole.paid - 1) > 0


def test_the_bench_limits_by_the_rule_of_the_program() -> None:
    calls, sizes = limits.drawn("plain")[:FEW], SizesView()
    limited = 0
    for asked in calls:
        found = fitting(foresee(sizes, asked.kind), asked.allowed)
        assert limits.limit_of(sizes, asked, limits.Rule()) == (found.tokens if found else asked.allowed)
        limited += found is not None
        limits.learn(sizes, asked)
    assert limited > FEW / 10
    assert sizes.of(Kind("validator", "simple")) is not None


async def test_compliance_is_read_from_the_log(tmp_path: Path) -> None:
    lines = [Answer("word " * 20), Answer("word " * 160), Answer("word " * 300, finish="length")]
    asked = [compliance.Prompt("writing", f"Write a limerick, number {number}") for number in range(3)]
    path = tmp_path / "log.db"
    said = {f"number {number}": line for number, line in enumerate(lines)}
    cast = Cast(worker=[lambda body: next(line for name, line in said.items() if name in str(body["messages"][-1]))])
    text = "tasks:\n" + "".join(
        f"  {task.id}: {{prompt: '{task.prompt}'}}\n" for task in compliance.file_of(asked).tasks
    )
    async with open_log(path) as log, serving(cast, model("m1", judge=False)) as (_, plan):
        await run(log, text, plan, tmp_path)
        found = await compliance.answers_in(log)
    assert [(each.told, each.kept[-1], each.accepted_cut) for each in found] == [
        (150, True, 0),
        (150, False, 0),
        (150, False, 0),
    ]
    figures = {figure.what: figure.value for figure in compliance.figures(found)}
    assert figures["accepted although cut"] == 0
    assert figures["writing: answers within their words"] == pytest.approx(100 / 3)  # pyright: ignore[reportUnknownMemberType]


def test_there_are_at_least_fifty_prompts_about_many_things_none_of_them_twice() -> None:
    found = compliance.prompts("", quick=False)
    assert len({each.prompt for each in found}) == len(found) >= 50
    assert len({each.about for each in found}) >= 8
    with pytest.raises(SystemExit, match="about 'cooking'"):
        compliance.prompts("cooking", quick=False)
