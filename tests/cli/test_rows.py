"""Rows for other programs: CSV that a spreadsheet does not reckon with, and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.log import open_log
from events.testing import builders as make
from swarm.cli.main import main
from swarm.cli.rows import csv_text, harmless

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=40)
@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_a_reader_of_csv_gets_every_cell_back_but_for_the_apostrophe_before_a_formula(
    rows: list[tuple[str, str]],
) -> None:
    text = csv_text(("a", "b"), rows)
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert read == [["a", "b"], *([harmless(cell) for cell in row] for row in rows)]
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in read for cell in row if len(cell) > 1)
    assert text.endswith("\r\n")


@pytest.mark.parametrize("text", ["=1+1", "+49", "-2", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1"])
def test_what_a_spreadsheet_would_reckon_stays_a_text_and_a_number_stays_a_number(text: str) -> None:
    assert csv_text(["a"], [[text]]).splitlines()[1].lstrip('"').startswith("'")
    assert csv_text(["a", "b", "c"], [[-2, 0.5, None]]) == "a,b,c\r\n-2,0.5,\r\n"
    assert harmless("-") == "-" and harmless("a=b") == "a=b"


def test_costs_and_reports_are_written_as_rows_and_a_model_named_like_a_formula_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    log = str(tmp_path / "log.db")

    async def record() -> None:
        async with open_log(log) as opened:
            call = make.reserved(model="=HYPERLINK(1)", scopes=("day:2026-11-21@UTC", "s1"))
            (position,) = (await opened.append([make.new(call, task="build")])).positions
            await opened.append([make.new(make.settled(position, cost_nanos=7), task="build")])

    anyio.run(record)
    assert main(["cost", "--csv", "--log", log]) == 0
    lines = capsys.readouterr().out.split("\r\n")
    assert lines[0].startswith("model,calls,") and lines[1].startswith("'=HYPERLINK(1),1,") and lines[2:] == [""]
    assert main(["cost", "--jsonl", "--by", "model,task", "--log", log]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["model"], row["task"], row["nanos"]) == ("=HYPERLINK(1)", "s1/build", 7)
    for report, first in (
        ("tokens", "stage,how,"),
        ("ab", "stage,passed,of,held_passed,"),
        ("waste", "what,says,part,"),
    ):
        assert main(["report", report, "--csv", "--log", log]) == 0
        assert capsys.readouterr().out.startswith(first)
    assert main(["report", "waste", "--csv", "--jsonl", "--log", log]) == 2
    assert "--csv and --jsonl are two forms" in capsys.readouterr().err
