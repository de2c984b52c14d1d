"""A task that its cap stopped is really continued: by the next process, from what the one before handed over."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

from tests.acceptance.processes import environment, running
from tests.provider import Answer, Provider, provider_thread
from tests.running import PASS, plan_text, role_of
from tests.team import swarm
from tests.terminal import terminal

PLAN = plan_text("Choose the beds", "Choose the plants", "Draw the paths", approach="Beds before plants.")
DRAFTS = {"Choose the beds": "Four beds.", "Choose the plants": "Beans and roses.", "Draw the paths": "Two paths."}
TASKS = """
tasks:
  soil: {{prompt: Say what the soil is, check: {{contains: clay}}}}
  garden: {{prompt: Plan the garden, explore: true, needs: soil, budget: {budget}}}
budget: 200k
"""


class Gardeners:
    """Plans, drafts and judges; each call takes 1,200 tokens. `asked` is who was asked, in order."""

    def __init__(self, rewriting: Answer | None = None) -> None:
        self.rewriting = rewriting
        self.asked: list[tuple[str, str]] = []  # role, and what it was told
        self.arrived = threading.Event()  # the hand-over is being written

    def __call__(self, body: dict[str, Any]) -> Answer:
        role, told = role_of(body), "\n".join(str(each["content"]) for each in body["messages"])
        self.asked.append((role, told))
        if role == "summariser":
            self.arrived.set()
            return self.rewriting or Answer("", status=503)
        text = {"explorer": PLAN, "validator": PASS}.get(role) or self._draft(told)
        said = 400 if role == "validator" else 1_000
        return Answer(text, usage={"prompt_tokens": 1_200 - said, "completion_tokens": said, "total_tokens": 1_200})

    def _draft(self, told: str) -> str:
        return next((text for step, text in DRAFTS.items() if f": {step}" in told), "It is clay.")

    @property
    def roles(self) -> list[str]:
        return [role for role, _ in self.asked]


def write(folder: Path, budget: str) -> None:
    (folder / "garden.yaml").write_text(TASKS.format(budget=budget))


def run(folder: Path, provider: Provider, *words: str) -> int:
    done = swarm("run", "garden.yaml", "--endpoint", provider.url, "--model", "m", *words, home=folder, cwd=folder)
    assert "Traceback" not in done.stderr
    return done.returncode


def shown(folder: Path, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(swarm("show", name, "--json", home=folder, cwd=folder).stdout)
    return told


def is_whole(folder: Path, *sessions: str) -> None:
    """The log is unchanged, and each session comes to the same when it is played again."""
    verified = swarm("verify", home=folder, cwd=folder)
    assert verified.returncode == 0, verified.stderr
    for session in sessions:
        played = swarm("replay", session, "--check", home=folder, cwd=folder)
        assert played.returncode == 0, played.stderr


def test_the_next_run_goes_on_from_the_summary_of_a_task_that_was_halted_in_mid_plan(tmp_path: Path) -> None:
    gardeners = Gardeners()
    write(tmp_path, "5k")
    with provider_thread(gardeners) as provider:
        assert run(tmp_path, provider) == 3
        halted = len(gardeners.asked)
        stopped = shown(tmp_path, "s1/garden")
        assert (stopped["status"], stopped["cause"]) == ("halted", "budget")
        assert [step["stage"] for step in stopped["steps"]] == ["accepted", "planned", "planned"]
        assert "Its text begins: Four beds. (whole: `swarm show s1/garden/1 --text`)" in stopped["summary"]
        assert "Left: step 2, 3 of 3." in stopped["summary"]
        page = swarm("show", "s1/garden", home=tmp_path, cwd=tmp_path).stdout
        assert "Beds before plants." in page
        assert (
            "what it hands over, folded from the log" in swarm("why", "s1/garden", home=tmp_path, cwd=tmp_path).stdout
        )

        write(tmp_path, "60k")
        assert run(tmp_path, provider, "--from", "s1") == 0
        anew = gardeners.asked[halted:]
        assert [role for role, _ in anew] == ["worker", "validator"] * 2, "plan, soil and first step are not paid again"
        assert stopped["summary"] in anew[0][1], "who goes on is told what was handed over"
        assert "Four beds." in anew[0][1]
        assert stopped["summary"] not in anew[2][1], "once something was handed in, it is no news"
    assert shown(tmp_path, "s2/garden")["result"] == "Two paths."
    assert [task["status"] for task in shown(tmp_path, "s2")["tasks"]] == ["accepted", "accepted"]
    is_whole(tmp_path, "s1", "s2")


def test_a_resume_goes_on_from_the_summary_as_well(tmp_path: Path) -> None:
    gardeners = Gardeners()
    write(tmp_path, "5k")
    with provider_thread(gardeners) as provider:
        assert run(tmp_path, provider) == 3
        halted, summary = len(gardeners.asked), shown(tmp_path, "s1/garden")["summary"]
        again = swarm("resume", home=tmp_path, cwd=tmp_path)
        assert (again.returncode, len(gardeners.asked)) == (3, halted)
        assert "s1 would only halt again" in again.stderr, "what is held back is no room for the next call"
        done = swarm("resume", "--raise", "+40k", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        anew = gardeners.asked[halted:]
        assert [role for role, _ in anew] == ["worker", "validator"] * 2
        assert (summary in anew[0][1], "Four beds." in anew[0][1]) == (True, True)
    is_whole(tmp_path, "s1")


def test_a_task_at_its_cap_fails_where_that_was_asked_for(tmp_path: Path) -> None:
    write(tmp_path, "{tokens: 5k, on_exceed: fail}")
    with provider_thread(Gardeners()) as provider:
        assert run(tmp_path, provider) == 3
    stopped = shown(tmp_path, "s1/garden")
    assert (stopped["status"], stopped["cause"], stopped["summary"]) == ("failed", "budget", None)
    is_whole(tmp_path, "s1")


def test_a_task_that_failed_at_its_cap_goes_on_when_that_is_raised(tmp_path: Path) -> None:
    gardeners = Gardeners()
    write(tmp_path, "{tokens: 5k, on_exceed: fail}")
    with provider_thread(gardeners) as provider:
        assert run(tmp_path, provider) == 3
        why = swarm("why", "s1/garden", home=tmp_path, cwd=tmp_path).stdout
        assert "the scope s1/garden had no room for its next call" in why
        asked = len(gardeners.asked)
        again = swarm("resume", home=tmp_path, cwd=tmp_path)
        assert (again.returncode, len(gardeners.asked)) == (3, asked)
        assert "s1 would only halt again" in again.stderr
        done = swarm("resume", "--raise", "+40k", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    is_whole(tmp_path, "s1")


def test_a_run_that_is_killed_while_its_hand_over_is_written_hands_over_when_it_is_resumed(tmp_path: Path) -> None:
    held = threading.Event()
    late = Answer("In a model's words.", before_head=lambda: asyncio.to_thread(held.wait, 30))
    gardeners = Gardeners(late)
    write(tmp_path, "7.8k")
    words = ("run", "garden.yaml", "--model", "m", "--endpoint")
    with provider_thread(gardeners) as provider:
        with running(*words, provider.url, home=tmp_path) as process:
            assert gardeners.arrived.wait(30), process.communicate(timeout=5)
            process.kill()
            process.wait(20)
        held.set()
        asked = len(gardeners.asked)
        assert shown(tmp_path, "s1/garden")["status"] == "open", "the halt and its summary are one append"
        gardeners.rewriting = Answer("In other words.")
        resumed = swarm("resume", home=tmp_path, cwd=tmp_path)
        assert resumed.returncode == 3, resumed.stderr
        stopped = shown(tmp_path, "s1/garden")
        assert (stopped["status"], stopped["maybe_paid"]) == ("halted", 1)
        assert (stopped["summary_by"], "Left: step 3 of 3." in stopped["summary"]) == (None, True)
        assert gardeners.roles[asked:] == [], "what was held back stays charged to the call of which nobody knows"
    is_whole(tmp_path, "s1")


def test_a_person_at_a_terminal_raises_the_cap_by_what_they_type(tmp_path: Path) -> None:
    gardeners = Gardeners()
    write(tmp_path, "{tokens: 5k, on_exceed: ask}")
    with provider_thread(gardeners) as provider:
        words = ("run", "garden.yaml", "--yes", "--endpoint", provider.url, "--model", "m")
        unasked = swarm(*words, home=tmp_path, cwd=tmp_path)
        assert unasked.returncode == 5, "--yes raises no cap"
        assert "its budget says `on_exceed: ask`, and nobody can be asked here" in unasked.stderr
        write(tmp_path, "{tokens: 2k, on_exceed: ask}")
        asked = len(gardeners.asked)
        with terminal(*words, "--from", "s1", cwd=tmp_path, env=environment(tmp_path)) as screen:
            for answer in ("lots", "$1", "+30k"):
                screen.wait_for("Enter: not at all)")
                screen.shown = b""
                screen.press(f"{answer}\n")
            assert screen.end() == 0, screen.text
        assert [role for role, _ in gardeners.asked[asked:]] == ["validator", "worker", "validator"], "a draft stood"
    (raised,) = [
        json.loads(line)
        for line in swarm("log", "s2", "--json", home=tmp_path, cwd=tmp_path).stdout.splitlines()
        if '"budget.set"' in line
    ]
    assert raised["body"]["tokens"] == 32_000
    is_whole(tmp_path, "s1", "s2")


def test_a_run_that_could_ask_nobody_says_how_to_raise_the_cap_and_goes_on_when_that_is_done(tmp_path: Path) -> None:
    gardeners = Gardeners()
    write(tmp_path, "{tokens: 5k, on_exceed: ask}")
    with provider_thread(gardeners) as provider:
        assert run(tmp_path, provider) == 5
        halted = len(gardeners.asked)
        why = swarm("why", "s1/garden", home=tmp_path, cwd=tmp_path).stdout
        assert "the scope s1/garden had no room for its next call" in why
        assert "swarm resume s1 --raise +" in why
        assert swarm("resume", home=tmp_path, cwd=tmp_path).returncode == 5, "nobody can be asked, again"
        assert len(gardeners.asked) == halted
        done = swarm("resume", "--raise", "+40k", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    is_whole(tmp_path, "s1")
