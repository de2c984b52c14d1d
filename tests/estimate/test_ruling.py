"""Whether a run starts by itself: by what it would cost, by the caps, and by how much is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.scopes import month_of
from events.views.money import Amount, MoneyView, ScopeState, SetCap
from swarm.errors import ConfirmationNeeded
from swarm.estimate.estimate import Band, Estimate
from swarm.estimate.ruling import CapTooLow, Misfit, misfits, rule
from swarm.money.caps import day_scope, with_reserve
from swarm.task import Portion
from swarm.taskfile.read import parse_task_file
from tests.estimate.works import NOW, basis, estimated, knowing
from tests.running import DEAR, model

DAY = day_scope(NOW, "UTC")
CENT = 10_000_000
ANSWERS = {("worker", "dear", "writing"): [15] * 20, ("validator", "dear", "writing"): [7] * 20}
SHORT = Misfit(scope="this run", unit="nanos", p90=3 * CENT, needed=4 * CENT, left=CENT, cap=CENT)


def an_estimate(p90: int, *, guess: bool = False) -> Estimate:
    return Estimate(tasks=(), tokens=Band(1, 1), nanos=Band(p90 // 2, p90), guess=guess)


@pytest.mark.parametrize(
    ("p90", "short", "guess", "yes", "code", "warns"),
    [
        (0, False, False, False, 0, False),
        (0, True, False, False, 0, False),  # a free run is never asked about
        (10 * CENT, False, False, False, 0, False),  # at the amount, not above it
        (10 * CENT + 1, False, False, False, 5, False),
        (10 * CENT + 1, False, False, True, 0, True),
        (10 * CENT + 1, False, True, False, 0, True),
        (CENT, True, False, False, 3, False),
        (11 * CENT, True, False, False, 3, False),  # a cap says more than an amount
        (CENT, True, False, True, 0, True),
        (CENT, True, True, False, 0, True),
        (CENT, False, True, False, 0, False),
    ],
)
def test_a_run_is_asked_about_above_the_amount_or_where_a_cap_is_short_unless_it_is_a_guess_or_agreed_to(
    p90: int, short: bool, guess: bool, yes: bool, code: int, warns: bool
) -> None:
    ruling = rule(an_estimate(p90, guess=guess), [SHORT] if short else [], confirm_above=10 * CENT, yes=yes)
    assert ruling.exit_code == code
    assert bool(ruling.warning) == warns
    assert bool(ruling.question) == bool(code)
    if code:
        error = ruling.error()
        assert error.exit_code == code
        assert isinstance(error, CapTooLow if code == 3 else ConfirmationNeeded)
        assert "`--yes`" in str(error)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_dearer_run_is_never_asked_about_less(p90: int, more: int, above: int) -> None:
    def code(nanos: int) -> int:
        return rule(an_estimate(nanos), [], confirm_above=above, yes=False).exit_code

    assert code(p90) <= code(p90 + more)


def test_the_question_names_the_cap_with_what_is_left_and_what_would_be_taken() -> None:
    question = rule(an_estimate(3 * CENT), [SHORT], confirm_above=CENT, yes=False).question
    assert question == (
        "This run may cost $0.03 (P90; $0.015 in the middle); a cap may stop it: this run has $0.01 of $0.01 left, "
        "P90 takes $0.03 and $0.04 with what its last call reserves. Start it?"
    )


def found(
    root: Path,
    text: str,
    *,
    spent: Mapping[str, int] | None = None,
    recorded: Mapping[str, int] | None = None,
    **caps: Any,
) -> list[tuple[str, str]]:
    known = basis(root, model("dear", "paid", price=DEAR), history=knowing(ANSWERS, dear=(10**6, 0)))
    plan = msgspec.structs.replace(known.plan, **{"day_nanos": 10**9, **caps})
    money = MoneyView(scopes={name: ScopeState(spent=Amount(0, nanos)) for name, nanos in (spent or {}).items()})
    for name, most in (recorded or {}).items():
        money.scope(name).caps["nanos"] = SetCap(most=most, by="ada@host", at=NOW, position=1)
    tasks = parse_task_file(text, root / "t.yaml").tasks
    short = misfits(estimated(text, known), tasks, plan, money, project="song", now=NOW)
    return [(each.scope, each.unit) for each in short]


FILE = "tasks:\n  a: {prompt: Sing.}\n  b: {prompt: Sing., budget: %s}\n"


def test_each_cap_that_is_short_is_named_and_the_others_are_not(tmp_path: Path) -> None:
    assert found(tmp_path, FILE % "$1") == []
    assert found(tmp_path, FILE % "$0.0001") == [("task b", "nanos")]
    assert found(tmp_path, FILE % "0.1k") == [("task b", "tokens")]
    assert found(tmp_path, FILE % "$1", session_nanos=100_000) == [("this run", "nanos")]
    assert found(tmp_path, FILE % "$1", session_tokens=500) == [("this run", "tokens")]
    assert found(tmp_path, FILE % "$1", day_nanos=100_000) == [("today", "nanos")]
    assert found(tmp_path, FILE % "$1", spent={DAY: 10**9 - 1}) == [("today", "nanos")]
    assert found(tmp_path, FILE % "$1", spent={month_of(DAY): 10**9}, month_nanos=10**9) == [("this month", "nanos")]
    in_project = {"project:song": 10**9}
    assert found(tmp_path, FILE % "$1", spent=in_project, project_nanos=10**9) == [("project song", "nanos")]
    assert found(tmp_path, FILE % "$1", spent={"project:other": 10**9}, project_nanos=10**9) == []
    assert found(tmp_path, FILE % "$1", log_tokens=500) == [("this log", "tokens")]
    assert found(tmp_path, FILE % "$1", day_nanos=100_000, recorded={DAY: 10**9}) == []
    assert found(tmp_path, FILE % "$1", recorded={month_of(DAY): 100_000}) == [("this month", "nanos")]


def test_what_is_held_back_for_a_hand_over_is_no_room_for_a_call(tmp_path: Path) -> None:
    known = basis(tmp_path, model("dear", "paid", price=DEAR), history=knowing(ANSWERS, dear=(10**6, 0)))
    made = estimated("tasks: {b: Sing.}", known).tasks[0]
    needed = made.tokens.p90 + made.reserve.tokens
    file = "tasks:\n  b: {prompt: Sing., budget: {tokens: %d, on_exceed: %s}}\n"
    assert found(tmp_path, file % (needed, "fail")) == []
    assert found(tmp_path, file % (needed, "summarise")) == [("task b", "tokens")]
    assert found(tmp_path, file % (with_reserve(needed), "summarise")) == []
    half = {"summary": Portion(hundredths=5_000)}
    assert found(tmp_path, "tasks: {b: Sing.}", session_tokens=2 * needed, split=half) == []
    assert found(tmp_path, "tasks: {b: Sing.}", session_tokens=2 * needed - 2, split=half) == [("this run", "tokens")]


def test_a_cap_has_to_have_room_for_what_the_last_call_reserves(tmp_path: Path) -> None:
    known = basis(tmp_path, model("dear", "paid", price=DEAR), history=knowing(ANSWERS, dear=(10**6, 0)))
    made = estimated("prompt: Sing.", known)
    reserve = made.tasks[0].reserve.nanos
    assert reserve > made.nanos.p90
    assert found(tmp_path, "prompt: Sing.", session_nanos=made.nanos.p90 + reserve) == []
    assert found(tmp_path, "prompt: Sing.", session_nanos=made.nanos.p90 + reserve - 1) == [("this run", "nanos")]
