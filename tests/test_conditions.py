"""Whether a task is to be done, from how the tasks that it needs have ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swarm.conditions import holds, needs_of, ruled_by, written
from swarm.task import When
from swarm.taskfile.read import parse_task_file

FACTS: dict[str, Any] = {
    "a.status": "failed",
    "a.passed": 2,
    "a.failed": 1,
    "a.total": 3,
    "a.output": '```json\n{"urgent": true, "count": 5, "name": "x y", "none": null, "deep": {"er": [1]}}\n```',
    "b.output": " yes \n",
    "b.status": "accepted",
    "c.output": None,
}


def read(*conditions: str) -> When:
    listed = "[" + ", ".join(f"'{one.replace(chr(39), chr(39) * 2)}'" for one in conditions) + "]"
    text = f"vars: {{dry: false, level: 3, empty: ''}}\ntasks: {{a: A., b: B., c: C., t: {{prompt: T., needs: [a, b, c], when: {listed}}}}}"
    when = parse_task_file(text, Path("task.yaml")).tasks[-1].when
    assert when is not None
    return when


@pytest.mark.parametrize(
    "condition",
    [
        "a.status == failed",
        "a.status != accepted",
        "a.passed > 1",
        "a.passed <= 2",
        "a.failed >= 1",
        "a.total == 3",
        "a.passed",
        "a.output",
        "a.output.urgent",
        "a.output.urgent == true",
        "not a.output.none",
        "not a.output.missing",
        "a.output.missing == null",
        "a.output.count < 5.5",
        "a.output.name == 'x y'",
        'a.output.name != "x"',
        "a.output.deep.er",
        "b.output == yes",
        "not c.output",
        "c.output != 1",
        "not vars.dry",
        "vars.level > 2",
        "vars.level == 3",
        "not vars.empty",
    ],
)
def test_a_condition_that_is_so_holds_and_its_opposite_does_not(condition: str) -> None:
    assert holds(read(condition), FACTS)
    opposites = {"==": "!=", "!=": "==", "<=": ">", ">=": "<", " < ": " >= ", " > ": " <= "}
    sign = next((sign for sign in opposites if sign in condition), None)
    if sign is not None:
        opposite = condition.replace(sign, opposites[sign])
    else:
        opposite = condition.removeprefix("not ") if condition.startswith("not ") else f"not {condition}"
    assert not holds(read(opposite), FACTS)


@pytest.mark.parametrize(
    "condition", ["a.output.name > 1", "c.output < 1", "c.output >= 0", "a.output.urgent == 1", "a.output.urgent > 0"]
)
def test_what_cannot_be_compared_is_not_so(condition: str) -> None:
    assert not holds(read(condition), FACTS)


def test_of_several_conditions_all_must_hold() -> None:
    assert holds(read("a.passed > 1", "b.output == yes"), FACTS)
    assert not holds(read("a.passed > 1", "b.output == no"), FACTS)


def test_a_condition_on_the_end_of_a_need_rules_it_and_one_on_its_result_does_not() -> None:
    when = read("a.failed > 0", "b.output", "c.total == 1", "vars.dry == false")
    assert needs_of(when) == {"a", "b", "c"}
    assert ruled_by(when) == {"a"}


def test_conditions_are_told_as_they_are_written() -> None:
    assert written(read("a.passed  >0", "not b.output.x", "a.status == failed")) == (
        'a.passed > 0 and not b.output.x and a.status == "failed"'
    )


def test_facts_that_are_missing_are_nothing() -> None:
    assert holds(read("not a.passed"), {})
    assert not holds(read("a.status == accepted"), {})
