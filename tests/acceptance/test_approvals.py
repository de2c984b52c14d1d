"""A person's word on what a model wants to do, as the installed command takes it: at the terminal, and from another one."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.bus import next_entries, read_all
from events.log import open_log
from events.views.approvals import ApprovalsView, Asked
from swarm.messages import ToolCall
from tests.acceptance.processes import environment, running, until_recorded
from tests.provider import Answer, Provider, provider_thread
from tests.running import PASS, role_of
from tests.team import swarm
from tests.terminal import Terminal, terminal

FIX = "tasks:\n- id: fix\n  prompt: Mend a.py\n  tools: [look, edit]\n  changes: apply\n  check: [{run: 'true'}]\n"
ASKING = '[tools]\napprove = [{ tool = "edit", action = "ask" }]\n'


def mending(body: Mapping[str, Any]) -> Answer:
    """A worker that changes two places of a file, one after the other, and says what it was told."""
    if role_of(body) != "worker":
        return Answer(PASS)
    said = [message["content"] for message in body["messages"] if message["role"] == "tool"]
    if len(said) == 2:
        return Answer("Done: " + " / ".join(said))
    old, new = (("1", "2"), ("y", "\x1b[2Jz"))[len(said)]
    arguments = json.dumps({"path": "a.py", "old": old, "new": new})
    return Answer("", calls=[ToolCall(f"c{len(said)}", "edit", arguments)])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "fix.yaml").write_text(FIX)
    (tmp_path / "a.py").write_text("x = 1\ny = 1\n".replace("y = 1", "y = 0"))
    settings(tmp_path, ASKING)
    return tmp_path


def settings(home: Path, text: str) -> None:
    (home / ".config/swarm").mkdir(parents=True, exist_ok=True)
    (home / ".config/swarm/config.toml").write_text(text)


def at_a_terminal(home: Path, provider: Provider) -> AbstractContextManager[Terminal]:
    return terminal(*run_words(provider.url), cwd=home, env=environment(home))


def run_words(url: str) -> tuple[str, ...]:
    return ("run", "fix.yaml", "--endpoint", url, "--model", "m", "--trust")


async def _asked(home: Path, but: int) -> Asked:
    async with open_log(home / ".local/share/swarm/log.db") as log:
        view, position = ApprovalsView(), 0
        while not (found := [asked for asked in view.waiting.values() if asked.position != but]):
            for entry in await next_entries(log, position):
                view.apply(entry)
                position = entry.position
        return found[0]


def until_it_asks(home: Path, *, but: int = 0) -> Asked:
    """Wait for a question in the log of a home, other than the one at a position."""
    return anyio.run(_asked, home, but)


def kinds(home: Path) -> list[str]:
    """The events of tools and approvals in the log, as they stand there."""

    async def read() -> list[str]:
        async with open_log(home / ".local/share/swarm/log.db", read_only=True) as log:
            return [entry.kind async for page in read_all(log) for entry in page]

    return [kind for kind in anyio.run(read) if kind.startswith(("approval.", "tool."))]


def test_a_person_at_the_terminal_sees_what_is_wanted_and_allows_it_for_the_session(home: Path) -> None:
    with provider_thread(mending) as provider, at_a_terminal(home, provider) as screen:
        screen.wait_for("s1/fix waits for your word")
        screen.wait_for("n WHY for no:")
        screen.press("what\n")
        screen.wait_for("that is none of y, s, p and n")
        screen.press("s\n")
        assert screen.end() == 0
    assert "May edit be used: a.py" in screen.text
    assert '  |  "old": "1",' in screen.text
    assert "edit of the same path" in screen.text
    assert screen.text.count("waits for your word") == 1
    assert (home / "a.py").read_text() == "x = 2\n\x1b[2Jz = 0\n"
    assert kinds(home) == ["approval.asked", "approval.given", *["tool.started", "tool.finished"] * 2]


def test_a_refusal_at_the_terminal_is_told_to_the_model_and_control_characters_are_shown_as_signs(home: Path) -> None:
    with provider_thread(mending) as provider, at_a_terminal(home, provider) as screen:
        screen.wait_for("n WHY for no:")
        screen.press("n not this one\n")
        screen.wait_for('"old": "y"')
        screen.press("\n")
        assert screen.end() == 0
    assert "refused it: not this one" in screen.text
    assert "\\u001b[2Jz" in screen.text and b"\x1b[2Jz" not in screen.shown
    assert (home / "a.py").read_text() == "x = 1\ny = 0\n"


def test_another_process_allows_one_use_and_refuses_the_next_while_the_first_waits(home: Path) -> None:
    settings(home, ASKING + 'headless = "wait"\n')
    with provider_thread(mending) as provider, running(*run_words(provider.url), home=home) as process:
        first = until_it_asks(home)
        assert first.event.rule == f"rule ask edit ({home}/.config/swarm/config.toml:2)"
        listed = json.loads(swarm("approve", "--list", "--json", home=home, cwd=home).stdout)["waiting"]
        assert [(each["task"], each["tool"], each["position"]) for each in listed] == [
            ("s1/fix", "edit", first.position)
        ]
        assert "running, asks" in swarm("ps", home=home, cwd=home).stdout
        assert "`swarm approve --list`" in swarm("status", home=home, cwd=home).stdout
        assert "1 asks you" in swarm("status", "--line", home=home, cwd=home).stdout
        unsure = swarm("approve", home=home, cwd=home)
        assert unsure.returncode == 5 and "say `swarm approve --yes s1/fix`" in unsure.stderr
        done = swarm("approve", "s1/fix", "--yes", home=home, cwd=home)
        assert done.returncode == 0, done.stderr
        assert '  |  "new": "2"' in done.stderr and done.stderr.endswith("s1/fix: edit is allowed\n")
        until_it_asks(home, but=first.position)
        denied = swarm("deny", "--reason", "leave y alone", "--json", home=home, cwd=home)
        assert json.loads(denied.stdout)["said"] == "refused"
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    assert "refused it: leave y alone" in out
    assert (home / "a.py").read_text() == "x = 2\ny = 0\n"
    nothing = swarm("approve", home=home, cwd=home)
    assert (nothing.returncode, nothing.stderr) == (
        2,
        "error: nothing waits for a person's word; `swarm approve --list` shows what does\n",
    )
    assert swarm("approve", "--list", home=home, cwd=home).stderr == "nothing waits for a person's word\n"


def said_in_the_view(home: Path, key: str, *, nth: int = 1, why: str = "") -> Terminal:
    """Open the live view, say a word there with a key, and wait until it is recorded, as the nth."""
    with terminal("watch", cwd=home, env=environment(home)) as screen:
        screen.wait_for("1 waits for you: press a")
        screen.press("a")
        screen.wait_for("y once")
        screen.press(key)
        if why:
            screen.wait_for("why not?")
            screen.press(f"{why}\r")
        until_recorded(
            home, "approval.given", times=nth
        )  # what is told is drawn letter by letter, over what stood there
        screen.press("q")
        assert screen.end() == 0
    return screen


def test_in_the_live_view_a_person_allows_one_use_and_refuses_the_next_with_a_reason(home: Path) -> None:
    settings(home, ASKING + 'headless = "wait"\n')
    with provider_thread(mending) as provider, running(*run_words(provider.url), home=home) as process:
        first = until_it_asks(home)
        shown = said_in_the_view(home, "y")
        assert '"new": "2"' in shown.text
        until_it_asks(home, but=first.position)
        shown = said_in_the_view(home, "w", nth=2, why="leave y alone")
        assert b"\x1b[2Jz" not in shown.shown
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    assert "refused it: leave y alone" in out
    assert (home / "a.py").read_text() == "x = 2\ny = 0\n"


def test_without_anybody_to_ask_the_model_is_told_so_and_a_task_can_be_halted_instead(home: Path) -> None:
    with provider_thread(mending) as provider:
        told = swarm(*run_words(provider.url), home=home, cwd=home)
        assert told.returncode == 0, told.stderr
        assert told.stdout.count("nobody is there to be asked") == 2
        settings(home, ASKING + 'headless = "fail"\n')
        halted = swarm(*run_words(provider.url), home=home, cwd=home)
        assert halted.returncode == 5
        assert "say `swarm approve s2/fix` or `swarm deny s2/fix`, and then `swarm resume s2`" in halted.stderr
        said = swarm("approve", "s2/fix", "--yes", "--project", home=home, cwd=home)
        assert said.returncode == 0 and "for the project: edit of the same path" in said.stderr
        assert said.stderr.endswith("go on with: swarm resume s2\n")
        again = swarm("approve", "s2/fix", "--yes", home=home, cwd=home)
        assert again.returncode == 2 and "nothing waits" in again.stderr
        done = swarm("resume", "s2", home=home, cwd=home)
        assert done.returncode == 0, done.stderr
        assert (home / "a.py").read_text() == "x = 2\n\x1b[2Jz = 0\n", "the word for the project holds for both"


def test_a_question_that_a_killed_run_left_open_is_answered_and_given_back_to_the_resume(home: Path) -> None:
    settings(home, ASKING + 'headless = "wait"\n')
    with provider_thread(mending) as provider:
        with running(*run_words(provider.url), home=home) as process:
            until_it_asks(home)
            process.kill()
            process.wait(30)
        assert "orphaned, asks" in swarm("ps", home=home, cwd=home).stdout
        said = swarm("approve", "--yes", "--session", home=home, cwd=home)
        assert said.returncode == 0 and "go on with: swarm resume s1" in said.stderr
        assert swarm("resume", "s1", home=home, cwd=home).returncode == 0
    assert kinds(home)[:2] == ["approval.asked", "approval.given"]
    assert kinds(home).count("approval.asked") == 1
    assert (home / "a.py").read_text() == "x = 2\n\x1b[2Jz = 0\n"


def test_ctrl_c_at_the_question_ends_the_run_and_leaves_it_open(home: Path) -> None:
    with provider_thread(mending) as provider:
        with at_a_terminal(home, provider) as screen:
            screen.wait_for("n WHY for no:")
            screen.process.send_signal(signal.SIGINT)
            assert screen.end() == 130
        assert until_it_asks(home).name == "s1/fix"
        with terminal("resume", "s1", cwd=home, env=environment(home)) as screen:
            screen.wait_for("n WHY for no:")
            screen.press("s\n")
            assert screen.end() == 0
    assert kinds(home).count("approval.asked") == 1
