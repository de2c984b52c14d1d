"""The command is killed while its agents use tools, and goes on: nothing is done twice that must not be, no file is half written."""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import anyio
import pytest

from events.types.tool import ApprovalAsked, ApprovalGiven, SandboxProbed, ToolStarted
from events.types.tree import ChangesApplied
from swarm.tools.tree import Change, Held, digest_of, held_of
from tests.acceptance import effects_server
from tests.acceptance.tool_runs import TASK, Place, Worker, a_place, check_whole
from tests.provider import provider_thread

EDIT = ("edit", {"path": "a.py", "old": "1", "new": "2"})
AGAIN = ("edit", {"path": "a.py", "old": "2", "new": "3"})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_place(tmp_path)


def with_tools(place: Place, words: str) -> str:
    """Have the task use others, and return its text."""
    text = TASK.replace("look, edit", words)
    (place.project / "task.yaml").write_text(text)
    return text


def sleeping(mark: str) -> list[int]:
    """The processes of the machine that have a word on their command line."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if words.startswith(b"sleep\0" + mark.encode()):
            found.append(int(folder.name))
    return found


async def until(mark: str, *, there: bool) -> None:
    """Wait until a command's process is there, or is gone: nothing tells of it."""
    with anyio.fail_after(30):
        while bool(sleeping(mark)) is not there:  # noqa: ASYNC110
            await anyio.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc to see processes in")
async def test_a_command_that_was_running_ends_with_the_process_and_is_run_again(place: Place) -> None:
    mark = f"4321.{place.project.stat().st_ino}"
    task = with_tools(place, "edit, run")
    command = f"echo x >> b.txt; sleep {mark}; true"
    with provider_thread(Worker([EDIT], [("run", {"command": command})], [AGAIN], "Done.")) as provider:
        with place.started(*place.words(provider)) as process:
            await place.until(lambda event: isinstance(event, ToolStarted) and event.tool == "run")
            probed = [each.event for each in await place.entries() if isinstance(each.event, SandboxProbed)]
            if probed[0].backend != "bubblewrap":
                pytest.skip("bubblewrap does not run here: what a command started outlives a kill -9")
            await until(mark, there=True)
            process.kill()
            assert process.wait() == -9
        await until(mark, there=False)
        with place.started("resume") as process:
            await until(mark, there=True)
            for pid in sleeping(mark):  # it is run again
                os.kill(pid, signal.SIGTERM)
            _, told = process.communicate(timeout=50)
        assert process.returncode == 0, told
        assert place.files() == {"task.yaml": task, "a.py": "x = 3\n", "b.txt": "x\n"}, (
            "the copy was brought back before"
        )
        await check_whole(place, provider)


def tree_with(a: str, b: str = "") -> str:
    """The digest of a copy in which these files differ from the project."""
    held = {"a.py": a, "b.txt": b} if b else {"a.py": a}
    states = {path: held_of("file", text.encode(), redact=str, key=b"") for path, text in held.items()}
    return digest_of(Change(path, Held(), state) for path, state in states.items())


async def test_what_changed_the_copy_alone_is_done_again_from_the_state_before_it(place: Place) -> None:
    with provider_thread(Worker([EDIT, ("write", {"path": "b.txt", "text": "x\n"})], [AGAIN], "Done.")) as provider:
        done = place.swarm(*place.words(provider), at=("os.rename+", "b.txt", 1))  # it is written, and recorded nowhere
        assert done.returncode == -9, done.stderr
        assert [use.tool for use in await place.uses()] == ["edit"]
        done = place.swarm("resume")
        assert done.returncode == 0, done.stderr
        assert len(provider.requests) == 3
        assert [use.tree for use in await place.uses()] == [
            tree_with(a="x = 2\n"),
            tree_with(a="x = 2\n", b="x\n"),
            tree_with(a="x = 3\n", b="x\n"),
        ]
        assert place.files() == {"task.yaml": TASK, "a.py": "x = 3\n", "b.txt": "x\n"}
        await check_whole(place, provider)


@pytest.mark.skipif(find_spec("mcp") is None, reason="the package mcp is not installed")
async def test_what_reached_the_world_is_asked_about_and_not_done_again_by_itself(place: Place, tmp_path: Path) -> None:
    place.settings('[tools]\napprove = [{ tool = "e__*", action = "allow" }]\n')
    posted, task = tmp_path / "posted", with_tools(place, "edit, mcp")
    server = {"command": sys.executable, "args": ["-S", str(Path(effects_server.__file__)), str(posted)]}
    (place.home / ".config" / "swarm" / "mcp.json").write_text(json.dumps({"mcpServers": {"e": server}}))
    with provider_thread(Worker([EDIT], [("e__post", {})], [AGAIN], "Done.")) as provider:
        with place.started(*place.words(provider)) as process:
            with anyio.fail_after(40):
                while not posted.exists():  # noqa: ASYNC110
                    await anyio.sleep(0.01)
            process.kill()
            assert process.wait() == -9
        done = place.swarm("resume")
        assert done.returncode == 5, done.stderr
        assert "e__post was being used when the process ended, and nobody knows whether it was done" in done.stderr
        assert posted.read_text() == "posted\n"
        assert (place.project / "a.py").read_text() == "x = 1\n"
        done = place.swarm("resume", "--yes")
        assert done.returncode == 0, done.stderr
        assert posted.read_text() == "posted\nposted\n"
        assert place.files() == {"task.yaml": task, "a.py": "x = 3\n"}
        await check_whole(place, provider)


async def test_a_question_that_waited_waits_again_and_one_word_is_enough(place: Place) -> None:
    place.settings('[tools]\nheadless = "wait"\napprove = [{ tool = "write", action = "ask" }]\n')
    with provider_thread(Worker([EDIT], [("write", {"path": "b.txt", "text": "x\n"})], "Done.")) as provider:
        with place.started(*place.words(provider)) as process:
            await place.until(lambda event: isinstance(event, ApprovalAsked))
            process.kill()
            assert process.wait() == -9
        said = place.swarm("approve", "--yes", "s1/fix")
        assert said.returncode == 0, said.stderr
        done = place.swarm("resume")
        assert done.returncode == 0, done.stderr
        kinds = [type(entry.event) for entry in await place.entries()]
        assert (kinds.count(ApprovalAsked), kinds.count(ApprovalGiven)) == (1, 1)
        assert place.files() == {"task.yaml": TASK, "a.py": "x = 2\n", "b.txt": "x\n"}
        await check_whole(place, provider)


async def test_a_delivery_that_was_cut_off_is_brought_to_its_end(place: Place) -> None:
    writes = [("write", {"path": name, "text": f"{name}\n"}) for name in ("b.txt", "c.txt", "d.txt")]
    with provider_thread(Worker([EDIT, *writes], "Done.")) as provider:
        done = place.swarm(*place.words(provider), at=("os.rename", f"'{place.project}/c.txt", 1))
        assert done.returncode == -9, done.stderr
        left = place.files()
        assert (left["a.py"], left["b.txt"], "c.txt" in left) == ("x = 2\n", "b.txt\n", False)
        assert len(place.copies()) == 1
        done = place.swarm("resume")
        assert done.returncode == 0, done.stderr
        assert place.copies() == [], "it needed none itself, and removed what the kill had left"
        assert len(provider.requests) == 2
        texts = {f"{name}.txt": f"{name}.txt\n" for name in "bcd"}
        assert place.files() == {"task.yaml": TASK, "a.py": "x = 2\n", **texts}
        assert sum(isinstance(entry.event, ChangesApplied) for entry in await place.entries()) == 1
        await check_whole(place, provider)
