"""The pages that the program writes of itself are those that it would write now."""

from __future__ import annotations

import pytest

from swarm.settings.keys import KEYS
from tests.reference import PAGES, ROOT, index_page, settings_page, taken


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_is_written_is_as_the_program_is_now(path: str) -> None:
    assert (ROOT / path).read_text() == PAGES[path](), "say `python -m tests.reference`"


def test_what_people_wrote_of_a_setting_stays_when_the_rest_is_written_anew() -> None:
    row = "| `judge` | `free` | who judges: `free`, or `paid` |\n"
    written = "| `judge` | `free` | free, paid | who judges: `free`, or `paid` |\n"
    assert settings_page(row) == settings_page(settings_page(row)) == written


def test_what_a_setting_takes_is_said_without_what_it_refuses() -> None:
    said = {".".join(key): taken(known) for key, known in KEYS.items()}
    assert said["tools.headless"] == "deny, fail, wait"
    assert said["calls.tries"] == "a whole number from 1 to 20"
    assert not [key for key, words in said.items() if not words or "expected" in words or len(words) > 120]


def test_the_index_for_programs_has_each_page_of_the_map_with_its_line() -> None:
    assert "- [a](docs/how-to/a.md): does it\n" in index_page("# Map\n\n## How-to\n\n- [a](how-to/a.md): does it\n")
