"""The scripts of the shipped skills run with the standard library alone and say what is true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROFILE = Path(__file__).parents[2] / "skills" / "data-cleaning-python" / "scripts" / "profile_csv.py"


def profile(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(PROFILE), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_a_profile_tells_what_stands_in_each_column(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        "\ufeffname;code;born;price\n Ada ;007;03/04/1990;1.234,50\nBo;12;2001-02-01;7,00\nBo;12;2001-02-01;7,00\nbo;N/A;;\nCy;1\n",
        encoding="utf-8",
    )
    done = profile(path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "5 rows, 4 columns, 1 exact duplicates",
        "row 6 has 2 fields",
        "name: 4 of 4 filled, 3 distinct",
        "  kinds: text 4",
        "  shortest 'Bo', longest 'Ada'",
        "  commonest: 'Bo' 2, 'Ada' 1, 'bo' 1",
        "  1 with blanks at an edge",
        "  1 differ from another by case or blanks only",
        "code: 3 of 4 filled, 2 distinct",
        "  kinds: int 2, leading-zero 1, missing 'N/A' 1",
        "  shortest '12', longest '007'",
        "  commonest: '12' 2, '007' 1",
        "born: 3 of 4 filled, 2 distinct",
        "  kinds: date-iso 2, date-slash 1, missing '' 1",
        "  shortest '03/04/1990', longest '03/04/1990'",
        "  commonest: '2001-02-01' 2, '03/04/1990' 1",
        "price: 3 of 4 filled, 2 distinct",
        "  kinds: decimal-comma 3, missing '' 1",
        "  shortest '7,00', longest '1.234,50'",
        "  commonest: '7,00' 2, '1.234,50' 1",
    ]


def test_a_field_may_hold_the_delimiter_and_a_line_break(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text('id,text\n1,"a, b\nc"\n2,d\n')
    shown = profile(tmp_path / "notes.csv").stdout
    assert shown.startswith("2 rows, 2 columns, 0 exact duplicates\nid: 2 of 2 filled")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"name\nM\xfcller\n", "is no UTF-8 (byte 6)"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_profiled_is_said_in_one_line(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    if content is not None:
        path.write_bytes(content)
    done = profile(path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_it_says_how_it_is_used() -> None:
    assert profile().stderr.startswith("usage: ")
    assert profile("a.csv", "::").returncode == 2
