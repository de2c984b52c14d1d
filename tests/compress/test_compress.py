"""One door: a text in so many tokens by its form, with a line that says what is left out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.compress.compress import compress
from swarm.compress.form import FORMS, Form, form_of
from swarm.compress.rows import unpack
from tests.compress.counting import by_bytes, by_joints
from tests.compress.test_code import GO, PYTHON, TYPESCRIPT
from tests.compress.test_logs import LOG
from tests.compress.test_passages import TOWNS

ROWS = json.dumps([{"id": number, "name": f"n{number}", "state": "fine"} for number in range(60)], indent=2)
CSV = "id,name,state\n" + "\n".join(f"{number},n{number},fine" for number in range(60))
TABLE = "| id | name |\n|----|------|\n" + "\n".join(f"| {number} | n{number} |" for number in range(60))
DIFF = """diff --git a/shop.py b/shop.py
index 1c2..3d4 100644
--- a/shop.py
+++ b/shop.py
@@ -1,4 +1,4 @@ class Shop:
 import os
-MOST = 3
+MOST = 4
 lower = 1
@@ -20,6 +20,6 @@ def tax(amount):
 # around
-    return amount * 0.19
+    return amount * 0.21
 # and around
+    # a long remark that stands here to take room, and more of it, and even more of it than anyone would like to read
+    # and it goes on in a second line that is as long, and as telling, and here it ends after all, as things do
"""
PROSE = "\n\n".join(
    f"It rained on day {number} of the year. The river rose again, and people left." for number in range(40)
)
PYTEST = (
    "\n".join(f"tests/test_{number}.py::test_it PASSED [ {number}%]" for number in range(30))
    + "\ntests/x.py::test_tax FAILED\nE   assert 1 == 2"
)

SAMPLES = {"log": LOG, "json": ROWS, "code": PYTHON, "diff": DIFF, "table": CSV, "markdown": TOWNS, "prose": PROSE}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        *SAMPLES.items(),
        ("code", GO),
        ("code", TYPESCRIPT),
        ("code", "#!/bin/sh\nset -e\ncd x\n"),
        ("table", TABLE),
        ("log", PYTEST),
        ("json", '{"a": 1}\n{"a": 2}\n'),
        ("prose", ""),
        ("prose", "{not JSON}"),
        ("prose", "[section]\nkey = 1\n# remark\nother = 2\n"),
    ],
)
def test_the_form_is_found_by_the_signs_of_the_text(form: str, text: str) -> None:
    assert form_of(text) == form


@pytest.mark.parametrize("text", [*SAMPLES.values(), "", "\ud800", "a\r\nb"])
def test_a_text_that_fits_comes_back_byte_for_byte(text: str) -> None:
    found = compress(text, limit=by_bytes(text), count=by_bytes)
    assert found.text == text and found.reversible and not found.said
    assert found.tokens_after == found.tokens_before == by_bytes(text)
    assert len(found.kept) == text.count("\n") + 1


@pytest.mark.parametrize("form", ["log", "code", "diff", "table", "markdown", "prose"])
def test_a_line_at_the_end_says_what_is_shown_and_how_to_have_the_whole(form: str) -> None:
    text = SAMPLES[form]
    found = compress(text, limit=by_bytes(text) // 2, count=by_bytes, handle="read_output 7")
    assert found.form == form and not found.reversible and found.kept
    assert found.text.split("\n")[-1] == f"[{found.said} shown; the whole: read_output 7]"
    assert found.tokens_after == by_bytes(found.text) <= by_bytes(text) // 2
    own = text.split("\n")
    assert all(0 < number <= len(own) for number in found.kept)


def test_json_that_fits_as_a_table_can_be_had_back_from_it() -> None:
    found = compress(ROWS, limit=by_bytes(ROWS) // 2, count=by_bytes)
    assert found.reversible and not found.said and found.text.startswith("@1\n@1 60: id|name|state\n0|n0|fine")
    assert json.loads(unpack(found.text)) == json.loads(ROWS)
    assert found.tokens_before > 2.5 * found.tokens_after


def test_what_is_to_be_kept_stands_in_every_form_or_is_said_to_be_missing() -> None:
    for text, item in (
        (LOG, "/items/23 to"),
        (ROWS, '"id": 41,'),
        (PYTHON, "found * often"),
        (DIFF, "# and around"),
        (CSV, "37,n37"),
        (TOWNS, "366"),
        (PROSE, "day 33"),
    ):
        found = compress(text, limit=by_bytes(text) // 2, count=by_bytes, keep=[item, "nowhere in it"])
        assert item in found.text and found.missing == ()
        assert by_bytes(found.text) <= by_bytes(text) // 2
    found = compress(PROSE, limit=4, count=by_bytes, keep=["day 33 of the year", "day 34 of the year"])
    assert found.missing == ("day 33 of the year", "day 34 of the year")


def test_a_diff_shows_what_is_changed_and_in_which_file() -> None:
    found = compress(DIFF, limit=70, count=by_bytes)
    assert found.text.split("\n") == [
        "diff --git a/shop.py b/shop.py",
        "@@ -1,4 +1,4 @@ class Shop:",
        "-MOST = 3",
        "+MOST = 4",
        "@@ -20,6 +20,6 @@ def tax(amount):",
        "-    return amount * 0.19",
        "+    return amount * 0.21",
        "[4 of 6 changed lines shown]",
    ]


def test_an_output_that_is_long_by_repetition_alone_loses_nothing_else() -> None:
    text = (
        "the first words of it\n"
        + "the river rose again and again, and then it rose once more\n" * 50
        + "the last words of it"
    )
    found = compress(text, limit=60, count=by_bytes)
    assert found.text.split("\n") == [
        "the first words of it",
        "the river rose again and again, and then it rose once more [x50]",
        "the last words of it",
        "[3 of 52 lines, without repetitions, shown]",
    ]
    assert found.kept == (1, 2, 52)


def test_the_form_can_be_said_and_one_that_the_text_has_not_does_no_harm() -> None:
    for form in FORMS:
        found = compress(PROSE, limit=100, count=by_bytes, form=form, sought="what of day 17?")
        assert found.form == form and by_bytes(found.text) <= 100
        assert form == "table" or "day 17" in found.text


PIECES = st.sampled_from(
    [*SAMPLES.values(), GO, TABLE, PYTEST, "é" * 300, "\ud800x\n", "{", "| |\n", "@@\n+x\n", "x" * 900]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(PIECES.map(lambda text: text[:600]) | st.text(max_size=80), max_size=3).map("\n".join),
    st.integers(0, 150),
    st.sampled_from([*FORMS, None]),
    st.lists(st.text(min_size=1, max_size=6) | st.sampled_from(["n4", "fine", "0.21"]), max_size=3),
    st.sampled_from([by_bytes, by_joints]),
)
def test_nothing_ever_passes_the_limit(
    text: str, limit: int, form: Form | None, keep: list[str], count: Callable[[str], int]
) -> None:
    found = compress(text, limit=limit, count=count, form=form, keep=keep, sought="tax n4", handle="h")
    assert found.tokens_after == count(found.text) <= limit
    assert all(item in found.text or item in found.missing for item in keep if item in text)
    assert found == compress(text, limit=limit, count=count, form=form, keep=keep, sought="tax n4", handle="h")


def test_what_comes_back_is_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(LOG)
    program = (
        "import sys; from swarm.compress.compress import compress\n"
        "text = open(sys.argv[1]).read()\n"
        "print(*(compress(text, limit=90, count=lambda text: len(text) // 3, form=form, sought='disk user ada').text"
        " for form in ('log', 'prose')))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "text")],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1 and "disk" in outputs.pop()
