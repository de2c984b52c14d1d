"""Broken task files: every problem is told at once, with its place, what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from swarm.task import TaskFile
from swarm.taskfile import yamltree
from swarm.taskfile.problems import Report, Wrong
from swarm.taskfile.read import TaskFileInvalid, load_task_file, parse_task_file
from tests.broken_files import SAID

BROKEN = Path(__file__).parent / "data" / "broken"

# each line is one level deeper than the one above it
ALIASES_DEEP = "\n".join(["a0: &a0 []", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 600))]).encode()


def path_of(name: str) -> Path:
    return BROKEN / (name if "." in name else f"{name}.yaml")


def read(text: str) -> TaskFile:
    return parse_task_file(text, Path("task.yaml"))


def refused(text: str) -> TaskFileInvalid:
    with pytest.raises(TaskFileInvalid) as caught:
        read(text)
    return caught.value


def test_every_broken_file_has_its_line_in_the_table() -> None:
    assert {path.name.removesuffix(".yaml") for path in BROKEN.iterdir()} == SAID.keys()


@pytest.mark.parametrize("name", SAID)
def test_a_broken_file_is_refused_with_all_its_problems_their_places_and_what_to_do(name: str) -> None:
    with pytest.raises(TaskFileInvalid) as caught:
        load_task_file(path_of(name))
    assert caught.value.exit_code == 2
    problems = caught.value.problems
    assert [(problem.line, problem.column) for problem in problems] == [said[:2] for said in SAID[name]]
    for problem, (line, column, message, hint) in zip(problems, SAID[name], strict=True):
        assert message in problem.message
        assert hint in problem.hint
        assert f"error: {path_of(name)}:{line}:{column}: {problem.message}" in str(caught.value)


@pytest.mark.parametrize("name", [name for name in SAID if not name.endswith(".md")])
def test_the_parser_in_python_stands_in_for_the_one_in_c(name: str) -> None:
    report = Report((BROKEN / f"{name}.yaml").read_text(encoding="utf-8"))

    def outcome(loader: type[Any]) -> object:
        try:
            return yamltree.compose(report, loader)
        except Wrong as wrong:
            return wrong.message

    assert outcome(yaml.SafeLoader) == outcome(yamltree.LOADER)


def test_a_problem_is_shown_with_its_line_and_a_mark_under_what_is_wrong() -> None:
    assert str(refused("tasks:\n  a:\n    prompt: Hello.\n\n    budgt: {usd: 1}\n")).splitlines()[:3] == [
        "error: task.yaml:5:5: unknown key 'budgt' in task 'a' \u2013 did you mean 'budget'?",
        "  5 |     budgt: {usd: 1}",
        "    |     ^^^^^",
    ]


def test_nothing_that_a_terminal_acts_upon_is_shown_from_a_broken_file() -> None:
    said = [
        str(refused("prompt: a\x1b[31m")),
        str(refused('"a\\e[31m": 1')),
        str(refused('prompt: a\nbudget: "\\e[31m"')),
    ]
    assert not any("\x1b" in text for text in said)


def test_of_a_very_long_line_only_the_piece_around_the_problem_is_shown() -> None:
    shown = str(refused("prompt: a\naccept: [" + "a, " * 10_000 + "{b: c}]")).splitlines()
    assert max(map(len, shown)) < 200
    assert shown[1][shown[2].index("^")] == "{"


def test_reading_stops_at_fifty_problems_and_says_so() -> None:
    error = refused("\n".join(f"k{number}: 1" for number in range(10_000)))
    assert len(error.problems) == 50
    assert str(error).endswith("reading stopped at 50 problems")


@pytest.mark.parametrize(
    ("raw", "place", "message"),
    [
        (b"prompt: caf\xe9\n", (1, 12), "not UTF-8 text: byte 0xe9"),
        ("prompt: a".encode("utf-16"), (1, 1), "not UTF-8 text: byte 0xff"),
        (b"prompt: a\n# " + b"x" * (1 << 20), (1, 1), "larger than 1 MiB"),
        (b"prompt: a\ntitle: b\x00c\n", (2, 9), "character U+0000 may not stand in a task file"),
        (b'prompt: "a\\0b"\n', (1, 9), "holds a NUL character"),
        (b"prompt: a\ncheck: {schema: {maximum: 1e999}}", (2, 27), "too large a number"),
        (b"prompt: a\ncheck: {schema: {maximum: 99999999999999999999}}", (2, 27), "too large a number"),
        (ALIASES_DEEP, (40, 12), "nested more than 40 levels deep"),
        (b"prompt: a\ncheck: {schema: " + b"[" * 500_000, (2, 55), "nested more than 40 levels deep"),
    ],
)
def test_what_is_no_ordinary_text_is_refused_with_its_place(
    tmp_path: Path, raw: bytes, place: tuple[int, int], message: str
) -> None:
    path = tmp_path / "task.yaml"
    path.write_bytes(raw)
    with pytest.raises(TaskFileInvalid, match=message.replace("+", r"\+")) as caught:
        load_task_file(path)
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [place]


@pytest.mark.parametrize(("name", "why"), [("missing.yaml", "no such file"), ("", "is a directory")])
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(TaskFileInvalid, match=why) as caught:
        load_task_file(tmp_path / name)
    assert str(caught.value).startswith(f"error: {tmp_path / name}: the file cannot be read")


def test_a_long_chain_of_tasks_is_read_and_a_long_circle_is_told_in_short() -> None:
    chain = [f"  t{number}: {{prompt: a, needs: t{number + 1}}}" for number in range(3_000)]
    assert len(read("\n".join(["tasks:", *chain, "  t3000: a"])).tasks) == 3_001
    error = refused("\n".join(["tasks:", *chain, "  t3000: {prompt: a, needs: t0}"]))
    assert "t0 -> t1 -> t2" in str(error)
    assert "... -> t3000 -> t0" in str(error)
    assert len(str(error)) < 400


def test_a_condition_that_is_no_sentence_of_a_person_is_refused_at_once() -> None:
    error = refused(f"tasks: {{a: A., b: {{prompt: B., needs: a, when: 'a{' ' * 100_000}b'}}}}")
    assert "which is no comparison and no name" in str(error)
