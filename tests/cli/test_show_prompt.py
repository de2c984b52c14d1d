"""`swarm show --prompt`: the requests of a task, part by part."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import open_log
from events.upkeep import prune
from swarm.cli.main import main
from swarm.settings.stages import Rule, StageSettings
from tests.running import PASS, Cast, run, serving, verdict
from tests.test_session_stages import TROUBLE, lines
from tests.test_session_tools import use

FILE = """\
tasks:
- id: find
  prompt: Why was request 217 refused?
  input: server.log
  tools: [look]
- id: rhyme
  prompt: Write a limerick.
  accept: [It rhymes.]
"""
STAGES = StageSettings(rules={"inputs": Rule(mode="on", keep=0.5), "outputs": Rule(mode="on", keep=0.25)})


def answer(body: dict[str, Any]) -> Any:
    told = str(body["messages"])
    if "limerick" in told:
        return "There was an old man with a cap." if "no rhyme" in told else "There was an old man."
    turn = sum(message["role"] == "tool" for message in body["messages"])
    return [use("search", pattern="request [0-9]"), use("read", path="server.log", lines=3), "The quota."][turn]


def judge(body: dict[str, Any]) -> str:
    return verdict(False, "there is no rhyme") if "old man.\\n" in json.dumps(body["messages"]) else PASS


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A task whose texts passed stages, and one with a draft that was rejected."""
    root = tmp_path_factory.mktemp("project")
    (root / "server.log").write_text(lines(200))

    async def work() -> None:
        cast = Cast(worker=[answer], validator=[judge])
        async with open_log(str(root / "log.db")) as log, serving(cast, stages=STAGES) as (_, plan):
            assert (await run(log, FILE, plan, root)).exit_code == 0

    anyio.run(work)
    return str(root / "log.db")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def requests(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> list[dict[str, Any]]:
    assert main(["show", "--log", log, "--json", "--prompt", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["what"]) == ("swarm.show/1", "requests")
    listed: list[dict[str, Any]] = found["requests"]
    return listed


def test_each_request_is_told_with_its_parts_their_tokens_and_what_stages_took_out(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = (one for one in requests(capsys, log, "s1/find") if one["role"] == "worker")
    parts = [(part["part"], part["of"]) for part in first["parts"] if part["part"] != "tool"]
    assert parts == [
        ("role", None),
        ("agent", None),
        ("material rule", None),
        ("tools rule", None),
        ("skills", None),
        ("task", None),
        ("material", "server.log"),
        ("length", None),
    ]
    assert {"search", "read"} <= {part["of"] for part in first["parts"] if part["part"] == "tool"}
    for one in (first, second, third):
        assert one["tokens"] == one["framing"] + sum(part["tokens"] for part in one["parts"])
        assert one["framing"] >= 0
    (given,) = (part["stage"] for part in first["parts"] if part["part"] == "material")
    assert given["stage"] == "inputs" and given["after"] < given["before"]
    outputs = [
        (part["of"], part["stage"] and part["stage"]["stage"]) for part in third["parts"] if part["part"] == "output"
    ]
    assert outputs == [("search", "outputs"), ("read", None)]


def test_what_was_said_before_in_a_conversation_begins_the_next_request_to_the_byte(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = [one for one in requests(capsys, log, "s1/find", "--full") if one["role"] == "worker"]
    for before, now in pairwise(worker):
        count = len(before["parts"])
        assert [part["text"] for part in now["parts"][:count]] == [part["text"] for part in before["parts"]]
        assert now["again_of"] == before["position"]
        assert all(part["again"] == part["tokens"] for part in now["parts"][:count])
        assert all(part["again"] == 0 for part in now["parts"][count:])


def test_the_next_attempt_begins_as_the_one_before_up_to_what_was_said_of_its_draft(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (one for one in requests(capsys, log, "s1/rhyme") if one["role"] == "worker")
    assert (first["again"], first["again_of"]) == (0, None)
    assert [(part["part"], part["again"] == part["tokens"]) for part in second["parts"]] == [
        ("role", True),
        ("agent", True),
        ("task", True),
        ("demands", True),
        ("feedback", False),
        ("length", False),
    ]
    assert second["again_of"] == first["position"] and second["again"] > 0


def test_a_page_folds_what_was_said_before_and_full_prints_the_texts(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "--log", log, "s1/find", "--prompt"]) == 0
    said = capsys.readouterr().out
    assert "inputs: " in said and "outputs: " in said and "said before" in said
    assert "tokens by o200k; the provider counted" in said and "begin it as they began call" in said
    assert TROUBLE not in said
    assert main(["show", "--log", log, "s1/find", "--prompt", "--full"]) == 0
    assert f"│ {TROUBLE}" in capsys.readouterr().out


def test_one_attempt_is_shown_alone_and_one_that_is_not_there_is_told(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = requests(capsys, log, "s1/rhyme/1", "--attempt", "2")
    assert [(one["role"], one["attempt"]) for one in shown] == [("worker", 2), ("validator", 2)]
    assert main(["show", "--log", log, "s1/rhyme", "--prompt", "--attempt", "7"]) == 2
    assert "no request of attempt 7 of s1/rhyme was sent; there are those of attempts 1, 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--prompt"], "name the one whose prompts are wanted"),
        (["s1/find", "--prompt", "--diff"], "use one of them"),
        (["s1/find", "--full"], "use them with it"),
        (["s1/find", "--attempt", "1"], "use them with it"),
        (["s1/find", "--prompt", "--attempt", "one"], "--attempt"),
    ],
)
def test_what_cannot_be_meant_is_told(
    log: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "--log", log, *words]) == 2
    assert said in capsys.readouterr().err


def test_of_a_request_whose_texts_were_dropped_is_said_that_they_were(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pruned = tmp_path / "pruned.db"
    shutil.copy(log, pruned)
    assert prune(pruned, before=2**62) is not None
    assert main(["show", "--log", str(pruned), "s1/find", "--prompt"]) == 0
    assert "some of its text is no longer kept" in capsys.readouterr().out
    assert {one["kept"] for one in requests(capsys, str(pruned), "s1/find")} == {False}
