"""What people say of sessions from another terminal: pause, retry, pin, cancel, accept, reject, fork."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.processes import Held, running
from tests.provider import Provider, provider_thread
from tests.team import play, swarm

REJECTED = "prompt: Write a line about ants.\noutput: ants.txt\ncheck: {contains: bees}\nlimits: {attempts: 1}\n"
TWO = "tasks:\n  first: Write a line about {{what}}.\n  second: {prompt: Write another, needs: first}\nvars: {what: ants}\n"


def ran(folder: Path, provider: Provider, text: str, code: int) -> None:
    (folder / "task.yaml").write_text(text)
    done = swarm("run", "task.yaml", "--endpoint", provider.url, home=folder, cwd=folder)
    assert done.returncode == code, done.stderr


def statuses(folder: Path, session: str) -> dict[str, str]:
    told = json.loads(swarm("show", session, "--json", home=folder, cwd=folder).stdout)
    return {task["id"]: task["status"] for task in told["tasks"]}


def test_a_running_session_is_paused_from_another_terminal_and_everything_that_shows_it_says_so(tmp_path: Path) -> None:
    held = Held()
    (tmp_path / "task.yaml").write_text(TWO)

    def told(*words: str) -> tuple[int, str]:
        done = swarm(*words, home=tmp_path, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    with (
        provider_thread(held) as provider,
        running("run", "task.yaml", "--endpoint", provider.url, "--model", "m", home=tmp_path) as process,
    ):
        assert held.arrived.wait(20)
        said = "s1 is paused: what is in flight ends, nothing begins; `swarm unpause s1` goes on\n"
        assert told("pause", "--reason", "lunch") == (0, said)
        held.release()
        assert "s1 is paused already, by " in told("pause")[1]
        assert told("pause", "s1/second") == (0, said.replace("s1", "s1/second"))
        assert "s1/first is under way" in told("retry", "first")[1]
        assert told("status", "--line")[1].startswith("‖ 1 paused")
        assert "paused    s1  `swarm unpause s1` goes on" in told("status")[1]
        assert "paused" in told("ps")[1] and json.loads(told("ps", "--json")[1])["sessions"][0]["paused"]
        assert "`swarm unpause s1` goes on" in told("show", "s1")[1]
        assert "ago: `swarm unpause s1/second` goes on" in told("show", "s1/second")[1]
        assert "s1 is paused by " in told("why", "s1")[1]
        assert "paused it (" in told("why", "s1/second")[1]
        assert told("unpause") == (0, "s1 goes on\nstill paused: s1/second\n")
        assert told("unpause", "second") == (0, "s1/second goes on\n")
        _, heard = process.communicate(timeout=30)
    assert process.returncode == 0, heard
    assert heard.count("‖ s1  paused by ") == 1 and "● s1  goes on" in heard


def test_a_task_that_ended_without_a_result_is_tried_again_with_room_and_on_another_tier(tmp_path: Path) -> None:
    def told(*words: str) -> tuple[int, str]:
        done = swarm(*words, home=tmp_path, cwd=tmp_path)
        return done.returncode, done.stderr

    with provider_thread(play) as provider:
        ran(tmp_path, provider, REJECTED, 1)
        code, said = told("pin", "s1", "paid")
        nobody = "no model of the tier paid is there for s1: who takes a try is chosen as ever"
        assert (code, said.splitlines()[:2]) == (0, ["the first tries of s1 go to the tier paid from now on", nobody])
        code, said = told("retry", "s1", "the provider was slow")
        way = "what is left to do is done with: swarm resume s1"
        assert (code, said.splitlines()) == (0, ["s1/task is tried again, with one attempt more", way])
        again = swarm("resume", "--endpoint", provider.url, home=tmp_path, cwd=tmp_path)
        assert again.returncode == 1 and "2 drafts were rejected" in again.stderr
        choice = max(swarm_events(tmp_path, "choice.made"))
        assert "had pinned the try to the tier paid, and no model of the tier paid is there" in told_why(
            tmp_path, choice
        )
        assert told("pin", "s1", "--off") == (0, "who has the first tries of s1 is chosen as ever\n")
        assert told("pin", "s1", "--off")[0] == 2
        assert "name a tier (local, free, cheap, paid), or say --off" in told("pin", "s1")[1]
        ran(tmp_path, provider, REJECTED.replace("check: {contains: bees}\n", "") + "budget: 0.3k\n", 3)
        code, said = told("retry", "s2")
        assert code == 3 and "raise it with `swarm budget raise s2 +" in said
        raised = told("budget", "raise", "s2", "+20k")
        assert raised[0] == 0 and told("retry", "s2")[0] == 0
        assert swarm("resume", "s2", "--endpoint", provider.url, home=tmp_path, cwd=tmp_path).returncode == 0
        assert "s2/task is accepted; `swarm reject s2/task WHY` has it done again" in told("retry", "s2")[1]
    assert swarm("replay", "s1", "--check", home=tmp_path, cwd=tmp_path).returncode == 0


def swarm_events(folder: Path, kind: str) -> list[int]:
    lines = swarm("log", "s1", "--json", home=folder, cwd=folder).stdout.splitlines()
    return [entry["position"] for entry in map(json.loads, lines) if entry["kind"] == kind]


def told_why(folder: Path, position: int) -> str:
    return swarm("why", str(position), home=folder, cwd=folder).stdout


def test_a_running_session_is_cancelled_from_another_terminal(tmp_path: Path) -> None:
    held = Held()
    (tmp_path / "task.yaml").write_text(TWO)
    with (
        provider_thread(held) as provider,
        running("run", "task.yaml", "--endpoint", provider.url, "--model", "m", home=tmp_path) as process,
    ):
        assert held.arrived.wait(20)
        done = swarm("cancel", home=tmp_path, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "s1 is cancelled\n")
        _, told = process.communicate(timeout=30)
        assert process.returncode == 1, told
        held.release()
    assert "cancelled" in told
    again = swarm("cancel", "s1/first", home=tmp_path, cwd=tmp_path)
    assert again.returncode == 2
    assert "first has ended already: it is cancelled" in again.stderr
    whole = swarm("cancel", home=tmp_path, cwd=tmp_path)
    assert (whole.returncode, whole.stderr) == (2, "error: s1 has ended already; there is nothing to cancel\n")
    step = swarm("cancel", "s1/first/1", home=tmp_path, cwd=tmp_path)
    assert (step.returncode, step.stderr) == (
        2,
        "error: s1/first/1 is a step, which ends with its task; name s1/first\n",
    )
    nothing = swarm("resume", home=tmp_path, cwd=tmp_path)
    assert "nothing is unfinished" in nothing.stderr


def test_a_person_accepts_a_draft_that_failed_its_checks_and_its_file_is_written(tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        ran(tmp_path, provider, REJECTED, 1)
        assert not (tmp_path / "ants.txt").exists()
        done = swarm("accept", "s1", "ants will do", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "s1/task is accepted" in done.stderr
        assert "written: ants.txt" in done.stderr
    assert (tmp_path / "ants.txt").read_text().startswith("A draft")
    twice = swarm("accept", "s1/task", home=tmp_path, cwd=tmp_path)
    assert twice.returncode == 2
    assert "task is accepted already" in twice.stderr
    played = swarm("replay", "--check", home=tmp_path, cwd=tmp_path)
    assert played.returncode == 0, played.stderr


def test_a_person_rejects_a_result_and_a_resume_makes_another_draft(tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        ran(tmp_path, provider, "prompt: Write a line about ants.\n", 0)
        done = swarm("reject", "s1", "say where they live", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "swarm resume s1" in done.stderr
        asked = len(provider.requests)
        resumed = swarm("resume", home=tmp_path, cwd=tmp_path)
        assert resumed.returncode == 0, resumed.stderr
        assert "say where they live" in str(provider.requests[asked].body["messages"])


def test_a_fork_with_another_value_does_anew_what_that_changes(tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        ran(tmp_path, provider, TWO, 0)
        asked = len(provider.requests)
        kept = swarm("fork", home=tmp_path, cwd=tmp_path)
        assert (kept.returncode, len(provider.requests)) == (0, asked), kept.stderr
        done = swarm("fork", "s1", "--set", "what=bees", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        anew = [str(request.body["messages"]) for request in provider.requests[asked:]]
    assert "bees" in anew[0] and "ants" not in anew[0]
    assert statuses(tmp_path, "s3") == {"s3/first": "accepted", "s3/second": "accepted"}


def test_a_fork_of_a_project_that_changed_is_refused_until_it_is_taken_as_it_is(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    text = "prompt: Write a line about ants.\noutput: ants.txt\ncheck: [test -s notes.txt]\n"
    (project / "task.yaml").write_text(text)
    (project / "notes.txt").write_text("as it was")
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--trust", "--endpoint", provider.url)
        done = swarm(*words, home=tmp_path, cwd=project)
        assert done.returncode == 0, done.stderr
        same = swarm("fork", home=tmp_path, cwd=project)
        assert same.returncode == 0, same.stderr
        (project / "notes.txt").write_text("as it is")
        changed = swarm("fork", "s1", home=tmp_path, cwd=project)
        assert (changed.returncode, "not all are the same" in changed.stderr) == (2, True), changed.stderr
        assert "Traceback" not in changed.stderr
        taken = swarm("fork", "s1", "--as-is", home=tmp_path, cwd=project)
        assert taken.returncode == 0, taken.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("fork", "--at", "9999"), "s1 recorded nothing at position 9999"),
        (("fork", "--set", "colour=red"), "colour"),
        (("reject", "s1/first/4", "no"), "there is no step 4"),
        (("accept", "s1"), "s1 has 2 tasks; name one of them: s1/first, s1/second"),
        (("cancel", "s7"), "there is no session s7"),
    ],
)
def test_what_cannot_be_done_is_told_with_exit_code_2(words: tuple[str, ...], why: str, tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        ran(tmp_path, provider, TWO, 0)
        done = swarm(*words, home=tmp_path, cwd=tmp_path)
        assert (done.returncode, why in done.stderr) == (2, True), done.stderr
        assert "Traceback" not in done.stderr
