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

BROKEN = Path(__file__).parent / "data" / "broken"

# each line is one level deeper than the one above it
ALIASES_DEEP = "\n".join(["a0: &a0 []", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 600))]).encode()

LATER = "is not supported yet"
OUTSIDE = "which leads out of the project"

# file: (line, column, piece of the message, piece of the hint) of each problem, in the order in which they are told
SAID: dict[str, list[tuple[int, int, str, str]]] = {
    "alias-inside-itself": [(4, 21, "'*whole' stands inside of what it stands for", "write out")],
    "billion-laughs": [(6, 8, "more than 200,000 values up to here, aliases filled in", "split it")],
    "budget-ambiguous": [(2, 9, "'5' says neither dollars nor tokens", "write $5 or 5k")],
    "budget-units": [
        (2, 18, "'tokens' of 'budget' of this file: '20kk' is not a number of tokens", "800, 20k or 1.5M"),
        (2, 29, "'0.0000000001' is not an amount in US dollars (at most nine places)", "write it as $0.05"),
        (2, 54, f"'summarise' for 'on_exceed' of 'budget' of this file {LATER}", "known here: fail"),
        (2, 65, f"'session' in 'budget' of this file {LATER}", "use 'tokens'"),
    ],
    "check-two-gates": [
        (
            4,
            5,
            "needs exactly one of run, schema, contains, not_contains, regex, file, and has 'run' and 'contains'",
            "two",
        ),
        (6, 5, "needs exactly one of run, schema, contains, not_contains, regex, file, and has none", "add one"),
    ],
    "check-with-rubric": [
        (3, 5, f"'rubric' in 'check' of this file {LATER}", "write it under 'accept'"),
        (4, 13, "is no regular expression: missing )", "single quotes"),
        (4, 31, "'ignore_case' of 'check' of this file is the text 'yes', but must be true or false", "true or false"),
        (5, 26, "'timeout' of 'check' of this file: 'soon' is not a time", "90s, 10m or 2h"),
        (6, 12, f"'file' of 'check' of this file is '../outside.txt', {OUTSIDE}", "relative to the project's folder"),
    ],
    "colon-in-text": [(1, 17, "a ':' stands inside a text", "put the whole text in quotes, or write '|'")],
    "cycle": [
        (3, 39, "tasks need each other in a circle: b -> c -> d -> b", "take one"),
        (8, 35, "tasks need each other in a circle: alone -> alone", "take one"),
    ],
    "duplicate-key": [(3, 1, "key 'prompt' stands here twice, first in line 1", "keep one")],
    "empty": [(1, 1, "the file is empty", "`prompt: what is to be done`")],
    "escape": [(1, 24, "YAML does not know this escape", "double the backslash")],
    "glob-unquoted": [(2, 8, "a text that starts with '*' or '&' must stand in quotes", "in quotes")],
    "ids": [
        (2, 3, "'Build It' cannot be the id of a task", "such as build-it"),
        (3, 3, "'' cannot be the id of a task", "a-z, 0-9, '_' and '-', up to 64 characters"),
    ],
    "indentation": [(4, 4, "this does not belong to what stands above it", "start in the same column")],
    "input-from": [
        (6, 20, "task 'survey' has no output 'gaps'", "take its result: `from: survey`"),
        (
            6,
            41,
            "'from' of task 'write' is 'survay', which is no task \u2013 did you mean 'survey'?",
            "survey, write, other",
        ),
        (6, 57, "task 'write' takes from 'other', but does not need it", "add to it: `needs: other`"),
        (6, 72, "task 'survey' has no output ''", "take its result: `from: survey`"),
    ],
    "line-without-key": [(2, 1, "this line is neither 'key: value' nor part of a text", "add the ':'")],
    "list-at-top": [(1, 1, "a list stands at the top of the file", "under the key `tasks:`")],
    "list-without-id": [
        (2, 5, "a task in a list needs an 'id'", "{id: a, prompt: what is to be done}"),
        (4, 10, "task 'a' stands here twice, first in line 3", "rename one"),
    ],
    "many-at-once": [
        (1, 10, "'version' of this file is '2', and this swarm reads version 1", "`version: 1`"),
        (5, 5, "unknown key 'budgt' in task 'a' \u2013 did you mean 'budget'?", "keys here: prompt, title, needs"),
        (
            6,
            19,
            "'tiers' of task 'a' is 'chep', which is not known \u2013 did you mean 'cheap'?",
            "local, free, cheap, paid",
        ),
        (7, 21, "'turns' of 'limits' of task 'a' is '1001', which is not from 1 to 1000", "from 1 to 1000"),
        (9, 5, "'prompt' in task 'b' has no value", "give it one"),
        (10, 24, "'attempts' of 'limits' of task 'b' is '21', which is not from 1 to 20", "from 1 to 20"),
        (10, 34, "'time' of 'limits' of task 'b': '1w' is not a time", "90s, 10m or 2h"),
    ],
    "needs-unknown": [
        (5, 13, "task 'test' needs 'biuld', which is no task \u2013 did you mean 'build'?", "tasks here: build, test")
    ],
    "no-prompt": [(1, 1, "this file has no 'prompt'", "`prompt: ...`")],
    "not-supported": [
        (1, 1, f"'vars' in this file {LATER}", "write the values themselves"),
        (2, 1, f"'defaults' in this file {LATER}", "write it out in each task"),
        (3, 1, f"'schedule' in this file {LATER}", "from cron"),
        (6, 20, "templates ({{...}}) in 'prompt' of task 'a' are not supported yet", "write the value itself"),
        (7, 5, f"'each' in task 'a' {LATER}", "one task for each item"),
        (8, 5, f"'when' in task 'a' {LATER}", "leave it out"),
        (9, 5, f"'skills' in task 'a' {LATER}", "leave it out"),
        (10, 5, f"'tools' in task 'a' {LATER}", "leave it out"),
        (11, 5, f"'cache' in task 'a' {LATER}", "leave it out"),
        (12, 36, f"'outline' for 'load' of 'input' of task 'a' {LATER}", "known here: full, name"),
        (13, 28, f"'schema' in 'output' of task 'a' {LATER}", "leave it out"),
        (14, 24, f"'count' in 'explorer' of 'roles' of task 'a' {LATER}", "leave it out"),
        (14, 44, f"'budget' in 'worker' of 'roles' of task 'a' {LATER}", "write it in the task itself"),
        (15, 14, f"'warn' in 'budget' of task 'a' {LATER}", "leave it out"),
        (16, 14, f"'parallel' in 'limits' of task 'a' {LATER}", "`concurrency` of a provider in the settings"),
        (17, 5, f"'outputs' in task 'a' {LATER}", "name the result's file under 'output'"),
        (18, 5, f"'start' in task 'a' {LATER}", "'tiers' says which models may take part"),
        (19, 5, f"'priority' in task 'a' {LATER}", "'needs' says what comes first"),
        (20, 5, f"'tags' in task 'a' {LATER}", "leave it out"),
        (22, 5, f"'prompt_file' in task 'b' {LATER}", "write the text under 'prompt'"),
    ],
    "paths": [
        (2, 9, "'input' of this file is '/etc/passwd', a path outside of the project", "relative"),
        (2, 22, f"'input' of this file is 'docs/../../x', {OUTSIDE}", "without '..'"),
        (2, 36, f"'input' of this file is '**/../*.md', {OUTSIDE}", "without '..'"),
        (2, 50, "'input' of this file is '~/notes.md', a path outside of the project", "relative"),
        (3, 9, "'output' of this file is inside of .git", "another folder"),
        (4, 17, f"'schema' of 'check' of this file is '../s.json', {OUTSIDE}", "without '..'"),
    ],
    "quote-open": [(1, 9, "a quote that is opened here is not closed", "close it")],
    "roles-as-list": [
        (2, 8, "'roles' of this file is a list, but must be roles", "`explore: false`"),
        (3, 10, "'explore' of this file is the text 'yes', but must be true or false", "without quotes"),
    ],
    "tab": [(3, 1, "a tab stands where spaces are expected", "use spaces")],
    "tag": [(1, 9, "tags such as 'tag:yaml.org,2002:python/object/apply:o", "quote what starts with '!'")],
    "task-keys-beside-tasks": [(1, 1, "'tiers' stands beside 'tasks', but belongs to one task", "inside of each task")],
    "template-unquoted": [
        (1, 10, "a bracket stands where a key is expected", "templates ({{...}}) are not supported yet")
    ],
    "text-only": [(1, 1, "the file holds a text, but must hold keys with values", "`prompt: what is to be done`")],
    "two-documents": [(2, 1, "a second document starts here", "take out the line '---'")],
    "unclosed-bracket": [(2, 8, "a bracket that is opened here is not closed", "close it")],
    "undefined-alias": [(2, 8, "'*all' stands for an anchor '&all' that is not there", 'quote it: "*all"')],
    "wrong-kinds": [
        (1, 9, "'prompt' of this file is a list, but must be text", "quote it"),
        (2, 7, "'1X' cannot be a name in 'env' of this file", "letters, digits and '_'"),
        (2, 20, "'PATH' of 'env' of this file is a list, but must be text", "quote it"),
        (3, 32, "'required' of 'check' of this file is the text 'true', but must be true or false", "without quotes"),
        (4, 9, "'accept' of this file is empty", "write the text"),
        (5, 9, "'output' of this file is a folder", "name the file"),
        (6, 9, "'budget' of this file caps nothing", "{usd: 0.05}"),
    ],
}


