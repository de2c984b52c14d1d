"""What a session's tasks take from outside, and the delivery of their results."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from events.log import open_log
from swarm.engine.world import open_surroundings
from swarm.task import Check, Input, Output, Task
from swarm.tools.deliver import OutputConflict


async def test_a_delivery_that_has_begun_is_over_when_its_task_is_cancelled(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    text = "word." * 4_000_000
    task = Task(id="t", prompt="Write it.", output=Output(path="long.txt"))
    async with (
        open_log("memory:") as log,
        open_surroundings(root, log, dict, lambda text: text) as surroundings,
        anyio.create_task_group() as tasks,
    ):

        async def cancel_once_it_writes() -> None:
            while not list(root.iterdir()):
                await anyio.lowlevel.checkpoint()
            scope.cancel()

        tasks.start_soon(cancel_once_it_writes)
        with anyio.CancelScope() as scope:
            await surroundings.deliver(task, text, ())
        assert [(file.name, file.stat().st_size) for file in root.iterdir()] == [("long.txt", len(text) + 1)]


SEVERAL = Task(
    id="t",
    prompt="Write both.",
    outputs={"page": Output(path="docs/a.md", format="markdown"), "data": Output(path="out/a.json", format="json")},
)
ANSWER = '{"page": "# A", "data": [1]}'


async def test_several_files_are_delivered_together_or_not_at_all(tmp_path: Path) -> None:
    async with open_log("memory:") as log, open_surroundings(tmp_path, log, dict, str) as surroundings:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "a.json").write_text("somebody else's")
        with pytest.raises(OutputConflict, match=r"'out/a\.json' was made by somebody else"):
            await surroundings.deliver(SEVERAL, ANSWER, ())
        assert not (tmp_path / "docs").exists()
        (tmp_path / "out" / "a.json").unlink()
        for _ in range(2):  # a second delivery is harmless
            written = await surroundings.deliver(SEVERAL, ANSWER, ())
            assert [file.path for file in written] == ["docs/a.md", "out/a.json"]
        assert (tmp_path / "docs" / "a.md").read_text() == "# A\n"
        assert (tmp_path / "out" / "a.json").read_text() == "[\n  1\n]\n"


async def test_a_command_runs_with_the_values_of_the_tasks_templates(tmp_path: Path) -> None:
    task = Task(
        id="t",
        prompt="x",
        env={"MODE": "on {{pkg}}"},
        values={"pkg": "it's; a $(value)"},
        checks=(
            Check(run='test "${SWARM_VAR_pkg}/$MODE/$SWARM_TASK" = "it\'s; a \\$(value)/on it\'s; a \\$(value)/t"'),
        ),
    )
    async with open_log("memory:") as log, open_surroundings(tmp_path, log, dict, str) as surroundings:
        (result,) = await surroundings.checks(task, "x")
        assert result.passed, result


async def test_relevant_parts_fit_the_words_of_the_task(tmp_path: Path) -> None:
    pages = [f"## Page {number}\n\nIt speaks of matter {number}.\n" for number in range(500)]
    (tmp_path / "a.md").write_text("".join(pages))
    task = Task(
        id="t", prompt="What is said of matter 321?", inputs=(Input(files=("a.md",), load="relevant", max_tokens=400),)
    )
    async with open_log("memory:") as log, open_surroundings(tmp_path, log, dict, str) as surroundings:
        (given,) = await surroundings.material(task)
        assert "It speaks of matter 321." in given.text
        assert len(given.text.encode()) <= 400


async def test_the_copy_of_an_items_task_is_gone_when_its_checks_are_done(tmp_path: Path) -> None:
    check = Check(run="pwd; false")
    async with open_log("memory:") as log, open_surroundings(tmp_path, log, dict, str) as surroundings:
        places: dict[str, Path] = {}
        for name in ("write", "write.1"):
            (result,) = await surroundings.checks(Task(id=name, prompt="x", checks=(check,)), "x")
            places[name] = Path(result.said)
        assert (places["write"].is_dir(), places["write.1"].exists()) == (True, False)
        (again,) = await surroundings.checks(Task(id="write.1", prompt="x", checks=(check,)), "x")
        assert not again.passed
    assert not places["write"].exists()
