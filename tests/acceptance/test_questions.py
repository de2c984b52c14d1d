"""A person answers what an agent asks, as the installed command takes it down: at the terminal, and from another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.bus import next_entries
from events.log import open_log
from events.views.questions import Question, QuestionsView
from swarm.messages import ToolCall
from tests.acceptance.processes import environment, running, until_recorded
from tests.provider import Answer, provider_thread
from tests.team import swarm
from tests.terminal import terminal

PAINT = "tasks:\n- id: paint\n  prompt: Paint the door\n  tools: [ask]\n  check: [{contains: green}]\n"


def painting(body: Mapping[str, Any]) -> Answer:
    """A worker that asks which colour, and says what it was told."""
    said = [message["content"] for message in body["messages"] if message["role"] == "tool"]
    if said:
        return Answer(f"The door is {said[0]} now.")
    arguments = json.dumps({"question": "Which colour?\n\x1b[2J", "options": ["blue", "green"]})
    return Answer("", calls=[ToolCall("c1", "ask_human", arguments)])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "paint.yaml").write_text(PAINT)
    return tmp_path


def run_words(url: str) -> tuple[str, ...]:
    return ("run", "paint.yaml", "--endpoint", url, "--model", "m")


def until_it_asks(home: Path) -> Question:
    async def wait() -> Question:
        async with open_log(home / ".local/share/swarm/log.db") as log:
            view, position = QuestionsView(), 0
            while not view.waiting:
                for entry in await next_entries(log, position):
                    view.apply(entry)
                    position = entry.position
            return next(iter(view.waiting.values()))

    return anyio.run(wait)


def test_at_a_terminal_the_question_is_shown_with_its_options_and_a_number_is_an_answer(home: Path) -> None:
    with (
        provider_thread(painting) as provider,
        terminal(*run_words(provider.url), cwd=home, env=environment(home)) as screen,
    ):
        screen.wait_for("let it decide):")
        screen.press("2\n")
        assert screen.end() == 0
    assert "s1/paint asks you:\n  | Which colour?" in screen.text
    assert "  | 1. blue\n  | 2. green\n" in screen.text
    assert b"\x1b[2J" not in screen.shown
    assert "The door is green now." in screen.text


def test_another_process_sees_who_asks_and_answers(home: Path) -> None:
    (home / ".config/swarm").mkdir(parents=True)
    (home / ".config/swarm/config.toml").write_text('[tools]\nheadless = "wait"\n')
    with provider_thread(painting) as provider, running(*run_words(provider.url), home=home) as process:
        asked = until_it_asks(home)
        (listed,) = json.loads(swarm("answer", "--list", "--json", home=home, cwd=home).stdout)["waiting"]
        assert (listed["task"], listed["options"], listed["position"]) == (
            "s1/paint",
            ["blue", "green"],
            asked.position,
        )
        assert "running, asks" in swarm("ps", home=home, cwd=home).stdout
        assert "`swarm answer --list`" in swarm("status", home=home, cwd=home).stdout
        told = swarm("answer", "s1", "a dark green", home=home, cwd=home)
        assert told.returncode == 0 and told.stderr.endswith("s1/paint is told: a dark green\n"), told.stderr
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    assert "The door is a dark green now." in out


def test_in_the_live_view_an_option_is_chosen_by_its_number(home: Path) -> None:
    (home / ".config/swarm").mkdir(parents=True)
    (home / ".config/swarm/config.toml").write_text('[tools]\nheadless = "fail"\n')
    with provider_thread(painting) as provider:
        assert swarm(*run_words(provider.url), home=home, cwd=home).returncode == 5
        with terminal("watch", cwd=home, env=environment(home)) as screen:
            screen.wait_for("1 waits for you: press a")
            screen.press("a")
            screen.wait_for("2. green")
            screen.press("2\r")
            until_recorded(home, "question.answered")  # what is told is drawn letter by letter, over what stood there
            screen.press("q")
            assert screen.end() == 0
        done = swarm("resume", "s1", home=home, cwd=home)
    assert done.returncode == 0 and "The door is green now." in done.stdout
