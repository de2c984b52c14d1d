"""A log is folded into its kinds of lines, and no kind of trouble is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.compress.logs import fold, kinds_of, template_of
from swarm.compress.trouble import tells_of_trouble
from tests.compress.counting import by_bytes

MUCH = 100_000
LOG = "\n".join(
    [
        *(f"2026-11-02 10:{number:02}:07 INFO served /items/{number} to 10.0.0.{number}" for number in range(40)),
        *(f"2026-11-02 11:{number:02}:07 ERROR disk sd{number} is full" for number in range(9)),
        "2026-11-02 12:00:00 ERROR lost the connection to db-0x9f3a21",
        *(
            f"2026-11-02 13:{number:02}:07 INFO user {name} logged in"
            for number, name in enumerate(["ada", "bob", "cy", "di", "ed", "flo", "gus", "hal"])
        ),
        "2026-11-02 14:00:00 INFO done",
    ]
)


def test_of_each_kind_the_first_line_is_kept_with_how_many_there_are_and_of_trouble_three() -> None:
    short = fold(LOG, limit=MUCH, count=by_bytes)
    assert short.text.split("\n") == [
        "2026-11-02 10:00:07 INFO served /items/0 to 10.0.0.0 [x40]",
        "2026-11-02 11:00:07 ERROR disk sd0 is full [x9]",
        "2026-11-02 11:04:07 ERROR disk sd4 is full",
        "2026-11-02 11:08:07 ERROR disk sd8 is full",
        "2026-11-02 12:00:00 ERROR lost the connection to db-0x9f3a21",
        "2026-11-02 13:00:07 INFO user ada logged in [x8]",
        "2026-11-02 14:00:00 INFO done",
    ]
    assert short.kept == (1, 41, 45, 49, 50, 51, 59)
    assert short.said == "7 of 59 lines, 5 of 5 kinds"


def test_where_room_is_short_trouble_stays_longest() -> None:
    short = fold(LOG, limit=45, count=by_bytes)
    assert short.text.split("\n") == [
        "2026-11-02 11:00:07 ERROR disk sd0 is full [x9]",
        "2026-11-02 12:00:00 ERROR lost the connection to db-0x9f3a21",
    ]
    assert fold(LOG, limit=8, count=by_bytes).text == "2026-11-02 12:00:00 E…"
    assert fold(LOG, limit=0, count=by_bytes).text == ""


def test_lines_that_fit_what_is_sought_are_shown_beside_the_first_of_their_kind() -> None:
    assert "served /items/23 to 10.0.0.23" in fold(LOG, limit=MUCH, count=by_bytes, sought="what of items/23?").text


def test_trouble_is_told_apart_by_every_word_and_the_rest_is_not() -> None:
    lines = [f"{level}: cannot open {name}" for level in ("ERROR", "INFO") for name in "abcdefghij"]
    assert len(kinds_of(lines)) == 20
    assert len(kinds_of([line.replace("cannot", "may") for line in lines[10:]])) == 1


def test_a_very_long_line_is_shown_in_part() -> None:
    assert fold(f"first\n{'x' * 5_000}", limit=MUCH, count=by_bytes).text.endswith("x [4,400 more characters]")


def test_templates_are_without_numbers_addresses_and_days() -> None:
    assert template_of("Mon Dec 05 04:47:44 0x1F child 6725 deadbeef42 of  10.1.2.3") == "# # # # # child # # of #"
    assert tells_of_trouble("java.io.IOException: broken") and not tells_of_trouble("done with 0 errors")


LINES = st.lists(
    st.sampled_from(["ok 1", "ok 2", "error 7 at x", "fatal y", "", "failed: é\ud800", "a b c"]) | st.text(max_size=20),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(0, 80))
def test_a_folded_log_never_passes_its_limit_and_loses_no_trouble_where_all_kinds_fit(
    lines: list[str], limit: int
) -> None:
    text = "\n".join(lines)
    assert by_bytes(fold(text, limit=limit, count=by_bytes).text) <= limit
    whole = fold(text, limit=MUCH, count=by_bytes)
    kept = {template_of(text.split("\n")[number - 1]) for number in whole.kept}
    assert kept >= {template_of(line) for line in text.split("\n") if tells_of_trouble(line)}
