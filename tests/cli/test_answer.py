"""`swarm answer`: which question is meant, and what is said where none is."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from events.blobs import Pack
from events.log import open_log
from events.testing.builders import planned, submitted
from events.types.tool import QuestionAsked
from swarm.cli.main import main
from tests.ledger_agents import a_session


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asking(home: Path, *tasks: str) -> None:
    """A session in which these tasks ask which colour."""

    async def append() -> None:
        async with open_log(home / ".local/share/swarm/log.db") as log:
            owner = await a_session(log)
            for task in tasks:
                pack = Pack(owner.known)
                events = [
                    owner.new(submitted(spec=pack.put("spec")), task=task),
                    owner.new(planned(), task=task, step=1),
                    owner.new(
                        QuestionAsked(question="Which?", options=("blue",), ordinal=1), task=task, step=1, attempt=1
                    ),
                ]
                await owner.append(events, texts=pack.texts)

    anyio.run(append)


def told(capsys: pytest.CaptureFixture[str], *line: str) -> tuple[int, str, str]:
    code = main(list(line))
    out, err = capsys.readouterr()
    return code, out, err


def test_what_cannot_be_answered_is_said_in_a_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "answer", "blue")[0] == 2
    asking(home, "paint", "plant")
    for line, said in (
        (["answer"], "no answer is given; write `swarm answer"),
        (["answer", "s1/paint", "a", "b"], "3 words are given; write `swarm answer"),
        (["answer", "blue"], "2 tasks ask something; name one of them: s1/paint, s1/plant"),
        (["answer", "s1/pain", "blue"], "s1/paint"),
        (["answer", "--list", "s1", "blue"], "takes one ID at the most"),
    ):
        code, _, err = told(capsys, *line)
        assert code == 2 and said in err, err


def test_an_answer_is_given_once_in_words_by_number_or_as_leave_to_decide(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asking(home, "paint", "plant")
    code, out, _ = told(capsys, "answer", "s1/paint", "1", "--json")
    assert (code, json.loads(out)["answer"]) == (0, "blue")
    assert told(capsys, "answer", "s1/paint", "red")[0] == 2
    _, out, _ = told(capsys, "answer", "--list")
    assert "s1/plant" in out and "s1/paint" not in out and "1. blue" in out
    code, _, err = told(capsys, "answer", "")
    assert code == 0 and "s1/plant is told to decide itself" in err
    assert told(capsys, "answer", "--list")[2] == "nobody asks anything\n"
