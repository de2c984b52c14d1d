"""What a worker is told of skills, whole and in short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swarm.agents.modules import Facts
from swarm.prompts.guide import OTHERS, GuidePart, guide_in_short, guide_text
from swarm.prompts.modules import Query
from swarm.text.tokens import quick_tokens
from tests.house import FILLER

BODY = "\n\n".join(
    [
        "# Skill: kettle-repair",
        "# Repairing kettles",
        "Never work on a kettle that is plugged in.",
        f"## Procedure\n1. Unplug it.\n2. Open it.\n{FILLER * 8}",
        f"## Leaks\nA kettle that leaks has a worn seal.\n{FILLER * 4}",
        f"## Noise\nA rattle comes from scale.\n{FILLER * 4}",
        f"## Billing\nWrite the hours down.\n{FILLER * 4}",
    ]
)
KETTLE = GuidePart("kettle-repair", "Repairs kettles. Use when one leaks.", BODY, True)
MUGS = GuidePart("mug-care", "Cleans mugs - by hand. Use when they are dirty.", "# Skill: mug-care\n\nWash them.", True)
TRAYS = GuidePart("trays", "Carries trays", "- trays: Carries trays", False)
LEAK = Query("The kettle leaks at its seal", Facts())


def test_the_best_is_told_by_its_beginning_its_first_section_and_what_fits_and_others_by_a_line() -> None:
    kettle, mugs, trays = guide_in_short((KETTLE, MUGS, TRAYS), LEAK, 420)
    assert kettle.text.startswith("# Skill: kettle-repair\n\n# Repairing kettles\n\nNever work on")
    assert "## Procedure\n1. Unplug it." in kettle.text and "## Leaks" in kettle.text
    assert "## Billing" not in kettle.text
    assert kettle.text.endswith("Left out here: Noise; Billing. (read_skill gives all of kettle-repair)")
    assert (mugs.text, mugs.is_body) == ("- mug-care: Cleans mugs", False)
    assert guide_text((kettle, mugs, trays), lists=True) == "\n\n".join(
        [kettle.text, f"{OTHERS}\n- mug-care: Cleans mugs\n- trays: Carries trays"]
    )


def test_what_has_room_is_told_whole() -> None:
    (kettle,) = guide_in_short((KETTLE,), Query("kettle leaks noise rattle hours billing", Facts()), 5_000)
    assert kettle.text == BODY


def test_where_no_skill_fits_lines_are_told() -> None:
    assert guide_in_short((TRAYS,), LEAK, 400) == (TRAYS,)


def test_a_task_that_cannot_read_skills_is_told_of_no_others() -> None:
    assert guide_text((KETTLE, TRAYS), lists=False) == BODY


@given(st.text(max_size=300))
def test_a_line_is_short_whatever_a_skill_says_of_itself(description: str) -> None:
    (part,) = guide_in_short((GuidePart("a", description, "- a", False),), LEAK, 400)
    assert part.text.startswith("- a: ") and len(part.text) <= 110


@given(st.integers(1, 1_000))
def test_the_room_is_kept_to_but_for_what_comes_first(room: int) -> None:
    found = guide_text(guide_in_short((KETTLE, MUGS, TRAYS), LEAK, room), lists=True)
    first = BODY[: BODY.index("## Leaks")]
    assert quick_tokens(found) <= max(room, quick_tokens(first)) + 80
