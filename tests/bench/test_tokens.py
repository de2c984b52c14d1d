"""One command prints all tables on tokens, and says at its end which bars were missed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from bench import tokens
from bench.table import Bar, Figure, show

BENCH = Path(tokens.__file__).parent
KEPT, WRONG = Figure("fast", 3, "ms", "x", Bar(5, 4)), Figure("kept", 70, "%", "", Bar(80, least=True))


def document(*figures: Figure, program: str = "count") -> dict[str, object]:
    rows = [{**asdict(each), "verdict": each.verdict} for each in figures]
    return {"program": program, "title": "t", "machine": "m", "figures": rows}


def test_a_table_that_was_read_is_the_one_that_was_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show("t", [KEPT, WRONG, Figure("plain", 1)], as_json=True)
    assert tokens.figures_of(json.loads(capsys.readouterr().out)) == [KEPT, WRONG, Figure("plain", 1)]


def test_what_is_missed_is_named_with_its_program() -> None:
    assert tokens.missed([document(KEPT), document(KEPT, WRONG, program="tools")]) == ["tools: kept"]
    assert tokens.summary([document(KEPT)]) == "1 figures have a bar, all of them are kept"
    assert "tools: kept" in tokens.summary([document(WRONG, program="tools")])


def test_each_program_is_one_that_can_be_run() -> None:
    for name in tokens.PROGRAMS:
        assert 'if __name__ == "__main__":' in (BENCH / f"{name}.py").read_text("utf-8"), name


def test_a_program_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tokens", "--only", "cuont"])
    with pytest.raises(SystemExit) as ended:
        tokens.main()
    assert ended.value.code == 2 and "'cuont' prints no such table; there are count," in capsys.readouterr().err
