"""Near a cap less of the inputs is sent, and what must stay whole stays whole."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from swarm.context.inputs import read_inputs
from swarm.context.lower import LOWER_BYTES, lower_result, lowered
from swarm.context.parts import beginning
from swarm.task import Check, Input, Load, Output, Task


def loads(task: Task) -> list[Load]:
    return [source.load for source in lowered(task)]


def a_task(*inputs: Input, **more: object) -> Task:
    return Task(id="t", prompt="Say what rain does to roofs.", inputs=inputs, **more)  # type: ignore[arg-type]


def test_each_file_goes_one_level_down_and_an_outline_stays_one() -> None:
    levels: tuple[Load, ...] = get_args(Load)
    task = a_task(*(Input(files=("a.md",), load=level) for level in levels))
    assert loads(task) == ["relevant", "relevant", "relevant", "outline", "outline", "name"]


def test_the_tasks_own_words_and_what_it_writes_over_or_a_check_names_stay_whole() -> None:
    task = a_task(
        Input(text="x" * 20_000),
        Input(files=("src/**",)),
        Input(files=("schema.json",)),
        Input(files=("notes.md",)),
        output=Output(path="src/app/main.py"),
        checks=(Check(schema="schema.json"),),
    )
    assert loads(task) == ["full", "full", "full", "relevant"]


def test_a_task_that_writes_a_patch_sees_every_line() -> None:
    task = a_task(Input(files=("a.py",)), output=Output(path="fix.patch", format="patch"))
    assert loads(task) == ["full"]


def test_results_of_other_tasks_come_as_the_parts_that_fit() -> None:
    task = a_task(Input(from_task="survey"), Input(from_task="other", load="relevant", max_tokens=100))
    assert [(source.load, source.max_tokens) for source in lowered(task)] == [
        ("relevant", LOWER_BYTES),
        ("relevant", 100),
    ]
    long = "\n\n".join([*(f"Paragraph {n} is about bees." for n in range(400)), "Rain wears roofs down."])
    short = lower_result("survey", long, "rain on roofs")
    assert "Rain wears roofs down." in short
    assert len(short.encode()) <= LOWER_BYTES


def test_a_short_file_stays_whole_and_of_a_long_one_less_is_read(tmp_path: Path) -> None:
    (tmp_path / "short.md").write_text("# Rain\nIt falls.\n")
    (tmp_path / "long.md").write_text("".join(f"# Part {n}\n{'Rain on roofs. ' * 20}\n" for n in range(60)))
    task = a_task(Input(files=("short.md",)), Input(files=("long.md",)))
    before = read_inputs(task.inputs, tmp_path, str, {}, sought="rain")
    after = read_inputs(lowered(task), tmp_path, str, {}, sought="rain")
    assert after[0].text == before[0].text
    assert len(after[1].text.encode()) <= LOWER_BYTES < len(before[1].text.encode())


@given(st.text(max_size=400), st.integers(0, 300))
def test_a_beginning_is_one_and_says_what_is_missing(text: str, most: int) -> None:
    short = beginning(text, most)
    size = len(text.encode("utf-8", "replace"))
    assert (short == text) == (size <= most)
    if size > most:
        head, mark = short.rsplit("\n[cut: ", 1)
        assert text.startswith(head.replace("?", "?")) or "?" in head
        assert len(head.encode("utf-8", "replace")) <= most
        assert f"of {size:,} bytes" in mark
