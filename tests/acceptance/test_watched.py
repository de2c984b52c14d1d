"""`--watch`: a run in a process of its own, with the live view in front of it."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import AbstractContextManager
from pathlib import Path

import anyio
import pytest

from events.log import open_log
from events.views.base import fold
from events.views.sessions import SessionsView
from swarm.results import Result, read_result
from tests.acceptance.processes import Held, environment
from tests.acceptance.test_approvals import ASKING, FIX, mending, settings
from tests.acceptance.test_detach import LOG, ended, pid_of
from tests.provider import provider_thread
from tests.team import play, swarm
from tests.terminal import Terminal, terminal

TASK = "prompt: Write a line about ants.\ncheck: {contains: draft}\n"
HARD = "prompt: Write a line about ants.\ncheck: {contains: whale}\nlimits: {attempts: 1}\n"
LEFT = "\x1b[?1049l"  # the terminal's own screen is back


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "task.yaml").write_text(TASK)
    (tmp_path / "hard.yaml").write_text(HARD)
    return tmp_path


def watching(folder: Path, *words: str) -> AbstractContextManager[Terminal]:
    return terminal(*words, cwd=folder, env=environment(folder))


def behind_the_view(screen: Terminal) -> str:
    """What was written once the view was left."""
    said = screen.shown.decode().rpartition(LEFT)[2].replace("\r\n", "\n")
    return re.sub(r"\x1b\[[<0-9;?]*[A-Za-z]", "", said)


def test_a_run_that_ends_while_it_is_watched_tells_its_result_and_ends_with_its_own_code(folder: Path) -> None:
    with provider_thread(play) as provider:
        with watching(folder, "run", "--watch", "task.yaml", "--endpoint", provider.url, "--report", "r.md") as screen:
            screen.wait_for("✔ finished")
            screen.press("q")
            assert screen.end() == 0
        said = behind_the_view(screen)
        assert "A draft, number" in said and "s1: 1 of 1 accepted" in said and "the report is in r.md" in said
        with watching(folder, "run", "--watch", "--json", "hard.yaml", "--endpoint", provider.url) as screen:
            screen.wait_for("✔ finished")
            screen.press("q")
            assert screen.end() == 1
    document = json.loads(next(line for line in behind_the_view(screen).splitlines() if line.startswith("{")))
    assert (document["schema"], document["session"], document["exit_code"]) == ("swarm.run/1", "s2", 1)

    async def read() -> Result:
        async with open_log(folder / LOG, read_only=True) as log:
            return await read_result(log, (await fold(log, SessionsView())).sessions[2])

    assert [task.reason for task in anyio.run(read).tasks] == [document["tasks"][0]["reason"]]


@pytest.mark.parametrize("key", ["q", "\x03"])
def test_who_leaves_the_view_leaves_the_run_to_itself_and_is_told_how_to_see_and_to_end_it(
    folder: Path, key: str
) -> None:
    held = Held()
    with provider_thread(held) as provider:
        with watching(folder, "run", "--watch", "task.yaml", "--endpoint", provider.url) as screen:
            screen.wait_for("● live")
            assert held.arrived.wait(20)
            screen.press(key)
            assert screen.end() == 0
        said = behind_the_view(screen)
        assert "s1 goes on in the background as process" in said
        assert "swarm watch s1" in said and "swarm cancel s1" in said
        held.release()
        assert ended(pid_of(said), folder / LOG).exit_code == 0


def test_a_run_that_is_killed_while_it_is_watched_says_how_to_go_on_and_resume_watches_it(folder: Path) -> None:
    held = Held()
    with provider_thread(held) as provider:
        words = ("--endpoint", provider.url, "--model", "m")
        with watching(folder, "run", "--watch", "task.yaml", *words) as screen:
            screen.wait_for("● live")
            assert held.arrived.wait(20)
            os.kill(owner(folder), signal.SIGKILL)
            screen.wait_for("orphaned")
            screen.press("q")
            assert screen.end() == 137
        said = re.sub(r"\s+", " ", behind_the_view(screen))
        assert "the run ended with exit code 137 in the midst of s1; go on with `swarm resume s1`" in said
        held.release()
        with watching(folder, "resume", "--watch", *words) as screen:
            screen.wait_for("✔ finished")
            screen.press("q")
            assert screen.end() == 0
    assert "s1: 1 of 1 accepted" in behind_the_view(screen)


def owner(folder: Path) -> int:
    async def read() -> int:
        async with open_log(folder / LOG, read_only=True) as log:
            claim = (await fold(log, SessionsView())).sessions[1].claim
            assert claim is not None
            return claim.pid

    return anyio.run(read)


def test_what_waits_for_a_word_is_answered_in_the_view_and_questions_before_the_start_come_before_it(
    folder: Path,
) -> None:
    (folder / "fix.yaml").write_text(FIX)
    (folder / "a.py").write_text("x = 1\ny = 0\n")
    settings(folder, ASKING)
    with (
        provider_thread(mending) as provider,
        watching(
            folder, "run", "--watch", "fix.yaml", "--endpoint", provider.url, "--model", "m", "--price", "1/2"
        ) as screen,
    ):
        screen.wait_for("The commands of fix.yaml were not confirmed before. Run them?")
        screen.press("y\n")
        screen.wait_for("May they be used?")
        assert LEFT.replace("l", "h").encode() not in screen.shown, "the view is not open yet"
        screen.press("y\n")
        screen.wait_for("press a")
        screen.press("a")
        screen.wait_for("May edit be used")
        screen.press("s")
        screen.wait_for("✔ finished")
        screen.press("q")
        assert screen.end() == 0
    assert (folder / "a.py").read_text() == "x = 2\n\x1b[2Jz = 0\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--watch", "task.yaml"), "--watch needs a terminal to draw on; leave it out, or say `--detach`"),
        (("resume", "--watch"), "--watch needs a terminal to draw on"),
        (("run", "--watch", "--detach", "task.yaml"), "--detach and --watch exclude each other"),
        (("run", "--watch", "--dry-run", "task.yaml"), "--dry-run and --watch exclude each other"),
    ],
)
def test_where_nothing_can_be_drawn_or_two_ways_are_named_it_is_refused(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    done = swarm(*words, home=folder, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (folder / LOG).exists()
