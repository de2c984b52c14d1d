"""What stages saved and how tasks went with them: by hand where the numbers are small, by chance where they are not."""

from __future__ import annotations

from datetime import date
from random import Random

import pytest

from events.types.stage import How, StageWithdrawn
from events.views.stages import Ended, Kind, StagesView, Texts
from swarm.insight.difference import Count
from swarm.insight.periods import period_of
from swarm.insight.stages import ENOUGH, compared, passed, to_withdraw, without
from swarm.settings.stages import Rule, StageSettings

DAY = "2026-11-22"


def kind(how: How = "used", *, stage: str = "inputs", day: str = DAY, type_: str = "code") -> Kind:
    return Kind(stage, how, day, type_)


def of(tokens: list[int], *, passed: int) -> Ended:
    squares = sum(each**2 for each in tokens)
    count = len(tokens)
    return Ended(
        passed=passed,
        failed=count - passed,
        accepted=passed,
        tokens=sum(tokens),
        tokens_squared=squares,
        nanos=0,
        micros_squared=0,
    )


def test_texts_are_summed_over_days_and_types_within_the_period() -> None:
    texts = {
        kind(): Texts(count=1, before=1000, after=500, saved=900, saved_nanos=9),
        kind(type_="prose"): Texts(count=2, before=2000, after=500, saved=100, saved_nanos=1),
        kind(day="2026-11-01"): Texts(count=5, before=1, after=1, saved=1, saved_nanos=1),
        kind("held"): Texts(count=1, before=10, after=5, saved=0, saved_nanos=0),
    }
    view = StagesView(texts=texts)
    (held, used) = sorted(passed(view, period_of("day", date(2026, 11, 22))), key=lambda row: row.how)
    assert (used.texts, used.before, used.after, used.saved, used.saved_nanos) == (3, 3000, 1000, 1000, 10)
    assert (held.how, held.texts) == ("held", 1)
    assert sum(row.texts for row in passed(view)) == 9


def test_tasks_with_a_stage_stand_beside_those_that_were_held_back() -> None:
    ended = {
        kind(): of([100, 200, 300], passed=3),
        kind("held"): of([400, 500, 600], passed=2),
        kind("measured"): of([1], passed=1),
    }
    (row,) = compared(StagesView(ended=ended))
    assert (row.used, row.held) == (Count(3, 0), Count(2, 1))
    assert row.gain is not None
    assert row.gain.low < row.gain.mean < row.gain.high
    assert row.gain.mean == pytest.approx(1 / 3)
    assert row.tokens is not None and row.tokens.mean == pytest.approx(-0.6)
    assert row.tokens.high - row.tokens.mean == pytest.approx(1.96 * (100**2 / 3 * (1 + 0.4**2)) ** 0.5 / 500)
    assert row.nanos is None  # they cost nothing


def test_unlike_work_is_not_compared() -> None:
    ended = {kind(type_="code"): of([100] * 3, passed=3), kind("held", type_="prose"): of([900] * 3, passed=1)}
    (row,) = compared(StagesView(ended=ended))
    assert row.gain is None and row.tokens is None


def test_the_interval_of_tokens_holds_the_truth_about_as_often_as_it_says() -> None:
    chance, held = Random(5), 0
    for _ in range(300):
        view = StagesView(
            ended={
                kind(): of([round(chance.gauss(500, 150)) for _ in range(40)], passed=40),
                kind("held"): of([round(chance.gauss(1000, 300)) for _ in range(40)], passed=40),
            }
        )
        (row,) = compared(view)
        assert row.tokens is not None
        held += row.tokens.low <= -0.5 <= row.tokens.high
    assert 0.9 < held / 300 < 0.99


def ends(used: tuple[int, int], held: tuple[int, int]) -> StagesView:
    return StagesView(
        ended={
            kind(): of([1] * sum(used), passed=used[0]),
            kind("held"): of([1] * sum(held), passed=held[0]),
        }
    )


def test_a_stage_is_withdrawn_only_where_chance_is_ruled_out_and_only_once() -> None:
    (gone,) = to_withdraw(ends((20, 30), (48, 2)))
    assert (gone.stage, gone.passed, gone.failed, gone.held_passed, gone.held_failed) == ("inputs", 20, 30, 48, 2)
    assert to_withdraw(ends((46, 4), (48, 2))) == []
    assert to_withdraw(ends((48, 2), (20, 30))) == []
    assert to_withdraw(ends((0, ENOUGH - 1), (ENOUGH, 0))) == []
    known = ends((20, 30), (48, 2))
    known.withdrawn["inputs"] = gone
    assert to_withdraw(known) == []


def test_what_is_withdrawn_is_measured_but_for_what_settings_name_themselves() -> None:
    gone = {
        "inputs": StageWithdrawn(stage="inputs", passed=0, failed=9, held_passed=9, held_failed=0, low=-1, high=-0.5)
    }
    rules = {"inputs": Rule(mode="on", keep=0.5, share=0.9), "outputs": Rule(mode="on", keep=0.5, share=0.9)}
    found = without(StageSettings(preset="adaptive", rules=rules), gone)
    assert found.rules == {"inputs": Rule(mode="measure", keep=0.5), "outputs": rules["outputs"]}
    asked = StageSettings(rules={"inputs": Rule(mode="on", keep=0.5, asked=True)})
    assert without(asked, gone) == asked
