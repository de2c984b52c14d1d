"""The bench of compression: what it prints is what the program does, on the texts that it is given."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bench import compression, shorteners
from bench.outcomes import FOLDER
from tests.compress.counting import by_bytes

QUESTION = {
    "q": "how many steps has the belfry of Bruges",
    "answers": ["366"],
    "pars": [
        {
            "title": "Ghent",
            "sents": ["Ghent lies on two rivers that meet there.", "It has castles, and a belfry of its own."],
        },
        {"title": "Bruges", "sents": ["Bruges has canals on which boats go.", "Its belfry has 366 steps."]},
    ],
}


def test_the_public_questions_are_read_from_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with gzip.open(tmp_path / "qa_nq20.jsonl.gz", "wt") as file:
        file.write(json.dumps(QUESTION))
    (found,) = compression.question_sets()
    assert found.name == "NQ-20" and found.questions[0].answered_by(found.questions[0].document())


def test_without_them_documents_are_made_up_that_hold_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    (found,) = compression.question_sets()
    assert all(each.answered_by(each.document()) for each in found.questions)
    assert "no qa_nq20.jsonl.gz" in capsys.readouterr().err


def test_the_share_of_answers_kept_is_counted() -> None:
    questions = compression.made_up(3)
    assert compression.kept(compression.ours(None), questions, 8, by_bytes) == 100
    assert compression.kept(shorteners.head, questions, 8, by_bytes) < 100


def test_the_share_of_trouble_kept_is_counted_by_another_rule_than_that_which_keeps_it() -> None:
    log = "ERROR disk 1 full\nok\nERROR disk 2 full\nfatal: gone"
    assert compression.trouble_kept(log, "ERROR disk 1 full [x2]\nok") == 50
    assert compression.trouble_kept("ok", "") == 100


@pytest.mark.parametrize("name", shorteners.SIMPLE)
def test_the_other_ways_keep_to_the_limit(name: str) -> None:
    text = compression.made_up(1)[0].document()
    short = shorteners.SIMPLE[name](text, "how many mills", 100, by_bytes)
    assert 50 < by_bytes(short) <= 100
