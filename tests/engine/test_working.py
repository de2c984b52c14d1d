"""The work copy of an attempt: in which state a tool finds it, also after one that was ended in the middle."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest

from events.blobs import Pack
from events.log import open_log
from events.testing.builders import planned, submitted
from events.views.base import fold
from events.views.tasks import TaskState, TasksView
from swarm.engine.copies import Copies
from swarm.engine.working import Working
from swarm.journal import Attempt, Recorded
from swarm.owner import Owner
from swarm.tools.base import ToolRefused
from swarm.tools.tree import MOST_FILES, MOST_KEPT, NotRestored
from tests.ledger_agents import a_session

NO_TASKS: Mapping[str, TaskState] = {}


@pytest.fixture
async def owner() -> AsyncGenerator[Owner]:
    async with open_log("memory:") as log:
        owner = await a_session(log)
        pack = Pack(owner.known)
        events = [owner.new(submitted(spec=pack.put("spec")), task="t"), owner.new(planned(), task="t", step=1)]
        await owner.append(events, texts=pack.texts)
        yield owner


@pytest.fixture
async def copies(owner: Owner, tmp_path: Path) -> AsyncGenerator[Copies]:
    (tmp_path / "a.py").write_text("x = 1\n")
    copies = Copies(tmp_path, owner.log, lambda: NO_TASKS, str, lambda: b"key")
    yield copies
    await copies.close()


async def working(owner: Owner, copies: Copies, *, attempt: int = 1) -> Working:
    """The work copy of an attempt that begins with the project as it is."""
    state = (await fold(owner.log, TasksView())).of(owner.session)["t"]
    made = Attempt(owner, state, step=1, attempt=attempt, role="worker", recorded=Recorded())
    return Working(made, "t", copies, (), 0)


async def test_what_a_tool_left_that_was_ended_in_the_middle_is_not_there_for_the_next_attempt(
    owner: Owner, copies: Copies
) -> None:
    first = await working(owner, copies)
    await first.begin_use()
    left = (await first.ready()).copy.path / "half.txt"
    left.write_text("half of it")
    second = await (await working(owner, copies, attempt=2)).ready()
    assert sorted(path.name for path in second.copy.path.iterdir()) == ["a.py"]


async def test_what_a_tool_did_to_its_end_stays_in_the_copy_that_the_next_attempt_goes_on_in(
    owner: Owner, copies: Copies
) -> None:
    first = await working(owner, copies)
    before = await first.begin_use()
    path = (await first.ready()).copy.path
    (path / "a.py").write_text("x = 2\n")
    assert [change.path for change in await first.changed_since(before)] == ["a.py"]
    (path / "a.py").write_text("x = 1\n")
    await first.changed_since(await first.begin_use())
    assert (await (await working(owner, copies, attempt=2)).ready()).copy.path == path


async def test_a_use_that_changes_more_files_than_are_kept_is_taken_back_and_the_model_told_so(
    owner: Owner, copies: Copies
) -> None:
    first = await working(owner, copies)
    before = await first.begin_use()
    (((await first.ready()).copy.path) / "a.py").write_text("x = 2\n")
    await first.changed_since(before)
    before = await first.begin_use()
    path = (await first.ready()).copy.path
    for number in range(MOST_FILES):
        (path / f"{number}.o").touch()
    with pytest.raises(ToolRefused, match=r"2,001 files differ .* All files are as they were before this use"):
        await first.changed_since(before)
    path = (await first.ready()).copy.path
    assert {file.name: file.read_text() for file in path.iterdir()} == {"a.py": "x = 2\n"}
    assert [change.path for change in first.files()] == ["a.py"]


async def test_a_large_file_is_found_again_in_the_copy_before_and_never_taken_for_what_a_check_made_of_it(
    owner: Owner, copies: Copies
) -> None:
    first = await working(owner, copies)
    before = await first.begin_use()
    big = (await first.ready()).copy.path / "big.bin"
    big.write_bytes(b"x" * (MOST_KEPT + 1))
    (change,) = await first.changed_since(before)
    left = await copies.at("t", [change])
    left.is_left = True  # a check ran in it
    anew = await copies.at("t", [change])
    assert anew is not left and not left.copy.path.exists()
    assert (content := copies.content("t", change)) is not None and len(content) == MOST_KEPT + 1
    with (anew.copy.path / "big.bin").open("ab") as file:
        file.write(b"and more")
    assert copies.content("t", change) is None
    anew.is_left = True
    with pytest.raises(NotRestored, match=r"'big\.bin' in the work copy is not kept"):
        await copies.at("t", [change])


async def test_a_copy_that_could_not_be_brought_to_a_state_is_no_beginning_for_another(
    owner: Owner, copies: Copies
) -> None:
    first = await working(owner, copies)
    before = await first.begin_use()
    path = (await first.ready()).copy.path
    (path / "a.py").write_text("x = 2\n")
    (path / "big.bin").write_bytes(b"x" * (MOST_KEPT + 1))
    changes = await first.changed_since(before)
    await copies.drop("t")
    with pytest.raises(NotRestored):
        await copies.at("t", changes)
    again = await copies.at("t", [])
    assert (again.copy.path / "a.py").read_text() == "x = 1\n"
