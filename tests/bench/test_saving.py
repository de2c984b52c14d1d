"""The workload that costs the verdict what was compressed away: its reader, its bill, its tasks, and its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import saving
from bench.assignment import Assignment
from bench.billing import BLOCK, LEAST_CACHED, STEP, Billed, Meter
from bench.examples import LEVELS, MIX
from bench.facts import Fact, Prompt, Row, Span, Times, missing, present
from bench.outcomes import FOLDER
from bench.reader import Part, Reader, Use
from bench.saving import OFF, Column, Outcome, assignments, changes, columns, done, figures, some_of
from events.log import open_log
from events.views.base import fold
from events.views.cost import CostView
from swarm.choice.complexity import classify
from swarm.compress.compress import compress
from swarm.taskfile.read import load_task_file, parse_task_file
from swarm.text.count import count

ROWS = [{"id": "A7", "city": "Oslo", "total": 93}, {"id": "A8", "city": "Graz", "total": 9}]
WANTED = Row((("id", "A7"), ("total", "93")))


@pytest.fixture(autouse=True)
def without_public_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)


@pytest.fixture(scope="module")
def work() -> list[Assignment]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(FOLDER, raising=False)
        return assignments()


def words_counted(text: str) -> int:
    return len(text.split())


def request(system: str, *said: str, tools: tuple[str, ...] = (), results: tuple[str, ...] = ()) -> dict[str, Any]:
    messages = [{"role": "system", "content": system}, *({"role": "user", "content": each} for each in said)]
    messages += [{"role": "tool", "tool_call_id": "c", "content": each} for each in results]
    offered = [{"type": "function", "function": {"name": each, "parameters": PARAMETERS[each]}} for each in tools]
    return {"messages": messages, "max_tokens": 500, **({"tools": offered} if tools else {})}


PARAMETERS: dict[str, dict[str, Any]] = {
    "read": {"properties": {"path": {}}},
    "read_output": {"properties": {"handle": {}, "search": {}}},
}


def answered(reader: Reader, asked: dict[str, Any]) -> dict[str, Any]:
    body = reader(json.dumps(asked).encode()).split(b"\r\n\r\n", 1)[1]
    message: dict[str, Any] = json.loads(body)["choices"][0]["message"]
    return message


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "id,city,total\nA7,Oslo,93\nA8,Graz,9",
        "| id | city | total |\n|---|---|---|\n| A8 | Graz | 9 |\n| A7 | Oslo | 93 |",
        "total|id\n93|A7",
        "{id: A7, total: 93}",
        compress(json.dumps(ROWS * 9, indent=2), limit=200, count=count).text,
    ],
)
def test_a_row_is_present_in_whatever_form_its_values_stand_beside_their_names(text: str) -> None:
    assert present(WANTED, Prompt(text))


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": "A7", "total": 930}]',
        '[{"id": "A7"}, {"total": 93}]',
        "id,total\nA7,9\nA8,93",
        "id,city\nA7,93",
        "A7 has 93",
    ],
)
def test_a_row_is_not_present_where_its_value_is_another_or_of_another_row(text: str) -> None:
    assert not present(WANTED, Prompt(text))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=50), st.lists(st.text("abc \n", min_size=1), min_size=1, max_size=5))
def test_words_are_present_where_they_stand_whatever_white_space_they_are_wrapped_with(
    before: str, words: list[str]
) -> None:
    text = " ".join(words)
    assert present(Span(text), Prompt(f"{before} {text.replace(' ', chr(10))} behind"))


def test_a_line_that_was_folded_is_present_so_often_as_is_said_beside_it() -> None:
    fact = Times("link down", 3)
    assert present(fact, Prompt("link down\nlink down\nlink down"))
    assert present(fact, Prompt("link down (x3)")) and present(fact, Prompt("3 times: link down"))
    assert not present(fact, Prompt("link down (x13)")) and not present(fact, Prompt("link down\nx3"))


def test_the_reader_answers_right_exactly_where_all_that_it_needs_stands_in_the_request() -> None:
    reader = Reader(Meter(words_counted))
    reader.start([Part("Who leads?", "Ada", (Span("led by Ada"), Span("since May")))])
    assert "Answer: Ada." in answered(reader, request("You work.", "Who leads? It is led by\nAda since May"))["content"]
    for text in ("Who leads? led by Ada", "led by Ada since May", "Who leads? Ada led since May"):
        assert "Answer: unknown." in answered(reader, request("You work.", text))["content"]
    assert [each.lacked for each in reader.said] == [0, 1, 1, 1]


def test_the_judge_passes_the_right_answer_and_no_other() -> None:
    reader = Reader(Meter(words_counted))
    reader.start([Part("Who leads?", "Ada")])
    for draft, verdict in (
        ("Answer: Ada.", "pass"),
        ("Answer: Bob.", "fail"),
        ("Answer: Adam.", "fail"),
        ("Answer: unknown.", "fail"),
    ):
        said = answered(reader, request('{"verdict": ...}', f"Who leads?\n# Draft\n{draft}"))
        assert json.loads(said["content"])["verdict"] == verdict


def test_the_reader_fetches_what_it_lacks_by_the_handle_that_it_was_told_and_notes_what_it_found() -> None:
    line = Span("TIMEOUT = 7")
    part = Part("Which time-out?", "7", (line,), (Use("read", {"path": "a.py"}, learns=(line,)),))
    reader = Reader(Meter(words_counted))
    reader.start([part])
    tools = ("read", "read_output")
    first = answered(reader, request("You work.", part.asks, tools=tools))
    assert first["tool_calls"][0]["function"] == {"name": "read", "arguments": '{"path": "a.py"}'}
    cut = "[40 lines left out; `read_output` with handle=ab12 from=3 gives them]"
    second = answered(reader, request("You work.", part.asks, tools=tools, results=(cut,)))
    called = second["tool_calls"][0]["function"]
    assert (called["name"], json.loads(called["arguments"])) == (
        "read_output",
        {"handle": "ab12", "search": "TIMEOUT = 7"},
    )
    last = answered(reader, request("You work.", part.asks, tools=tools, results=(cut, "9: TIMEOUT = 7")))
    assert "Answer: 7." in last["content"]


def test_the_reader_gives_up_looking_where_nothing_brings_what_it_lacks() -> None:
    line = Span("TIMEOUT = 7")
    reader = Reader(Meter(words_counted))
    reader.start([Part("Which?", "7", (line,), (Use("read", {"path": "a.py"}, learns=(line,)),))])
    asked = request("You work.", "Which?", tools=("read",), results=("nothing",))
    said = [answered(reader, asked) for _ in range(3)]
    assert ["tool_calls" in each for each in said] == [True, True, False]
    assert "Answer: unknown." in said[-1]["content"]


def test_the_reader_keeps_to_the_words_that_it_is_told() -> None:
    reader = Reader(Meter(words_counted))
    reader.start([Part("Who?", "Ada")])
    assert len(answered(reader, request("At work.", "Who?"))["content"].split()) == 90
    assert len(answered(reader, request("Your answer has at most 25 words.", "Who?"))["content"].split()) == 25
    beside = request("Code is as long as it has to be; what stands beside it has at most 9 words.", "Who?")
    assert len(answered(reader, beside)["content"].split()) == 90


def test_an_exact_answer_is_given_again_for_nothing_however_long_it_may_be() -> None:
    reader = Reader(Meter(words_counted), exact=True)
    reader.start([Part("Who?", "Ada")])
    first = answered(reader, request("At work.", "Who?"))
    assert answered(reader, request("At work.", "Who?") | {"max_tokens": 400}) == first
    assert [each.billed.tokens > 0 for each in reader.said] == [True, False]
    reader.start([Part("Who?", "Bob")], "another project")
    assert "Bob" in answered(reader, request("At work.", "Who?"))["content"]


@settings(max_examples=40, deadline=None)
@given(same=st.integers(0, 40), more=st.integers(0, 40))
def test_of_a_prompt_that_begins_as_one_before_it_the_equal_blocks_are_cached(same: int, more: int) -> None:
    meter = Meter(len)
    head = "".join(f"{number:0{BLOCK}}" for number in range(same))
    tail = "".join(f"{number:x>{BLOCK}}" for number in range(more))
    meter.bill({"messages": [{"role": "user", "content": f"{head}{tail}"}]}, "")
    billed = meter.bill({"messages": [{"role": "user", "content": f"{head}{tail.upper()}"}]}, "")
    assert billed.cached % STEP == 0 and (billed.cached == 0 or billed.cached >= LEAST_CACHED)
    equal = same + more if tail.upper() == tail else same
    assert billed.cached <= (equal + 1) * BLOCK
    if equal * BLOCK >= LEAST_CACHED + BLOCK:
        assert billed.cached >= (equal - 1) * BLOCK


def test_the_explorer_names_of_a_steps_inputs_those_that_it_was_shown_where_it_is_asked_for_them() -> None:
    steps = (Part("First a.", "A", reads=("a.md",)), Part("Then b.", "B", (Span("bee"),), reads=("b.md",)))
    reader = Reader(Meter(words_counted))
    reader.start([Part("Do both.", "B", steps=steps)])
    shown = "Do both.\na.md:\n<<<\nx\n>>>"
    for asked, needs in (("", [None, None]), (' and "needs"', [["a.md"], []])):
        plan = json.loads(answered(reader, request('{"steps": ...}', shown + asked))["content"])
        assert [each["instruction"] for each in plan["steps"]] == ["First a.", "Then b."]
        assert [each.get("needs") for each in plan["steps"]] == needs
    step = request("You work.", "# Task\nDo both.\n\n# Your step, 2 of 2: it\nThen b.\nbee")
    assert "Answer: B." in answered(reader, step)["content"]
    assert {each.asks for each in reader.said} == {"Do both."}, "a step counts as its task"


def test_the_workload_has_at_least_sixty_tasks_of_many_kinds_each_named_once(work: list[Assignment]) -> None:
    tasks = [task for each in work for task in parse_task_file(each.task_file(), Path("tasks.yaml")).tasks]
    assert len(tasks) >= 60 and len({each.kind for each in work}) >= 12
    assert len({each.name for each in work}) == len(work)
    assert all(len(each.parts) == len(each.tasks) for each in work)
    assert work[0].task_file(0.4) != work[0].task_file()
    assert all("max_tokens" in each.task_file(0.4) for each in work if each.kind in ("documents", "tables", "code"))


def test_what_is_needed_stands_in_the_files_of_each_assignment_and_not_in_its_prompt(
    work: list[Assignment],
) -> None:
    for each in work:
        files, earlier = Prompt("\n".join(each.files.values())), list[str]()
        for part, task in zip(each.parts, each.tasks.values(), strict=True):
            given_ = Prompt("\n".join([files.text, *earlier]))
            known: tuple[Fact, ...] = part.facts if each.kind != "repairs" else ()  # what a test says is no file
            assert not missing(known, given_), (each.name, part.asks)
            assert not part.facts or missing(part.facts, Prompt(task["prompt"])), each.name
            assert present(Span(part.asks), Prompt(task["prompt"])), each.name
            earlier.append(part.answer)


def test_the_levels_of_the_coding_mix_are_those_that_the_program_sees() -> None:
    file = load_task_file(Path("examples/coding/mix.yaml"))
    seen = [classify(task.prompt, input_size=0, checks=1, accept=()).level for task in file.tasks]
    assert tuple(seen) == LEVELS
    assert [LEVELS.count(level) * 5 / 10 for level in MIX] == [5, 3, 2]


async def test_a_repository_is_mended_with_tools_and_the_conversation_is_cached(
    work: list[Assignment], tmp_path: Path
) -> None:
    (mended,) = await done(Column(OFF), [each for each in work if each.name == "repair-1"], tmp_path)
    assert (mended.status, mended.calls, mended.unknown) == ("accepted", 6, 0)
    assert mended.billed.cached > mended.billed.input / 2


async def test_the_work_is_done_by_the_program_and_what_is_cut_away_costs_the_verdict(
    work: list[Assignment], tmp_path: Path
) -> None:
    chosen = [each for each in work if each.name in ("document-0", "table-1", "steps-1", "same-document-0")]
    outcomes: dict[str, list[Outcome]] = {}
    for column in (Column(OFF), Column("again"), Column("cut", kept=0.1, exact=True)):
        (tmp_path / column.name).mkdir()
        outcomes[column.name] = await done(column, chosen, tmp_path / column.name)
    assert [each.status for each in outcomes[OFF]] == ["accepted"] * 6
    assert outcomes[OFF] == outcomes["again"], "the same work comes to the same figures"
    before, after = outcomes[OFF][1], outcomes["cut"][1]
    assert after.status == "failed" and after.unknown == 2 and before.unknown == 0
    assert "table-1" in changes(outcomes["cut"], outcomes[OFF])["accepted -> failed"]
    async with open_log(tmp_path / OFF / "log.db", read_only=True) as log:
        total = (await fold(log, CostView())).total()
    billed = sum((each.billed for each in outcomes[OFF]), Billed())
    assert (total.input_tokens, total.cached_tokens, total.output_tokens) == (
        billed.input,
        billed.cached,
        billed.output,
    )
    rows = {row.what: row for row in figures(outcomes)}
    assert rows["off: accepted, of 6 tasks"].value == 6
    assert rows["cut: verdicts that are others"].value > 0


def test_there_is_a_column_with_everything_off_and_careful_ones_beside_it(work: list[Assignment]) -> None:
    names = [column.name for column in columns()]
    assert names[:4] == ["off", "exact", "truncated", "relevant"]
    assert {each.kind for each in some_of(work, 1)} == {each.kind for each in work}


def test_each_preset_is_a_column() -> None:
    found = {column.name: column.settings for column in columns()}
    assert found["off"] == found["exact"] == {"tokens.preset": "off"}
    assert {"observe", "minimal", "standard", "aggressive", "adaptive"} <= found.keys()
    assert found["standard"] == {"tokens.preset": "standard"}


def test_the_bench_prints_a_document_and_names_columns_that_there_are(
    work: list[Assignment], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(saving, "assignments", lambda: work[:1])
    monkeypatch.setattr("sys.argv", ["bench.saving", "--json", "--columns", "exact"])
    saving.main()
    out, told = capsys.readouterr()
    document = json.loads(out)
    assert document["figures"][0]["what"] == "off: accepted, of 1 tasks" and "made-up ones are taken" in told
    monkeypatch.setattr("sys.argv", ["bench.saving", "--columns", "minimum"])
    with pytest.raises(SystemExit):
        saving.main()
    assert "'minimum' is no column; there are off, exact" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["bench.saving", "--rounds", "2"])
    with pytest.raises(SystemExit):
        saving.main()
    assert "leave --rounds out" in capsys.readouterr().err