def read(text: str) -> TaskFile:
    return parse_task_file(text, Path("task.yaml"))


def refused(text: str) -> TaskFileInvalid:
    with pytest.raises(TaskFileInvalid) as caught:
        read(text)
    return caught.value


def test_every_broken_file_has_its_line_in_the_table() -> None:
    assert {path.stem for path in BROKEN.glob("*.yaml")} == SAID.keys()


@pytest.mark.parametrize("name", SAID)
def test_a_broken_file_is_refused_with_all_its_problems_their_places_and_what_to_do(name: str) -> None:
    with pytest.raises(TaskFileInvalid) as caught:
        load_task_file(BROKEN / f"{name}.yaml")
    assert caught.value.exit_code == 2
    problems = caught.value.problems
    assert [(problem.line, problem.column) for problem in problems] == [said[:2] for said in SAID[name]]
    for problem, (line, column, message, hint) in zip(problems, SAID[name], strict=True):
        assert message in problem.message
        assert hint in problem.hint
        assert f"error: {BROKEN / name}.yaml:{line}:{column}: {problem.message}" in str(caught.value)


@pytest.mark.parametrize("name", SAID)
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
        (b"prompt: a\ntitle: b\x00c\n", (2, 9), "character U+0000 may not stand in YAML"),
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
