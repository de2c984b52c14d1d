"""The bench of counts: its figures are made of the texts that it is given, and better ways come out better."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from statistics import mean

import pytest

from bench import count as bench
from bench.outcomes import FOLDER
from swarm.text.count import count
from swarm.text.families import CLAUDE

SENTENCES = (
    "The cat sat on the mat, and saw no reason to leave it.",
    "def sat(cat: Cat) -> Mat:",
    "[12, 457, 99]",
    "中文",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [_row(SENTENCES[number % 4] * (10 + number)) for number in range(24)]
    with gzip.open(tmp_path / "token_counts.jsonl.gz", "wt") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


def _row(text: str) -> dict[str, object]:
    tokens = count(text)
    return {"kind": "made", "text": text, "o200k": tokens, "cl100k": tokens, "claude3": 2 * tokens, "claude48": tokens}


def test_a_count_that_is_another_than_tiktoken_s_is_found(folder: Path) -> None:
    found = bench.texts()
    found[0].o200k += 1
    assert next(figure.value for figure in bench.counts(found)) == 1


def test_what_usage_says_is_learned_and_an_exact_count_errs_least(folder: Path) -> None:
    found = bench.texts()

    exact = bench.errors_of(found, "claude3", count, 1.0, runs=20)
    by_bytes = bench.errors_of(found, "claude3", lambda text: len(text.encode()), 0.25, runs=20)
    assert mean(exact[0]) == pytest.approx(1 - CLAUDE / 2)  # here it counts twice as many
    assert mean(exact[10]) < mean(exact[1]) < 0.4
    assert mean(exact[10]) < mean(by_bytes[10])


def test_without_the_texts_that_part_is_left_out_and_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    assert bench.texts() == []
    assert "no counts of other families: SWARM_BENCH_DATA names no folder" in capsys.readouterr().err
