"""The bench of tools: what it prints is what the program does, on the queries that it is given."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bench import tools
from bench.outcomes import FOLDER
from bench.table import Figure

TOOLS = [{"name": f"{word}_tool", "description": "Does it.", "params": ""} for word in ("weather", "music", "rail")]
QUERIES = [("the weather of tomorrow", 0), ("play a song by Nina", 1), ("a ticket to Ghent", 2)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows: dict[str, list[dict[str, Any]]] = {
        "tools": TOOLS,
        "queries": [{"q": query, "gold": [[right]]} for query, right in QUERIES],
        "history": [{"q": query.replace("a ", "one "), "tool": right} for query, right in QUERIES for _ in range(2)],
    }
    for name, found in rows.items():
        with gzip.open(tmp_path / f"{name}_metatool.jsonl.gz", "wt") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in found)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


def values(figures: list[Figure]) -> list[int]:
    return [round(figure.value) for figure in figures]


def test_the_share_of_right_tools_is_counted_with_and_without_what_they_were_used_for(folder: Path) -> None:
    data = tools.meta_tool()
    assert data is not None
    assert values(tools.recall(data, "words", None, 0, queries=9, draws=1)) == [33, 33, 33]
    learned = tools.recall(data, "words", None, 1, queries=9, draws=2)
    assert values(learned) == [100, 100, 100]
    assert learned[0].what == "words, 1 past query a tool: among the first 5"
    assert [figure.verdict for figure in tools.recall(data, "words", None, 10, queries=9, draws=1)] == ["met", "", ""]


def test_without_the_queries_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    assert tools.meta_tool() is None


def test_ten_tools_in_brief_save_at_least_seven_tenths_of_the_tokens_of_all() -> None:
    chosen = tools.costs("words", None)
    assert chosen[2].verdict == "met"
    assert chosen[2].value > chosen[1].value > 70 > chosen[0].value > 25
    assert chosen[3].value > 70


def test_ten_of_any_number_of_tools_are_chosen_in_a_time() -> None:
    assert len({each.name for each in tools.many_tools(300)}) == 300
    figure = tools.times("words", None, 60, 1)
    assert figure.value > 0
    assert "the index once" in figure.beside
