"""`swarm run` as its users meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from events.log import open_log
from tests.provider import Answer, provider_thread
from tests.team import play, swarm

HELLO = "prompt: Write a line about ants.\ncheck: {contains: draft}\n"


def test_in_the_environment_of_cron_a_run_works_asks_nothing_and_ends_with_the_right_code(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        done = swarm("run", "task.yaml", "--endpoint", provider.url, home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("A draft, number")
        assert (tmp_path / ".local/share/swarm/log.db").exists()
        (tmp_path / "fails.yaml").write_text("prompt: Write.\ncheck: {contains: nowhere}\nlimits: {attempts: 1}\n")
        assert swarm("run", "fails.yaml", "--endpoint", provider.url, home=tmp_path, cwd=tmp_path).returncode == 1
        paid = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2")
        asked = swarm(*paid, home=tmp_path, cwd=tmp_path)
        assert asked.returncode == 5
        assert "--yes" in asked.stderr
        halted = swarm(*paid, "--budget", "$0.000001", home=tmp_path, cwd=tmp_path)
        assert halted.returncode == 3
        assert "swarm resume" in halted.stderr
        (tmp_path / "runs.yaml").write_text("prompt: Write.\ncheck: 'true'\n")
        untrusted = swarm("run", "runs.yaml", "--endpoint", provider.url, home=tmp_path, cwd=tmp_path)
        assert untrusted.returncode == 5
        assert "swarm trust runs.yaml" in untrusted.stderr
    refused = swarm(
        "run", "task.yaml", "--endpoint", "http://127.0.0.1:9/v1", "--model", "m", home=tmp_path, cwd=tmp_path
    )
    assert refused.returncode == 4, refused.stderr
    assert swarm("run", "task.yaml", home=tmp_path, cwd=tmp_path).returncode == 4


def test_a_halted_session_goes_on_where_there_is_room_again(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2", "--budget", "$0.000001")
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 3
        assert provider.requests[1:] == []  # the list of models, and no call
        done = swarm("resume", "--budget", "$0.10", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("A draft")
    nothing = swarm("resume", home=tmp_path, cwd=tmp_path)
    assert nothing.returncode == 0
    assert "nothing is unfinished" in nothing.stderr


def test_a_cap_of_a_task_alone_is_raised_with_that_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("tasks: {one: {prompt: Write., check: {contains: draft}, budget: $0.000001}}\n")
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url, "--price", "1/2")
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 3
        assert swarm("resume", home=tmp_path, cwd=tmp_path).returncode == 3
        done = swarm("resume", "--budget", "$0.10", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_confirmed_file_is_not_asked_about_again_until_a_command_changes(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_text("prompt: Write.\noutput: said.txt\ncheck: 'test -s \"$SWARM_OUTPUT\"'\n")
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--endpoint", provider.url)
        assert swarm("trust", "task.yaml", "--yes", home=tmp_path, cwd=tmp_path).returncode == 0
        done = swarm(*words, home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "said.txt").read_text().startswith("A draft")
        file.write_text(file.read_text().replace("test -s", "test -r"))
        assert swarm(*words, home=tmp_path, cwd=tmp_path).returncode == 5


@pytest.mark.parametrize(
    "broken", sorted((Path(__file__).parents[1] / "data/broken").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_broken_file_is_refused_before_anything_is_called_or_written(broken: Path, tmp_path: Path) -> None:
    with provider_thread(play) as provider:
        done = swarm("run", str(broken), "--endpoint", provider.url, "--model", "m", home=tmp_path, cwd=tmp_path)
        assert provider.requests == []
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert list(tmp_path.rglob("*")) == []


async def test_the_result_as_a_document_says_what_was_spent_and_where_the_log_ends(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(HELLO)
    with provider_thread(play) as provider:
        words = ("run", "task.yaml", "--json", "--endpoint", provider.url, "--price", "1/2", "--budget", "$0.10")
        done = swarm(*words, home=tmp_path, cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["schema"] == "swarm.run/1"
    assert document["exit_code"] == 0
    assert document["total_nanos"] == sum(task["cost_nanos"] for task in document["tasks"]) > 0
    async with open_log(tmp_path / ".local/share/swarm/log.db", read_only=True) as log:
        assert document["head"] == str(await log.head())


def test_a_draft_that_is_judged_bad_is_written_again_with_the_reason(tmp_path: Path) -> None:
    verdicts = iter(["fail", "pass"])

    def judge_twice(body: dict[str, object]) -> Answer:
        answer = play(body)
        if '"verdict"' in answer.text:
            return Answer(json.dumps({"verdict": next(verdicts), "score": 0.5, "reason": "It lacks the colour red."}))
        return answer

    (tmp_path / "task.yaml").write_text("prompt: Write a line about ants.\n")
    with provider_thread(judge_twice) as provider:
        done = swarm("run", "task.yaml", "--endpoint", provider.url, "--model", "m", home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "It lacks the colour red." in provider.requests[2].body["messages"][-1]["content"]
